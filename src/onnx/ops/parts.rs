//! Parts of values, and values of parts.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Compress | 9; the condition must be known |
//! | Concat | 4; 11: the axis may be negative |
//! | Gather | 1; 11: negative indices count from the end |
//! | Slice | 1: attributes; 10: inputs, and steps |
//! | Split | 2: sizes are an attribute; 13: an input; 18: `num_outputs` |

use super::operator::{Operator, Outputs};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::onnx::along::{Change, mixes_samples};
use crate::onnx::call::Call;
use crate::onnx::size::Size;
use crate::onnx::value::{Computed, Integers, LogicalDim, Value};
use crate::ops::{Concatenate, Embedding, Gather, Op, Slice};
use crate::tensor::{DType, Tensor};
use std::sync::Arc;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Compress", &[9, 11], compress),
    Operator::new("Concat", &[4, 11], concat),
    Operator::new("Gather", &[1, 11], gather),
    Operator::new("Slice", &[1, 10], slice),
    Operator::new("Split", &[2, 13, 18], split),
];

/// Bounds from which on converters mean the end of a dimension of any size.
const TO_THE_END: i64 = 1_000_000_000;

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn concat(call: Context<'_, '_, '_, '_>) -> Outputs {
    let parts = (0..call.input_count()).map(|index| call.input(index)).collect::<Result<Vec<_>>>()?;
    let rank = parts.first().map_or(Ok(0), Value::rank)?;
    let axis = call.int("axis")?.ok_or_else(|| Error::format("has no attribute `axis`"))?;
    let axis = call.axis(axis, rank)?;
    Ok(vec![concatenated(call, &parts, axis)?])
}

/// Values one after the other along an axis.
pub(super) fn concatenated(call: Context<'_, '_, '_, '_>, parts: &[Value], axis: usize) -> Result<Value> {
    if let [part] = parts {
        return Ok(part.clone());
    }
    if let [Value::Counted(counted), Value::Integers(next)] = parts
        && let Some(counted) = counted.followed_by(next.single()?)
    {
        return Ok(Value::Counted(counted));
    }
    let lists: Option<Vec<&Integers>> = parts
        .iter()
        .map(|part| match part {
            Value::Integers(integers) if integers.shape.len() == 1 => Some(integers),
            _ => None,
        })
        .collect();
    if let Some(lists) = lists {
        return Ok(Value::Integers(Integers::list(
            lists.iter().flat_map(|list| list.elements.iter().copied()).collect(),
        )));
    }
    let known = parts.iter().map(Value::known).collect::<Result<Option<Vec<_>>>>()?;
    if let Some(tensors) = known {
        let samples = tensors
            .iter()
            .map(|tensor| tensor.as_ref().clone().reshaped(&[&[1], tensor.shape()].concat()))
            .collect::<Result<Vec<Tensor>>>()?;
        let joined =
            call.lowering.fold(&Op::from(Concatenate { axis: axis + 1 }), &samples.iter().collect::<Vec<_>>())?;
        let shape = joined.shape()[1..].to_vec();
        return Value::constant(joined.reshaped(&shape)?);
    }
    // Constants of a value with the batch are those of every sample.
    let like = parts.iter().find(|part| matches!(part, Value::Computed(_) | Value::Repeated { .. }));
    let like = like.map(Value::sizes).transpose()?.unwrap_or_default();
    let mut computed: Vec<Computed> = Vec::with_capacity(parts.len());
    for part in parts {
        let mut sizes = like.clone();
        if part.rank()? != sizes.len() {
            return Err(Error::shape(format!("joins values of ranks {} and {}", part.rank()?, sizes.len())));
        }
        sizes[axis] = part.sizes()?[axis];
        let part = match part {
            Value::Computed(_) => part.clone(),
            constant => super::shapes::stretched(call, constant, &sizes)?,
        };
        computed.push(call.computed(&part)?);
    }
    let first = &computed[0];
    let stored = first.stored_axis(axis).ok_or_else(mixes_samples)?;
    let same = |other: &Computed| {
        let pairs = first.dims.iter().zip(&other.dims).enumerate();
        other.dims.len() == first.dims.len() && pairs.into_iter().all(|(at, (a, b))| at == axis || a == b)
    };
    if let Some(other) = computed.iter().find(|other| !same(other)) {
        return Err(Error::shape(format!("{first} and {other} cannot be joined along axis {axis}")));
    }
    let total = computed.iter().map(|part| part.dims[axis].size().plus as usize).sum();
    let mut dims = first.dims.clone();
    dims[axis] = LogicalDim::Fixed(total);
    let ids: Vec<ValueId> = computed.iter().map(|part| part.id).collect();
    let id = super::shapes::joined(call, &ids, stored)?;
    Ok(Value::Computed(Computed { id, dims }))
}

fn gather(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (data, indices) = (call.input(0)?, call.input(1)?);
    let rank = data.rank()?;
    let axis = call.axis(call.int("axis")?.unwrap_or(0), rank)?;
    Ok(vec![gathered(call, &data, &indices, axis)?])
}

/// The positions of an axis that the indices say, as Gather takes them.
pub(super) fn gathered(call: Context<'_, '_, '_, '_>, data: &Value, indices: &Value, axis: usize) -> Result<Value> {
    Ok(match (data, indices) {
        (Value::Integers(data), Value::Integers(indices)) => Value::Integers(picked(data, indices, axis)?),
        (Value::Counted(counted), Value::Integers(indices)) => {
            let elements = indices.elements.iter().map(|&index| counted.at(index)).collect::<Option<_>>();
            let elements = elements.ok_or_else(crate::onnx::size::computes_with_the_batch)?;
            Value::Integers(Integers { shape: indices.shape.clone(), elements })
        }
        (_, Value::Integers(indices)) => at_known(call, data, indices, axis)?,
        (Value::Computed(data), Value::Computed(indices)) => of_sample(call, data, indices, axis)?,
        (Value::Computed(_) | Value::Repeated { .. }, _) => {
            return Err(Error::unsupported("looks up rows of what depends on the batch"));
        }
        (table, _) => {
            let table = table.known()?.ok_or_else(crate::onnx::size::computes_with_the_batch)?;
            let ids = call.computed(indices)?;
            looked_up(call, &table, &ids, axis)?
        }
    })
}

fn picked(data: &Integers, indices: &Integers, axis: usize) -> Result<Integers> {
    let size = data.shape[axis];
    let inner: usize = data.shape[axis + 1..].iter().product();
    let outer: usize = data.shape[..axis].iter().product();
    let positions = indices.elements.iter().map(|index| position(*index, size)).collect::<Result<Vec<_>>>()?;
    let mut elements = Vec::with_capacity(outer * positions.len() * inner);
    for line in 0..outer {
        for &at in &positions {
            let first = (line * size + at) * inner;
            elements.extend_from_slice(&data.elements[first..first + inner]);
        }
    }
    Ok(Integers { shape: [&data.shape[..axis], &indices.shape, &data.shape[axis + 1..]].concat(), elements })
}

fn position(index: Size, size: usize) -> Result<usize> {
    let index = index.expect_known()?;
    let from_start = if index < 0 { index + size as i64 } else { index };
    usize::try_from(from_start).ok().filter(|at| *at < size).ok_or_else(|| {
        Error::shape(format!("takes position {index} of {size}"))
            .hint("export the model again; onnxruntime refuses it too")
    })
}

fn compress(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (mut data, condition) = (call.input(0)?, call.input(1)?);
    let condition = condition.known()?.ok_or_else(|| {
        Error::unsupported("keeps positions that depend on the inputs, which is not supported")
            .cause("the shapes of all values but for the batch must be known when the model is loaded")
    })?;
    let axis = match call.int("axis")? {
        Some(axis) => call.axis(axis, data.rank()?)?,
        None => {
            let all = super::shapes::product(&data.sizes()?)?;
            data = call.with_sizes(&data, &[all])?;
            0
        }
    };
    let kept = condition.to_f64().into_iter().enumerate().filter(|(_, keeps)| *keeps != 0.0);
    let kept = Integers::list(kept.map(|(at, _)| Size::fixed(at as i64)).collect());
    Ok(vec![at_known(call, &data, &kept, axis)?])
}

/// The positions of a dimension that are known.
fn at_known(call: Context<'_, '_, '_, '_>, data: &Value, indices: &Integers, axis: usize) -> Result<Value> {
    let sizes = data.sizes()?;
    if sizes[axis].times != 0 {
        return Err(mixes_samples());
    }
    let size = usize::try_from(sizes[axis].plus).unwrap_or_default();
    let positions = indices.elements.iter().map(|index| position(*index, size)).collect::<Result<Vec<_>>>()?;
    let step = match positions[..] {
        [first, second, ..] => second as isize - first as isize,
        _ => 1,
    };
    let is_even = positions.windows(2).all(|pair| pair[1] as isize - pair[0] as isize == step);
    let count = positions.len();
    let part = match positions.first() {
        Some(&start) if is_even && step != 0 => {
            call.along(data, axis, |axis| Op::from(Slice { axis, start, step, count }), Change::Sized(count))?
        }
        _ => {
            // One after the other.
            let parts = positions
                .iter()
                .map(|&start| {
                    call.along(data, axis, |axis| Op::from(Slice { axis, start, step: 1, count: 1 }), Change::Sized(1))
                })
                .collect::<Result<Vec<_>>>()?;
            if parts.is_empty() {
                return Err(Error::unsupported("takes no positions of a dimension"));
            }
            concatenated(call, &parts, axis)?
        }
    };
    // The dimension becomes those of the indices.
    let mut new = part.sizes()?;
    new.splice(axis..=axis, indices.shape.iter().map(|&size| Size::fixed(size as i64)));
    call.with_sizes(&part, &new)
}

/// Positions that are computed, of a value without a batch: both are one sample.
fn of_sample(call: Context<'_, '_, '_, '_>, data: &Computed, indices: &Computed, axis: usize) -> Result<Value> {
    if data.batch_axis().is_some() || indices.batch_axis().is_some() {
        return Err(mixes_samples()
            .cause("every sample would take positions of every other")
            .hint("GatherElements, or GatherND with batch_dims, take those of each sample from that sample"));
    }
    // Dimensions between the batch and the axis are no batch of the indices, so the axis comes to the front.
    let order: Vec<usize> = std::iter::once(axis).chain((0..data.dims.len()).filter(|&at| at != axis)).collect();
    let Value::Computed(front) = call.transposed(&Value::Computed(data.clone()), &order)? else {
        return Err(mixes_samples());
    };
    let bad_id = call.lowering.bad_id;
    let id = call.op(Gather { axis: 1, batch_dims: 1, from_end: true, bad_id }, &[front.id, indices.id])?;
    let dims: Vec<LogicalDim> = indices.dims.iter().chain(&front.dims[1..]).copied().collect();
    let value = Value::Computed(Computed { id, dims });
    moved(call, &value, indices.dims.len(), axis)
}

/// A value whose first `count` dimensions stand before those that follow, moved behind the next `axis` dimensions.
fn moved(call: Context<'_, '_, '_, '_>, value: &Value, count: usize, axis: usize) -> Result<Value> {
    let rank = value.rank()?;
    let order: Vec<usize> = (count..count + axis).chain(0..count).chain(count + axis..rank).collect();
    call.transposed(value, &order)
}

/// Rows of a constant by computed ids.
fn looked_up(call: Context<'_, '_, '_, '_>, table: &Arc<Tensor>, ids: &Computed, axis: usize) -> Result<Value> {
    let rank = table.shape().len();
    let order: Vec<usize> = std::iter::once(axis).chain((0..rank).filter(|&at| at != axis)).collect();
    let front = if axis == 0 { Arc::clone(table) } else { Arc::new(crate::onnx::known::transposed(table, &order)?) };
    let rows = front.shape()[0];
    let rest = front.shape()[1..].to_vec();
    let width: usize = rest.iter().product();
    let dtype = table.dtype();
    let front = match dtype {
        DType::F32 => front,
        // Whole numbers up to 2²⁴ are floats too.
        _ if front.to_f64().iter().all(|number| number.abs() <= 16_777_216.0) => Arc::new(front.cast(DType::F32)),
        _ => return Err(Error::unsupported("looks up integers beyond 2²⁴, which is not supported")),
    };
    let front = if rest.len() == 1 { front } else { Arc::new(front.as_ref().clone().reshaped(&[rows, width])?) };
    let front = call.weight(&front)?;
    let ids_value = super::wrap::unwrapped(call, ids.id, rows);
    let bad_id = call.lowering.bad_id;
    let mut id = call.op(Embedding { bad_id }, &[ids_value, front])?;
    if dtype != DType::F32 {
        id = call.cast(id, dtype)?;
    }
    let rest_dims = rest.iter().map(|&size| LogicalDim::Fixed(size));
    let dims: Vec<LogicalDim> = ids.dims.iter().copied().chain(rest_dims).collect();
    let new = Computed { id, dims };
    let rows = (new.leading() == 2).then_some(new.rows());
    let sample: Vec<usize> = rows.into_iter().chain(new.fixed()).collect();
    let id = call.reshaped(new.id, &sample)?;
    moved(call, &Value::Computed(Computed { id, ..new }), ids.dims.len(), axis)
}

fn slice(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let rank = x.rank()?;
    let (starts, ends, axes, steps) = if call.opset() < 10 {
        let list = |name: &str| {
            call.ints(name).map(|list| list.map(|list| list.into_iter().map(Size::fixed).collect::<Vec<_>>()))
        };
        let missing = || Error::format("has no attributes `starts` and `ends`");
        (list("starts")?.ok_or_else(missing)?, list("ends")?.ok_or_else(missing)?, call.ints("axes")?, None)
    } else {
        let known = |index: usize| call.optional(index).map(|_| call.known_sizes(index)).transpose();
        (call.sizes(1)?, call.sizes(2)?, known(3)?, known(4)?)
    };
    let axes: Vec<usize> = match axes {
        Some(axes) => axes.into_iter().map(|axis| call.axis(axis, rank)).collect::<Result<_>>()?,
        None => (0..starts.len()).collect(),
    };
    let mut value = x;
    for (at, &axis) in axes.iter().enumerate() {
        let (Some(&start), Some(&end)) = (starts.get(at), ends.get(at)) else {
            return Err(Error::shape("has fewer bounds than axes"));
        };
        let step = steps.as_ref().and_then(|steps| steps.get(at)).copied().unwrap_or(1);
        value = sliced(call, &value, axis, [start, end], step)?;
    }
    Ok(vec![value])
}

/// A range of a dimension. Negative bounds count from its end, and bounds beyond it are its ends.
fn sliced(call: Context<'_, '_, '_, '_>, x: &Value, axis: usize, [start, end]: [Size; 2], step: i64) -> Result<Value> {
    let size = x.sizes()?.get(axis).copied().ok_or_else(|| Error::shape(format!("has no dimension {axis}")))?;
    if step == 0 {
        return Err(Error::shape("takes steps of 0"));
    }
    if let Value::Counted(counted) = x
        && step == 1
    {
        return counted.sliced([start, end]).ok_or_else(crate::onnx::size::computes_with_the_batch);
    }
    if size.times != 0 {
        if let (Value::Computed(x), 0, 1) = (x, axis, step)
            && let Some(sample) = super::samples::of_batch(call, x, [start, end])?
        {
            return Ok(sample);
        }
        let is_whole =
            step == 1 && start == Size::fixed(0) && (end == size || end.known().is_some_and(|end| end >= TO_THE_END));
        return if is_whole { Ok(x.clone()) } else { Err(mixes_samples()) };
    }
    let length = size.plus;
    // A bound that grows with the batch is beyond any dimension.
    let bound = |bound: Size, least: i64, most: i64| match bound.known() {
        Some(bound) => Ok((if bound < 0 { bound.saturating_add(length) } else { bound }).clamp(least, most)),
        None => Err(crate::onnx::size::computes_with_the_batch()),
    };
    let (first, last) = if step > 0 {
        (bound(start, 0, length)?, bound(end, 0, length)?)
    } else {
        (bound(start, -1, length - 1)?, bound(end, -1, length - 1)?)
    };
    let distance = if step > 0 { last - first } else { first - last };
    let count = if distance <= 0 { 0 } else { (distance as u64).div_ceil(step.unsigned_abs()) as usize };
    if count == 0 && !matches!(x, Value::Computed(_)) {
        return empty(x, axis);
    }
    let first = if count == 0 { 0 } else { first };
    if step == 1 && first == 0 && count as i64 == length {
        return Ok(x.clone());
    }
    let (start, step) = (first as usize, step as isize);
    if let Value::Integers(integers) = x {
        let positions = (0..count).map(|index| Size::fixed(first + index as i64 * step as i64)).collect();
        return Ok(Value::Integers(picked(integers, &Integers::list(positions), axis)?));
    }
    call.along(x, axis, |axis| Op::from(Slice { axis, start, step, count }), Change::Sized(count))
}

/// A known value without elements.
fn empty(x: &Value, axis: usize) -> Result<Value> {
    match x {
        Value::Integers(integers) => {
            let mut shape = integers.shape.clone();
            shape[axis] = 0;
            Ok(Value::Integers(Integers { shape, elements: Vec::new() }))
        }
        Value::Constant(tensor) => {
            let mut shape = tensor.shape().to_vec();
            shape[axis] = 0;
            Value::constant(Tensor::from_words(&shape, tensor.dtype(), &[])?)
        }
        _ => Err(Error::unsupported("takes no element of a dimension, which is not supported")),
    }
}

fn split(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let axis = call.axis(call.int("axis")?.unwrap_or(0), x.rank()?)?;
    let size = x.sizes()?[axis];
    let outputs = call.node.outputs.len() as i64;
    let sizes: Vec<i64> = match call.list("split", 1, 13)? {
        Some(sizes) => sizes,
        None => {
            let length = size.expect_known().map_err(|_| mixes_samples())?;
            let count = call.int("num_outputs")?.unwrap_or(outputs).max(1);
            let part = length.div_euclid(count) + i64::from(length.rem_euclid(count) != 0);
            (0..count).map(|index| part.min((length - index * part).max(0))).collect()
        }
    };
    if size.times == 0 && sizes.iter().sum::<i64>() != size.plus {
        return Err(Error::shape(format!("parts of {sizes:?} are not {size}")));
    }
    let mut first = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for part in sizes {
        parts.push(sliced(call, &x, axis, [Size::fixed(first), Size::fixed(first + part)], 1)?);
        first += part;
    }
    Ok(parts)
}
