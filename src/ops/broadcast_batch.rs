//! Broadcasts a shared row to the batch: one row becomes one row per sample.
//!
//! `output[n, …] = x[0, …]`; `x: [S, …]` of any dtype, output `[N, …]`. The second input determines N; its values are
//! not read. `x: [1, …]` may also be a weight, and the second input may then be shared. The pass `share_inputs` inserts
//! this operator where one user meets many candidates. PositionEmbedding uses it because its output is the same for
//! every sample.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs};
use super::row_form::RowForm;
use super::strided::forwards;
use super::strided_copy::{self, Block};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Shader};
use crate::tensor::{Dim, Tensor, TensorType, Tolerance, row_major_strides};

/// Broadcasts a shared row to the batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BroadcastBatch;

pub(super) const SHADERS: &[Shader] = &[];

impl Operator for BroadcastBatch {
    fn name(&self) -> &'static str {
        "broadcast_batch"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x, like] = expect_inputs(inputs)?;
        let one_row = x.shape.dims().first() == Some(&Dim::Fixed(1));
        let fits = if x.shape.is_shared() { !like.shape.is_shared() } else { one_row };
        if !fits || !like.shape.is_batched() {
            return Err(Error::shape(format!(
                "gives {x} the batch of {like}, which takes a shared and a batched value"
            )));
        }
        let sample: Vec<usize> = x.shape.resolve(1)[1..].to_vec();
        Ok(vec![TensorType::new(like.shape.with_sample(&sample), x.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![inputs[0].repeat_rows(inputs[1].shape()[0])?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let mut input_strides = row_major_strides(&request.inputs[0].shape);
        input_strides[0] = 0;
        let block = Block {
            size: &request.output().shape,
            input_offset: 0,
            input_strides: &forwards(&input_strides),
            output_strides: &row_major_strides(&request.output().shape),
            output_offset: 0,
        };
        Ok(vec![strided_copy::kernel(&block, request.device)?])
    }

    /// Of a weight: a copy for every row.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        form.constant(0)?;
        let (from, to) = (form.broadcast(0)?, form.output());
        form.copy(form.output, from, to)
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}
