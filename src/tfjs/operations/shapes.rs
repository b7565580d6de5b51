//! Operations that turn, split and join. None touches the batch, which is the first dimension.

use super::argument::Argument;
use super::arguments::Arguments;
use super::arguments::Size;
use super::axes::{axis_of, goes_over_all, mixes_samples, one, one_or, place_of, several, size, sizes};
use super::dtypes::together;
use super::moves::{MAX_PARTS, expanded, joined, merged, permuted, without};
use super::numbers::Numbers;
use super::operation::{Call, Operation, Outputs};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, Concatenate, Slice, Split};
use crate::tensor::DType;
use crate::tfjs::json;
use crate::tfjs::layers::resolve_shape;
use crate::tfjs::lowering::LayerCall;
use serde_json::Value;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("ConvertToTensor", &["x"], convert_to_tensor),
    Operation::new("Reshape", &["x", "newshape?"], reshape),
    Operation::new("BatchFlatten", &["x"], |call, given| {
        let x = given.value(call, 0)?;
        Ok(vec![merged(call, x, 1, call.rank(x).max(1))?])
    }),
    Operation::new("Ravel", &["x"], |_, _| Err(mixes_samples("makes one row of the whole batch"))),
    Operation::new("Transpose", &["x"], transpose),
    Operation::new("MatrixTranspose", &["x"], matrix_transpose),
    Operation::new("Swapaxes", &["x"], swap_axes),
    Operation::new("Moveaxis", &["x"], move_axes),
    Operation::new("ExpandDims", &["x"], expand_dims),
    Operation::new("Squeeze", &["x"], |call, given| {
        let x = given.value(call, 0)?;
        let axes = several(call, x, "axis")?;
        Ok(vec![without(call, x, &axes)?])
    }),
    Operation::new("Concatenate", &["xs"], concatenate),
    Operation::new("Append", &["x1", "x2"], append),
    Operation::new("Hstack", &["xs"], |call, given| joined_along(call, given, 1)),
    Operation::new("Dstack", &["xs"], stacked_in_depth),
    Operation::new("EnsureShape", &["x"], |call, given| {
        // What it ensures is known when the model is loaded.
        call.config.ignore(&["shape"]);
        Ok(vec![given.value(call, 0)?])
    }),
    Operation::new("Vstack", &["xs"], |_, _| Err(mixes_samples("joins batches, one below the other"))),
    Operation::new("Stack", &["xs"], stack),
    Operation::new("Split", &["x"], split),
    Operation::new("Unstack", &["x"], unstack),
    Operation::new("Diff", &["a"], diff),
];

/// What Keras wraps a mask in that a layer passes on.
fn convert_to_tensor(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    call.config.refuse_unless_off("dtype")?;
    Ok(vec![given.value(call, 0)?])
}

/// To a shape that the call gives or the config.
fn reshape(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let target = if given.has(1) {
        given.get(1)?.sizes(call)?
    } else {
        let size = |dim: &Value| {
            if dim.is_null() { Ok(Size::Batch) } else { json::integer("newshape", dim).map(Size::Of) }
        };
        call.config.array("newshape")?.iter().map(size).collect::<Result<_>>()?
    };
    let numbers = |sizes: &[Size]| -> Option<Vec<i64>> {
        sizes.iter().map(|size| if let Size::Of(number) = size { Some(*number) } else { None }).collect()
    };
    let (is_batched, len) = (call.shape(x).is_batched(), call.shape(x).sample_len());
    let sample = match target.split_first() {
        Some((Size::Batch, rest)) if is_batched => numbers(rest).and_then(|rest| resolve_shape(&rest, len)),
        Some((Size::Of(-1), rest)) if is_batched => {
            numbers(rest).filter(|rest| !rest.contains(&-1)).and_then(|rest| resolve_shape(&rest, len))
        }
        _ if !is_batched => numbers(&target).and_then(|target| resolve_shape(&target, len)),
        _ => None,
    };
    let sample = sample.ok_or_else(|| {
        let shown: Vec<String> = target.iter().map(Size::to_string).collect();
        mixes_samples(format!(
            "reshapes {} to [{}], not each sample of the batch by itself",
            call.shape(x),
            shown.join(", ")
        ))
        .hint("the batch must stay the first dimension, written -1 or as the size that it has")
    })?;
    Ok(vec![call.reshape(x, &sample)?])
}

fn transpose(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let rank = call.rank(x);
    let axes = call.config.integers("axes")?.unwrap_or_else(|| (0..rank as i64).rev().collect());
    let order: Option<Vec<usize>> = axes.iter().map(|&axis| call.shape(x).axis(axis)).collect();
    match order {
        Some(order) if order.first() == Some(&0) || !call.shape(x).is_batched() => Ok(vec![permuted(call, x, &order)?]),
        Some(_) => Err(mixes_samples("moves the batch to another place")),
        None => Err(Error::format(format!("{axes:?} are not the dimensions of {}", call.shape(x)))),
    }
}

fn matrix_transpose(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let last = [axis_of(call, x, -2)?, axis_of(call, x, -1)?];
    let mut order: Vec<usize> = (0..call.rank(x)).collect();
    order.swap(last[0], last[1]);
    Ok(vec![permuted(call, x, &order)?])
}

fn swap_axes(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let axes = [one_or(call, x, "axis1", None)?, one_or(call, x, "axis2", None)?];
    let mut order: Vec<usize> = (0..call.rank(x)).collect();
    order.swap(axes[0], axes[1]);
    Ok(vec![permuted(call, x, &order)?])
}

fn move_axes(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let axes = |key: &'static str| -> Result<Vec<usize>> {
        let axes = call.config.integers(key)?.unwrap_or_default();
        axes.iter().map(|&axis| axis_of(call, x, axis)).collect()
    };
    let (from, to) = (axes("source")?, axes("destination")?);
    let mut moves: Vec<(usize, usize)> = to.into_iter().zip(from.iter().copied()).collect();
    moves.sort_unstable();
    let mut order: Vec<usize> = (0..call.rank(x)).filter(|axis| !from.contains(axis)).collect();
    for (place, axis) in moves {
        if place > order.len() || order.contains(&axis) {
            return Err(Error::format("moves a dimension twice"));
        }
        order.insert(place, axis);
    }
    Ok(vec![permuted(call, x, &order)?])
}

/// Places are those in the answer.
fn expand_dims(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut x = given.value(call, 0)?;
    let axes = call.config.integers("axis")?.ok_or_else(|| Error::format("`axis` is missing from its config"))?;
    let rank = (call.rank(x) + axes.len()) as i64;
    let mut places: Vec<i64> = axes.iter().map(|&axis| if axis < 0 { axis + rank } else { axis }).collect();
    places.sort_unstable();
    for place in places {
        let place = place_of(call, x, place)?;
        x = expanded(call, x, place)?;
    }
    Ok(vec![x])
}

/// The tensors of the first argument in one dtype. Numbers among them have no dimensions.
fn alike(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let members = given.list(0)?;
    if members.iter().all(|member| matches!(member, Argument::Tensor(_))) {
        return together(call, members, DType::Bool);
    }
    let exact = members.iter().map(|member| match Numbers::read(member) {
        Some(numbers) => call.literal(numbers.exact(DType::I32)?),
        None => member.value(call),
    });
    exact.collect()
}

fn joined_at(
    call: &mut LayerCall<'_, '_>,
    parts: &[ValueId],
    axis: impl Fn(&LayerCall<'_, '_>) -> Result<usize>,
) -> Outputs {
    if parts.is_empty() {
        return Err(Error::format("joins no tensors"));
    }
    let axis = axis(call)?;
    let parts = with_batch(call, parts)?;
    Ok(vec![call.op(Concatenate { axis }, &parts)?])
}

/// Constants among tensors, once for every sample where they have that many dimensions.
fn with_batch(call: &mut LayerCall<'_, '_>, parts: &[ValueId]) -> Result<Vec<ValueId>> {
    let Some(&model) = parts.iter().find(|&&part| call.shape(part).is_batched()) else { return Ok(parts.to_vec()) };
    let rank = call.rank(model);
    let batched = parts.iter().map(|&part| {
        if call.shape(part).is_batched() || call.rank(part) != rank || size(call, part, 0) != 1 {
            return Ok(part);
        }
        let sample = call.shape(part).sample();
        let part = call.reshape(part, &sample[1..])?;
        call.for_every_sample(part)
    });
    batched.collect()
}

fn concatenate(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let parts = alike(call, given)?;
    let first = parts.iter().copied().find(|&part| call.shape(part).is_batched()).or(parts.first().copied());
    joined_at(call, &parts, |call| one_or(call, first.ok_or_else(goes_over_all)?, "axis", Some(-1)))
}

fn append(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let parts = together(call, [given.get(0)?, given.get(1)?], DType::Bool)?;
    joined_at(call, &parts, |call| one(call, parts[0]))
}

fn joined_along(call: Call<'_, '_, '_>, given: &Arguments<'_>, axis: i64) -> Outputs {
    let parts = alike(call, given)?;
    joined_at(call, &parts, |call| axis_of(call, parts[0], axis))
}

/// Along the third dimension, which matrices are given. Vectors become `[1, N, 1]`.
fn stacked_in_depth(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut parts = alike(call, given)?;
    for part in &mut parts {
        match call.rank(*part) {
            0 | 1 => return Err(mixes_samples("stacks the samples of the batch in depth")),
            2 => *part = expanded(call, *part, 2)?,
            _ => {}
        }
    }
    joined_at(call, &parts, |call| axis_of(call, parts[0], 2))
}

fn stack(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut parts = alike(call, given)?;
    let axis = call.config.integers("axis")?.and_then(|axis| axis.first().copied()).unwrap_or(0);
    if parts.is_empty() {
        return Err(Error::format("joins no tensors"));
    }
    for part in &mut parts {
        let place = place_of(call, *part, axis)?;
        *part = expanded(call, *part, place)?;
    }
    let place = place_of(call, parts[0], axis)?;
    let place = if axis < 0 { place - 1 } else { place };
    Ok(vec![joined(call, &parts, place)?])
}

/// Into a number of equal parts, or at the positions of a list.
fn split(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let axis = one(call, x)?;
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
    let mut sizes = Vec::with_capacity(ends.len());
    let mut start = 0;
    for end in ends {
        let Some(part) = end.checked_sub(start).filter(|_| end <= size) else {
            return Err(Error::format(format!("{} cannot be split at {end}", call.shape(x))));
        };
        sizes.push(part);
        start = end;
    }
    call.outputs_of(Split { axis, sizes }, &[x])
}

fn unstack(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let axis = one_or(call, x, "axis", Some(0))?;
    call.config.ignore(&["num"]);
    let count = size(call, x, axis);
    if count > MAX_PARTS {
        return Err(Error::limit(format!("takes {} apart along axis {axis}", call.shape(x))));
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let parts = call.outputs_of(Split { axis, sizes: vec![1; count] }, &[x])?;
    parts.into_iter().map(|part| without(call, part, &[axis])).collect()
}

/// What each element has more than the one before it, several times over.
fn diff(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut x = given.value(call, 0)?;
    let axis = one_or(call, x, "axis", Some(-1))?;
    let times = call.config.get("n").map_or(Ok(1), |times| json::size("n", times))?;
    if times > MAX_PARTS || times >= sizes(call, x)[axis] {
        return Err(Error::format(format!("{} has no differences of order {times}", call.shape(x))));
    }
    for _ in 0..times {
        let size = size(call, x, axis);
        let behind = call.op(Slice { axis, start: 1, step: 1, count: size - 1 }, &[x])?;
        let before = call.op(Slice { axis, start: 0, step: 1, count: size - 1 }, &[x])?;
        x = call.binary(BinaryFunction::Subtract, behind, before)?;
    }
    Ok(vec![x])
}
