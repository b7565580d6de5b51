//! Multi-hot encoding of the ids of a row: Keras CategoryEncoding.
//!
//! `output[n, v]` is 1 if any of `ids[n, :]` is `v`, else 0 (`multi_hot`, and `one_hot` for a single id), or the number
//! of them (`count`); `ids: [N, T]` int32, output `[N, tokens]` float32. Ids outside `0..tokens` are ignored. Keras
//! rejects them, and a session can do so too. TF.js infers the shape of the output as that of the input, so it only
//! accepts inputs of `tokens` columns.

use super::operator::{ConcreteType, Ids, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, word};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Marks or counts ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MultiHot {
    /// The number of distinct ids.
    pub tokens: usize,
    /// Whether to count repeated ids.
    pub count: bool,
}

params! {
    /// `Params` of `shaders/multi_hot.wgsl`.
    MultiHotParams { count: u32, tokens: u32, steps: u32, counts: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("multi_hot", MultiHotParams, fragments: [GRID])];

impl Operator for MultiHot {
    fn name(&self) -> &'static str {
        "multi_hot"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [ids] = expect_inputs(inputs)?;
        expect_dtype(ids, &[DType::I32])?;
        if !ids.shape.is_batched() || ids.shape.rank() != 2 {
            return Err(Error::shape(format!("takes ids of shape [N, T], not {ids}")));
        }
        if self.tokens == 0 || self.tokens > i32::MAX as usize {
            return Err(Error::shape(format!("{} tokens cannot be told apart by int32 ids", self.tokens)));
        }
        Ok(vec![TensorType::f32(ids.shape.with_sample(&[self.tokens]))])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (rows, steps) = (inputs[0].shape()[0], inputs[0].shape()[1]);
        let ids = inputs[0].as_i32()?;
        let mut output = vec![0.0f32; rows * self.tokens];
        for row in 0..rows {
            for &id in &ids[row * steps..(row + 1) * steps] {
                if let Some(token) = usize::try_from(id).ok().filter(|&token| token < self.tokens) {
                    let place = &mut output[row * self.tokens + token];
                    *place = if self.count { *place + 1.0 } else { 1.0 };
                }
            }
        }
        Ok(vec![Tensor::f32(&[rows, self.tokens], output)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        expect_loops(request, request.inputs[0].shape[1])?;
        let count = request.output().len();
        word(request.inputs[0].len())?;
        let params = MultiHotParams {
            count: word(count)?,
            tokens: word(self.tokens)?,
            steps: word(request.inputs[0].shape[1])?,
            counts: u32::from(self.count),
        };
        Ok(vec![Kernel::new("multi_hot", &params, 1, invocations(count))])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }

    fn ids(&self, _: &[&TensorType]) -> Option<Ids> {
        Some(Ids::of_table(self.tokens))
    }
}
