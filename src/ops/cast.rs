//! Dtype conversion: ONNX Cast, `keras.ops.cast`. TF.js and Keras cast before an embedding (to int32), before
//! arithmetic (to float32) and before conditions (to bool).
//!
//! `output = x` in another dtype, the shape unchanged. Floats truncate toward zero and saturate at the ends of int32;
//! NaN becomes 0. An integer becomes the nearest float, ties to even. Every value except 0 is true, including NaN. A
//! boolean becomes 0 or 1. The GPU stores booleans as the floats 0 and 1, so bool to float32 runs no kernel.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, word};
use super::row_form::RowForm;
use crate::error::Result;
use crate::kernel::{GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Converts to another dtype.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The dtype of the output.
    pub to: DType,
}

params! {
    /// `Params` of `shaders/cast.wgsl`.
    CastParams { count: u32, value_bits: u32, padding0: u32, padding1: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("cast", CastParams, fragments: [GRID, SPECIAL])];

impl Operator for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32, DType::I32, DType::Bool])?;
        Ok(vec![TensorType::new(x.shape.clone(), self.to)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![inputs[0].cast(self.to)])
    }

    /// A boolean is stored as a float on the GPU.
    fn is_view(&self, inputs: &[&TensorType]) -> bool {
        inputs[0].dtype == self.to || (inputs[0].dtype == DType::Bool && self.to == DType::F32)
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        // Ignoring the sign bit makes −0 equal to 0.
        let value_bits = if request.inputs[0].dtype == DType::I32 { u32::MAX } else { i32::MAX as u32 };
        let params = CastParams { count: word(count)?, value_bits, padding0: 0, padding1: 0 };
        let entry_point = match self.to {
            DType::F32 => "to_float32",
            DType::I32 => "to_int32",
            DType::Bool => "to_bool",
        };
        Ok(vec![Kernel::new("cast", &params, 1, invocations(count)).entry_point(entry_point)])
    }

    /// On the GPU a boolean is a float, and a program reads integers as floats.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        form.numbers(0)?;
        if self.to == DType::F32 { form.alias(0) } else { None }
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn passes_values(&self) -> bool {
        self.to != DType::Bool
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}
