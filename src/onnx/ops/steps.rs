//! Recurrent layers over the steps of a sequence: what an operator or a loop of ONNX becomes, once its weights are known.

use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::onnx::call::Call;
use crate::onnx::known::transposed;
use crate::ops::{Cell, Concatenate, Dense, Function, MaskedOutput, Order, Recurrent, RecurrentOutput};
use crate::tensor::{DType, Tensor};

/// A layer whose gates are in the order of [`Recurrent`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer {
    pub(super) cell: Cell,
    pub(super) activation: Option<Function>,
    pub(super) recurrent_activation: Option<Function>,
    /// Of the inputs: `[F, G · H]`.
    pub(super) kernel: Tensor,
    /// `[G · H]`
    pub(super) bias: Tensor,
    /// Of the states: `[H, G · H]`.
    pub(super) recurrent_kernel: Tensor,
    /// `[G · H]`, where it differs from adding it to the bias.
    pub(super) recurrent_bias: Option<Tensor>,
    pub(super) order: Order,
}

/// What a layer is run on.
#[derive(Debug, Clone)]
pub(super) struct Inputs {
    /// `[N, T, F]`
    pub(super) x: ValueId,
    /// `[N, T]`, and what is put out where it is false.
    pub(super) mask: Option<(ValueId, MaskedOutput)>,
    /// None, or each state: `[N, H]`.
    pub(super) initial: Vec<ValueId>,
}

/// What is asked of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) sequence: bool,
    pub(super) states: bool,
}

/// What a layer has computed, if it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Computed {
    /// `[N, T, H]`
    pub(super) sequence: Option<ValueId>,
    /// h, and c of an LSTM: `[N, H]`.
    pub(super) states: Vec<ValueId>,
}

impl Layer {
    pub(super) fn run(&self, call: &mut Call<'_, '_, '_>, inputs: &Inputs, wanted: Wanted) -> Result<Computed> {
        let weights = [self.kernel.clone(), self.bias.clone()].map(|tensor| call.constant(tensor));
        let [kernel, bias] = weights;
        let projected = call.op(Dense::default(), &[inputs.x, kernel?, bias?])?;
        let packed = Recurrent::pack(self.cell.gates(), &self.recurrent_kernel, self.recurrent_bias.as_ref())?;
        let packed = call.constant(packed)?;
        let mut beside = Vec::new();
        if let Some((mask, _)) = inputs.mask {
            beside.push(call.cast(mask, DType::F32)?);
        }
        beside.extend(&inputs.initial);
        let beside = match beside.as_slice() {
            [] => None,
            [part] => Some(*part),
            parts => Some(call.op(Concatenate { axis: 1 }, parts)?),
        };
        // The last output is the state, unless the last step may be masked.
        let is_last = !wanted.sequence && inputs.mask.is_none() && self.cell.states() == 1;
        let operator = Recurrent {
            order: self.order,
            output: if wanted.sequence { RecurrentOutput::Sequence } else { RecurrentOutput::Last },
            states: wanted.states && !is_last,
            masked: inputs.mask.map(|(_, masked)| masked),
            initial: !inputs.initial.is_empty(),
            ..Recurrent::new(self.cell, self.activation, self.recurrent_activation)
        };
        let inputs: Vec<ValueId> = [projected, packed].into_iter().chain(beside).collect();
        let mut outputs = call.outputs_of(operator, &inputs)?;
        let states = if is_last { outputs.clone() } else { outputs.split_off(1) };
        Ok(Computed { sequence: if wanted.sequence { outputs.pop() } else { None }, states })
    }
}

/// One matrix of a tensor of matrices.
pub(super) fn part(tensor: &Tensor, index: usize) -> Result<Tensor> {
    let shape = &tensor.shape()[1..];
    let count: usize = shape.iter().product();
    Tensor::f32(shape, tensor.as_f32()?[index * count..][..count].to_vec())
}

/// The blocks of rows of a matrix or vector in another order.
pub(super) fn blocks(tensor: &Tensor, order: &[usize]) -> Result<Tensor> {
    let values = tensor.as_f32()?;
    let count = values.len() / order.len().max(1);
    let moved = order.iter().flat_map(|&block| values[block * count..][..count].iter().copied());
    Tensor::f32(tensor.shape(), moved.collect())
}

/// The columns of a matrix or vector from one on.
pub(super) fn columns(tensor: &Tensor, start: usize, count: usize) -> Result<Tensor> {
    let mut shape = tensor.shape().to_vec();
    let misfit = || Error::shape(format!("no {count} columns from {start} are in {:?}", tensor.shape()));
    let width = shape.last_mut().ok_or_else(misfit)?;
    if start.checked_add(count).is_none_or(|end| end > *width) || *width == 0 {
        return Err(misfit());
    }
    let rows = tensor.as_f32()?.chunks_exact(*width);
    let taken = rows.flat_map(|row| row[start..][..count].iter().copied()).collect();
    *width = count;
    Tensor::f32(&shape, taken)
}

/// Matrices of the same rows beside each other, or vectors one behind the other.
pub(super) fn beside(parts: &[Tensor]) -> Result<Tensor> {
    let Some(first) = parts.first() else { return Err(Error::shape("no gates")) };
    let mut shape = first.shape().to_vec();
    let widths: Vec<usize> = parts.iter().map(|part| part.shape().last().copied().unwrap_or(1)).collect();
    let rows = first.len() / widths[0].max(1);
    let values = parts.iter().map(Tensor::as_f32).collect::<Result<Vec<_>>>()?;
    let mut joined = Vec::with_capacity(parts.iter().map(Tensor::len).sum());
    for row in 0..rows {
        for (values, &width) in values.iter().zip(&widths) {
            joined.extend_from_slice(values.get(row * width..(row + 1) * width).unwrap_or_default());
        }
    }
    if let Some(width) = shape.last_mut() {
        *width = widths.iter().sum();
    }
    Tensor::f32(&shape, joined)
}

/// The sum of two vectors.
pub(super) fn sum(left: &Tensor, right: &Tensor) -> Result<Tensor> {
    let sums = left.as_f32()?.iter().zip(right.as_f32()?).map(|(left, right)| left + right);
    Tensor::f32(left.shape(), sums.collect())
}

/// A matrix with rows and columns swapped.
pub(super) fn swapped(matrix: &Tensor) -> Result<Tensor> {
    transposed(matrix, &[1, 0])
}
