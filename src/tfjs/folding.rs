//! What operations make of constants, computed while the model is loaded: positions, tables, and the sizes of a shape.
//!
//! `tf.shape(x)` is a constant too, except for the number of samples, which is unknown before a prediction. [`BATCH`] stands
//! for it. A constant that holds it may be moved, cut and joined, and say the shape of something; what would compute with it
//! is an error.

use super::lowering::{LayerCall, Lowering};
use super::masks::Value;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::Op;
use crate::tensor::{DType, Tensor, TensorType, element_count};
use std::sync::Arc;

/// Stands for the number of samples in the constants that `Lowering::counts` lists. No size is negative.
pub(super) const BATCH: i32 = i32::MIN;

/// Elements of the constants that operations of one model make, at most. A small file can ask for any number.
const MOST_ELEMENTS: usize = 1 << 26;

impl LayerCall<'_, '_> {
    /// An error if a constant of this shape, with those before it, is beyond reason.
    pub(super) fn make_room(&mut self, shape: &[usize]) -> Result<()> {
        let count = element_count(shape).unwrap_or(usize::MAX);
        self.lowering.folded_elements = self.lowering.folded_elements.saturating_add(count);
        if self.lowering.folded_elements > MOST_ELEMENTS {
            return Err(Error::limit(format!("a constant of shape {shape:?} is beyond reason")));
        }
        Ok(())
    }

    /// The constant at `id`, if it is one.
    pub(super) fn constant_at(&self, id: ValueId) -> Option<Arc<Tensor>> {
        self.lowering.builder.constant_at(id).cloned()
    }

    /// A constant of the operation.
    pub(super) fn literal(&mut self, value: Tensor) -> Result<ValueId> {
        let name = format!("{}/numbers", self.name);
        self.lowering.builder.constant(&name, Arc::new(value))
    }

    /// Sizes as a constant, one of which may be [`BATCH`].
    pub(super) fn sizes(&mut self, value: Tensor) -> Result<ValueId> {
        let counts = value.as_i32()?.contains(&BATCH);
        let id = self.literal(value)?;
        if counts {
            self.lowering.counts.insert(id);
        }
        Ok(id)
    }

    /// The outputs of an operator in an operation, if all of its inputs are constants.
    pub(super) fn folded(&mut self, op: &Op, inputs: &[ValueId]) -> Result<Option<Vec<ValueId>>> {
        let counts = inputs.iter().any(|input| self.lowering.counts.contains(input));
        if !counts && !self.lowering.folds {
            return Ok(None);
        }
        let constants: Option<Vec<Arc<Tensor>>> = inputs.iter().map(|&input| self.constant_at(input)).collect();
        let Some(constants) = constants.filter(|constants| !constants.is_empty()) else {
            return if counts { Err(computes_with_the_batch()) } else { Ok(None) };
        };
        let tensors: Vec<&Tensor> = constants.iter().map(Arc::as_ref).collect();
        let answers = match op {
            // Its page knows samples only.
            Op::Reshape(reshape) => {
                self.make_room(tensors[0].shape())?;
                vec![tensors[0].clone().reshaped(&reshape.sample)?]
            }
            op => {
                let types: Vec<TensorType> = inputs.iter().map(|&id| self.lowering.builder.ty(id).clone()).collect();
                for answer in op.operator().infer(&types.iter().collect::<Vec<_>>())? {
                    self.make_room(&answer.shape.resolve(1))?;
                }
                op.operator().eval(&tensors)?
            }
        };
        if counts && !(op.operator().passes_values() && answers.iter().all(|answer| answer.dtype() == DType::I32)) {
            return Err(computes_with_the_batch());
        }
        let make = |answer| if counts { self.sizes(answer) } else { self.literal(answer) };
        answers.into_iter().map(make).collect::<Result<_>>().map(Some)
    }
}

/// Whether a layer of this class is given constants: positions, which an Embedding looks up while the model is loaded. An
/// error for other layers, and for outputs of the model, which are made of samples.
pub(super) fn expect_samples(values: &[Value], class: &str, lowering: &Lowering) -> Result<bool> {
    if values.iter().any(|value| lowering.counts.contains(&value.id)) {
        return Err(computes_with_the_batch());
    }
    let is_constant = values.iter().any(|value| !lowering.builder.ty(value.id).shape.is_batched());
    match (is_constant, class) {
        (true, "Embedding") => Ok(true),
        (true, "output") => Err(Error::unsupported("an output of the model is the same for all samples")),
        (true, _) => Err(Error::unsupported("takes a constant, the same for all samples, which is not supported")),
        (false, _) => Ok(false),
    }
}

/// What an operation is told that takes the number of samples for a number.
pub(super) fn computes_with_the_batch() -> Error {
    Error::unsupported("computes with the number of samples in the batch, which is not supported")
        .cause("every sample is answered by itself, whatever stands beside it in the batch")
        .hint("take it out of the model, build it again and convert it")
}
