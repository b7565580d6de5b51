//! Operators along one dimension, which work on values of the graph and on constants alike.

use super::call::Call;
use super::value::{Computed, LogicalDim, Value};
use crate::error::{Error, Result};
use crate::ops::Op;
use std::sync::Arc;

/// What becomes of the dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It stays as it is.
    Same,
    /// It is gone.
    Removed,
    /// It has another size.
    Sized(usize),
}

impl Call<'_, '_, '_> {
    /// The result of an operator along dimension `axis`, which `make` makes for that dimension in memory (0 is the
    /// batch).
    pub(super) fn along(
        &mut self,
        x: &Value,
        axis: usize,
        make: impl FnOnce(usize) -> Op,
        change: Change,
    ) -> Result<Value> {
        match x {
            Value::Computed(computed) => {
                let stored = computed.stored_axis(axis).ok_or_else(mixes_samples)?;
                let id = self.op(make(stored), &[computed.id])?;
                let mut dims = computed.dims.clone();
                match change {
                    Change::Same => {}
                    Change::Removed => {
                        dims.remove(axis);
                    }
                    Change::Sized(size) => dims[axis] = LogicalDim::Fixed(size),
                }
                Ok(Value::Computed(Computed { id, dims }))
            }
            Value::Repeated { tensor, axis: batch, times } => {
                if *batch == axis {
                    return Err(mixes_samples());
                }
                let result = self.of_one_sample(tensor, axis, make)?;
                let moved = usize::from(change == Change::Removed && axis < *batch);
                Ok(Value::Repeated { tensor: Arc::new(result), axis: batch - moved, times: *times })
            }
            known => {
                let tensor = known.known()?.ok_or_else(super::size::computes_with_the_batch)?;
                let result = self.of_one_sample(&tensor, axis, make)?;
                Value::constant(result)
            }
        }
    }

    /// The operator on a constant, which is one sample.
    fn of_one_sample(
        &mut self,
        tensor: &crate::tensor::Tensor,
        axis: usize,
        make: impl FnOnce(usize) -> Op,
    ) -> Result<crate::tensor::Tensor> {
        let sample = tensor.clone().reshaped(&[&[1], tensor.shape()].concat())?;
        let result = self.lowering.fold(&make(axis + 1), &[&sample])?;
        let shape = result.shape()[1..].to_vec();
        result.reshaped(&shape)
    }
}

/// The error for what would combine the samples of a batch.
pub(super) fn mixes_samples() -> Error {
    Error::unsupported("combines the samples of a batch, which is not supported")
        .cause("every sample is answered by itself, whatever stands beside it in the batch")
        .hint("take it out of the model and export the model again")
}
