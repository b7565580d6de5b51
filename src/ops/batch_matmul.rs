//! Batched matrix product, contracting one dimension of each input: Keras Dot, and both products of attention.
//!
//! `output[n, i…, j…] = scale · Σₖ left[n, i…, k, …] · right[n, j…, k, …]`; all float32. The output has the dimensions
//! of `left` without its contracted axis, then those of `right` without its own. Two vectors give `[N, 1]`.
//!
//! With `heads`, one more dimension of each side is a batch dimension: `[N, T, H, K]` and `[N, S, H, K]` give `[N, H,
//! T, S]` without a transpose. Keras' `normalize` is a separate [`L2Normalize`](super::L2Normalize) on each side. TF.js
//! takes ranks up to 3; this operator takes any rank.

use super::operator::{
    ConcreteType, KernelRequest, Operator, absolute, equal_by_bits, expect_dtype, expect_inputs, expect_loops,
    expect_sample_axis, word,
};
use super::strided::{MAX_RANK, aligned};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance, row_major_strides};

/// Multiplies two batches of tensors.
#[derive(Debug, Clone)]
pub struct BatchMatmul {
    /// The contracted dimension of the left and of the right input (0 is the batch).
    pub axes: [usize; 2],
    /// The second batch dimension of both inputs, if there is one.
    pub heads: Option<Heads>,
    /// The factor by which every sum is multiplied.
    pub scale: f32,
}

equal_by_bits!(BatchMatmul { axes, heads, scale });

/// The position of a second batch dimension; the first batch dimension is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heads {
    /// In the left and in the right input.
    pub inputs: [usize; 2],
    /// In the output.
    pub output: usize,
}

params! {
    /// `Params` of `shaders/batch_matmul.wgsl`. Dimensions of the output are right-aligned.
    BatchMatmulParams {
        size: [u32; MAX_RANK],
        left_strides: [u32; MAX_RANK],
        right_strides: [u32; MAX_RANK],
        count: u32,
        /// The number of dimensions in use.
        rank: u32,
        depth: u32,
        left_step: u32,
        right_step: u32,
        scale: f32,
        padding0: u32,
        padding1: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("batch_matmul", BatchMatmulParams, fragments: [GRID])];

/// A dimension of the output, including N: its size, and its stride in both inputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputDim {
    pub(crate) size: usize,
    pub(crate) strides: [usize; 2],
}

impl BatchMatmul {
    /// The product over `axes` without heads and scale.
    pub fn new(axes: [usize; 2]) -> Self {
        BatchMatmul { axes, heads: None, scale: 1.0 }
    }

    /// Whether the product is Keras' Dot: without heads and unscaled.
    pub(crate) fn is_plain(&self) -> bool {
        self.heads.is_none() && self.scale == 1.0
    }

    /// The dimensions of the output, N first, for inputs of these dimensions. For two vectors there is only N.
    pub(crate) fn output_dims(&self, inputs: [&[usize]; 2]) -> Vec<OutputDim> {
        let mut dims = Vec::new();
        let strides = inputs.map(row_major_strides);
        for side in [0, 1] {
            for axis in 1..inputs[side].len() {
                let is_head = self.heads.is_some_and(|heads| heads.inputs[side] == axis);
                if axis != self.axes[side] && !is_head {
                    let mut dim = OutputDim { size: inputs[side][axis], strides: [0, 0] };
                    dim.strides[side] = strides[side][axis];
                    dims.push(dim);
                }
            }
        }
        let shared = |axes: [usize; 2]| OutputDim {
            size: inputs[0][axes[0]],
            strides: [strides[0][axes[0]], strides[1][axes[1]]],
        };
        dims.insert(0, shared([0, 0]));
        if let Some(heads) = self.heads {
            dims.insert(heads.output, shared(heads.inputs));
        }
        dims
    }

    fn shape(&self, inputs: [&[usize]; 2]) -> Vec<usize> {
        let mut shape: Vec<usize> = self.output_dims(inputs).iter().map(|dim| dim.size).collect();
        if shape.len() == 1 {
            shape.push(1);
        }
        shape
    }

    fn expect_heads(&self, left: &TensorType, right: &TensorType) -> Result<()> {
        let Some(heads) = self.heads else { return Ok(()) };
        for (side, input) in [left, right].into_iter().enumerate() {
            expect_sample_axis(&input.shape, heads.inputs[side])?;
            if heads.inputs[side] == self.axes[side] {
                return Err(Error::shape(format!("axis {} of {input} is summed and shared", self.axes[side])));
            }
        }
        if left.shape.dims()[heads.inputs[0]] != right.shape.dims()[heads.inputs[1]] {
            let [of_left, of_right] = heads.inputs;
            return Err(Error::shape(format!("axis {of_left} of {left} and axis {of_right} of {right} differ")));
        }
        if !(1..left.shape.rank() + right.shape.rank() - 4).contains(&heads.output) {
            return Err(Error::shape(format!("the product has no dimension {}", heads.output)));
        }
        Ok(())
    }
}

impl Operator for BatchMatmul {
    fn name(&self) -> &'static str {
        "batch_matmul"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
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
        self.expect_heads(left, right)?;
        let shape = self.shape([&left.shape.resolve(1), &right.shape.resolve(1)]);
        Ok(vec![TensorType::f32(left.shape.with_sample(&shape[1..]))])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (left, right) = (inputs[0].as_f32()?, inputs[1].as_f32()?);
        let shapes = [inputs[0].shape(), inputs[1].shape()];
        let dims = self.output_dims(shapes);
        let depth = shapes[0][self.axes[0]];
        let steps = [0, 1].map(|side| row_major_strides(shapes[side])[self.axes[side]]);
        let count = dims.iter().map(|dim| dim.size).product();
        let element = |index: usize| {
            let (mut rest, mut at) = (index, [0, 0]);
            for dim in dims.iter().rev() {
                for side in [0, 1] {
                    at[side] += rest % dim.size * dim.strides[side];
                }
                rest /= dim.size;
            }
            let product = |k: usize| f64::from(left[at[0] + k * steps[0]]) * f64::from(right[at[1] + k * steps[1]]);
            (f64::from(self.scale) * (0..depth).map(product).sum::<f64>()) as f32
        };
        Ok(vec![Tensor::f32(&self.shape(shapes), (0..count).map(element).collect())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let shapes = [request.inputs[0].shape.as_slice(), request.inputs[1].shape.as_slice()];
        let depth = shapes[0][self.axes[0]];
        expect_loops(request, depth + MAX_RANK)?;
        let count = request.output().len();
        word(request.inputs[0].len().max(request.inputs[1].len()))?;
        let mut dims = self.output_dims(shapes);
        // A dimension of 1 has only one position. Removing it saves divisions in the kernel.
        dims.retain(|dim| dim.size != 1);
        let of = |value: fn(&OutputDim) -> usize| dims.iter().map(value).collect::<Vec<_>>();
        let params = BatchMatmulParams {
            size: aligned(&of(|dim| dim.size), 1)?,
            left_strides: aligned(&of(|dim| dim.strides[0]), 0)?,
            right_strides: aligned(&of(|dim| dim.strides[1]), 0)?,
            count: word(count)?,
            rank: word(dims.len())?,
            depth: word(depth)?,
            left_step: word(row_major_strides(shapes[0])[self.axes[0]])?,
            right_step: word(row_major_strides(shapes[1])[self.axes[1]])?,
            scale: self.scale,
            padding0: 0,
            padding1: 0,
        };
        Ok(vec![Kernel::new("batch_matmul", &params, 2, invocations(count))])
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[0].shape()[self.axes[0]] + usize::from(self.scale != 1.0) }
    }

    /// The sums of absolute products, times the absolute scale.
    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let absolute = [absolute(inputs[0])?, absolute(inputs[1])?];
        BatchMatmul { scale: self.scale.abs(), ..self.clone() }.eval(&[&absolute[0], &absolute[1]])
    }

    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        (2 * outputs[0].len()).saturating_mul(inputs[0].shape[self.axes[0]]) as u64
    }
}
