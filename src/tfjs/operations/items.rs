//! `x[key]`: whole numbers, slices, an ellipsis and new dimensions, of which the first leaves the batch as it is.

use super::argument::Argument;
use super::arguments::Arguments;
use super::axes::{mixes_samples, size, sizes};
use super::dtypes::pair;
use super::logic::select;
use super::moves::{batch_dims, expanded, position_of, without};
use super::operation::{Call, Operation, Outputs};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{Pad, Slice};
use crate::tensor::{DType, Tensor};
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("GetItem", &["x", "key"], get_item),
    Operation::new("Slice", &["x", "start_indices", "shape?"], slice),
    Operation::new("StridedSlice", &["x", "begin", "end", "strides?"], strided_slice),
    Operation::new("SliceUpdate", &["x", "start_indices", "updates"], update),
];

/// One part of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Key {
    /// `start:stop:step`
    Part { start: Option<i64>, stop: Option<i64>, step: i64 },
    /// One position, whose dimension goes.
    At(i64),
    /// A new dimension.
    New,
    /// `...`
    Rest,
}

impl Key {
    fn read(call: &LayerCall<'_, '_>, argument: &Argument<'_>) -> Result<Key> {
        let bound = |part: &Argument<'_>| if part.is_null() { Ok(None) } else { part.integer(call).map(Some) };
        match argument {
            Argument::Slice(parts) => {
                let (start, stop) = (bound(&parts[0])?, bound(&parts[1])?);
                Ok(Key::Part { start, stop, step: bound(&parts[2])?.unwrap_or(1) })
            }
            ellipsis if ellipsis.is_ellipsis() => Ok(Key::Rest),
            null if null.is_null() => Ok(Key::New),
            Argument::Plain(number) if number.is_number() => Ok(Key::At(json::integer("key", number)?)),
            Argument::Tensor(id) if call.constant_at(*id).is_some_and(|index| index.len() == 1) => {
                Ok(Key::At(argument.integer(call)?))
            }
            _ => Err(Error::unsupported("takes items by a tensor or a list, which is not supported")
                .hint("use take or take_along_axis, build the model again and convert it")),
        }
    }

    fn takes_dimension(&self) -> bool {
        matches!(self, Key::Part { .. } | Key::At(_))
    }
}

fn get_item(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let keys: Vec<Key> = match given.get(1)? {
        Argument::List(keys) => keys.iter().map(|key| Key::read(call, key)).collect::<Result<_>>()?,
        key => vec![Key::read(call, key)?],
    };
    Ok(vec![items(call, x, &keys)?])
}

/// The items of `x` under a key.
fn items(call: &mut LayerCall<'_, '_>, mut x: ValueId, keys: &[Key]) -> Result<ValueId> {
    let taken = keys.iter().filter(|key| key.takes_dimension()).count();
    let skipped = call.rank(x).checked_sub(taken);
    let skipped = skipped.ok_or_else(|| Error::format(format!("takes more indices than {} has", call.shape(x))))?;
    if keys.iter().filter(|key| **key == Key::Rest).count() > 1 {
        return Err(Error::format("takes items by more than one `...`"));
    }
    let mut axis = 0;
    for key in keys {
        let is_batch = axis < batch_dims(call, x);
        match *key {
            Key::Rest => axis += skipped,
            Key::New if is_batch => return Err(mixes_samples("puts a dimension before the batch")),
            Key::New => {
                x = expanded(call, x, axis)?;
                axis += 1;
            }
            Key::Part { start: None | Some(0), stop: None, step: 1 } => axis += 1,
            Key::Part { .. } | Key::At(_) if is_batch => {
                return Err(mixes_samples("takes samples out of the batch")
                    .hint("the first index should be `:`, which leaves the batch as it is"));
            }
            Key::Part { start, stop, step } => {
                x = part(call, x, axis, start, stop, step)?;
                axis += 1;
            }
            Key::At(index) => {
                let start = position_of(call, x, axis, index)?;
                let item = call.op(Slice { axis, start, step: 1, count: 1 }, &[x])?;
                x = without(call, item, &[axis])?;
            }
        }
    }
    Ok(x)
}

/// `x[…, start:stop:step, …]`, each as Python means it.
fn part(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    axis: usize,
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
) -> Result<ValueId> {
    if step == 0 {
        return Err(Error::format("slices in steps of 0"));
    }
    let size = size(call, x, axis) as i64;
    // Where a bound may lie: backwards one before the first, forwards one behind the last.
    let (least, most) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let bound = |bound: i64| (if bound < 0 { bound.saturating_add(size) } else { bound }).clamp(least, most);
    let (first, last) = if step > 0 { (least, most) } else { (most, least) };
    let (start, stop) = (start.map_or(first, bound), stop.map_or(last, bound));
    let count = if step > 0 { stop - start } else { start - stop }.max(0) as usize;
    let count = count.div_ceil(usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX));
    call.op(Slice { axis, start: start.max(0) as usize, step: step as isize, count }, &[x])
}

/// From where on and how many along each dimension, −1 for all that follow.
fn slice(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut x = given.value(call, 0)?;
    let starts = given.get(1)?.integers(call)?;
    let counts =
        if given.has(2) { given.get(2)?.integers(call)? } else { call.config.integers("shape")?.unwrap_or_default() };
    if starts.len() != call.rank(x) || counts.len() != starts.len() {
        return Err(Error::format(format!("{} is not cut at {starts:?} to {counts:?}", call.shape(x))));
    }
    for (axis, (&start, &count)) in starts.iter().zip(&counts).enumerate() {
        if axis < batch_dims(call, x) {
            if start != 0 || count != -1 {
                return Err(mixes_samples(format!("takes {count} samples out of the batch")));
            }
            continue;
        }
        let stop = if count < 0 { None } else { Some(start.saturating_add(count)) };
        if start < 0 || stop.unwrap_or(start) > size(call, x, axis) as i64 {
            return Err(Error::format(format!("{} has no {count} positions from {start} on", call.shape(x))));
        }
        x = part(call, x, axis, Some(start), stop, 1)?;
    }
    Ok(vec![x])
}

/// Bounds of all dimensions; of each, a bit of a mask says that it is something else.
fn strided_slice(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let (begin, end) = (given.get(1)?.integers(call)?, given.get(2)?.integers(call)?);
    let steps = if given.has(3) { given.get(3)?.integers(call)? } else { vec![1; begin.len()] };
    if begin.len() != end.len() || steps.len() != begin.len() || begin.len() > 32 {
        return Err(Error::format("has bounds of different numbers of dimensions"));
    }
    let mask = |key: &'static str| call.config.get(key).map_or(Ok(0), |mask| json::size(key, mask));
    let (ellipsis, new, shrink) = (mask("ellipsis_mask")?, mask("new_axis_mask")?, mask("shrink_axis_mask")?);
    let (no_begin, no_end) = (mask("begin_mask")?, mask("end_mask")?);
    let key = |index: usize| {
        let is = |mask: usize| mask >> index & 1 == 1;
        match () {
            () if is(ellipsis) => Key::Rest,
            () if is(new) => Key::New,
            () if is(shrink) => Key::At(begin[index]),
            () => Key::Part {
                start: (!is(no_begin)).then_some(begin[index]),
                stop: (!is(no_end)).then_some(end[index]),
                step: steps[index],
            },
        }
    };
    let keys: Vec<Key> = (0..begin.len()).map(key).collect();
    Ok(vec![items(call, x, &keys)?])
}

/// `x` with a part replaced from some position on.
fn update(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, part] = pair(call, given, [0, 2], DType::Bool)?;
    let starts = given.get(1)?.integers(call)?;
    let (whole, sizes) = (sizes(call, x), sizes(call, part));
    if !call.shape(x).is_batched() || !call.shape(part).is_batched() || starts.first() != Some(&0) {
        return Err(mixes_samples("replaces samples of the batch"));
    }
    let around = (1..whole.len()).map(|axis| {
        let before = usize::try_from(*starts.get(axis)?).ok()?;
        let behind = whole[axis].checked_sub(before)?.checked_sub(*sizes.get(axis)?)?;
        Some([before, behind])
    });
    let around: Vec<[usize; 2]> = around.collect::<Option<_>>().ok_or_else(|| {
        Error::format(format!("{} does not lie in {} from {starts:?} on", call.shape(part), call.shape(x)))
    })?;
    let padded = call.op(Pad { around: around.clone() }, &[part])?;
    call.make_room(&whole[1..])?;
    let mask = Tensor::bool(&whole[1..], inside(&whole[1..], &around))?;
    let mask = call.literal(mask)?;
    Ok(vec![select(call, mask, padded, x)?])
}

/// Of each place in a sample of these sizes, whether it is not in what is `around` it.
pub(super) fn inside(sizes: &[usize], around: &[[usize; 2]]) -> Vec<bool> {
    let holds = |index: usize| {
        let mut rest = index;
        sizes.iter().zip(around).rev().all(|(&size, &[before, behind])| {
            let position = rest % size;
            rest /= size;
            (before..size - behind).contains(&position)
        })
    };
    (0..sizes.iter().product()).map(holds).collect()
}
