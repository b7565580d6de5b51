//! What the operations that move data are made of. A constant has no batch: all of its dimensions are like those of a sample.

use super::axes::{size, sizes};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BadId, BinaryFunction, Concatenate, Gather, Permute, Slice};
use crate::tensor::{DType, Tensor};
use crate::tfjs::lowering::LayerCall;

/// Parts that one tensor is taken apart into, or made of, at most.
pub(super) const MAX_PARTS: usize = 1 << 12;

/// 1 where the first dimension of `x` is the batch, else 0.
pub(super) fn batch_dims(call: &LayerCall<'_, '_>, x: ValueId) -> usize {
    usize::from(call.shape(x).is_batched())
}

/// `x` with other dimensions besides the batch.
pub(super) fn reshaped(call: &mut LayerCall<'_, '_>, x: ValueId, sample: &[usize]) -> Result<ValueId> {
    call.reshape(x, sample)
}

/// `x` with a dimension of 1 before its dimension `axis`.
pub(super) fn expanded(call: &mut LayerCall<'_, '_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let mut sample = call.shape(x).sample();
    sample.insert(axis - batch_dims(call, x), 1);
    call.reshape(x, &sample)
}

/// `x` without dimensions that are 1.
pub(super) fn without(call: &mut LayerCall<'_, '_>, x: ValueId, axes: &[usize]) -> Result<ValueId> {
    let (shape, batch) = (call.shape(x), batch_dims(call, x));
    if let Some(axis) = axes.iter().find(|&&axis| size(call, x, axis) != 1 || axis < batch) {
        return Err(Error::format(format!("dimension {axis} of {shape} is not 1")));
    }
    let kept = shape.sample().into_iter().enumerate().filter(|(index, _)| !axes.contains(&(index + batch)));
    let sample: Vec<usize> = kept.map(|(_, size)| size).collect();
    call.reshape(x, &sample)
}

/// `x` with its dimensions in another order.
pub(super) fn permuted(call: &mut LayerCall<'_, '_>, x: ValueId, order: &[usize]) -> Result<ValueId> {
    if order.iter().copied().eq(0..call.rank(x)) { Ok(x) } else { call.op(Permute { order: order.to_vec() }, &[x]) }
}

/// Positions of one dimension, which all exist, in their order.
pub(super) fn positions(call: &mut LayerCall<'_, '_>, x: ValueId, axis: usize, positions: &[usize]) -> Result<ValueId> {
    let step = match positions {
        [first, second, ..] => *second as isize - *first as isize,
        _ => 1,
    };
    let is_even = positions.windows(2).all(|pair| pair[1] as isize - pair[0] as isize == step);
    let start = positions.first().copied().unwrap_or_default();
    match positions.len() {
        count if count == size(call, x, axis) && is_even && step == 1 => Ok(x),
        count if is_even && step != 0 => call.op(Slice { axis, start, step, count }, &[x]),
        count => {
            let indices = positions.iter().map(|&position| position as i32).collect();
            let indices = call.literal(Tensor::i32(&[count], indices)?)?;
            call.op(Gather { axis, batch_dims: 0, from_end: false, bad_id: BadId::Zero }, &[x, indices])
        }
    }
}

/// One position of a dimension, counted from the end if negative.
pub(super) fn position_of(call: &LayerCall<'_, '_>, x: ValueId, axis: usize, index: i64) -> Result<usize> {
    let size = size(call, x, axis);
    let position = if index < 0 { index.saturating_add(size as i64) } else { index };
    let position = usize::try_from(position).ok().filter(|position| *position < size);
    position.ok_or_else(|| Error::format(format!("{} has no item {index}", call.shape(x))))
}

/// The dimensions from `start` to before `end` as one.
pub(super) fn merged(call: &mut LayerCall<'_, '_>, x: ValueId, start: usize, end: usize) -> Result<ValueId> {
    let (sizes, batch) = (sizes(call, x), batch_dims(call, x));
    if start < batch || end > sizes.len() || start > end {
        return Err(Error::format(format!("{} has no dimensions {start} to {end} to be one", call.shape(x))));
    }
    let product: usize = sizes[start..end].iter().product();
    let sample = [&sizes[batch..start], &[product], &sizes[end..]].concat();
    call.reshape(x, &sample)
}

/// Tensors one after the other along `axis`.
pub(super) fn joined(call: &mut LayerCall<'_, '_>, parts: &[ValueId], axis: usize) -> Result<ValueId> {
    match parts {
        [] => Err(Error::format("joins no tensors")),
        [part] => Ok(*part),
        parts if parts.len() > MAX_PARTS => Err(Error::limit(format!("joins {} tensors", parts.len()))),
        parts => call.op(Concatenate { axis }, parts),
    }
}

impl LayerCall<'_, '_> {
    /// A whole number as a constant that stretches to any shape.
    pub(super) fn integer(&mut self, number: i32) -> Result<ValueId> {
        self.literal(Tensor::i32(&[1], vec![number])?)
    }

    /// `0, 1, …` as a constant.
    pub(super) fn counting(&mut self, count: usize) -> Result<ValueId> {
        self.make_room(&[count])?;
        let count = i32::try_from(count).map_err(|_| Error::limit(format!("counts to {count}")))?;
        self.literal(Tensor::i32(&[count as usize], (0..count).collect())?)
    }

    /// A number in the shape of `x`, as floats.
    pub(super) fn filled_like(&mut self, x: ValueId, number: f64) -> Result<ValueId> {
        let x = self.float(x)?;
        let none = self.number(0.0)?;
        let zeros = self.binary(BinaryFunction::Keep, x, none)?;
        if number == 0.0 { Ok(zeros) } else { self.with_number(BinaryFunction::Add, zeros, number as f32) }
    }

    /// A constant once for every sample of the batch, which is that of the model's first input.
    pub(super) fn for_every_sample(&mut self, constant: ValueId) -> Result<ValueId> {
        let Some(input) = self.lowering.builder.first_input() else {
            return Err(Error::format("the model has no input"));
        };
        let ones = vec![1; self.rank(constant)];
        let mut part = input;
        for axis in 1..self.rank(input) {
            part = self.op(Slice { axis, start: 0, step: 1, count: 1 }, &[part])?;
        }
        let part = self.reshape(part, &ones)?;
        let zeros = self.filled_like(part, 0.0)?;
        match self.dtype(constant) {
            DType::Bool => {
                let floats = self.float(constant)?;
                let sum = self.binary(BinaryFunction::Add, floats, zeros)?;
                self.truth(sum)
            }
            dtype => {
                let zeros = self.cast(zeros, dtype)?;
                self.binary(BinaryFunction::Add, constant, zeros)
            }
        }
    }
}
