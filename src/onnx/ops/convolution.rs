//! Convolutions.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Conv, ConvTranspose | 1; 11: defaults of strides and dilations are said |
//!
//! Kernels are constants. `[N, C, positions…]` becomes `[N, positions…, C]` before and is turned back after; a pass
//! cancels what meets. Kernels are turned around when the model is loaded.

use super::images::{Attributes, AutoPad, Images, numbers};
use super::operator::{Operator, Outputs};
use super::sample::Held;
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::known::{indices, transposed};
use crate::ops::{Convolution, Dense, Window, are_plain};
use crate::tensor::{DType, Tensor, row_major_strides};
use std::sync::Arc;

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("Conv", &[1, 11], conv), Operator::new("ConvTranspose", &[1, 11], conv_transpose)];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

/// A constant float input, if it is given.
fn weight(call: &Call<'_, '_, '_>, index: usize, what: &str) -> Result<Option<Arc<Tensor>>> {
    let Some(value) = call.optional(index) else { return Ok(None) };
    match value.known()? {
        Some(tensor) if tensor.dtype() == DType::F32 => Ok(Some(tensor)),
        Some(tensor) => Err(Error::unsupported(format!("has a {what} of {}, not float32", tensor.dtype()))),
        None => Err(Error::unsupported(format!("has a {what} that is computed, which is not supported"))
            .cause("kernels are arranged for the device when the model is loaded")
            .hint("store it as an initializer")),
    }
}

fn kernel(call: &Call<'_, '_, '_>, positions: usize) -> Result<Arc<Tensor>> {
    let kernel = weight(call, 1, "kernel")?.ok_or_else(|| Error::format("has no kernel"))?;
    if kernel.shape().len() != positions + 2 {
        return Err(Error::shape(format!("a kernel of {:?} does not fit {positions} dimensions", kernel.shape())));
    }
    Ok(kernel)
}

fn groups(call: &Call<'_, '_, '_>, channels: usize) -> Result<usize> {
    let groups = usize::try_from(call.int("group")?.unwrap_or(1)).unwrap_or(0);
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Error::shape(format!("{channels} channels have no {groups} groups")));
    }
    Ok(groups)
}

fn bias(call: &Call<'_, '_, '_>, units: usize) -> Result<Tensor> {
    match weight(call, 2, "bias")? {
        Some(bias) if bias.shape() == [units] => Ok(bias.as_ref().clone()),
        Some(bias) => Err(Error::shape(format!("a bias of {:?} does not fit {units} units", bias.shape()))),
        None => Tensor::f32(&[units], vec![0.0; units]),
    }
}

fn conv(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = Images::of(call, &call.input(0)?)?;
    let dims = x.positions.len();
    let kernel = kernel(call, dims)?;
    let groups = groups(call, x.channels)?;
    let (units, depth) = (kernel.shape()[0], kernel.shape()[1]);
    if depth.checked_mul(groups) != Some(x.channels) {
        return Err(Error::shape(format!("{} channels do not fit a kernel of {:?}", x.channels, kernel.shape())));
    }
    let attributes = Attributes::of(call, Some(&kernel.shape()[2..]), dims)?;
    let (windows, _) = attributes.windows(&x.positions, false)?;
    call.lowering.make_room(kernel.shape())?;
    let order: Vec<usize> = (2..dims + 2).chain([1, 0]).collect();
    let turned = transposed(&kernel, &order)?;
    let y = convolved(call, &x, turned, units, &windows)?;
    Ok(vec![x.back(call, &y)?])
}

/// The convolution with a kernel `[taps…, depth, units]`.
fn convolved(
    call: Context<'_, '_, '_, '_>,
    x: &Images,
    kernel: Tensor,
    units: usize,
    windows: &[Window],
) -> Result<Held> {
    let bias = Held::constant(bias(call, units)?);
    let (taps, depth) = (&kernel.shape()[..windows.len()], kernel.shape()[windows.len()]);
    if depth == x.channels && are_plain(windows, &x.positions) {
        let kernel = Held::constant(kernel.clone().reshaped(&[depth, units])?);
        return x.held.step(call, Dense::default(), &[kernel, bias]);
    }
    let shape = [x.taps(taps), vec![depth, units]].concat();
    let kernel = Held::constant(kernel.clone().reshaped(&shape)?);
    let convolution = Convolution { windows: x.windows(windows), activation: None };
    x.held.step(call, convolution, &[kernel, bias])
}

fn conv_transpose(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = Images::of(call, &call.input(0)?)?;
    let dims = x.positions.len();
    let kernel = kernel(call, dims)?;
    let groups = groups(call, x.channels)?;
    if kernel.shape()[0] != x.channels {
        return Err(Error::shape(format!("{} channels do not fit a kernel of {:?}", x.channels, kernel.shape())));
    }
    let attributes = Attributes::of(call, Some(&kernel.shape()[2..]), dims)?;
    let windows = transposed_windows(call, &attributes, &x.positions)?;
    call.lowering.make_room(kernel.shape())?;
    let turned = backwards(&kernel, groups)?;
    let units = kernel.shape()[1] * groups;
    let y = convolved(call, &x, turned, units, &windows)?;
    Ok(vec![x.back(call, &y)?])
}

/// A kernel `[C, U/G, taps…]` as that of a convolution in the other direction: `[taps…, C/G, U]`, the taps reversed.
fn backwards(kernel: &Tensor, groups: usize) -> Result<Tensor> {
    let (shape, words) = (kernel.shape(), kernel.to_words());
    let (depth, group_units, taps) = (shape[0] / groups, shape[1], &shape[2..]);
    let turned = [taps, &[depth, group_units * groups]].concat();
    let strides = row_major_strides(shape);
    let place = |index: Vec<usize>| {
        let (taps_at, of) = index.split_at(taps.len());
        let group = of[1] / group_units;
        let tap = taps_at.iter().zip(taps).zip(&strides[2..]).map(|((&at, &size), stride)| (size - 1 - at) * stride);
        (group * depth + of[0]) * strides[0] + of[1] % group_units * strides[1] + tap.sum::<usize>()
    };
    Tensor::from_words(&turned, DType::F32, &indices(&turned).map(|index| words[place(index)]).collect::<Vec<_>>())
}

fn transposed_windows(call: &Call<'_, '_, '_>, of: &Attributes, positions: &[usize]) -> Result<Vec<Window>> {
    let dims = positions.len();
    let more = numbers(call, "output_padding", dims, 0)?.unwrap_or_else(|| vec![0; dims]);
    let wanted = match call.ints("output_shape")? {
        Some(shape) if shape.len() == dims + 2 => Some(shape[2..].to_vec()),
        shape => shape,
    };
    let window = |dim: usize| -> Option<Window> {
        let (input, stride, span) = (positions[dim], of.strides[dim], of.span(dim)?);
        let whole = input.checked_sub(1)?.checked_mul(stride)?.checked_add(span)?.checked_add(more[dim])?;
        let wanted = match &wanted {
            Some(wanted) => Some(usize::try_from(*wanted.get(dim)?).ok()?),
            None if matches!(of.auto_pad, AutoPad::SameUpper | AutoPad::SameLower) => Some(input.checked_mul(stride)?),
            None => None,
        };
        let (front, count) = match wanted {
            None => (isize::try_from(of.pads[dim][0]).ok()?, whole.checked_sub(of.pads[dim].iter().sum())?),
            Some(count) => {
                let total = whole.saturating_sub(count);
                let front = if of.auto_pad == AutoPad::SameUpper { total / 2 } else { total - total / 2 };
                (isize::try_from(front).ok()?, count)
            }
        };
        let before = isize::try_from(span - 1).ok()?.checked_sub(front)?;
        let (size, dilation) = (of.taps[dim], of.dilations[dim]);
        Some(Window { size, stride: 1, dilation, stretch: stride, before, count })
    };
    (0..dims).map(window).collect::<Option<Vec<_>>>().ok_or_else(|| of.misfit(positions))
}
