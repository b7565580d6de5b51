//! Copy: ONNX Identity, with a separate output buffer.
//!
//! `output = input`, any shape and dtype. Models do not need it. Emulations use it for programs of TF.js that only move
//! data.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs};
use super::strided_copy::{self, Block};
use crate::error::Result;
use crate::kernel::{Kernel, Shader};
use crate::tensor::{Tensor, TensorType, Tolerance};

/// Copies its input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Copy;

pub(super) const SHADERS: &[Shader] = &[];

impl Operator for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        Ok(vec![x.clone()])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![inputs[0].clone()])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let block = Block {
            size: &[request.output().len()],
            input_offset: 0,
            input_strides: &[1],
            output_strides: &[1],
            output_offset: 0,
        };
        Ok(vec![strided_copy::kernel(&block, request.device)?])
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
