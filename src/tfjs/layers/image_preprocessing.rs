//! Rescaling, Resizing and CenterCrop.

use super::class::Class;
use super::convolutional::{interpolation, resize};
use super::padding::crop;
use super::spatial::Positions;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{Binary, BinaryFunction, Sampling};
use crate::tensor::Tensor;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use serde_json::Value as Json;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new(
        "CenterCrop",
        center_crop,
        "not as the first layer; does not enlarge; picks other pixels",
        "by semantics",
    ),
    Class::new("Rescaling", rescaling, "✓", ""),
    Class::new("Resizing", resizing, "fails", "nearest and bilinear"),
];

/// `scale · x + offset`, each one number or one for each channel.
fn rescaling(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let mut x = call.float(input.id)?;
    for (key, function, neutral) in [("scale", BinaryFunction::Multiply, 1.0), ("offset", BinaryFunction::Add, 0.0)] {
        let numbers: Vec<f64> = match call.config.get(key) {
            None => vec![neutral],
            Some(Json::Array(items)) => items.iter().map(|item| json::number(key, item)).collect::<Result<_>>()?,
            Some(number) => vec![json::number(key, number)?],
        };
        if numbers == [neutral] {
            continue;
        }
        let values = numbers.iter().map(|&number| number as f32).collect();
        let constant = call.constant(key, Arc::new(Tensor::f32(&[numbers.len()], values)?))?;
        x = call.op(Binary { function }, &[x, constant])?;
    }
    Ok(vec![Value::unmasked(x)])
}

/// TF.js fails on it: it passes a list of images on where one is expected.
fn resizing(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let (positions, wanted) = image(call, inputs)?;
    let linear = interpolation(call, "bilinear")?;
    call.config.ignore(&["fill_mode", "fill_value"]);
    let crops = call.config.boolean_or("crop_to_aspect_ratio", false)?;
    let y = if crops {
        resize_smartly(call, positions.x, wanted, linear)?
    } else {
        resize_both(call, positions.x, wanted, linear)?
    };
    Ok(vec![Value::unmasked(positions.back(call, y)?)])
}

/// The input and `[height, width]`, each from 1 on.
pub(super) fn image(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<(Positions, [usize; 2])> {
    let wanted = [call.config.positive_size("height")?, call.config.positive_size("width")?];
    Ok((Positions::of(call, inputs, 2)?, wanted))
}

/// Height and width of an image.
pub(super) fn extent(call: &LayerCall<'_, '_>, x: ValueId) -> [usize; 2] {
    let sample = call.shape(x).sample();
    [sample[0], sample[1]]
}

fn resize_both(call: &mut LayerCall<'_, '_>, mut x: ValueId, wanted: [usize; 2], linear: bool) -> Result<ValueId> {
    for (dim, count) in wanted.into_iter().enumerate() {
        let sampling = Sampling::centred(extent(call, x)[dim], count, linear);
        x = resize(call, x, dim + 1, Some(count), sampling, linear)?;
    }
    Ok(x)
}

/// The largest part in the middle that has the wanted proportions, resized.
pub(super) fn resize_smartly(
    call: &mut LayerCall<'_, '_>,
    mut x: ValueId,
    wanted: [usize; 2],
    linear: bool,
) -> Result<ValueId> {
    let sizes = extent(call, x);
    for dim in 0..2 {
        let beside = 1 - dim;
        let proportional = sizes[beside].checked_mul(wanted[dim]).map(|product| product / wanted[beside]);
        let count = proportional.map_or(sizes[dim], |count| count.min(sizes[dim]));
        if count == 0 {
            return Err(Error::format(format!("nothing of an image of {sizes:?} has the proportions of {wanted:?}")));
        }
        x = crop(call, x, dim + 1, (sizes[dim] - count) / 2, count)?;
    }
    resize_both(call, x, wanted, linear)
}

/// Keras takes the middle, or enlarges an image that is too small. TF.js fails on the latter, and picks pixels of a
/// slightly larger middle, by the nearest.
fn center_crop(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let (positions, wanted) = image(call, inputs)?;
    let (mut x, sizes) = (positions.x, extent(call, positions.x));
    if wanted == sizes {
        return Ok(vec![Value::unmasked(positions.back(call, x)?)]);
    }
    if wanted[0] > sizes[0] || wanted[1] > sizes[1] {
        x = resize_smartly(call, x, wanted, true)?;
        return Ok(vec![Value::unmasked(positions.back(call, x)?)]);
    }
    let crops = [0, 1].map(|dim| Crop::new(sizes[dim], wanted[dim], dim == 1));
    if crops.iter().any(|crop| !crop.picks_the_middle()) {
        call.differ("picks the nearest pixels of a part that is not the middle in TF.js, not in Keras");
    }
    for (dim, Crop { start, count, picked }) in crops.iter().copied().enumerate() {
        x = if call.semantics() == Semantics::Keras || crops[dim].picks_the_middle() {
            crop(call, x, dim + 1, start, count)?
        } else {
            resize(call, x, dim + 1, Some(count), picked, false)?
        };
    }
    Ok(vec![Value::unmasked(positions.back(call, x)?)])
}

/// How one dimension is cropped.
#[derive(Debug, Clone, Copy)]
struct Crop {
    /// The first position in Keras.
    start: usize,
    count: usize,
    /// The positions in TF.js.
    picked: Option<Sampling>,
}

impl Crop {
    fn new(size: usize, count: usize, is_width: bool) -> Crop {
        let start = (size - count) / 2;
        // In TF.js the width never starts at the edge.
        let first = if is_width && size > count { start.max(1) } else { start };
        Crop { start, count, picked: picked(size, first, count) }
    }

    /// Whether TF.js picks what Keras does. It does if it does at both ends, because what it picks is as far apart
    /// everywhere.
    fn picks_the_middle(&self) -> bool {
        let ends = [0, self.count - 1];
        self.picked.is_some_and(|picked| ends.iter().all(|&index| picked.nearest(index) == self.start + index))
    }
}

/// What `tf.image.cropAndResize` picks for `count` of `size` positions from `start` on: from `start · (size − 1) / size`,
/// `(size − 1) / size` of the part apart, or the middle of it; rounded.
fn picked(size: usize, start: usize, count: usize) -> Option<Sampling> {
    let last = size.checked_sub(1)?;
    let (slope, offset, divisor) = if count > 1 {
        let steps = count - 1;
        (count.checked_mul(last)?, start.checked_mul(last)?.checked_mul(steps)?, size.checked_mul(steps)?)
    } else {
        (0, start.checked_mul(2)?.checked_add(1)?.checked_mul(last)?, size.checked_mul(2)?)
    };
    let offset = offset.checked_mul(2)?.checked_add(divisor)?;
    let (slope, divisor) = (slope.checked_mul(2)?, divisor.checked_mul(2)?);
    Some(Sampling { slope, offset: isize::try_from(offset).ok()?, divisor })
}
