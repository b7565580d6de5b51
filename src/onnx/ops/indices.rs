//! Elements by index.
//!
//! | operators | versions that differ |
//! |---|---|
//! | GatherElements | 11 |
//! | GatherND | 11; 12: `batch_dims` |
//! | EyeLike | 9 |
//! | ReverseSequence | 10 |
//!
//! Negative indices count from the end.

use super::elementwise::{binary, converted};
use super::operator::{Operator, Outputs};
use super::sample::{Held, Sample, all, fixed, over_the_batch};
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::value::{LogicalDim, Value};
use crate::ops::{BinaryFunction, Compare, Comparison, Embedding, Gather, GatherElements, Reduce, Reduction, Select};
use crate::tensor::{DType, Tensor, element_count, row_major_strides};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("EyeLike", &[9], eye_like),
    Operator::new("GatherElements", &[11], gather_elements),
    Operator::new("GatherND", &[11, 12], gather_nd),
    Operator::new("ReverseSequence", &[10], reverse_sequence),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

/// The place of a known index among `size` positions.
pub(super) fn place(index: f64, size: usize) -> Result<usize> {
    let from_start = if index < 0.0 { index + size as f64 } else { index };
    if from_start < 0.0 || from_start >= size as f64 {
        return Err(Error::shape(format!("the index {index} is outside of {size} positions")));
    }
    Ok(from_start as usize)
}

/// The first element of what an operator makes.
pub(super) fn only(outputs: Vec<Held>) -> Result<Held> {
    outputs.into_iter().next().ok_or_else(|| Error::internal("an operator has no output"))
}

fn gather_elements(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (mut data, indices) = (Sample::of(call, &call.input(0)?)?, Sample::of(call, &call.input(1)?)?);
    let axis = call.axis(call.int("axis")?.unwrap_or(0), data.dims.len())?;
    if data.dims.len() != indices.dims.len() {
        return Err(Error::shape("the indices do not have as many dimensions as the data"));
    }
    let same_batch = data.batch_axis() == indices.batch_axis() && data.rows() == indices.rows();
    if !same_batch {
        return Err(over_the_batch());
    }
    let batch = data.batch_axis();
    for other in (0..data.dims.len()).filter(|&other| other != axis && Some(other) != batch) {
        // Indices may have fewer positions than the data.
        let positions: Vec<usize> = (0..indices.size(other)?.min(data.size(other)?)).collect();
        let held = data.held.taken(call, data.stored(other)?, &positions)?;
        data = data.with(held, other, positions.len());
    }
    let op = GatherElements { axis: data.stored(axis)?, bad_id: call.lowering.bad_id };
    let held = only(all(call, &op.into(), &[data.held, indices.held])?)?;
    Ok(vec![Sample { held, dims: indices.dims }.value()?])
}

fn gather_nd(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (data, indices) = (call.input(0)?, call.input(1)?);
    let batch_dims = usize::try_from(call.int("batch_dims")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let (rank, of_indices) = (data.rank()?, indices.sizes()?);
    let width = of_indices.last().map(|width| width.expect_known()).transpose()?.unwrap_or(0);
    let width = usize::try_from(width).unwrap_or(0);
    if width == 0 || batch_dims.checked_add(width).is_none_or(|end| end > rank) || batch_dims >= of_indices.len() {
        return Err(Error::shape(format!("indices of {width} numbers do not fit a value of rank {rank}")));
    }
    match indices.known()? {
        Some(known) => gather_known(call, &data, &known, batch_dims),
        None => gather_computed(call, &data, &indices, batch_dims, width),
    }
}

/// Blocks by constant indices: positions of one dimension, into which those that are indexed are merged.
fn gather_known(call: Context<'_, '_, '_, '_>, data: &Value, indices: &Tensor, batch_dims: usize) -> Outputs {
    let x = Sample::of(call, data)?;
    let (counted, width) = match indices.shape().split_last() {
        Some((&width, counted)) => (counted, width),
        None => return Err(Error::shape("has a scalar as indices")),
    };
    let end = batch_dims + width;
    let sizes = (0..end).map(|axis| x.size(axis)).collect::<Result<Vec<_>>>()?;
    let in_batch: usize = counted[batch_dims..].iter().product();
    let of_batch: usize = sizes[..batch_dims].iter().product();
    if counted[..batch_dims] != sizes[..batch_dims] {
        return Err(Error::shape(format!("indices of {:?} do not fit the dimensions {sizes:?}", indices.shape())));
    }
    let block: usize = sizes[batch_dims..].iter().product();
    let strides = row_major_strides(&sizes[batch_dims..]);
    let mut positions = Vec::with_capacity(of_batch * in_batch);
    for (row, tuple) in indices.to_f64().chunks(width).enumerate() {
        let mut at = row / in_batch.max(1) * block;
        for ((&index, &size), stride) in tuple.iter().zip(&sizes[batch_dims..]).zip(&strides) {
            at += place(index, size)? * stride;
        }
        positions.push(at);
    }
    let rest = fixed(&x.dims[end..]);
    let front = &x.held.shape(call)[..x.leading() - 1];
    let merged = [front, &[of_batch * block], rest.as_slice()].concat();
    let held = x.held.reshaped(call, &merged)?.taken(call, x.leading(), &positions)?;
    let shape = [front, counted, rest.as_slice()].concat();
    let held = held.reshaped(call, &shape)?;
    let dims = counted.iter().map(|&size| LogicalDim::Fixed(size)).chain(x.dims[end..].iter().copied()).collect();
    Ok(vec![Sample { held, dims }.value()?])
}

/// Blocks by computed indices, which become one number each.
fn gather_computed(
    call: Context<'_, '_, '_, '_>,
    data: &Value,
    indices: &Value,
    batch_dims: usize,
    width: usize,
) -> Outputs {
    let x = Sample::of(call, data)?;
    let end = batch_dims + width;
    let sizes = (batch_dims..end).map(|axis| x.size(axis)).collect::<Result<Vec<_>>>()?;
    let flat = flat_indices(call, indices, &sizes)?;
    let ids = Sample::of(call, &flat)?;
    let dims: Vec<LogicalDim> = ids.dims.iter().chain(&x.dims[end..]).copied().collect();
    let both = x.batch_axis().is_some();
    if x.rows() != 1 || ids.rows() != 1 || x.dims[..batch_dims] != ids.dims[..batch_dims] {
        return Err(over_the_batch());
    }
    let rest = fixed(&x.dims[end..]);
    let block: usize = sizes.iter().product();
    let Held::Known(tensor) = &x.held else {
        // Both have the batch in front, or neither has one.
        if both && (batch_dims == 0 || x.batch_axis() != ids.batch_axis()) {
            return Err(over_the_batch());
        }
        let batch = fixed(&x.dims[..batch_dims]);
        let merged = [batch.as_slice(), &[block], rest.as_slice()].concat();
        let held = x.held.reshaped(call, &merged)?;
        let axis = 1 + batch.len();
        let gather = Gather { axis, batch_dims: axis, from_end: false, bad_id: call.lowering.bad_id };
        let held = only(all(call, &gather.into(), &[held, ids.held])?)?;
        return Ok(vec![Sample { held, dims }.value()?]);
    };
    if batch_dims > 0 {
        return Err(Error::unsupported("takes from a constant by computed indices with batch dimensions"));
    }
    let inner = element_count(&rest)?;
    let table = Held::constant(tensor.as_ref().clone().reshaped(&[block, inner])?);
    let op = match tensor.dtype() {
        DType::F32 => Embedding { bad_id: call.lowering.bad_id }.into(),
        _ => Gather { axis: 0, batch_dims: 0, from_end: false, bad_id: call.lowering.bad_id }.into(),
    };
    let inputs = if tensor.dtype() == DType::F32 { [ids.held.clone(), table] } else { [table, ids.held.clone()] };
    let held = only(all(call, &op, &inputs)?)?;
    let shape = [ids.held.shape(call), rest].concat();
    let held = held.reshaped(call, &shape)?;
    Ok(vec![Sample { held, dims }.value()?])
}

/// Tuples of indices, of which the last dimension has one for each of these sizes, as one number each.
fn flat_indices(call: Context<'_, '_, '_, '_>, indices: &Value, sizes: &[usize]) -> Result<Value> {
    let numbers = |list: &[usize]| -> Result<Value> {
        let numbers = list.iter().map(|&size| i32::try_from(size)).collect::<std::result::Result<Vec<i32>, _>>();
        Value::constant(Tensor::i32(&[list.len()], numbers.map_err(|_| Error::limit("has positions beyond int32"))?)?)
    };
    let zero = Value::constant(Tensor::i32(&[], vec![0])?)?;
    let indices = converted(call, indices, DType::I32)?;
    let is_negative = call.elementwise(Compare { comparison: Comparison::Less }, &[indices.clone(), zero])?;
    let wrapped = binary(call, BinaryFunction::Add, &indices, &numbers(sizes)?)?;
    let indices = call.elementwise(Select, &[is_negative, wrapped, indices])?;
    let last = indices.rank()? - 1;
    if let [_] = sizes {
        return call.squeezed(&indices, &[last]);
    }
    let scaled = binary(call, BinaryFunction::Multiply, &indices, &numbers(&row_major_strides(sizes))?)?;
    let x = Sample::of(call, &scaled)?;
    let held = x.held.step(call, Reduce { reduction: Reduction::Sum, axis: x.stored(last)? }, &[])?;
    Sample { held, dims: x.dims[..last].to_vec() }.value()
}

fn eye_like(call: Context<'_, '_, '_, '_>) -> Outputs {
    let value = call.input(0)?;
    let sizes = value.sizes()?;
    let sizes = sizes.into_iter().map(|size| size.expect_known().map(|size| size as usize));
    let sizes = sizes.collect::<Result<Vec<_>>>()?;
    let [rows, columns] = sizes[..] else {
        return Err(Error::shape(format!("takes a matrix, not a value of rank {}", sizes.len())));
    };
    let dtype = match call.int("dtype")? {
        None => call.dtype(&value),
        Some(1 | 10 | 11) => DType::F32,
        Some(6 | 7) => DType::I32,
        Some(9) => DType::Bool,
        Some(other) => return Err(Error::unsupported(format!("makes elements of type {other}"))),
    };
    let diagonal = call.int("k")?.unwrap_or(0);
    call.lowering.make_room(&[rows, columns])?;
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| column as i64 - row as i64));
    let ones = Tensor::bool(&[rows, columns], places.map(|distance| distance == diagonal).collect())?;
    Ok(vec![Value::constant(ones.cast(dtype))?])
}

/// The first elements of each sequence in reverse, as many as its length.
fn reverse_sequence(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (value, lengths) = (call.input(0)?, call.input(1)?);
    let rank = value.rank()?;
    let batch_axis = call.axis(call.int("batch_axis")?.unwrap_or(1), rank)?;
    let time_axis = call.axis(call.int("time_axis")?.unwrap_or(0), rank)?;
    let known = match &lengths {
        Value::Repeated { tensor, .. } => Some(tensor.clone()),
        known => known.known()?,
    };
    let Some(known) = known else {
        return Err(Error::unsupported("reverses sequences of computed lengths, which is not supported")
            .hint("export the model without lengths, or with constant ones"));
    };
    let x = Sample::of(call, &value)?;
    let steps = x.size(time_axis)?;
    let length = |length: f64| if length >= 0.0 { (length as usize).min(steps) } else { 0 };
    let lengths: Vec<usize> = known.to_f64().into_iter().map(length).collect();
    let turned = |length: usize, at: usize| if at < length { length - 1 - at } else { at };
    if let Some((&first, _)) = lengths.split_first()
        && lengths.iter().all(|&length| length == first)
    {
        let positions: Vec<usize> = (0..steps).map(|at| turned(first, at)).collect();
        let held = x.held.taken(call, x.stored(time_axis)?, &positions)?;
        return Ok(vec![x.with(held, time_axis, steps).value()?]);
    }
    // Each sequence is read in its own order, so the dimensions of sequences and steps are one.
    let sequences = x.size(batch_axis)?;
    if lengths.len() != sequences {
        return Err(Error::shape(format!("has {} lengths for {sequences} sequences", lengths.len())));
    }
    let order: Vec<usize> = [batch_axis, time_axis]
        .into_iter()
        .chain((0..rank).filter(|&axis| axis != batch_axis && axis != time_axis))
        .collect();
    let x = call.transposed(&value, &order)?;
    let x = Sample::of(call, &x)?;
    let shape = x.held.shape(call);
    let (front, rest) = (&shape[..x.leading() - 1], &shape[x.leading() + 1..]);
    let merged = x.held.reshaped(call, &[front, &[sequences * steps], rest].concat())?;
    let each = lengths.iter().enumerate();
    let positions: Vec<usize> =
        each.flat_map(|(row, &length)| (0..steps).map(move |at| row * steps + turned(length, at))).collect();
    let held = merged.taken(call, x.leading(), &positions)?.reshaped(call, &shape)?;
    let reversed = Sample { held, dims: x.dims }.value()?;
    let mut back = vec![0; rank];
    for (position, &axis) in order.iter().enumerate() {
        back[axis] = position;
    }
    Ok(vec![call.transposed(&reversed, &back)?])
}
