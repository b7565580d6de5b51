//! The product of two batches summed over one dimension of each: Keras Dot.
//!
//! `output[n, i…, j…] = Σₖ left[n, i…, k, …] · right[n, j…, k, …]`: the dimensions of `left` without its axis, then
//! those of `right` without its. Two vectors give `[N, 1]`. Keras' `normalize` is a separate
//! [`L2Normalize`](super::L2Normalize) on each side. TF.js takes ranks up to 3; any rank is fine here.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, expect_sample_axis, word};
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Multiplies two batches of tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchDot {
    /// The summed dimension of the left and of the right input, N counted as 0.
    pub axes: [usize; 2],
}

params! {
    /// `Params` of `shaders/batch_dot.wgsl`.
    BatchDotParams {
        count: u32,
        depth: u32,
        left_outer: u32,
        left_inner: u32,
        right_outer: u32,
        right_inner: u32,
        padding0: u32,
        padding1: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("batch_dot", BatchDotParams, fragments: [GRID])];

impl BatchDot {
    /// The views of one sample of each side.
    fn views(&self, left: &[usize], right: &[usize]) -> [AxisView; 2] {
        [AxisView::new(&left[1..], self.axes[0] - 1), AxisView::new(&right[1..], self.axes[1] - 1)]
    }

    fn sample(&self, left: &[usize], right: &[usize]) -> Vec<usize> {
        let without = |shape: &[usize], axis: usize| {
            let mut rest = shape.to_vec();
            rest.remove(axis - 1);
            rest
        };
        let sample = [without(left, self.axes[0]), without(right, self.axes[1])].concat();
        if sample.is_empty() { vec![1] } else { sample }
    }
}

impl Operator for BatchDot {
    fn name(&self) -> &'static str {
        "batch_dot"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<TensorType> {
        let [left, right] = expect_inputs(inputs)?;
        for (input, axis) in [(left, self.axes[0]), (right, self.axes[1])] {
            expect_dtype(input, &[DType::F32])?;
            expect_sample_axis(&input.shape, axis)?;
            if !input.shape.is_batched() {
                return Err(Error::shape(format!("{input} has no batch")));
            }
        }
        if left.shape.is_shared() != right.shape.is_shared() {
            return Err(Error::shape(format!("{left} and {right} have different batches")));
        }
        if left.shape.dims()[self.axes[0]] != right.shape.dims()[self.axes[1]] {
            return Err(Error::shape(format!(
                "axis {} of {left} and axis {} of {right} differ",
                self.axes[0], self.axes[1]
            )));
        }
        Ok(TensorType::f32(left.shape.with_sample(&self.sample(&left.shape.sample(), &right.shape.sample()))))
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (left, right) = (inputs[0].as_f32()?, inputs[1].as_f32()?);
        let [lv, rv] = self.views(inputs[0].shape(), inputs[1].shape());
        let rows = inputs[0].shape()[0];
        let mut output = Vec::with_capacity(rows * lv.lines() * rv.lines());
        for row in 0..rows {
            for i in 0..lv.lines() {
                for j in 0..rv.lines() {
                    let l = row * lv.lines() * lv.axis + lv.start(i);
                    let r = row * rv.lines() * rv.axis + rv.start(j);
                    let product =
                        |k: usize| f64::from(left[l + k * lv.inner]) * f64::from(right[r + k * rv.inner]);
                    output.push((0..lv.axis).map(product).sum::<f64>() as f32);
                }
            }
        }
        let sample = self.sample(&inputs[0].shape()[1..], &inputs[1].shape()[1..]);
        Tensor::f32(&[vec![rows], sample].concat(), output)
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        expect_loops(request, request.inputs[0].shape[self.axes[0]])?;
        let [left, right] = self.views(&request.inputs[0].shape, &request.inputs[1].shape);
        let count = request.output.len();
        word(request.inputs[0].len().max(request.inputs[1].len()))?;
        let params = BatchDotParams {
            count: word(count)?,
            depth: word(left.axis)?,
            left_outer: word(left.outer)?,
            left_inner: word(left.inner)?,
            right_outer: word(right.outer)?,
            right_inner: word(right.inner)?,
            padding0: 0,
            padding1: 0,
        };
        Ok(vec![Kernel::new("batch_dot", &params, 2, invocations(count))])
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[0].shape()[self.axes[0]] }
    }

    fn flops(&self, inputs: &[ConcreteType], output: &ConcreteType) -> u64 {
        2 * (output.len() * inputs[0].shape[self.axes[0]]) as u64
    }
}
