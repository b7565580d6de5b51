//! Comparison of tensors: the difference between two tensors, and the allowed difference.
//!
//! The allowance of an operator depends on its [`Tolerance`] class and the magnitudes of its values, never on a test.

use super::{Data, Tensor, format_dims};
use crate::error::{Error, Result};
use std::fmt;

/// The rounding error that an operator may show relative to its reference result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// For operators that move data or make decisions: every value must be equal. Any NaN equals any NaN, and −0 equals
    /// 0.
    Exact,
    /// For functions of one element at a time: a number of units in the last place, plus an absolute allowance for
    /// results that are small because terms cancel.
    Pointwise {
        /// Units in the last place of the expected value.
        ulps: f32,
        /// The absolute allowance.
        absolute: f32,
    },
    /// For sums of `terms` terms in any order. The allowance grows with the square root of their number and with the
    /// sum of their magnitudes.
    Sum {
        /// The number of terms in one sum.
        terms: usize,
    },
}

impl Tolerance {
    /// The allowed absolute difference for each element. `magnitude` holds the sum of the magnitudes of the terms, and
    /// is only read for [`Tolerance::Sum`].
    pub fn allowance(&self, expected: &[f64], magnitude: &[f64]) -> Vec<f64> {
        let unit = f64::from(f32::EPSILON) / 2.0;
        match *self {
            Tolerance::Exact => vec![0.0; expected.len()],
            Tolerance::Pointwise { ulps, absolute } => {
                let absolute = f64::from(absolute);
                expected.iter().map(|value| absolute + 2.0 * f64::from(ulps) * unit * value.abs()).collect()
            }
            // The error of an f32 sum behaves like a random walk of the rounding errors of its terms: unit × √K ×
            // Σ|term|. The factor 4 covers unlikely walks. The added 4 covers products, bias and final rounding.
            Tolerance::Sum { terms } => {
                let factor = (4.0 + 4.0 * (terms as f64).sqrt()) * unit;
                magnitude.iter().map(|value| factor * value.abs() + f64::from(f32::MIN_POSITIVE)).collect()
            }
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tolerance::Exact => f.write_str("exact"),
            Tolerance::Pointwise { ulps, absolute } => write!(f, "{ulps} ulp + {absolute:e}"),
            Tolerance::Sum { terms } => write!(f, "sum({terms})"),
        }
    }
}

/// The difference between two tensors of the same shape, and whether it is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The largest absolute difference.
    pub max_absolute: f64,
    /// The largest difference relative to the magnitude of the expected value, over elements whose expected value is
    /// not 0.
    pub max_relative: f64,
    /// The largest distance in units in the last place of float32.
    pub max_ulps: u64,
    /// The largest difference as a fraction of the allowed difference; above 1 it is wrong.
    pub worst_share: f64,
    /// The index of the element with the largest fraction.
    pub worst_index: Vec<usize>,
    /// The expected and the actual value of that element.
    pub worst_values: (f64, f64),
    /// The allowed absolute difference for that element.
    pub allowed: f64,
    /// The number of elements whose difference is not allowed.
    pub wrong_elements: usize,
}

impl Difference {
    /// Whether every element is within its allowance.
    pub fn is_within(&self) -> bool {
        self.wrong_elements == 0
    }
}

/// Compares `actual` with `expected`, element by element, against the absolute `allowance`.
///
/// Two NaN are equal, and an infinity equals only itself. Shapes and dtypes must be the same. An infinite allowance
/// means that the terms of a sum overflow float32 in some orders but not in others. Any value is then accepted if the
/// expected sum itself is finite.
pub fn compare(expected: &Tensor, actual: &Tensor, allowance: &[f64]) -> Result<Difference> {
    if expected.shape() != actual.shape() {
        let (expected, actual) = (format_dims(expected.shape()), format_dims(actual.shape()));
        return Err(Error::shape(format!("expected shape {expected}, found {actual}")));
    }
    if expected.dtype() != actual.dtype() {
        return Err(Error::shape(format!("expected {}, found {}", expected.dtype(), actual.dtype())));
    }
    let ulps = match (expected.data(), actual.data()) {
        (Data::F32(left), Data::F32(right)) => left.iter().zip(right).map(|(l, r)| ulp_distance(*l, *r)).max(),
        _ => None,
    };
    let mut difference = Difference {
        max_absolute: 0.0,
        max_relative: 0.0,
        max_ulps: ulps.unwrap_or(0),
        worst_share: 0.0,
        worst_index: Vec::new(),
        worst_values: (0.0, 0.0),
        allowed: allowance.first().copied().unwrap_or(0.0),
        wrong_elements: 0,
    };
    let elements = expected.to_f64().into_iter().zip(actual.to_f64());
    for (index, ((expected_value, actual_value), &allowed)) in elements.zip(allowance).enumerate() {
        let absolute = distance(expected_value, actual_value);
        difference.max_absolute = difference.max_absolute.max(absolute);
        if expected_value != 0.0 && absolute > 0.0 {
            difference.max_relative = difference.max_relative.max(absolute / expected_value.abs());
        }
        // An expected infinity or NaN does not depend on the order of the terms and must match exactly. A NaN allowance
        // allows no difference.
        let allowed = match allowed {
            f64::INFINITY if expected_value.is_finite() => f64::INFINITY,
            allowed if allowed.is_finite() => allowed,
            _ => 0.0,
        };
        let wrong = absolute > allowed;
        difference.wrong_elements += usize::from(wrong);
        let share = if wrong || absolute.is_finite() && absolute > 0.0 { absolute / allowed } else { 0.0 };
        if share > difference.worst_share || index == 0 {
            difference.worst_share = share;
            difference.worst_index = unravel(index, expected.shape());
            difference.worst_values = (expected_value, actual_value);
            difference.allowed = allowed;
        }
    }
    Ok(difference)
}

fn distance(expected: f64, actual: f64) -> f64 {
    if expected == actual || (expected.is_nan() && actual.is_nan()) {
        0.0
    } else if expected.is_finite() && actual.is_finite() {
        (expected - actual).abs()
    } else {
        f64::INFINITY
    }
}

/// The number of float32 steps between two values; 0 for two NaN, `u64::MAX` for one NaN.
pub fn ulp_distance(left: f32, right: f32) -> u64 {
    if left.is_nan() || right.is_nan() {
        return if left.is_nan() && right.is_nan() { 0 } else { u64::MAX };
    }
    // Maps the bit patterns to a number line on which neighbours differ by one and both zeros are 0.
    let line = |value: f32| {
        let bits = i64::from(value.to_bits() & 0x7fff_ffff);
        if value.is_sign_negative() { -bits } else { bits }
    };
    line(left).abs_diff(line(right))
}

fn unravel(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut position = vec![0; shape.len()];
    for (slot, &size) in position.iter_mut().zip(shape).rev() {
        *slot = index % size.max(1);
        index /= size.max(1);
    }
    position
}

/// Moves each float of a tensor by up to its allowance. Direction and distance are a hash of the seeds and of the
/// element's position.
pub(crate) fn perturb(tensor: &Tensor, allowance: &[f64], seeds: [u64; 2]) -> Result<Tensor> {
    let moved = tensor.as_f32()?.iter().zip(allowance).enumerate().map(|(index, (&value, &allowed))| {
        let seed = (seeds[0] << 56) ^ (seeds[1] << 32) ^ index as u64;
        let hash = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let unit = ((hash >> 32) as f64 / f64::from(u32::MAX)).mul_add(2.0, -1.0);
        if allowed.is_finite() { (f64::from(value) + unit * allowed) as f32 } else { value }
    });
    Tensor::f32(tensor.shape(), moved.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::f32(&[values.len()], values.to_vec()).expect("tensor")
    }

    #[test]
    fn ulps_count_representable_steps() {
        assert_eq!(ulp_distance(1.0, 1.0 + f32::EPSILON), 1);
        assert_eq!(ulp_distance(0.0, -0.0), 0);
        assert_eq!(ulp_distance(f32::MIN_POSITIVE, -f32::MIN_POSITIVE), 2 * 0x0080_0000);
        assert_eq!(ulp_distance(f32::NAN, 0.0), u64::MAX);
    }

    #[test]
    fn exact_takes_nan_for_nan_and_nothing_else() {
        let expected = tensor(&[f32::NAN, f32::INFINITY, -0.0]);
        let same = compare(&expected, &tensor(&[f32::NAN, f32::INFINITY, 0.0]), &[0.0; 3]).expect("compare");
        assert!(same.is_within());
        let other = compare(&expected, &tensor(&[0.0, f32::NEG_INFINITY, 0.0]), &[1e30; 3]).expect("compare");
        assert_eq!(other.wrong_elements, 2);
        assert_eq!(other.max_absolute, f64::INFINITY);
    }

    #[test]
    fn a_sum_may_err_by_its_magnitude_not_its_value() {
        let class = Tolerance::Sum { terms: 100 };
        let allowed = class.allowance(&[0.0], &[50.0]);
        assert!(allowed[0] > 1e-5 && allowed[0] < 2e-4, "{}", allowed[0]);
        let pointwise = Tolerance::Pointwise { ulps: 2.0, absolute: 0.0 }.allowance(&[1.0], &[]);
        assert_eq!(pointwise[0], 2.0 * f64::from(f32::EPSILON));
    }

    #[test]
    fn the_worst_element_is_named() {
        let expected = Tensor::f32(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]).expect("tensor");
        let actual = Tensor::f32(&[2, 2], vec![1.0, 2.0, 3.5, 4.0]).expect("tensor");
        let difference = compare(&expected, &actual, &[0.1; 4]).expect("compare");
        assert_eq!(difference.worst_index, [1, 0]);
        assert_eq!(difference.worst_values, (3.0, 3.5));
        assert_eq!(difference.wrong_elements, 1);
        assert!(compare(&expected, &tensor(&[1.0]), &[0.0]).is_err());
    }
}
