//! Resampling, one dimension at a time.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Upsample | 7: `scales` are an attribute; 9: an input |
//! | Resize | 10: as Upsample; 11: sizes, coordinates, cubic; 13: `roi` and `scales` may be left out; 18: `axes`, `antialias`, `keep_aspect_ratio_policy`; 19: `half_pixel_symmetric` |
//!
//! Up to version 10 positions are `i / scale`, and nearest is the position before. The nearest elements are taken by
//! position; linear interpolation between samples is an operator; every other function is a product with the matrix of
//! its coefficients.

use super::operator::{Operator, Outputs};
use super::resampling::{Coordinates, Function, Nearest, Resampling};
use super::sample::{Held, Sample};
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::size::Size;
use crate::onnx::value::Value;
use crate::ops::{Dense, Resize, Sampling};
use crate::tensor::{DType, Tensor};

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("Resize", &[10, 11, 13, 18, 19], resize), Operator::new("Upsample", &[7, 9], resize)];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn resize(call: Context<'_, '_, '_, '_>) -> Outputs {
    let value = call.input(0)?;
    let steps = steps(call, &value)?;
    let mut x = None;
    for (axis, step) in steps {
        if step.is_identity() {
            continue;
        }
        let from = match x {
            Some(x) => x,
            None => Sample::of(call, &value)?,
        };
        x = Some(resampled(call, &from, axis, &step)?);
    }
    match x {
        Some(x) => Ok(vec![x.value()?]),
        None => Ok(vec![value]),
    }
}

/// The resampling of every dimension that is not the batch.
fn steps(call: &Call<'_, '_, '_>, value: &Value) -> Result<Vec<(usize, Resampling)>> {
    let sizes = value.sizes()?;
    let axes: Vec<usize> = match call.ints("axes")? {
        Some(axes) => axes.into_iter().map(|axis| call.axis(axis, sizes.len())).collect::<Result<_>>()?,
        None => (0..sizes.len()).collect(),
    };
    let before_11 = call.opset() < 11 || call.node.op_type == "Upsample";
    let coordinates = coordinates(call, before_11)?;
    let function = function(call, before_11)?;
    let targets = targets(call, &axes, &sizes, before_11)?;
    let roi = roi(call, &axes, coordinates)?;
    let outside = call.float("extrapolation_value")?.unwrap_or(0.0);
    let mut steps = Vec::new();
    for (index, &axis) in axes.iter().enumerate() {
        let Some(input) = sizes[axis].known() else {
            if targets[index] != Target::Same {
                return Err(super::sample::over_the_batch());
            }
            continue;
        };
        let input = usize::try_from(input).map_err(|_| Error::shape(format!("has {input} positions")))?;
        let (output, scale) = match targets[index] {
            Target::Same => (input, 1.0),
            Target::Scale(scale) => scaled(input, scale),
            Target::Size(size, scale) => (size, scale),
        };
        if output == 0 || input == 0 {
            return Err(Error::shape(format!("cannot resize {input} positions to {output}")));
        }
        let roi = roi.get(index).copied().unwrap_or([0.0, 1.0]);
        steps.push((axis, Resampling { input, output, scale, coordinates, function, roi, outside }));
    }
    Ok(steps)
}

/// What a dimension becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Same,
    Scale(f32),
    /// So many positions, by this scale.
    Size(usize, f64),
}

/// The size by a scale and the scale, which is exact where float32 has it rounded.
fn scaled(input: usize, scale: f32) -> (usize, f64) {
    let length = input as f32 * scale;
    let output = length.floor();
    let scale = if output == length { f64::from(output) / input as f64 } else { scale.into() };
    (output as usize, scale)
}

fn targets(call: &Call<'_, '_, '_>, axes: &[usize], sizes: &[Size], before_11: bool) -> Result<Vec<Target>> {
    let scales = match (before_11, call.opset() < 9) {
        (true, true) => call.floats("scales")?,
        (true, false) => floats(call, 1, "scales")?,
        _ => floats(call, 2, "scales")?,
    };
    if let Some(scales) = scales.filter(|scales| !scales.is_empty()) {
        expect_count(&scales, axes)?;
        if scales.iter().any(|&scale| !(scale > 0.0 && scale.is_finite())) {
            return Err(Error::format(format!("resizes by {scales:?}")));
        }
        let target = |&scale: &f32| if scale == 1.0 { Target::Same } else { Target::Scale(scale) };
        return Ok(scales.iter().map(target).collect());
    }
    let wanted = if before_11 || call.optional(3).is_none() { None } else { Some(call.sizes(3)?) };
    let wanted = wanted.ok_or_else(|| Error::format("has neither scales nor sizes"))?;
    expect_count(&wanted, axes)?;
    let pairs: Vec<_> = axes.iter().map(|&axis| sizes[axis]).zip(wanted).collect();
    let policy = call.string("keep_aspect_ratio_policy")?.unwrap_or("stretch");
    let ratio = |(from, to): &(Size, Size)| Some(to.known()? as f64 / from.known().filter(|&from| from > 0)? as f64);
    let ratios = pairs.iter().filter_map(ratio);
    let common = match policy {
        "not_larger" => Some(ratios.fold(f64::INFINITY, f64::min)),
        "not_smaller" => Some(ratios.fold(0.0, f64::max)),
        "stretch" => None,
        other => return Err(Error::format(format!("`keep_aspect_ratio_policy` is {other:?}"))),
    };
    let target = |pair: &(Size, Size)| {
        let (from, to) = *pair;
        if from == to && common.is_none() {
            return Ok(Target::Same);
        }
        let scale = common.or_else(|| ratio(pair)).ok_or_else(super::sample::over_the_batch)?;
        let from = from.known().ok_or_else(super::sample::over_the_batch)?;
        let size = if common.is_some() { (scale * from as f64 + 0.5).floor() as i64 } else { to.expect_known()? };
        let size = usize::try_from(size).map_err(|_| Error::shape(format!("cannot resize to {size} positions")))?;
        Ok(Target::Size(size, scale))
    };
    pairs.iter().map(target).collect()
}

fn expect_count<T>(numbers: &[T], axes: &[usize]) -> Result<()> {
    if numbers.len() == axes.len() {
        return Ok(());
    }
    Err(Error::shape(format!("has {} scales or sizes for {} dimensions", numbers.len(), axes.len())))
}

/// The floats of a constant input, if it is given.
fn floats(call: &Call<'_, '_, '_>, index: usize, what: &str) -> Result<Option<Vec<f32>>> {
    let Some(value) = call.optional(index) else { return Ok(None) };
    let Some(tensor) = value.known()? else {
        return Err(Error::unsupported(format!("has {what} that are computed, which is not supported"))
            .cause("the shapes of all values but for the batch must be known when the model is loaded")
            .hint("export the model with fixed shapes"));
    };
    Ok(Some(tensor.to_f64().into_iter().map(|number| number as f32).collect()))
}

/// The part of the input that is resized, for each of the axes.
fn roi(call: &Call<'_, '_, '_>, axes: &[usize], coordinates: Coordinates) -> Result<Vec<[f64; 2]>> {
    if coordinates != Coordinates::Crop {
        return Ok(Vec::new());
    }
    let roi = floats(call, 1, "a region")?.unwrap_or_default();
    if roi.len() != 2 * axes.len() {
        return Err(Error::shape(format!("has a region of {} numbers for {} dimensions", roi.len(), axes.len())));
    }
    Ok((0..axes.len()).map(|axis| [roi[axis].into(), roi[axis + axes.len()].into()]).collect())
}

fn coordinates(call: &Call<'_, '_, '_>, before_11: bool) -> Result<Coordinates> {
    if before_11 {
        return Ok(Coordinates::Asymmetric);
    }
    Ok(match call.string("coordinate_transformation_mode")?.unwrap_or("half_pixel") {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_half_pixel_for_nn" => Coordinates::TensorflowHalfPixel,
        "tf_crop_and_resize" => Coordinates::Crop,
        other => return Err(Error::unsupported(format!("resizes by {other:?}, which is not supported"))),
    })
}

fn function(call: &Call<'_, '_, '_>, before_11: bool) -> Result<Function> {
    let antialias = call.int("antialias")?.unwrap_or(0) != 0;
    let exclude_outside = call.int("exclude_outside")?.unwrap_or(0) != 0;
    Ok(match call.string("mode")?.unwrap_or("nearest") {
        "nearest" if before_11 => Function::Nearest(Nearest::Floor),
        "nearest" => Function::Nearest(match call.string("nearest_mode")?.unwrap_or("round_prefer_floor") {
            "round_prefer_floor" => Nearest::PreferFloor,
            "round_prefer_ceil" => Nearest::PreferCeil,
            "floor" => Nearest::Floor,
            "ceil" => Nearest::Ceil,
            other => return Err(Error::format(format!("`nearest_mode` is {other:?}"))),
        }),
        "linear" => Function::Linear { antialias, exclude_outside },
        "cubic" => {
            let a = call.float("cubic_coeff_a")?.unwrap_or(-0.75).into();
            Function::Cubic { a, antialias, exclude_outside }
        }
        other => return Err(Error::unsupported(format!("resizes in the mode {other:?}, which is not supported"))),
    })
}

/// The value with one dimension resampled.
fn resampled(call: Context<'_, '_, '_, '_>, x: &Sample, axis: usize, step: &Resampling) -> Result<Sample> {
    let stored = x.stored(axis)?;
    let is_float = x.held.dtype(call) == DType::F32;
    call.lowering.make_room(&[step.output])?;
    let held = if let Some(positions) = step.positions() {
        let leading = Sampling::leading(step.input, step.output);
        let is_leading = |(index, &position): (usize, &usize)| leading.nearest(index).min(step.input - 1) == position;
        if is_float && positions.iter().enumerate().all(is_leading) {
            let resize = Resize { axis: stored, count: step.output, sampling: leading, linear: false };
            x.held.step(call, resize, &[])?
        } else {
            x.held.taken(call, stored, &positions)?
        }
    } else if !is_float {
        let name = x.held.dtype(call);
        return Err(Error::unsupported(format!("interpolates {name}, which is not supported"))
            .hint("cast it to float32 before"));
    } else if let Some(sampling) = step.sampling() {
        let resize = Resize { axis: stored, count: step.output, sampling, linear: true };
        x.held.step(call, resize, &[])?
    } else {
        by_matrix(call, &x.held, stored, step)?
    };
    Ok(x.with(held, axis, step.output))
}

/// The product of lines along a dimension in memory with the coefficients.
fn by_matrix(call: Context<'_, '_, '_, '_>, held: &Held, stored: usize, step: &Resampling) -> Result<Held> {
    call.lowering.make_room(&[step.input, step.output])?;
    let (matrix, bias) = step.matrix();
    let matrix = Held::constant(Tensor::f32(&[step.input, step.output], matrix)?);
    let bias = Held::constant(Tensor::f32(&[step.output], bias)?);
    let rank = held.shape(call).len() + 1;
    let order: Vec<usize> = (0..rank).filter(|&dim| dim != stored).chain([stored]).collect();
    let back: Vec<usize> = (0..stored).chain([rank - 1]).chain(stored..rank - 1).collect();
    let last = held.permuted(call, order)?;
    let product = last.step(call, Dense::default(), &[matrix, bias])?;
    product.permuted(call, back)
}
