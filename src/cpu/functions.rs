//! Activations over vectors of floats, within the tolerance of their operators. Rare ones use the scalar reference
//! formula.
//!
//! An exponential is `2ⁿ · eʳ` with `|r| ≤ ln 2 / 2`, where n is found by rounding. eʳ is its series up to the sixth
//! power, whose first omitted term is at most 1.2e-7. NaN propagates.

use super::vector::map;
use crate::ops::Function;
use pulp::{Simd, WithSimd};

/// Applies a function to every value.
pub(super) struct Apply<'v> {
    pub(super) function: Function,
    pub(super) values: &'v mut [f32],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Apply { function, values } = self;
        let splat = |value: f32| simd.splat_f32s(value);
        let (zero, one) = (splat(0.0), splat(1.0));
        match function {
            Function::Relu { max_value, negative_slope, threshold } => {
                let (slope, threshold) = (splat(negative_slope), splat(threshold));
                let max = splat(max_value.unwrap_or(0.0).max(0.0));
                map!(simd, values, |x| {
                    let mut upper = x;
                    if max_value.is_some() {
                        // Comparisons rather than minimum and maximum instructions, whose results for NaN differ
                        // between machines.
                        upper = simd.select_f32s(simd.less_than_f32s(max, upper), max, upper);
                        upper = simd.select_f32s(simd.less_than_f32s(upper, zero), zero, upper);
                    }
                    // The product would be NaN at −∞.
                    let lower =
                        if negative_slope == 0.0 { zero } else { simd.mul_f32s(slope, simd.sub_f32s(x, threshold)) };
                    simd.select_f32s(simd.less_than_or_equal_f32s(x, threshold), lower, upper)
                });
            }
            Function::Sigmoid => map!(simd, values, |x| sigmoid(simd, x)),
            Function::Swish => map!(simd, values, |x| simd.mul_f32s(x, sigmoid(simd, x))),
            Function::GeluTanh => {
                // (1 + tanh u) / 2 = sigmoid(2u).
                let scale = splat((8.0 / std::f64::consts::PI).sqrt() as f32);
                let cubic = splat(0.044715);
                map!(simd, values, |x| {
                    let inner = simd.mul_add_e_f32s(simd.mul_f32s(cubic, simd.mul_f32s(x, x)), x, x);
                    simd.mul_f32s(x, sigmoid(simd, simd.mul_f32s(scale, inner)))
                });
            }
            Function::Tanh => map!(simd, values, |x| tanh(simd, x)),
            Function::Elu { alpha } => {
                let alpha = splat(alpha);
                map!(simd, values, |x| {
                    let lower = simd.mul_f32s(alpha, exp_minus_one(simd, x));
                    simd.select_f32s(simd.less_than_f32s(zero, x), x, lower)
                });
            }
            Function::HardSigmoid { slope } => {
                let (slope, half) = (splat(slope), splat(0.5));
                map!(simd, values, |x| {
                    let y = simd.mul_add_e_f32s(slope, x, half);
                    let y = simd.select_f32s(simd.less_than_f32s(y, zero), zero, y);
                    simd.select_f32s(simd.less_than_f32s(one, y), one, y)
                });
            }
            Function::Softsign => {
                map!(simd, values, |x| simd.div_f32s(x, simd.add_f32s(one, simd.abs_f32s(x))));
            }
            Function::SquareRoot => map!(simd, values, |x| simd.sqrt_f32s(x)),
            Function::Rsqrt => map!(simd, values, |x| simd.div_f32s(one, simd.sqrt_f32s(x))),
            Function::Absolute => map!(simd, values, |x| simd.abs_f32s(x)),
            Function::Negative => map!(simd, values, |x| simd.neg_f32s(x)),
            Function::Floor => values.iter_mut().for_each(|value| *value = value.floor()),
            Function::Ceil => values.iter_mut().for_each(|value| *value = value.ceil()),
            Function::Round => values.iter_mut().for_each(|value| *value = value.round_ties_even()),
            Function::Sign => {
                map!(simd, values, |x| {
                    let sign = simd.select_f32s(simd.less_than_f32s(zero, x), one, x);
                    simd.select_f32s(simd.less_than_f32s(x, zero), simd.neg_f32s(one), sign)
                });
            }
            Function::Half => {
                for value in values {
                    *value = half::f16::from_f32(*value).to_f32();
                }
            }
            Function::Selu
            | Function::Softplus
            | Function::Gelu
            | Function::Mish
            | Function::Exponential
            | Function::Logarithm
            | Function::LogarithmPlusOne
            | Function::Sin
            | Function::Cos
            | Function::Tan
            | Function::Asin
            | Function::Acos
            | Function::Atan
            | Function::Sinh
            | Function::Cosh
            | Function::Asinh
            | Function::Acosh
            | Function::Atanh
            | Function::Erf
            | Function::Expm1 => {
                for value in values {
                    *value = function.at(f64::from(*value)) as f32;
                }
            }
        }
    }
}

/// A ReLU with threshold and slope 0, for vectors that are in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clamp<S: Simd> {
    /// Infinite if there is none.
    max: S::f32s,
    zero: S::f32s,
}

impl<S: Simd> Clamp<S> {
    /// `None` for other functions.
    #[inline(always)]
    pub(super) fn new(simd: S, function: Option<Function>) -> Option<Self> {
        let Some(Function::Relu { max_value, negative_slope: 0.0, threshold: 0.0 }) = function else { return None };
        let max = simd.splat_f32s(max_value.map_or(f32::INFINITY, |max| max.max(0.0)));
        Some(Clamp { max, zero: simd.splat_f32s(0.0) })
    }

    #[inline(always)]
    pub(super) fn at(&self, simd: S, x: S::f32s) -> S::f32s {
        // NaN propagates, as in [`Apply`].
        let upper = simd.select_f32s(simd.less_than_f32s(self.max, x), self.max, x);
        simd.select_f32s(simd.less_than_or_equal_f32s(x, self.zero), self.zero, upper)
    }
}

/// The smallest and the largest argument of an exponential. Below the smallest, the result is 0.
const EXP_RANGE: (f32, f32) = (-87.0, 88.0);

/// `n` and `r` such that `x = n · ln 2 + r`; `n` is returned as the power `2ⁿ`.
#[inline(always)]
fn split<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    // Adding this rounds to the nearest integer, which is then in the lowest bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts. The first has few bits, so that its product with n is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let round = simd.splat_f32s(ROUND);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), round);
    let n = simd.sub_f32s(shifted, round);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2[0]), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2[1]), r);
    let bits = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.add_u32s(bits, simd.splat_u32s(127 << 23));
    (simd.transmute_f32s_u32s(power), r)
}

/// `eʳ − 1` for small r.
#[inline(always)]
fn series<S: Simd>(simd: S, r: S::f32s) -> S::f32s {
    const TERMS: [f32; 5] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5];
    let sum = TERMS[1..]
        .iter()
        .fold(simd.splat_f32s(TERMS[0]), |sum, &term| simd.mul_add_e_f32s(sum, r, simd.splat_f32s(term)));
    simd.mul_add_e_f32s(simd.mul_f32s(sum, r), r, r)
}

#[inline(always)]
fn clamp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (least, most) = (simd.splat_f32s(EXP_RANGE.0), simd.splat_f32s(EXP_RANGE.1));
    let x = simd.select_f32s(simd.less_than_f32s(x, least), least, x);
    simd.select_f32s(simd.less_than_f32s(most, x), most, x)
}

/// `eˣ` for x ≤ 0; the result is 0 below −87.
#[inline(always)]
pub(super) fn exp_of_negative<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Results below the range are 0, and NaN propagates.
    let (power, r) = split(simd, x);
    let y = simd.mul_add_e_f32s(power, series(simd, r), power);
    simd.select_f32s(simd.less_than_f32s(x, simd.splat_f32s(EXP_RANGE.0)), simd.splat_f32s(0.0), y)
}

/// `eˣ − 1` for x ≤ 88, without cancellation.
#[inline(always)]
fn exp_minus_one<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (power, r) = split(simd, clamp(simd, x));
    let y = simd.mul_add_e_f32s(power, series(simd, r), simd.sub_f32s(power, simd.splat_f32s(1.0)));
    keep_nan(simd, x, y)
}

#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Uses the exponential of a negative number, which cannot overflow. It is 0 at −∞, so that swish is NaN there.
    let one = simd.splat_f32s(1.0);
    let small = exp_of_negative(simd, simd.neg_f32s(simd.abs_f32s(x)));
    let upper = simd.less_than_f32s(simd.splat_f32s(0.0), x);
    let numerator = simd.select_f32s(upper, one, small);
    simd.div_f32s(numerator, simd.add_f32s(one, small))
}

#[inline(always)]
fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // −(e^(−2|x|) − 1) / (e^(−2|x|) + 1), with the sign of x.
    let magnitude = simd.abs_f32s(x);
    let less = exp_minus_one(simd, simd.mul_f32s(simd.splat_f32s(-2.0), magnitude));
    let y = simd.div_f32s(simd.neg_f32s(less), simd.add_f32s(less, simd.splat_f32s(2.0)));
    simd.select_f32s(simd.less_than_f32s(x, simd.splat_f32s(0.0)), simd.neg_f32s(y), y)
}

#[inline(always)]
fn keep_nan<S: Simd>(simd: S, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.select_f32s(simd.equal_f32s(x, x), y, x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::vector::machines;
    use crate::tensor::{Tensor, compare};

    const FUNCTIONS: [Function; 37] = [
        Function::RELU,
        Function::relu(Some(6.0), 0.25, -0.5),
        Function::Elu { alpha: 1.5 },
        Function::Selu,
        Function::Sigmoid,
        Function::HardSigmoid { slope: 0.2 },
        Function::Softplus,
        Function::Softsign,
        Function::Tanh,
        Function::Gelu,
        Function::GeluTanh,
        Function::Mish,
        Function::Swish,
        Function::Exponential,
        Function::Logarithm,
        Function::LogarithmPlusOne,
        Function::SquareRoot,
        Function::Rsqrt,
        Function::Floor,
        Function::Ceil,
        Function::Round,
        Function::Sign,
        Function::Absolute,
        Function::Negative,
        Function::Sin,
        Function::Cos,
        Function::Tan,
        Function::Asin,
        Function::Acos,
        Function::Atan,
        Function::Sinh,
        Function::Cosh,
        Function::Asinh,
        Function::Acosh,
        Function::Atanh,
        Function::Erf,
        Function::Expm1,
    ];

    /// Floats of all exponents and both signs, a finer grid where functions bend, and non-finite values.
    #[test]
    fn functions_are_within_their_tolerance_on_every_machine() {
        let x: Vec<f32> = (0..=u32::MAX).step_by(1009 * 101).map(f32::from_bits).collect();
        let near = (-20_000..20_000).map(|step| step as f32 / 997.0);
        let ends = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE, f32::MAX, f32::MIN];
        let x: Vec<f32> = x.into_iter().chain(near).chain(ends).collect();
        let tensor = |values: Vec<f32>| Tensor::f32(&[values.len()], values).expect("a tensor");
        for function in FUNCTIONS {
            let expected = tensor(x.iter().map(|&x| function.at(f64::from(x)) as f32).collect());
            let allowance = function.tolerance().allowance(&expected.to_f64(), &[]);
            for arch in machines() {
                let mut values = x.clone();
                arch.dispatch(Apply { function, values: &mut values });
                let difference = compare(&expected, &tensor(values), &allowance).expect("of one shape");
                let worst = difference.worst_index.first().map(|&index| x[index]);
                assert!(difference.is_within(), "{function:?} on {arch:?} at {worst:?}: {difference:?}");
            }
        }
    }
}
