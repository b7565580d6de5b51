//! A value in memory, computed or known, for operators that mean the same for both.
//!
//! A known value has one row in front, as a computed one has a row for each sample, so an operator gets the same axes.

use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::onnx::call::Call;
use crate::onnx::known::transposed;
use crate::onnx::value::{Computed, LogicalDim, Value};
use crate::ops::{Gather, Op, Permute, Reshape};
use crate::tensor::{DType, Shape, Tensor, TensorType};
use std::sync::Arc;

/// What an operator reads and makes.
#[derive(Debug, Clone)]
pub(super) enum Held {
    Computed(ValueId),
    /// One row.
    Known(Arc<Tensor>),
}

/// A value in memory with its dimensions in the file.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) held: Held,
    pub(super) dims: Vec<LogicalDim>,
}

/// What an axis that is the batch gives.
pub(super) fn over_the_batch() -> Error {
    Error::unsupported("combines every sample with every other, or rows of different samples")
        .cause("the dimension along which it works is the batch")
        .hint("export the model with the batch first in every value, and work along other dimensions")
}

impl Held {
    /// A constant that every sample reads.
    pub(super) fn constant(tensor: Tensor) -> Held {
        Held::Known(Arc::new(tensor))
    }

    /// The shape of a sample in memory.
    pub(super) fn shape(&self, call: &Call<'_, '_, '_>) -> Vec<usize> {
        match self {
            Held::Computed(id) => call.lowering.builder.ty(*id).shape.sample(),
            Held::Known(tensor) => tensor.shape().get(1..).unwrap_or_default().to_vec(),
        }
    }

    pub(super) fn dtype(&self, call: &Call<'_, '_, '_>) -> DType {
        match self {
            Held::Computed(id) => call.lowering.builder.ty(*id).dtype,
            Held::Known(tensor) => tensor.dtype(),
        }
    }

    /// The outputs of an operator over itself and more, which are known if all inputs are. A constant among `more` has the
    /// shape that the operator takes.
    pub(super) fn outputs(&self, call: &mut Call<'_, '_, '_>, op: impl Into<Op>, more: &[Held]) -> Result<Vec<Held>> {
        let mut inputs = vec![self.clone()];
        inputs.extend_from_slice(more);
        all(call, &op.into(), &inputs)
    }

    /// The only output of an operator.
    pub(super) fn step(&self, call: &mut Call<'_, '_, '_>, op: impl Into<Op>, more: &[Held]) -> Result<Held> {
        let outputs = self.outputs(call, op, more)?;
        outputs.into_iter().next().ok_or_else(|| Error::internal("an operator has no output"))
    }

    /// The same elements in another sample.
    pub(super) fn reshaped(&self, call: &mut Call<'_, '_, '_>, sample: &[usize]) -> Result<Held> {
        if self.shape(call) == sample {
            return Ok(self.clone());
        }
        self.step(call, Reshape { sample: sample.to_vec() }, &[])
    }

    /// The dimensions in memory in another order, the first being the batch.
    pub(super) fn permuted(&self, call: &mut Call<'_, '_, '_>, order: Vec<usize>) -> Result<Held> {
        if order.iter().copied().eq(0..order.len()) {
            return Ok(self.clone());
        }
        match self {
            Held::Computed(_) => self.step(call, Permute { order }, &[]),
            Held::Known(tensor) => {
                call.lowering.make_room(tensor.shape())?;
                Ok(Held::constant(transposed(tensor, &order)?))
            }
        }
    }

    /// These positions along a dimension in memory.
    pub(super) fn taken(&self, call: &mut Call<'_, '_, '_>, axis: usize, positions: &[usize]) -> Result<Held> {
        let size = self.shape(call).get(axis - 1).copied().unwrap_or(0);
        if positions.iter().copied().eq(0..size) {
            return Ok(self.clone());
        }
        call.lowering.make_room(&[positions.len()])?;
        let numbers = positions.iter().map(|&position| i32::try_from(position));
        let numbers = numbers.collect::<std::result::Result<Vec<i32>, _>>();
        let numbers = numbers.map_err(|_| Error::limit("takes positions beyond int32"))?;
        let positions = Held::constant(Tensor::i32(&[positions.len()], numbers)?);
        let gather = Gather { axis, batch_dims: 0, from_end: false, bad_id: call.lowering.bad_id };
        self.step(call, gather, &[positions])
    }
}

/// The outputs of an operator over these inputs.
pub(super) fn all(call: &mut Call<'_, '_, '_>, op: &Op, inputs: &[Held]) -> Result<Vec<Held>> {
    let known: Option<Vec<&Tensor>> =
        inputs.iter().map(|held| if let Held::Known(tensor) = held { Some(tensor.as_ref()) } else { None }).collect();
    if let Some(tensors) = known {
        return folded(call, op, &tensors);
    }
    let mut ids = Vec::with_capacity(inputs.len());
    for held in inputs {
        ids.push(match held {
            Held::Computed(id) => *id,
            Held::Known(tensor) => call.weight(tensor)?,
        });
    }
    Ok(call.outputs_of(op.clone(), &ids)?.into_iter().map(Held::Computed).collect())
}

/// The answers of an operator for tensors, of which the first has one row of a batch.
fn folded(call: &mut Call<'_, '_, '_>, op: &Op, tensors: &[&Tensor]) -> Result<Vec<Held>> {
    let ty = |(index, tensor): (usize, &&Tensor)| match index {
        0 => TensorType::new(Shape::batched(tensor.shape().get(1..).unwrap_or_default()), tensor.dtype()),
        _ => TensorType::new(Shape::fixed(tensor.shape()), tensor.dtype()),
    };
    let types: Vec<TensorType> = tensors.iter().enumerate().map(ty).collect();
    for ty in op.operator().infer(&types.iter().collect::<Vec<_>>())? {
        call.lowering.make_room(&ty.shape.resolve(1))?;
    }
    Ok(op.operator().eval(tensors)?.into_iter().map(Held::constant).collect())
}

impl Sample {
    pub(super) fn of(call: &mut Call<'_, '_, '_>, value: &Value) -> Result<Sample> {
        let (tensor, axis) = match value {
            Value::Repeated { tensor, axis, times: 1 } => (Arc::clone(tensor), Some(*axis)),
            Value::Constant(_) | Value::Integers(_) => match value.known()? {
                Some(tensor) => (tensor, None),
                None => return Err(crate::onnx::size::computes_with_the_batch()),
            },
            _ => {
                let computed = call.computed(value)?;
                return Ok(Sample { held: Held::Computed(computed.id), dims: computed.dims });
            }
        };
        let dim = |(at, &size): (usize, &usize)| match axis {
            Some(axis) if axis == at => LogicalDim::Batch(1),
            _ => LogicalDim::Fixed(size),
        };
        let dims: Vec<LogicalDim> = tensor.shape().iter().enumerate().map(dim).collect();
        let shape = [&[1], fixed(&dims).as_slice()].concat();
        Ok(Sample { held: Held::constant(tensor.as_ref().clone().reshaped(&shape)?), dims })
    }

    pub(super) fn batch_axis(&self) -> Option<usize> {
        self.dims.iter().position(|dim| matches!(dim, LogicalDim::Batch(_)))
    }

    /// How many rows of the batch dimension belong to a sample.
    pub(super) fn rows(&self) -> usize {
        let rows = self.dims.iter().find_map(|dim| if let LogicalDim::Batch(rows) = dim { Some(*rows) } else { None });
        rows.unwrap_or(1)
    }

    /// The number of dimensions in memory before those other than the batch.
    pub(super) fn leading(&self) -> usize {
        if self.rows() == 1 { 1 } else { 2 }
    }

    /// The dimension in memory of one in the file; an error if that is the batch.
    pub(super) fn stored(&self, axis: usize) -> Result<usize> {
        match self.dims.get(axis) {
            Some(LogicalDim::Fixed(_)) => Ok(self.leading() + fixed(&self.dims[..axis]).len()),
            _ => Err(over_the_batch()),
        }
    }

    /// The size of a dimension that is not the batch.
    pub(super) fn size(&self, axis: usize) -> Result<usize> {
        match self.dims.get(axis) {
            Some(LogicalDim::Fixed(size)) => Ok(*size),
            _ => Err(over_the_batch()),
        }
    }

    /// Itself after an operator that changes no dimension but this one.
    pub(super) fn with(&self, held: Held, axis: usize, size: usize) -> Sample {
        let mut dims = self.dims.clone();
        if let Some(dim @ LogicalDim::Fixed(_)) = dims.get_mut(axis) {
            *dim = LogicalDim::Fixed(size);
        }
        Sample { held, dims }
    }

    pub(super) fn value(self) -> Result<Value> {
        let tensor = match self.held {
            Held::Computed(id) => return Ok(Value::Computed(Computed { id, dims: self.dims })),
            Held::Known(tensor) => tensor,
        };
        let size = |dim: &LogicalDim| if let LogicalDim::Fixed(size) = dim { *size } else { 1 };
        let shape: Vec<usize> = self.dims.iter().map(size).collect();
        let tensor = tensor.as_ref().clone().reshaped(&shape)?;
        match self.dims.iter().position(|dim| matches!(dim, LogicalDim::Batch(_))) {
            Some(axis) => Ok(Value::Repeated { tensor: Arc::new(tensor), axis, times: 1 }),
            None => Value::constant(tensor),
        }
    }
}

/// The sizes of the dimensions other than the batch.
pub(super) fn fixed(dims: &[LogicalDim]) -> Vec<usize> {
    dims.iter().filter_map(|dim| if let LogicalDim::Fixed(size) = dim { Some(*size) } else { None }).collect()
}
