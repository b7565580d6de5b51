//! Sum, mean or maximum along one axis, which disappears: Keras GlobalAveragePooling1D and GlobalMaxPooling1D.
//!
//! `[N, …, K, …] → [N, …, …]`. Global pooling without a mask, and the "any" under Masking (the maximum of booleans).
//! TF.js averages over padding too; where Keras honours a mask, see [`MaskedMean`](super::MaskedMean). NaN wins a
//! maximum.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, expect_sample_axis, overflowing, word};
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Data, Dim, Shape, Tensor, TensorType, Tolerance};

/// Reduces along an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduce {
    /// What is computed.
    pub reduction: Reduction,
    /// The axis, N counted as 0.
    pub axis: usize,
}

/// What a [`Reduce`] computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// The sum.
    Sum,
    /// The sum divided by the length.
    Mean,
    /// The largest.
    Maximum,
}

params! {
    /// `Params` of `shaders/reduce.wgsl`.
    ReduceParams { count: u32, length: u32, inner: u32, divisor: f32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("reduce", ReduceParams, fragments: [GRID, SPECIAL])];

impl Operator for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        let maximum = self.reduction == Reduction::Maximum;
        expect_dtype(x, if maximum { &[DType::F32, DType::Bool] } else { &[DType::F32] })?;
        expect_sample_axis(&x.shape, self.axis)?;
        let mut dims = x.shape.dims().to_vec();
        if dims.remove(self.axis) == Dim::Fixed(0) && maximum {
            return Err(Error::shape(format!("{x} has no largest element along axis {}", self.axis)));
        }
        Ok(vec![TensorType::new(Shape::new(dims)?, x.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let x = inputs[0].to_f64();
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let keep_nan = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) };
        let line = |line: usize| {
            let values = (0..view.axis).map(|k| x[view.start(line) + k * view.inner]);
            match self.reduction {
                Reduction::Sum => values.sum::<f64>(),
                Reduction::Mean => overflowing(values.sum()) / view.axis as f64,
                Reduction::Maximum => values.fold(f64::NEG_INFINITY, keep_nan),
            }
        };
        let mut shape = inputs[0].shape().to_vec();
        shape.remove(self.axis);
        let data = match inputs[0].dtype() {
            DType::Bool => Data::Bool((0..view.lines()).map(|index| line(index) != 0.0).collect()),
            _ => Data::F32((0..view.lines()).map(|index| line(index) as f32).collect()),
        };
        Ok(vec![Tensor::new(&shape, data)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        expect_loops(request, request.inputs[0].shape[self.axis])?;
        let view = AxisView::new(&request.inputs[0].shape, self.axis);
        let count = view.lines();
        word(request.inputs[0].len())?;
        let params = ReduceParams {
            count: word(count)?,
            length: word(view.axis)?,
            inner: word(view.inner)?,
            divisor: if self.reduction == Reduction::Mean { view.axis as f32 } else { 1.0 },
        };
        let entry_point = if self.reduction == Reduction::Maximum { "largest" } else { "sum" };
        Ok(vec![Kernel::new("reduce", &params, 1, invocations(count)).entry_point(entry_point)])
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        match self.reduction {
            Reduction::Maximum => Tolerance::Exact,
            _ => Tolerance::Sum { terms: inputs[0].shape()[self.axis] },
        }
    }

    fn flops(&self, inputs: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        inputs[0].len() as u64
    }
}
