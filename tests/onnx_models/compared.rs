//! Whether an answer is the recorded one.

use tfjs_wgpu::{DType, Tensor};

/// How close numbers must be: relative to the recorded one, and absolute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison {
    pub(crate) relative: f64,
    pub(crate) absolute: f64,
}

/// The tolerances of ONNX for its node tests, with room for other orders of sums near zero.
pub(crate) const NODE: Comparison = Comparison { relative: 1e-3, absolute: 1e-6 };

/// An error unless the shapes are the same, but for a batch in front that a file without one does not have, and for the
/// place of a batch of 1; and unless the values are.
pub(crate) fn expect_same(expected: &Tensor, actual: &Tensor, comparison: Comparison) -> Result<(), String> {
    if expected.dtype() != actual.dtype() {
        return Err(format!("is {} instead of {}", actual.dtype(), expected.dtype()));
    }
    let (shape, recorded) = (actual.shape(), expected.shape());
    let without_ones = |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
    let repeats = if shape == recorded || without_ones(shape) == without_ones(recorded) {
        1
    } else if shape.get(1..) == Some(recorded) {
        shape[0]
    } else {
        return Err(format!("has shape {shape:?} instead of {recorded:?}"));
    };
    let is_float = expected.dtype() == DType::F32;
    let values = expected.to_f64().repeat(repeats);
    for (index, (expected, actual)) in values.iter().zip(actual.to_f64()).enumerate() {
        let allowed = if is_float { comparison.absolute + comparison.relative * expected.abs() } else { 0.0 };
        let is_same = (expected.is_nan() && actual.is_nan()) || *expected == actual;
        let is_near = expected.is_finite() && (expected - actual).abs() <= allowed;
        if !is_same && !is_near {
            return Err(format!("is wrong from element {index} on: {actual:?} instead of {expected:?}"));
        }
    }
    Ok(())
}
