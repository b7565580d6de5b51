//! Index of the largest or smallest element along one axis: `argmax`, `argmin`, ONNX ArgMax and ArgMin.
//!
//! `[N, …, K, …] → [N, …, …]`: input float32 or int32, output int32. Ties give the first index; −0 equals 0. NaN is
//! ignored, as in TensorFlow on the CPU; a line of NaN alone gives 0. (In NumPy and JAX the first NaN wins.)
//! [`TopK`](super::TopK) with a count of 1 gives the same index.
//!
//! On the GPU `ops/rows.rs` chooses the number of invocations of a line.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs, expect_sample_axis, word};
use super::rows::Rows;
use super::top_k::MOST_POSITIONS;
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, ORDER, SEGMENT, Shader, params, shader};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};

/// Finds the extreme along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArgReduce {
    /// The axis (0 is the batch).
    pub axis: usize,
    /// Whether to find the maximum; otherwise the minimum.
    pub largest: bool,
}

params! {
    /// `Params` of `shaders/arg_reduce.wgsl`.
    ArgReduceParams { lines: u32, length: u32, inner: u32, padding: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("arg_reduce", ArgReduceParams, fragments: [GRID, SEGMENT, ORDER])];

impl Operator for ArgReduce {
    fn name(&self) -> &'static str {
        "arg_reduce"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_sample_axis(&x.shape, self.axis)?;
        let mut dims = x.shape.dims().to_vec();
        let Dim::Fixed(1..=MOST_POSITIONS) = dims.remove(self.axis) else {
            return Err(Error::shape(format!("{x} has no element, or too many, along axis {}", self.axis)));
        };
        Ok(vec![TensorType::new(Shape::new(dims)?, DType::I32)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let x = inputs[0].to_f64();
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let best = |line: usize| {
            let value = |k: usize| x[view.start(line) + k * view.inner];
            let better = |found: usize, k: usize| {
                let wins = if self.largest { value(k) > value(found) } else { value(k) < value(found) };
                if wins || (value(found).is_nan() && !value(k).is_nan()) { k } else { found }
            };
            (1..view.axis).fold(0, better) as i32
        };
        let mut shape = inputs[0].shape().to_vec();
        shape.remove(self.axis);
        Ok(vec![Tensor::i32(&shape, (0..view.lines()).map(best).collect())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let input = &request.inputs[0];
        let view = AxisView::new(&input.shape, self.axis);
        word(input.len())?;
        let params = ArgReduceParams {
            lines: word(view.lines())?,
            length: word(view.axis)?,
            inner: word(view.inner)?,
            padding: 0,
        };
        let rows = Rows::elements(&view, 1, 1).or_quads(&view).or_columns(view.inner, request.device);
        let kernel = rows.kernel(request, "arg_reduce", &params, 1)?;
        let kernel = kernel.constant("is_integer", f64::from(u8::from(input.dtype == DType::I32)));
        Ok(vec![kernel.constant("largest", f64::from(u8::from(self.largest)))])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, inputs: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        inputs[0].len() as u64
    }
}
