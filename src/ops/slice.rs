//! Strided slice along one dimension of a sample: Keras Cropping, ONNX Slice, reversal.
//!
//! `output[…, i, …] = input[…, start + i · step, …]` for `count` positions, any dtype. `step` may be negative, to
//! reverse a sequence.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs, expect_sample_axis};
use super::row_form::{RowForm, RowValue};
use super::strided::forwards;
use super::strided_copy::{self, Block};
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Shader};
use crate::tensor::{Dim, Shape, Tensor, TensorType, Tolerance, row_major_strides};

/// Takes positions of one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slice {
    /// The dimension (0 is the batch).
    pub axis: usize,
    /// The first position.
    pub start: usize,
    /// The distance of consecutive positions; negative for the reverse order.
    pub step: isize,
    /// The number of positions.
    pub count: usize,
}

pub(super) const SHADERS: &[Shader] = &[];

impl Slice {
    /// All positions of a dimension of this size, in reverse.
    pub fn reverse(axis: usize, size: usize) -> Self {
        Slice { axis, start: size.saturating_sub(1), step: -1, count: size }
    }

    /// The input position of output position `index`.
    pub(crate) fn position(&self, index: usize) -> usize {
        self.start.wrapping_add_signed(self.step.wrapping_mul(index as isize))
    }

    fn lies_within(&self, size: usize) -> bool {
        let Some(last) = self.count.checked_sub(1) else { return true };
        let last = isize::try_from(last).ok().and_then(|last| self.step.checked_mul(last));
        let last = last.and_then(|distance| self.start.checked_add_signed(distance));
        self.start < size && last.is_some_and(|last| last < size)
    }
}

impl Operator for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_sample_axis(&x.shape, self.axis)?;
        let mut dims = x.shape.dims().to_vec();
        let size = if let Dim::Fixed(size) = dims[self.axis] { size } else { 0 };
        if !self.lies_within(size) {
            let Slice { axis, start, step, count } = self;
            return Err(Error::shape(format!(
                "{count} positions from {start} by {step} do not lie in axis {axis} of {}",
                x.shape
            )));
        }
        dims[self.axis] = Dim::Fixed(self.count);
        Ok(vec![TensorType::new(Shape::new(dims)?, x.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let words = inputs[0].to_words();
        let mut taken = Vec::with_capacity(view.outer * self.count * view.inner);
        for outer in 0..view.outer {
            for index in 0..self.count {
                let at = (outer * view.axis + self.position(index)) * view.inner;
                taken.extend_from_slice(&words[at..at + view.inner]);
            }
        }
        let mut shape = inputs[0].shape().to_vec();
        shape[self.axis] = self.count;
        Ok(vec![Tensor::from_words(&shape, inputs[0].dtype(), &taken)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let view = AxisView::new(&request.inputs[0].shape, self.axis);
        let inner = view.inner as isize;
        // A step that is never taken may be arbitrarily large.
        let step = if self.count > 1 { self.step } else { 1 };
        let block = Block {
            size: &[view.outer, self.count, view.inner],
            input_offset: self.start * view.inner,
            input_strides: &[view.axis as isize * inner, step * inner, 1],
            output_strides: &[self.count * view.inner, view.inner, 1],
            output_offset: 0,
        };
        Ok(vec![strided_copy::kernel(&block, request.device)?])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let axis = form.axis(self.axis)?;
        let mut strides = forwards(&row_major_strides(form.row(0)?));
        let first = self.start * strides[axis].unsigned_abs();
        strides[axis] = strides[axis].checked_mul(self.step)?;
        form.copy(form.output, (RowValue::Input(0), first, strides), form.output())
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn passes_values(&self) -> bool {
        true
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}
