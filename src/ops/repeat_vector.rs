//! Repetition of each sample along a new dimension after N: Keras RepeatVector.
//!
//! `output[n, r, …] = input[n, …]` for `r < count`; `[N, D] → [N, count, D]`, any dtype.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs};
use super::row_form::{RowForm, RowValue};
use super::strided::forwards;
use super::strided_copy::{self, Block};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Shader};
use crate::tensor::{Tensor, TensorType, Tolerance, row_major_strides};

/// Repeats each sample.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepeatVector {
    /// The number of repetitions.
    pub count: usize,
}

pub(super) const SHADERS: &[Shader] = &[];

impl Operator for RepeatVector {
    fn name(&self) -> &'static str {
        "repeat_vector"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        if !x.shape.is_batched() {
            return Err(Error::shape(format!("repeats samples of a batch, not {x}")));
        }
        let sample = [vec![self.count], x.shape.sample()].concat();
        Ok(vec![TensorType::new(x.shape.with_sample(&sample), x.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let input = inputs[0];
        let (rows, sample) = (input.shape()[0], &input.shape()[1..]);
        let shape = [&[rows, self.count], sample].concat();
        let length: usize = sample.iter().product();
        let words = input.to_words();
        let mut repeated = Vec::with_capacity(words.len() * self.count);
        for row in words.chunks(length.max(1)) {
            for _ in 0..self.count {
                repeated.extend_from_slice(row);
            }
        }
        Ok(vec![Tensor::from_words(&shape, input.dtype(), &repeated)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let mut input_strides = row_major_strides(&request.inputs[0].shape);
        input_strides.insert(1, 0);
        let block = Block {
            size: &request.output().shape,
            input_offset: 0,
            input_strides: &forwards(&input_strides),
            output_strides: &row_major_strides(&request.output().shape),
            output_offset: 0,
        };
        Ok(vec![strided_copy::kernel(&block, request.device)?])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        if form.row_rank > 1 {
            // Every repetition is a row, and rows within a repetition are others.
            form.sample(0).filter(|_| form.row_rank == 2)?;
            return form.alias(0);
        }
        let row = form.row(0)?;
        let strides = [vec![0], forwards(&row_major_strides(row))].concat();
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
