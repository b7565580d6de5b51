//! Picking by ids, and ids as vectors.

use super::argument::Argument;
use super::arguments::Arguments;
use super::axes::{axis_of, goes_over_all, mixes_samples, one_or, place_of, size, sizes};
use super::dtypes::{as_option, cast};
use super::logic::compare;
use super::moves::{expanded, merged};
use super::operation::{Call, Operation, Outputs};
use super::reductions::over;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BadId, BinaryFunction, Comparison, Gather, GatherElements, OneHot, Reduction, Slice};
use crate::tensor::{DType, Tensor};
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use serde_json::Value;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Take", &["x", "indices"], take),
    Operation::new("TakeAlongAxis", &["x", "indices"], take_along_axis),
    Operation::new("Gather", &["x", "indices"], gather),
    Operation::new("GatherNd", &["x", "indices"], gather_nd),
    Operation::new("OneHot", &["x"], |call, given| Ok(vec![one_hot(call, given)?])),
    Operation::new("MultiHot", &["x"], multi_hot),
    Operation::new("SequenceMask", &["lengths"], sequence_mask),
];

/// Ids, of which a single number has no dimension.
fn indices(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<ValueId> {
    match given.get(1)? {
        Argument::Plain(number) if number.is_number() => {
            let index = i32::try_from(json::integer("indices", number)?);
            call.literal(Tensor::i32(&[], vec![index.map_err(|_| Error::format("takes an item that no tensor has"))?])?)
        }
        other => other.in_dtype(call, DType::I32),
    }
}

/// The given positions of a dimension, negative ones from the end. Those of one sample may not be others' positions.
fn take(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let indices = indices(call, given)?;
    let axis = one_or(call, x, "axis", None)?;
    if call.shape(x).is_batched() && call.shape(indices).is_batched() {
        return Err(mixes_samples("takes the positions of every sample from every sample of the batch")
            .hint("take_along_axis takes those of each sample from that sample"));
    }
    Ok(vec![gathered(call, x, indices, Gather { axis, batch_dims: 0, from_end: true, bad_id: bad_id(call) })?])
}

/// What a position outside gives.
fn bad_id(call: &LayerCall<'_, '_>) -> BadId {
    call.lowering.options.on_bad_id.unwrap_or_default().bad_id()
}

/// Ids of samples in a constant stand in front.
fn gathered(call: &mut LayerCall<'_, '_>, x: ValueId, indices: ValueId, gather: Gather) -> Result<ValueId> {
    if call.shape(indices).is_batched() && !call.shape(x).is_batched() && gather.axis != 0 {
        let (x, indices) = (call.shape(x), call.shape(indices));
        return Err(Error::unsupported(format!(
            "takes {indices} along axis {} of {x}, which is not supported",
            gather.axis
        ))
        .hint("take rows, of axis 0"));
    }
    call.op(gather, &[x, indices])
}

/// One position for each element of the answer.
fn take_along_axis(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let indices = given.get(1)?.in_dtype(call, DType::I32)?;
    let axis = one_or(call, x, "axis", None)?;
    Ok(vec![call.op(GatherElements { axis, bad_id: bad_id(call) }, &[x, indices])?])
}

/// As TensorFlow has it: `batch_dims` dimensions are the same in both.
fn gather(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let indices = indices(call, given)?;
    let batch_dims = shared_dims(call, indices)?;
    let axis = match call.config.integers("axis")?.as_deref() {
        Some(&[axis]) => axis,
        _ => batch_dims as i64,
    };
    if call.shape(x).is_batched() && call.shape(indices).is_batched() && batch_dims == 0 {
        return Err(mixes_samples("takes the positions of every sample from every sample of the batch")
            .hint("with batch_dims=1 it takes those of each sample from that sample"));
    }
    let axis = axis_of(call, x, axis)?;
    Ok(vec![gathered(call, x, indices, Gather { axis, batch_dims, from_end: false, bad_id: bad_id(call) })?])
}

/// The option `batch_dims`, counted from the end of the indices if negative.
fn shared_dims(call: &LayerCall<'_, '_>, indices: ValueId) -> Result<usize> {
    let count = call.config.get("batch_dims").map_or(Ok(0), |count| json::integer("batch_dims", count))?;
    let count = if count < 0 { count + call.rank(indices) as i64 } else { count };
    let count = usize::try_from(count).ok().filter(|count| *count <= call.rank(indices));
    count.ok_or_else(|| Error::format(format!("`batch_dims` is too large for {}", call.shape(indices))))
}

/// Positions of several dimensions, which are seen as one.
fn gather_nd(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let indices = given.get(1)?.in_dtype(call, DType::I32)?;
    let batch_dims = shared_dims(call, indices)?;
    if call.shape(x).is_batched() && batch_dims == 0 {
        return Err(mixes_samples("takes samples out of the batch by their positions"));
    }
    let last = axis_of(call, indices, -1)?;
    let count = size(call, indices, last);
    let dims = sizes(call, x);
    let Some(dims) = dims.get(batch_dims..batch_dims + count).filter(|dims| !dims.is_empty()) else {
        return Err(Error::format(format!("{} has no positions of {count} dimensions", call.shape(x))));
    };
    let mut position = None;
    for (start, &size) in dims.iter().enumerate() {
        let index = call.op(Slice { axis: last, start, step: 1, count: 1 }, &[indices])?;
        let index = super::moves::without(call, index, &[last])?;
        position = Some(match position {
            None => index,
            Some(before) => {
                let size = call.integer(size as i32)?;
                let rows = call.binary(BinaryFunction::Multiply, before, size)?;
                call.binary(BinaryFunction::Add, rows, index)?
            }
        });
    }
    let position = position.ok_or_else(goes_over_all)?;
    let flat = merged(call, x, batch_dims, batch_dims + count)?;
    let gather = Gather { axis: batch_dims, batch_dims, from_end: false, bad_id: bad_id(call) };
    Ok(vec![gathered(call, flat, position, gather)?])
}

/// The option `key` as a number, true being 1.
fn number_or(call: &LayerCall<'_, '_>, key: &'static str, default: f64) -> Result<f64> {
    match call.config.get(key) {
        Some(Value::Bool(truth)) => Ok(f64::from(u8::from(*truth))),
        Some(number) => json::number(key, number),
        None => Ok(default),
    }
}

/// A dimension with a place for each id.
fn one_hot(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<ValueId> {
    call.config.refuse_unless_off("sparse")?;
    let ids = given.get(0)?.in_dtype(call, DType::I32)?;
    let depth = call.config.size("num_classes")?;
    let axis = call.config.integers("axis")?.and_then(|axis| axis.first().copied()).unwrap_or(-1);
    let axis = place_of(call, ids, axis)?;
    let (on, off) = (number_or(call, "on_value", 1.0)? as f32, number_or(call, "off_value", 0.0)? as f32);
    let places = call.op(OneHot { axis, depth, on, off }, &[ids])?;
    as_option(call, places)
}

/// Which ids occur: along the first dimension of a sample.
fn multi_hot(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let places = one_hot(call, given)?;
    if call.rank(places) < 3 {
        return Err(mixes_samples("tells which ids occur in the whole batch"));
    }
    Ok(vec![over(call, places, &[1], Reduction::Maximum, false)?])
}

/// True for the first positions, as many as each length.
fn sequence_mask(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let lengths = given.get(0)?.in_dtype(call, DType::I32)?;
    let count = call.config.size("maxlen").map_err(|error| error.hint("give it a maxlen: the longest is not known"))?;
    let lengths = expanded(call, lengths, call.rank(lengths))?;
    let places = call.counting(count)?;
    let mask = compare(call, Comparison::Less, places, lengths)?;
    match call.config.string("dtype")? {
        Some(name) => Ok(vec![cast(call, mask, name)?]),
        None => Ok(vec![mask]),
    }
}
