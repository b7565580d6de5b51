//! Transposition of the dimensions of a sample: Keras Permute (whose `dims` are 1-based), ONNX Transpose.
//!
//! `output[n, i₁, …] = input[n, …]`, where output dimension `d` is input dimension `order[d]`; any dtype. N remains the
//! first dimension.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs};
use super::row_form::{RowForm, RowValue};
use super::strided::forwards;
use super::strided_copy::{self, Block};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Shader};
use crate::tensor::{Dim, Shape, Tensor, TensorType, Tolerance, row_major_strides};

/// Reorders dimensions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Permute {
    /// The input dimension of each output dimension (0 is the batch).
    pub order: Vec<usize>,
}

pub(super) const SHADERS: &[Shader] = &[];

impl Permute {
    /// The inverse permutation.
    pub(crate) fn inverse(&self) -> Permute {
        let mut order = vec![0; self.order.len()];
        for (position, &axis) in self.order.iter().enumerate() {
            order[axis] = position;
        }
        Permute { order }
    }

    /// The input's strides in the order of the output's dimensions.
    fn strides(&self, shape: &[usize]) -> Vec<usize> {
        let strides = row_major_strides(shape);
        self.order.iter().map(|&from| strides[from]).collect()
    }
}

impl Operator for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..x.shape.rank()) || (x.shape.is_batched() && self.order[0] != 0) {
            let order = &self.order;
            return Err(Error::shape(format!("{order:?} does not reorder the dimensions of a sample in {}", x.shape)));
        }
        let dims: Vec<Dim> = self.order.iter().map(|&from| x.shape.dims()[from]).collect();
        Ok(vec![TensorType::new(Shape::new(dims)?, x.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let input = inputs[0];
        let shape: Vec<usize> = self.order.iter().map(|&from| input.shape()[from]).collect();
        let strides = self.strides(input.shape());
        let words = input.to_words();
        let moved = (0..input.len()).map(|index| {
            let (mut rest, mut from) = (index, 0);
            for (dim, &size) in shape.iter().enumerate().rev() {
                from += (rest % size) * strides[dim];
                rest /= size;
            }
            words[from]
        });
        Ok(vec![Tensor::from_words(&shape, input.dtype(), &moved.collect::<Vec<_>>())?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let block = Block {
            size: &request.output().shape,
            input_offset: 0,
            input_strides: &forwards(&self.strides(&request.inputs[0].shape)),
            output_strides: &row_major_strides(&request.output().shape),
            output_offset: 0,
        };
        Ok(vec![strided_copy::kernel(&block, request.device)?])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let row = form.row(0)?;
        if !self.order[..form.row_rank].iter().copied().eq(0..form.row_rank) {
            return None;
        }
        let order: Vec<usize> =
            self.order[form.row_rank..].iter().map(|&from| form.axis(from)).collect::<Option<_>>()?;
        let strides = forwards(&row_major_strides(row));
        let strides = order.iter().map(|&from| strides[from]).collect();
        form.copy(form.output, (RowValue::Input(0), 0, strides), form.output())
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
