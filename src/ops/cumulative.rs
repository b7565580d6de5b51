//! Cumulative sum or product along one axis: `cumsum`, `cumprod`, ONNX CumSum.
//!
//! `output[…, k, …] = Σ input[…, 0 ..= k, …]`, or the product; input and output have the same shape, float32 or int32
//! (which wraps). `exclusive` excludes element k itself, so the first output is 0 (or 1). `reverse` starts at the end.
//!
//! The order of summation is unspecified, so partial results beyond float32 may be infinite (or zero) in some orders.
//! On the GPU `ops/rows.rs` chooses the number of invocations of a line. If there are several, each reduces a piece, then
//! scans it from the total of the pieces before it.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_sample_axis, word};
use super::rows::Rows;
use super::view::AxisView;
use crate::error::Result;
use crate::kernel::{GRID, Kernel, SEGMENT, Shader, WORKGROUP_SIZE, params, shader};
use crate::tensor::{DType, Data, Tensor, TensorType, Tolerance};

/// Accumulates along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cumulative {
    /// Sum or product.
    pub function: Accumulation,
    /// The axis (0 is the batch).
    pub axis: usize,
    /// Whether an element is excluded from its own result.
    pub exclusive: bool,
    /// Whether to accumulate from the last element to the first.
    pub reverse: bool,
}

/// The function of a [`Cumulative`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accumulation {
    /// The sum.
    Sum,
    /// The product.
    Product,
}

params! {
    /// `Params` of `shaders/cumulative.wgsl`.
    CumulativeParams {
        lines: u32,
        length: u32,
        inner: u32,
        exclusive: u32,
        reverse: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("cumulative", CumulativeParams, fragments: [GRID, SEGMENT])];

impl Cumulative {
    /// Replaces each element by the result of `combine` over its predecessors, and itself unless `exclusive`.
    fn accumulate<T: Copy>(&self, shape: &[usize], neutral: T, combine: impl Fn(T, T) -> T, values: &mut [T]) {
        let view = AxisView::new(shape, self.axis);
        for line in 0..view.lines() {
            let mut total = neutral;
            for step in 0..view.axis {
                let k = if self.reverse { view.axis - 1 - step } else { step };
                let value = &mut values[view.start(line) + k * view.inner];
                let next = combine(total, *value);
                *value = if self.exclusive { total } else { next };
                total = next;
            }
        }
    }

    /// The number of elements that contribute to the result at `index`.
    fn terms(&self, view: AxisView, index: usize) -> usize {
        let k = index / view.inner % view.axis;
        let before = if self.reverse { view.axis - 1 - k } else { k };
        before + usize::from(!self.exclusive)
    }
}

impl Operator for Cumulative {
    fn name(&self) -> &'static str {
        "cumulative"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32, DType::I32])?;
        expect_sample_axis(&x.shape, self.axis)?;
        Ok(vec![x.clone()])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (shape, sums) = (inputs[0].shape(), self.function == Accumulation::Sum);
        let data = if inputs[0].dtype() == DType::I32 {
            let mut values = inputs[0].as_i32()?.to_vec();
            let combine = |a: i32, b: i32| if sums { a.wrapping_add(b) } else { a.wrapping_mul(b) };
            self.accumulate(shape, i32::from(!sums), combine, &mut values);
            Data::I32(values)
        } else {
            let mut values = inputs[0].to_f64();
            let combine = |a: f64, b: f64| if sums { a + b } else { a * b };
            self.accumulate(shape, f64::from(u8::from(!sums)), combine, &mut values);
            Data::F32(values.into_iter().map(|value| value as f32).collect())
        };
        Ok(vec![Tensor::new(shape, data)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let output = request.output();
        let view = AxisView::new(&output.shape, self.axis);
        word(output.len())?;
        let params = CumulativeParams {
            lines: word(view.lines())?,
            length: word(view.axis)?,
            inner: word(view.inner)?,
            exclusive: u32::from(self.exclusive),
            reverse: u32::from(self.reverse),
            padding0: 0,
            padding1: 0,
            padding2: 0,
        };
        // The lanes of a line scan pieces of it. Each then adds up the totals of those before.
        let rows = Rows::elements(&view, 2, WORKGROUP_SIZE as usize).in_pieces();
        let kernel = rows.kernel(request, "cumulative", &params, 1)?;
        let kernel = kernel.constant("is_integer", f64::from(u8::from(output.dtype == DType::I32)));
        Ok(vec![kernel.constant("is_product", f64::from(u8::from(self.function == Accumulation::Product)))])
    }

    /// The tolerance of the result with the most terms; [`Cumulative::allowance`] has those of all results.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        let terms = inputs[0].shape()[self.axis];
        match (inputs[0].dtype(), self.function) {
            (DType::I32, _) => Tolerance::Exact,
            (_, Accumulation::Sum) => Tolerance::Sum { terms },
            (_, Accumulation::Product) => product_of(terms),
        }
    }

    /// The allowance of each element corresponds to the number of its terms.
    fn allowance(&self, inputs: &[&Tensor], expected: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let (class, expected) = (self.tolerance(inputs), expected[0].to_f64());
        let magnitudes = match class {
            Tolerance::Sum { .. } => self.magnitude(inputs)?[0].to_f64(),
            _ => expected.clone(),
        };
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let one = |index: usize| {
            let terms = self.terms(view, index);
            let class = match class {
                Tolerance::Sum { .. } => Tolerance::Sum { terms },
                Tolerance::Pointwise { .. } => product_of(terms),
                Tolerance::Exact => Tolerance::Exact,
            };
            class.allowance(&expected[index..=index], &magnitudes[index..=index])
        };
        Ok(vec![(0..expected.len()).flat_map(one).collect()])
    }

    fn flops(&self, inputs: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        inputs[0].len() as u64
    }
}

/// The tolerance of a product of `factors` factors, each rounded by at most half an ulp.
pub(super) fn product_of(factors: usize) -> Tolerance {
    Tolerance::Pointwise { ulps: 1.0 + 0.5 * factors as f32, absolute: f32::MIN_POSITIVE }
}
