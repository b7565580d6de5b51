//! Sums that overflow float32. Keras and all kernels sum in float32, so a sum of 4e38 is infinite, and so is the square
//! of 2e19. The reference implementations give the same results, although they compute in float64.
//!
//! The expected values are those of Keras 2.17 and 3.15 for the layers of these operators.

use crate::case::{Case, checks};
use crate::values::floats;
use tfjs_wgpu::Tensor;
use tfjs_wgpu::internals::ops::{
    Dense, Function, L2Normalize, LayerNormalization, MaskedMean, MomentNormalization, Padding, Pool, Reduce,
    Reduction, Window,
};

const NAN: f32 = f32::NAN;
const INFINITY: f32 = f32::INFINITY;

/// The squares are infinite, but the sum is not.
const LARGE: [f32; 4] = [1e19, 2e19, -1e19, 3e19];
/// The sum is infinite too.
const LARGEST: [f32; 4] = [3e38, 3e38, 1e38, -3e38];

fn cases() -> Vec<Case> {
    let ones = |count: usize| floats(&[count], &vec![1.0; count]);
    let zeros = |count: usize| floats(&[count], &vec![0.0; count]);
    let row = |values: &[f32]| floats(&[1, values.len()], values);
    let mut cases = Vec::new();
    for (x, normalized) in [(LARGE, [0.0; 4]), (LARGEST, [NAN; 4])] {
        let case = Case::new("layer normalization", LayerNormalization::new(1, 1e-3)).input(row(&x));
        cases.push(case.constant(ones(4)).constant(zeros(4)).gives(row(&normalized)));
        cases.push(Case::new("length", L2Normalize { axis: 1, floor: 1e-12 }).input(row(&x)).gives(row(&[0.0; 4])));
    }
    for (x, mean) in [(LARGE, 1.25e19), (LARGEST, INFINITY)] {
        let sequence = || floats(&[1, 4, 1], &x);
        let reduce = Reduce { reduction: Reduction::Mean, axis: 1 };
        cases.push(Case::new("mean", reduce).input(sequence()).gives(row(&[mean])));
        let mask = Tensor::bool(&[1, 4], vec![true; 4]).expect("a mask");
        cases.push(Case::new("mean of all", MaskedMean).input(sequence()).input(mask).gives(row(&[mean])));
        let windows = vec![Window::over(4, 4, 4, 1, Padding::Valid).expect("windows")];
        let pool = Pool { reduction: Reduction::Mean, windows };
        cases.push(Case::new("mean of a window", pool).input(sequence()).gives(floats(&[1, 1, 1], &[mean])));
    }
    for (x, softsign) in [(LARGE, 1.0), (LARGEST, NAN)] {
        let case = Case::new("softsign of a sum", Dense::with(Some(Function::Softsign))).input(row(&x));
        cases.push(case.constant(floats(&[4, 1], &[1.0; 4])).constant(zeros(1)).gives(row(&[softsign])));
    }
    // The mean of the first column is infinite, and so are the squares of the second.
    let batch = floats(&[2, 2], &[3e38, 1e38, 1.5e38, 0.5e38]);
    let scale = floats(&[2, 2], &[1.0, 1.0, 0.0, 0.0]);
    let moments = Case::new("moments of a batch", MomentNormalization { axis: 1, epsilon: 1e-3 }).input(batch);
    cases.push(moments.constant(scale).constant(ones(1)).gives(floats(&[2, 2], &[NAN, 0.0, NAN, 0.0])));
    cases
}

checks!(cases);

/// If the terms overflow in some orders and not in others, any result is accepted.
#[test]
fn any_result_is_accepted_if_a_sum_overflows_in_some_orders() {
    let x = floats(&[1, 4], &[3e38, 3e38, -3e38, -3e38]);
    let op: tfjs_wgpu::internals::ops::Op = Reduce { reduction: Reduction::Sum, axis: 1 }.into();
    let expected = op.operator().eval(&[&x]).expect("an answer");
    let allowance = op.operator().allowance(&[&x], &expected).expect("an allowance");
    assert_eq!((expected[0].as_f32().expect("a float"), allowance[0][0]), (&[0.0][..], f64::INFINITY));
    let within = |expected: &Tensor, actual: f32| {
        let actual = Tensor::f32(&[1], vec![actual]).expect("a tensor");
        tfjs_wgpu::internals::tensor::compare(expected, &actual, &allowance[0]).expect("comparable").is_within()
    };
    assert!([0.0, INFINITY, NAN].iter().all(|actual| within(&expected[0], *actual)));
    // An infinite sum of finite terms is infinite in every order that sums them directly.
    let infinite = Tensor::f32(&[1], vec![INFINITY]).expect("a tensor");
    assert!(within(&infinite, INFINITY) && !within(&infinite, 3e38));
}
