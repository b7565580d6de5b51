//! Reshape: Keras Flatten and Reshape, `expand_dims`, ONNX Reshape.
//!
//! `output = input`, `[N, a…] → [N, b…]` with equal products, any dtype. No kernel runs: the output shares the memory
//! of the input.

use super::operator::{ConcreteType, Cost, KernelRequest, Operator, expect_inputs};
use super::row_form::RowForm;
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Shader};
use crate::tensor::{Tensor, TensorType, Tolerance, element_count};

/// Gives each sample another shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reshape {
    /// The dimensions of a sample of the output.
    pub sample: Vec<usize>,
}

pub(super) const SHADERS: &[Shader] = &[];

impl Operator for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        if !x.shape.is_batched() {
            return Err(Error::shape(format!("reshapes samples of a batch, not {x}")));
        }
        let shape = x.shape.with_sample(&self.sample);
        let (from, to) = (x.shape.sample_len(), element_count(&self.sample)?);
        if from != to {
            return Err(Error::shape(format!("{} has {from} elements a sample, {shape} has {to}", x.shape)));
        }
        Ok(vec![TensorType::new(shape, x.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let shape = [&inputs[0].shape()[..1], &self.sample].concat();
        Ok(vec![inputs[0].clone().reshaped(&shape)?])
    }

    fn is_view(&self, _: &[&TensorType]) -> bool {
        true
    }

    fn kernels(&self, _: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        Ok(Vec::new())
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        form.numbers(0)?;
        form.alias(0)
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

    fn cost(&self, _: &[ConcreteType], _: &[ConcreteType]) -> Cost {
        Cost::default()
    }
}
