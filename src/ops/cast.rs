//! Converts the dtype: what TF.js and Keras do before an embedding (to int32) and before arithmetic (to float32).
//!
//! Floats truncate toward zero, saturating at the ends of int32, NaN to 0. A boolean becomes 0 or 1; since the GPU
//! stores booleans as the floats 0 and 1, bool to float32 runs no kernel.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, word};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Converts to another dtype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// The dtype afterwards: float32 or int32.
    pub to: DType,
}

params! {
    /// `Params` of `shaders/cast.wgsl`.
    CastParams { count: u32, padding0: u32, padding1: u32, padding2: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("cast", CastParams, fragments: [GRID, SPECIAL])];

impl Operator for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32, DType::I32, DType::Bool])?;
        if self.to == DType::Bool {
            return Err(Error::shape("casts to float32 or int32, not to bool"));
        }
        Ok(vec![TensorType::new(x.shape.clone(), self.to)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![inputs[0].cast(self.to)])
    }

    /// A boolean is a float on the GPU.
    fn is_view(&self, inputs: &[&TensorType]) -> bool {
        inputs[0].dtype == self.to || (inputs[0].dtype == DType::Bool && self.to == DType::F32)
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        let params = CastParams { count: word(count)?, padding0: 0, padding1: 0, padding2: 0 };
        let entry_point = if self.to == DType::I32 { "to_int32" } else { "to_float32" };
        Ok(vec![Kernel::new("cast", &params, 1, invocations(count)).entry_point(entry_point)])
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
