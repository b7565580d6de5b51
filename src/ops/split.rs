//! Split of a dimension into consecutive parts, each an output: ONNX Split, `tf.split`.
//!
//! Output `p` is `input[…, start_p .. start_p + sizes[p], …]`, where `start_p` is the sum of the sizes before it; any
//! dtype. The sizes add up to the dimension and may be 0. Each output has a copying dispatch. A pass replaces a split
//! with unused outputs by a [`Slice`](super::Slice) for each used one.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs, expect_sample_axis};
use super::strided_copy::{self, Block};
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Shader};
use crate::tensor::{Dim, Shape, Tensor, TensorType, Tolerance};

/// Splits a dimension.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Split {
    /// The dimension (0 is the batch).
    pub axis: usize,
    /// The sizes of the parts in order, at least one.
    pub sizes: Vec<usize>,
}

pub(super) const SHADERS: &[Shader] = &[];

impl Split {
    /// The start of each part.
    pub(crate) fn starts(&self) -> impl Iterator<Item = usize> + '_ {
        self.sizes.iter().scan(0, |end, size| {
            let start = *end;
            *end += size;
            Some(start)
        })
    }
}

impl Operator for Split {
    fn name(&self) -> &'static str {
        "split"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_sample_axis(&x.shape, self.axis)?;
        let sum = self.sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size));
        if self.sizes.is_empty() || x.shape.dims()[self.axis] != Dim::Fixed(sum.unwrap_or(usize::MAX)) {
            let Split { axis, sizes } = self;
            return Err(Error::shape(format!("parts of {sizes:?} are not axis {axis} of {}", x.shape)));
        }
        let part = |size: &usize| {
            let mut dims = x.shape.dims().to_vec();
            dims[self.axis] = Dim::Fixed(*size);
            Ok(TensorType::new(Shape::new(dims)?, x.dtype))
        };
        self.sizes.iter().map(part).collect()
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let words = inputs[0].to_words();
        let part = |(start, &size): (usize, &usize)| {
            let mut taken = Vec::with_capacity(view.outer * size * view.inner);
            for outer in 0..view.outer {
                let at = (outer * view.axis + start) * view.inner;
                taken.extend_from_slice(&words[at..at + size * view.inner]);
            }
            let mut shape = inputs[0].shape().to_vec();
            shape[self.axis] = size;
            Tensor::from_words(&shape, inputs[0].dtype(), &taken)
        };
        self.starts().zip(&self.sizes).map(part).collect()
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let view = AxisView::new(&request.inputs[0].shape, self.axis);
        let inner = view.inner as isize;
        let parts = self.starts().zip(&self.sizes).zip(request.output_words).filter(|((_, size), _)| **size > 0);
        let copies = parts.map(|((start, &size), &output_offset)| {
            let block = Block {
                size: &[view.outer, size, view.inner],
                input_offset: start * view.inner,
                input_strides: &[view.axis as isize * inner, inner, 1],
                output_strides: &[size * view.inner, view.inner, 1],
                output_offset,
            };
            strided_copy::kernel(&block, request.device)
        });
        copies.collect()
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
