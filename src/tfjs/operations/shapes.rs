//! Operations that move data. None touches the batch, which is the first dimension.

use super::arguments::Argument;
use super::{Arguments, Operation};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{Concatenate, Permute, Slice};
use crate::tfjs::json;
use crate::tfjs::layers::resolve_shape;
use crate::tfjs::lowering::LayerCall;
use serde_json::Value;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("ConvertToTensor", &["x"], convert_to_tensor),
    Operation::new("GetItem", &["x", "key"], get_item),
    Operation::new("Reshape", &["x"], reshape),
    Operation::new("Transpose", &["x"], transpose),
    Operation::new("Swapaxes", &["x"], swap_axes),
    Operation::new("ExpandDims", &["x"], expand_dims),
    Operation::new("Squeeze", &["x"], squeeze),
    Operation::new("Concatenate", &["xs"], concatenate),
    Operation::new("Stack", &["xs"], stack),
    Operation::new("Split", &["x"], split),
    Operation::new("Unstack", &["x"], unstack),
    Operation::new("Flip", &["x"], flip),
    Operation::new("Repeat", &["x"], repeat),
    Operation::new("Tile", &["x"], tile),
    Operation::new("Take", &["x", "indices"], take),
];

/// Parts that one tensor is taken apart into, or made of, at most.
const MAX_PARTS: usize = 1 << 12;

/// What Keras wraps a mask in that a layer passes on.
fn convert_to_tensor(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    call.config.refuse_unless_off("dtype")?;
    Ok(vec![given.tensor(0)?])
}

fn size(call: &LayerCall<'_, '_>, x: ValueId, axis: usize) -> usize {
    call.shape(x).resolve(1)[axis]
}

/// The option `key` as one dimension of a sample of `x`.
fn one_axis(call: &LayerCall<'_, '_>, x: ValueId, key: &'static str) -> Result<usize> {
    match call.config.integers(key)?.as_deref() {
        Some(&[axis]) => call.sample_axis(x, axis),
        Some(axes) => Err(Error::unsupported(format!("`{key}` = {axes:?} is not one dimension"))),
        None => Err(Error::unsupported(format!("works on the batch too, which is not supported; it has no `{key}`"))),
    }
}

/// The option `axis` as a place for a new dimension after N.
fn new_axis(call: &LayerCall<'_, '_>, x: ValueId) -> Result<usize> {
    let rank = call.rank(x);
    match call.config.integers("axis")?.as_deref() {
        Some(&[axis]) => {
            let place = if axis < 0 { axis + rank as i64 + 1 } else { axis };
            let place = usize::try_from(place).ok().filter(|place| (1..=rank).contains(place));
            place.ok_or_else(|| {
                Error::unsupported(format!("a dimension at {axis} of {} is not supported", call.shape(x)))
            })
        }
        other => Err(Error::unsupported(format!("`axis` = {other:?} is not supported"))),
    }
}

/// `x` without its dimension `axis`, which is 1.
fn without(call: &mut LayerCall<'_, '_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let mut sample = call.shape(x).sample();
    if axis == 0 || sample.get(axis - 1) != Some(&1) {
        return Err(Error::format(format!("dimension {axis} of {} is not 1", call.shape(x))));
    }
    sample.remove(axis - 1);
    call.reshape(x, &sample)
}

fn reshape(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let shape = call.config.array("newshape")?;
    let dim = |dim: &Value| if dim.is_null() { Ok(-1) } else { json::integer("newshape", dim) };
    let shape: Vec<i64> = shape.iter().map(dim).collect::<Result<_>>()?;
    let sample = match shape.split_first() {
        Some((&-1, target)) => resolve_shape(target, call.shape(x).sample_len()),
        _ => None,
    };
    let sample = sample.ok_or_else(|| {
        Error::unsupported(format!("{} cannot be reshaped to {shape:?}", call.shape(x)))
            .hint("the batch must stay the first dimension, written -1")
    })?;
    Ok(vec![call.reshape(x, &sample)?])
}

fn transpose(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let axes = call.config.integers("axes")?.unwrap_or_default();
    let axes = axes.iter().map(|&axis| call.shape(x).axis(axis));
    let Some(order) = axes.collect::<Option<Vec<usize>>>().filter(|order| order.first() == Some(&0)) else {
        return Err(Error::unsupported("moves the batch, which is not supported"));
    };
    Ok(vec![call.op(Permute { order }, &[x])?])
}

fn swap_axes(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let (left, right) = (one_axis(call, x, "axis1")?, one_axis(call, x, "axis2")?);
    let mut order: Vec<usize> = (0..call.rank(x)).collect();
    order.swap(left, right);
    Ok(vec![call.op(Permute { order }, &[x])?])
}

fn expand_dims(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let axis = new_axis(call, x)?;
    Ok(vec![call.expand(x, axis)?])
}

fn squeeze(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let axis = one_axis(call, x, "axis")?;
    Ok(vec![without(call, x, axis)?])
}

/// The tensors of the first argument in one dtype.
fn alike(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let mut tensors = given.tensors(0)?;
    let Some(&first) = tensors.first() else { return Err(Error::format("joins no tensors")) };
    if tensors.iter().any(|&tensor| call.dtype(tensor) != call.dtype(first)) {
        for tensor in &mut tensors {
            *tensor = call.float(*tensor)?;
        }
    }
    Ok(tensors)
}

fn concatenate(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let parts = alike(call, given)?;
    let axis = one_axis(call, parts[0], "axis")?;
    Ok(vec![call.op(Concatenate { axis }, &parts)?])
}

fn stack(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let mut parts = alike(call, given)?;
    let axis = new_axis(call, parts[0])?;
    for part in &mut parts {
        if call.rank(*part) < axis {
            return Err(Error::format("stacks tensors of different ranks"));
        }
        *part = call.expand(*part, axis)?;
    }
    Ok(vec![call.op(Concatenate { axis }, &parts)?])
}

/// Into a number of equal parts, or at the positions of a list.
fn split(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let axis = one_axis(call, x, "axis")?;
    let size = size(call, x, axis);
    let mut ends = match call.config.get("indices_or_sections") {
        Some(Value::Array(ends)) => {
            ends.iter().map(|end| json::size("indices_or_sections", end)).collect::<Result<Vec<_>>>()?
        }
        Some(count) => {
            let count = json::size("indices_or_sections", count)?;
            if count == 0 || count > MAX_PARTS || !size.is_multiple_of(count) {
                return Err(Error::format(format!("{} cannot be split into {count} along axis {axis}", call.shape(x))));
            }
            (1..count).map(|part| part * (size / count)).collect()
        }
        None => return Err(Error::format("`indices_or_sections` is missing from its config")),
    };
    ends.push(size);
    let mut parts = Vec::with_capacity(ends.len());
    let mut start = 0;
    for end in ends {
        let Some(count) = end.checked_sub(start).filter(|_| end <= size) else {
            return Err(Error::format(format!("{} cannot be split at {end}", call.shape(x))));
        };
        parts.push(call.op(Slice { axis, start, step: 1, count }, &[x])?);
        start = end;
    }
    Ok(parts)
}

fn unstack(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let axis = one_axis(call, x, "axis")?;
    call.config.ignore(&["num"]);
    let count = size(call, x, axis);
    if count > MAX_PARTS {
        return Err(Error::limit(format!("takes {} apart along axis {axis}", call.shape(x))));
    }
    let mut parts = Vec::new();
    for start in 0..count {
        let part = call.op(Slice { axis, start, step: 1, count: 1 }, &[x])?;
        parts.push(without(call, part, axis)?);
    }
    Ok(parts)
}

fn flip(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let axis = one_axis(call, x, "axis")?;
    Ok(vec![call.op(Slice::reverse(axis, size(call, x, axis)), &[x])?])
}

/// Of a dimension of 1.
fn repeat(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let axis = one_axis(call, x, "axis")?;
    let count = call.config.positive_size("repeats")?;
    if size(call, x, axis) != 1 || count > MAX_PARTS {
        return Err(Error::unsupported(format!("repeats dimension {axis} of {} {count} times", call.shape(x)))
            .cause("only a dimension of 1 can be repeated"));
    }
    Ok(vec![call.op(Concatenate { axis }, &vec![x; count])?])
}

/// All of a dimension several times over.
fn tile(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let mut x = given.tensor(0)?;
    let repeats = call.config.integers("repeats")?.unwrap_or_default();
    if repeats.len() != call.rank(x) || repeats.first() != Some(&1) {
        return Err(Error::unsupported(format!("tiles {} by {repeats:?}, which is not supported", call.shape(x))));
    }
    for (axis, &count) in repeats.iter().enumerate().filter(|(_, count)| **count != 1) {
        let count = usize::try_from(count).ok().filter(|count| (1..=MAX_PARTS).contains(count));
        let count = count.ok_or_else(|| Error::limit(format!("tiles {} by {repeats:?}", call.shape(x))))?;
        x = call.op(Concatenate { axis }, &vec![x; count])?;
    }
    Ok(vec![x])
}

/// Given positions of a dimension.
fn take(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let axis = one_axis(call, x, "axis")?;
    let size = size(call, x, axis);
    let positions = given.integers(1)?;
    if positions.is_empty() || positions.len() > MAX_PARTS {
        return Err(Error::limit(format!("takes {} positions", positions.len())));
    }
    let mut parts = Vec::with_capacity(positions.len());
    for position in positions {
        let start = if position < 0 { position + size as i64 } else { position };
        let start = usize::try_from(start).ok().filter(|start| *start < size);
        let start = start.ok_or_else(|| Error::format(format!("{} has no item {position}", call.shape(x))))?;
        parts.push(call.op(Slice { axis, start, step: 1, count: 1 }, &[x])?);
    }
    Ok(vec![if parts.len() == 1 { parts[0] } else { call.op(Concatenate { axis }, &parts)? }])
}

/// `x[key]`: whole numbers, slices, an ellipsis and new dimensions, of which the first leaves the batch as it is.
fn get_item(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let mut x = given.tensor(0)?;
    let keys: Vec<&Value> = match given.get(1)? {
        Argument::Plain(key) => vec![key],
        Argument::List(keys) => {
            let plain = keys.iter().map(|key| if let Argument::Plain(key) = key { Some(*key) } else { None });
            plain.collect::<Option<_>>().ok_or_else(|| Error::unsupported("takes items by a tensor or a list"))?
        }
        Argument::Tensor(_) => return Err(Error::unsupported("takes items by a tensor, which is not supported")),
    };
    let is = |key: &Value, class: &str| key.get("class_name").and_then(Value::as_str) == Some(class);
    let takes_dimension = |key: &&&Value| !key.is_null() && !is(key, "__ellipsis__");
    let skipped = call.rank(x).checked_sub(keys.iter().filter(takes_dimension).count());
    let skipped = skipped.ok_or_else(|| Error::format(format!("takes more indices than {} has", call.shape(x))))?;
    if keys.iter().filter(|key| is(key, "__ellipsis__")).count() > 1 {
        return Err(Error::format("takes items by more than one `...`"));
    }
    let mut axis = 0;
    for key in keys {
        match key {
            Value::Null if axis > 0 => {
                x = call.expand(x, axis)?;
                axis += 1;
            }
            key if is(key, "__ellipsis__") => axis += skipped,
            key if is(key, "__slice__") => {
                x = slice(call, x, axis, key.get("config").unwrap_or(&Value::Null))?;
                axis += 1;
            }
            key if key.is_number() && axis > 0 => {
                let size = size(call, x, axis);
                let index = json::integer("key", key)?;
                let start = usize::try_from(if index < 0 { index + size as i64 } else { index });
                let start = start.ok().filter(|start| *start < size);
                let start = start.ok_or_else(|| Error::format(format!("{} has no item {index}", call.shape(x))))?;
                let item = call.op(Slice { axis, start, step: 1, count: 1 }, &[x])?;
                x = without(call, item, axis)?;
            }
            key => {
                let key = json::show(key);
                return Err(Error::unsupported(format!("the index {key} of dimension {axis} is not supported"))
                    .hint("the first index should be `:`, which leaves the batch as it is"));
            }
        }
    }
    Ok(vec![x])
}

/// `x[…, start:stop:step, …]`, each as Python means it.
fn slice(call: &mut LayerCall<'_, '_>, x: ValueId, axis: usize, json: &Value) -> Result<ValueId> {
    let part =
        |key: &str| json.get(key).filter(|part| !part.is_null()).map(|part| json::integer(key, part)).transpose();
    let (start, stop, step) = (part("start")?, part("stop")?, part("step")?.unwrap_or(1));
    if start.is_none() && stop.is_none() && step == 1 {
        return Ok(x);
    }
    if axis == 0 || step == 0 {
        return Err(Error::unsupported("slices the batch, or in steps of 0, which is not supported"));
    }
    let size = size(call, x, axis) as i64;
    // Where a bound may lie: backwards one before the first, forwards one behind the last.
    let (least, most) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let bound = |bound: i64| (if bound < 0 { bound + size } else { bound }).clamp(least, most);
    let (first, last) = if step > 0 { (least, most) } else { (most, least) };
    let (start, stop) = (start.map_or(first, bound), stop.map_or(last, bound));
    let count = if step > 0 { stop - start } else { start - stop }.max(0) as usize;
    let count = count.div_ceil(usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX));
    let slice = Slice { axis, start: start.max(0) as usize, step: step as isize, count };
    call.op(slice, &[x])
}
