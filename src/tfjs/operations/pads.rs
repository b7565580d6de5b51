//! Operations that repeat what is there: around it, behind it, in its place; and diagonals.

use super::arguments::Arguments;
use super::arguments::Size;
use super::axes::{axis_of, goes_over_all, mixes_samples, one_or, several, size, sizes};
use super::items::inside;
use super::moves::{MAX_PARTS, batch_dims, expanded, merged, permuted, positions};
use super::operation::{Call, Operation, Outputs};
use super::reductions::over;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, Pad, Reduction, Slice};
use crate::tensor::{DType, Tensor};
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Pad", &["x", "constant_values?"], pad),
    Operation::new("Flip", &["x"], flip),
    Operation::new("Roll", &["x"], roll),
    Operation::new("Repeat", &["x"], repeat),
    Operation::new("Tile", &["x", "repeats?"], tile),
    Operation::new("BroadcastTo", &["x", "shape?"], broadcast_to),
    Operation::new("Diagonal", &["x"], |call, given| Ok(vec![diagonal(call, given)?])),
    Operation::new("DiagPart", &["x"], |call, given| {
        let x = given.value(call, 0)?;
        let axes = [axis_of(call, x, -2)?, axis_of(call, x, -1)?];
        Ok(vec![diagonal_of(call, x, axes, 0)?])
    }),
    Operation::new("Trace", &["x"], trace),
    Operation::new("Diag", &["x"], diagonal_matrix),
    Operation::new("Tril", &["x"], |call, given| triangle(call, given, false)),
    Operation::new("Triu", &["x"], |call, given| triangle(call, given, true)),
    Operation::new("BandPart", &["x"], band),
];

/// With a number, or with what stands inside, mirrored.
fn pad(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut x = given.value(call, 0)?;
    let mut around = Vec::new();
    for pair in call.config.array("pad_width")? {
        match json::integers("pad_width", pair)?[..] {
            [before, behind] if before >= 0 && behind >= 0 => around.push([before as usize, behind as usize]),
            _ => return Err(Error::format("`pad_width` should be pairs of sizes")),
        }
    }
    if around.len() != call.rank(x) || around.is_empty() {
        return Err(Error::format(format!("`pad_width` has {} pairs for {}", around.len(), call.shape(x))));
    }
    if around[0] != [0, 0] && call.shape(x).is_batched() {
        return Err(mixes_samples("adds samples to the batch"));
    }
    let mode = call.config.string("mode")?.unwrap_or("constant");
    let edge = match mode {
        "constant" => return Ok(vec![pad_with(call, given, x, &around[1..])?]),
        "reflect" => 1,
        "symmetric" => 0,
        other => return Err(Error::unsupported(format!("pads by `{other}`, which is not supported"))),
    };
    for (axis, &[before, behind]) in around.iter().enumerate().filter(|(_, around)| **around != [0, 0]) {
        let size = size(call, x, axis);
        if before.max(behind) + edge > size {
            return Err(Error::format(format!("{} has too few positions to mirror", call.shape(x))));
        }
        call.make_room(&[size + before + behind])?;
        let mirrored = (0..before).rev().map(|index| index + edge);
        let mirrored_behind = (0..behind).map(|index| size - 1 - edge - index);
        let all: Vec<usize> = mirrored.chain(0..size).chain(mirrored_behind).collect();
        x = positions(call, x, axis, &all)?;
    }
    Ok(vec![x])
}

/// Zeros around `x`, and what makes them another number.
fn pad_with(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>, x: ValueId, around: &[[usize; 2]]) -> Result<ValueId> {
    let padded = call.op(Pad { around: around.to_vec() }, &[x])?;
    let value = match given.get(1)? {
        null if null.is_null() => 0.0,
        value => value.as_number().ok_or_else(|| Error::unsupported("pads with what is no number"))?,
    };
    if value == 0.0 {
        return Ok(padded);
    }
    let sizes = call.shape(padded).sample();
    call.make_room(&sizes)?;
    let border = inside(&sizes, around).into_iter().map(|inside| if inside { 0.0 } else { value });
    let border = match call.dtype(x) {
        DType::F32 => Tensor::f32(&sizes, border.map(|value| value as f32).collect())?,
        DType::I32 => Tensor::i32(&sizes, border.map(|value| value as i32).collect())?,
        DType::Bool => Tensor::bool(&sizes, border.map(|value| value != 0.0).collect())?,
    };
    let border = call.literal(border)?;
    let function = if call.dtype(x) == DType::Bool { BinaryFunction::Maximum } else { BinaryFunction::Add };
    call.binary(function, padded, border)
}

fn flip(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut x = given.value(call, 0)?;
    for axis in several(call, x, "axis")? {
        x = call.op(Slice::reverse(axis, size(call, x, axis)), &[x])?;
    }
    Ok(vec![x])
}

/// What is moved out at one end comes in at the other.
fn roll(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut x = given.value(call, 0)?;
    let shifts = call.config.integers("shift")?.unwrap_or_default();
    let axes = call.config.integers("axis")?.ok_or_else(goes_over_all)?;
    if shifts.len() != axes.len() {
        return Err(Error::unsupported(format!("rolls the dimensions {axes:?} by {shifts:?}")));
    }
    for (&axis, &shift) in axes.iter().zip(&shifts) {
        let axis = axis_of(call, x, axis)?;
        let size = (size(call, x, axis) as i64).max(1);
        call.make_room(&[size as usize])?;
        let from: Vec<usize> = (0..size).map(|to| (to - shift % size).rem_euclid(size) as usize).collect();
        x = positions(call, x, axis, &from)?;
    }
    Ok(vec![x])
}

/// Each position several times, all as often or each as often as a list has it.
fn repeat(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let axis = one_or(call, x, "axis", None)?;
    let counts = call.config.integers("repeats")?.unwrap_or_default();
    let size = size(call, x, axis);
    let wrong = Error::unsupported(format!("repeats dimension {axis} of {} {counts:?} times", call.shape(x)));
    call.make_room(&[size])?;
    let counts = if counts.len() == 1 { vec![counts[0]; size] } else { counts };
    let sum: Option<usize> =
        counts.iter().try_fold(0usize, |sum, &count| sum.checked_add(usize::try_from(count).ok()?));
    let Some(sum) = sum.filter(|_| counts.len() == size) else { return Err(wrong) };
    call.make_room(&[sum])?;
    let from = counts.iter().enumerate().flat_map(|(position, &count)| std::iter::repeat_n(position, count as usize));
    Ok(vec![positions(call, x, axis, &from.collect::<Vec<_>>())?])
}

/// All of it several times over. A constant may be there once for every sample.
fn tile(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut x = given.value(call, 0)?;
    let mut counts: Vec<Size> = match given.has(1) {
        true => given.get(1)?.sizes(call)?,
        false => call.config.integers("repeats")?.unwrap_or_default().into_iter().map(Size::Of).collect(),
    };
    while counts.len() < call.rank(x) {
        counts.insert(0, Size::Of(1));
    }
    if counts.len() > call.rank(x) {
        return Err(Error::unsupported(format!("tiles {} along more dimensions than it has", call.shape(x))));
    }
    if counts.first() == Some(&Size::Batch) && !call.shape(x).is_batched() && size(call, x, 0) == 1 {
        let sample = call.shape(x).sample();
        x = call.reshape(x, &sample[1..])?;
        x = call.for_every_sample(x)?;
        counts[0] = Size::Of(1);
    }
    for (axis, &count) in counts.iter().enumerate().filter(|(_, count)| **count != Size::Of(1)) {
        if axis < batch_dims(call, x) {
            return Err(mixes_samples("repeats the samples of the batch"));
        }
        let count = match count {
            Size::Of(count @ 0..) if count as usize <= MAX_PARTS => count as usize,
            count => return Err(Error::limit(format!("tiles {} {count} times", call.shape(x)))),
        };
        let size = size(call, x, axis);
        call.make_room(&[count, size])?;
        let from: Vec<usize> = (0..count * size).map(|position| position % size).collect();
        x = positions(call, x, axis, &from)?;
    }
    Ok(vec![x])
}

/// Stretched to a shape that begins with the batch.
fn broadcast_to(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let shape: Vec<Size> = match given.has(1) {
        true => given.get(1)?.sizes(call)?,
        false => call.config.integers("shape")?.unwrap_or_default().into_iter().map(Size::Of).collect(),
    };
    let sample = match shape.split_first() {
        Some((Size::Batch, sample)) => sample,
        _ if !call.shape(x).is_batched() => &shape,
        _ => {
            let shape: Vec<String> = shape.iter().map(Size::to_string).collect();
            return Err(mixes_samples(format!("stretches the batch to a fixed size: [{}]", shape.join(", "))));
        }
    };
    let sizes = sample.iter().map(|size| if let Size::Of(size) = size { usize::try_from(*size).ok() } else { None });
    let sizes: Option<Vec<usize>> = sizes.collect();
    let sizes = sizes.ok_or_else(|| Error::unsupported("stretches to sizes that are not known"))?;
    let dtype = call.dtype(x);
    call.make_room(&sizes)?;
    let zeros = match dtype {
        DType::F32 => Tensor::f32(&sizes, vec![0.0; sizes.iter().product()])?,
        DType::I32 => Tensor::i32(&sizes, vec![0; sizes.iter().product()])?,
        DType::Bool => Tensor::bool(&sizes, vec![false; sizes.iter().product()])?,
    };
    let zeros = call.literal(zeros)?;
    let zeros = if sample.len() == shape.len() { zeros } else { call.for_every_sample(zeros)? };
    let function = if dtype == DType::Bool { BinaryFunction::Maximum } else { BinaryFunction::Add };
    Ok(vec![call.binary(function, x, zeros)?])
}

/// The diagonal of matrices in two dimensions, which go; it is the last dimension.
pub(super) fn diagonal_of(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    [rows, columns]: [usize; 2],
    offset: i64,
) -> Result<ValueId> {
    if rows == columns {
        return Err(Error::format("takes the diagonal of a single dimension"));
    }
    let rest = (0..call.rank(x)).filter(|axis| *axis != rows && *axis != columns);
    let order: Vec<usize> = rest.chain([rows, columns]).collect();
    let x = permuted(call, x, &order)?;
    let (rank, shape) = (call.rank(x), sizes(call, x));
    let (rows, columns) = (shape[rank - 2] as i64, shape[rank - 1] as i64);
    let flat = merged(call, x, rank - 2, rank)?;
    let (row, column) = ((-offset).max(0), offset.max(0));
    let count = (rows - row).min(columns - column).max(0) as usize;
    let start = if count == 0 { 0 } else { row * columns + column };
    let diagonal = Slice { axis: rank - 2, start: start as usize, step: columns as isize + 1, count };
    call.op(diagonal, &[flat])
}

fn diagonal(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<ValueId> {
    let x = given.value(call, 0)?;
    let axes = [one_or(call, x, "axis1", Some(0))?, one_or(call, x, "axis2", Some(1))?];
    let offset = call.config.get("offset").map_or(Ok(0), |offset| json::integer("offset", offset))?;
    diagonal_of(call, x, axes, offset)
}

/// The sum of the diagonal; in TensorFlow of the last two dimensions.
fn trace(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let diagonal = if call.is_keras_3() {
        diagonal(call, given)?
    } else {
        let x = given.value(call, 0)?;
        let axes = [axis_of(call, x, -2)?, axis_of(call, x, -1)?];
        diagonal_of(call, x, axes, 0)?
    };
    let last = call.rank(diagonal) - 1;
    Ok(vec![over(call, diagonal, &[last], Reduction::Sum, false)?])
}

/// A matrix with `x` on its diagonal: `x` with zeros behind each element, as many as there are, but for the last.
fn diagonal_matrix(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let last = axis_of(call, x, -1)?;
    let size = size(call, x, last);
    let rows = expanded(call, x, last + 1)?;
    call.make_room(&[size, size])?;
    let mask = (0..size * size).map(|index| index / size == index % size).collect();
    keep(call, rows, Tensor::bool(&[size, size], mask)?)
}

/// `x` where the mask is on, zeros elsewhere.
fn keep(call: Call<'_, '_, '_>, x: ValueId, mask: Tensor) -> Outputs {
    let mask = call.literal(mask)?;
    let zero = match call.dtype(x) {
        DType::F32 => call.number(0.0)?,
        DType::I32 => call.integer(0)?,
        DType::Bool => call.literal(Tensor::bool(&[1], vec![false])?)?,
    };
    Ok(vec![super::logic::select(call, mask, x, zero)?])
}

/// What of the last two dimensions is less than `above` right and less than `below` left of the main diagonal.
fn between(call: Call<'_, '_, '_>, x: ValueId, below: i64, above: i64) -> Outputs {
    let axes = [axis_of(call, x, -2)?, axis_of(call, x, -1)?];
    let [rows, columns] = axes.map(|axis| size(call, x, axis));
    call.make_room(&[rows, columns])?;
    let is_inside = |index: usize| (below..=above).contains(&((index % columns) as i64 - (index / columns) as i64));
    let mask = (0..rows * columns).map(is_inside).collect();
    keep(call, x, Tensor::bool(&[rows, columns], mask)?)
}

fn triangle(call: Call<'_, '_, '_>, given: &Arguments<'_>, upper: bool) -> Outputs {
    let x = given.value(call, 0)?;
    let diagonal = call.config.get("k").map_or(Ok(0), |diagonal| json::integer("k", diagonal))?;
    if upper { between(call, x, diagonal, i64::MAX) } else { between(call, x, i64::MIN, diagonal) }
}

/// All diagonals on a side where its number is negative.
fn band(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    let count = |key: &'static str| -> Result<Option<i64>> {
        let count = call.config.get(key).map_or(Ok(-1), |count| json::integer(key, count))?;
        Ok(Some(count).filter(|count| *count >= 0))
    };
    let (below, above) = (count("num_lower")?, count("num_upper")?);
    between(call, x, below.map_or(i64::MIN, |below| -below), above.unwrap_or(i64::MAX))
}
