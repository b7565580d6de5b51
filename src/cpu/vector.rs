//! Loops over floats in the widest registers of the machine, detected at run time.
//!
//! Code is compiled for a kind of machine only if it is inlined into a function for that kind. The macros here
//! therefore mark closures as inline; otherwise each vector instruction could become a call.

use pulp::{Arch, Simd, WithSimd};

/// [`map_by`] with a closure.
macro_rules! map {
    ($simd:expr, $values:expr, $($function:tt)+) => {
        $crate::cpu::vector::map_by($simd, $values, #[inline(always)] $($function)+)
    };
}

/// [`add_up_by`] with a closure.
macro_rules! add_up {
    ($simd:expr, $values:expr, $($function:tt)+) => {
        $crate::cpu::vector::add_up_by($simd, $values, #[inline(always)] $($function)+)
    };
}

/// [`map_and_add_up_by`] with a closure.
macro_rules! map_and_add_up {
    ($simd:expr, $values:expr, $($function:tt)+) => {
        $crate::cpu::vector::map_and_add_up_by($simd, $values, #[inline(always)] $($function)+)
    };
}

/// Compiles an expression for each kind of machine, so that the compiler can vectorise its loops over floats.
macro_rules! vectorised {
    ($arch:expr, $work:expr) => {
        $crate::cpu::vector::run_vectorised(
            $arch,
            #[inline(always)]
            || $work,
        )
    };
}

pub(super) use {add_up, map, map_and_add_up, vectorised};

/// The vector from index `at` on. Lanes behind the end of the values are 0.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, values: &[f32], at: usize) -> S::f32s {
    let values = values.get(at..).unwrap_or_default();
    // A partial load costs a call on some machines.
    match S::as_simd_f32s(values).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(values),
    }
}

/// Replaces every value by `function(value)`.
#[inline(always)]
pub(super) fn map_by<S: Simd>(simd: S, values: &mut [f32], function: impl Fn(S::f32s) -> S::f32s) {
    let (vectors, rest) = S::as_mut_simd_f32s(values);
    for vector in vectors {
        *vector = function(*vector);
    }
    if !rest.is_empty() {
        let vector = function(simd.partial_load_f32s(rest));
        simd.partial_store_f32s(rest, vector);
    }
}

/// Replaces every value by `function(value)`, and returns the sum of the new values.
#[inline(always)]
pub(super) fn map_and_add_up_by<S: Simd>(simd: S, values: &mut [f32], function: impl Fn(S::f32s) -> S::f32s) -> f32 {
    let (vectors, rest) = S::as_mut_simd_f32s(values);
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (four, one) = vectors.as_chunks_mut::<4>();
    for vectors in four {
        for lane in 0..4 {
            vectors[lane] = function(vectors[lane]);
            sums[lane] = simd.add_f32s(sums[lane], vectors[lane]);
        }
    }
    for vector in one {
        *vector = function(*vector);
        sums[0] = simd.add_f32s(sums[0], *vector);
    }
    let low = simd.add_f32s(sums[0], sums[1]);
    let sum = simd.reduce_sum_f32s(simd.add_f32s(low, simd.add_f32s(sums[2], sums[3])));
    map_by(simd, rest, function);
    rest.iter().fold(sum, |sum, &value| sum + value)
}

/// The largest value. A NaN may or may not be ignored.
#[inline(always)]
pub(super) fn largest<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(values);
    let mut most = [simd.splat_f32s(f32::NEG_INFINITY); 4];
    let (four, one) = vectors.as_chunks::<4>();
    for vectors in four {
        for lane in 0..4 {
            most[lane] = simd.max_f32s(vectors[lane], most[lane]);
        }
    }
    for vector in one {
        most[0] = simd.max_f32s(*vector, most[0]);
    }
    let low = simd.max_f32s(most[0], most[1]);
    let most = simd.reduce_max_f32s(simd.max_f32s(low, simd.max_f32s(most[2], most[3])));
    rest.iter().fold(most, |most, &x| most.max(x))
}

/// The dot product.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, left: &[f32], right: &[f32]) -> f32 {
    let right = &right[..left.len()];
    let (left, left_rest) = S::as_simd_f32s(left);
    let (right, right_rest) = S::as_simd_f32s(right);
    // Four independent sums hide the latency of additions.
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (left_four, left_one) = left.as_chunks::<4>();
    let (right_four, right_one) = right.as_chunks::<4>();
    for (left, right) in left_four.iter().zip(right_four) {
        for lane in 0..4 {
            sums[lane] = simd.mul_add_e_f32s(left[lane], right[lane], sums[lane]);
        }
    }
    for (left, right) in left_one.iter().zip(right_one) {
        sums[0] = simd.mul_add_e_f32s(*left, *right, sums[0]);
    }
    if !left_rest.is_empty() {
        let (left, right) = (simd.partial_load_f32s(left_rest), simd.partial_load_f32s(right_rest));
        sums[1] = simd.mul_add_e_f32s(left, right, sums[1]);
    }
    let low = simd.add_f32s(sums[0], sums[1]);
    simd.reduce_sum_f32s(simd.add_f32s(low, simd.add_f32s(sums[2], sums[3])))
}

/// The sum of `function` over all values.
#[inline(always)]
pub(super) fn add_up_by<S: Simd>(simd: S, values: &[f32], function: impl Fn(S::f32s) -> S::f32s) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(values);
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (four, one) = vectors.as_chunks::<4>();
    for vectors in four {
        for lane in 0..4 {
            sums[lane] = simd.add_f32s(sums[lane], function(vectors[lane]));
        }
    }
    for vector in one {
        sums[0] = simd.add_f32s(sums[0], function(*vector));
    }
    let low = simd.add_f32s(sums[0], sums[1]);
    let sum = simd.reduce_sum_f32s(simd.add_f32s(low, simd.add_f32s(sums[2], sums[3])));
    // One by one, because `function` of the padding would not be 0.
    rest.iter().fold(sum, |sum, &value| sum + first(function(simd.splat_f32s(value))))
}

/// A vector's first element.
#[inline(always)]
fn first<V: bytemuck::Pod>(vector: V) -> f32 {
    bytemuck::cast_slice::<V, f32>(&[vector])[0]
}

/// The sum of all values.
pub(super) fn sum(arch: Arch, values: &[f32]) -> f32 {
    arch.dispatch(Sum { values, squares: false })
}

/// The sum of all squares.
pub(super) fn sum_of_squares(arch: Arch, values: &[f32]) -> f32 {
    arch.dispatch(Sum { values, squares: true })
}

struct Sum<'v> {
    values: &'v [f32],
    squares: bool,
}

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        match self.squares {
            true => dot(simd, self.values, self.values),
            false => add_up!(simd, self.values, |x| x),
        }
    }
}

/// Work written as loops over plain floats, which the compiler vectorises.
struct Plain<F>(F);

impl<R, F: FnOnce() -> R> WithSimd for Plain<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> R {
        (self.0)()
    }
}

/// Implements [`vectorised`].
#[inline(always)]
pub(super) fn run_vectorised<R>(arch: Arch, work: impl FnOnce() -> R) -> R {
    arch.dispatch(Plain(work))
}

/// Every kind of machine that this one supports.
#[cfg(test)]
pub(super) fn machines() -> Vec<Arch> {
    let mut machines = vec![Arch::Scalar, Arch::new()];
    #[cfg(target_arch = "x86_64")]
    machines.extend(pulp::x86::V3::try_new().map(Arch::V3));
    machines
}
