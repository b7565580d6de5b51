//! Conv1D to Conv3D, their transposed and separable forms, and UpSampling1D to 3D.

use super::class::Class;
use super::spatial::{Positions, convolution_padding, padding};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{Binary, BinaryFunction, Convolution, Dense, Padding, Resize, Sampling, Window, are_plain};
use crate::tensor::Tensor;
use crate::tfjs::activations;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new(
        "Conv1D",
        |call, inputs| convolution(call, inputs, 1),
        "not causal, no `groups`; leaves channels behind whatever `data_format`",
        "by semantics",
    ),
    Class::new("Conv2D", |call, inputs| convolution(call, inputs, 2), "no `groups`", ""),
    Class::new(
        "Conv3D",
        |call, inputs| convolution(call, inputs, 3),
        "no `groups`; begins elsewhere with kernels narrower than strides and `padding` same",
        "by semantics",
    ),
    Class::new("Conv1DTranspose", |call, inputs| transposed(call, inputs, 1), "–", ""),
    Class::new(
        "Conv2DTranspose",
        |call, inputs| transposed(call, inputs, 2),
        "ignores `output_padding`, `dilation_rate`",
        "by semantics",
    ),
    Class::new(
        "Conv3DTranspose",
        |call, inputs| transposed(call, inputs, 3),
        "ignores `output_padding`, `dilation_rate`",
        "by semantics",
    ),
    Class::new("SeparableConv1D", |call, inputs| separable(call, inputs, 1), "–", ""),
    Class::new(
        "SeparableConv2D",
        |call, inputs| separable(call, inputs, 2),
        "not as Keras saves it; adds the bias of channels in front along the height",
        "by semantics",
    ),
    Class::new(
        "UpSampling2D",
        |call, inputs| upsampling(call, inputs, 2),
        "bilinear from other positions",
        "nearest and bilinear, by semantics",
    ),
    Class::new("UpSampling1D", |call, inputs| upsampling(call, inputs, 1), "–", ""),
    Class::new("UpSampling3D", |call, inputs| upsampling(call, inputs, 3), "–", ""),
];

/// What a layer makes of its inputs: channels where they belong, and the activation.
fn finish(call: &mut LayerCall<'_, '_>, positions: &Positions, y: ValueId) -> Result<Vec<Value>> {
    let y = positions.back(call, y)?;
    Ok(vec![Value::unmasked(activations::apply(call, y)?)])
}

/// The layer's bias, or zeros if it has none.
pub(super) fn bias(call: &mut LayerCall<'_, '_>, units: usize) -> Result<ValueId> {
    if call.config.boolean_or("use_bias", true)? {
        call.weight("bias", &[units])
    } else {
        call.filled("no_bias", &[units], 0.0)
    }
}

/// The convolution of `x` with a kernel `[taps…, channels of a group, units]`. With one tap on every position it is a
/// matrix product.
pub(super) fn convolve(
    call: &mut LayerCall<'_, '_>,
    positions: &Positions,
    windows: Vec<Window>,
    [weight, kernel]: [&str; 2],
    tensor: Arc<Tensor>,
    bias: ValueId,
) -> Result<ValueId> {
    let (shape, dims) = (tensor.shape().to_vec(), windows.len());
    if are_plain(&windows, &positions.sizes) && shape[dims] == positions.channels {
        let matrix = Arc::new((*tensor).clone().reshaped(&shape[dims..])?);
        let matrix = call.constant(&format!("{weight}{kernel}_matrix"), matrix)?;
        return call.op(Dense::default(), &[positions.x, matrix, bias]);
    }
    let kernel = call.constant(&format!("{weight}{kernel}"), tensor)?;
    call.op(Convolution { windows, activation: None }, &[positions.x, kernel, bias])
}

/// An error if a layer without groups asks for some.
fn expect_no_groups(call: &LayerCall<'_, '_>) -> Result<()> {
    match call.config.integers("groups")?.as_deref() {
        None | Some([1]) => Ok(()),
        Some(other) => Err(Error::unsupported(format!("its option `groups` = {other:?} is not supported"))),
    }
}

fn convolution(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize) -> Result<Vec<Value>> {
    let mut positions = Positions::of(call, inputs, dims)?;
    let filters = call.config.positive_size("filters")?;
    let taps = required(positions.numbers(call, "kernel_size")?, "kernel_size")?;
    let strides = positions.numbers_or_1(call, "strides")?;
    let dilations = positions.numbers_or_1(call, "dilation_rate")?;
    let padding = convolution_padding(call, dims)?;
    let groups = if call.config.get("groups").is_some() { call.config.positive_size("groups")? } else { 1 };
    if !positions.channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
        let channels = positions.channels;
        return Err(Error::format(format!("{groups} groups do not divide {channels} channels and {filters} filters")));
    }
    if groups > 1 || padding == Padding::Causal {
        call.refused_by_tfjs("has `groups` or causal padding");
    }
    if positions.channels_first && dims == 1 {
        call.differ("leaves channels behind in TF.js, not in Keras");
        // Both read them in front. What TF.js refuses follows Keras.
        let refused = padding == Padding::Causal || groups > 1;
        positions.channels_first = call.semantics() == Semantics::Keras || refused;
    }
    let windows = positions.windows(call, &taps, &strides, &dilations, padding)?;
    let kernel = call.weight_tensor("kernel", &[&taps[..], &[positions.channels / groups, filters]].concat())?;
    let bias = bias(call, filters)?;
    let y = convolve(call, &positions, windows, ["kernel", ""], kernel, bias)?;
    finish(call, &positions, y)
}

pub(super) fn required<T>(value: Option<T>, key: &str) -> Result<T> {
    value.ok_or_else(|| Error::format(format!("`{key}` is missing from its config")))
}

/// The weight of a depthwise convolution.
const DEPTHWISE_KERNEL: &str = "depthwise_kernel";

/// The depthwise convolution that reads the weight `weight`, its multiplier times as many channels.
pub(super) fn depthwise(
    call: &mut LayerCall<'_, '_>,
    positions: &Positions,
    weight: &str,
    honours_dilation: bool,
    bias_of: impl FnOnce(&mut LayerCall<'_, '_>, usize) -> Result<ValueId>,
) -> Result<ValueId> {
    let taps = required(positions.numbers(call, "kernel_size")?, "kernel_size")?;
    let strides = positions.numbers_or_1(call, "strides")?;
    let mut dilations = positions.numbers_or_1(call, "dilation_rate")?;
    if !honours_dilation && dilations.iter().any(|&dilation| dilation > 1) {
        call.differ("ignores dilation_rate in TF.js, not in Keras");
        if call.semantics() == Semantics::TfJs {
            dilations.fill(1);
        }
    }
    let multiplier = match call.config.get("depth_multiplier") {
        Some(_) => call.config.positive_size("depth_multiplier")?,
        None => 1,
    };
    expect_no_groups(call)?;
    let padding = convolution_padding(call, positions.dims)?;
    let windows = positions.windows(call, &taps, &strides, &dilations, padding)?;
    let units = positions.channels.checked_mul(multiplier);
    let units = units.ok_or_else(|| Error::limit(format!("a `depth_multiplier` of {multiplier} is beyond reason")))?;
    let stored = [&taps[..], &[positions.channels, multiplier]].concat();
    let kernel = call.weight_tensor(weight, &stored)?;
    let kernel = (*kernel).clone().reshaped(&[&taps[..], &[1, units]].concat())?;
    let bias = bias_of(call, units)?;
    convolve(call, positions, windows, ["depthwise_", "kernel"], Arc::new(kernel), bias)
}

/// The bias of [`depthwise`] by itself.
pub(super) fn depthwise_layer(
    call: &mut LayerCall<'_, '_>,
    inputs: &[Value],
    dims: usize,
    honours_dilation: bool,
) -> Result<Vec<Value>> {
    let positions = Positions::of(call, inputs, dims)?;
    // Keras 3 has the name of all other kernels for it, unless the file was repaired for TF.js.
    let weight = if call.is_keras_3() && !call.has_weight(DEPTHWISE_KERNEL) { "kernel" } else { DEPTHWISE_KERNEL };
    let y = depthwise(call, &positions, weight, honours_dilation, bias)?;
    finish(call, &positions, y)
}

/// A depthwise convolution, and a matrix product over its channels. TF.js adds the bias of channels in front along the
/// height, which fails unless there are as many rows as filters; it refuses what Keras writes of kernels.
fn separable(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize) -> Result<Vec<Value>> {
    let positions = Positions::of(call, inputs, dims)?;
    if dims == 2 && call.config.get("kernel_initializer").is_some() {
        call.refused_by_tfjs("has the initializers that Keras writes for its kernels");
    }
    let filters = call.config.positive_size("filters")?;
    let y = depthwise(call, &positions, DEPTHWISE_KERNEL, true, |call, units| {
        call.filled("no_depthwise_bias", &[units], 0.0)
    })?;
    let depth = call.shape(y).sample().pop().unwrap_or(0);
    let kernel = call.weight_tensor("pointwise_kernel", &[vec![1; dims], vec![depth, filters]].concat())?;
    let kernel = call.constant("pointwise_kernel", Arc::new((*kernel).clone().reshaped(&[depth, filters])?))?;
    if adds_bias_along_height(call, &positions, y, filters)? {
        let none = call.filled("no_pointwise_bias", &[filters], 0.0)?;
        let y = call.op(Dense::default(), &[y, kernel, none])?;
        let along_height = call.weight_tensor("bias", &[filters])?;
        let along_height = call.constant("bias", Arc::new((*along_height).clone().reshaped(&[filters, 1, 1])?))?;
        let y = call.op(Binary { function: BinaryFunction::Add }, &[y, along_height])?;
        return finish(call, &positions, y);
    }
    let bias = bias(call, filters)?;
    let y = call.op(Dense::default(), &[y, kernel, bias])?;
    finish(call, &positions, y)
}

/// Whether the bias of a separable convolution that TF.js loads goes to rows instead of filters.
fn adds_bias_along_height(
    call: &mut LayerCall<'_, '_>,
    positions: &Positions,
    y: ValueId,
    filters: usize,
) -> Result<bool> {
    let written_by_keras = call.config.get("kernel_initializer").is_some();
    let is_square = filters > 1 && call.shape(y).sample()[0] == filters;
    let has_bias = call.config.boolean_or("use_bias", true)?;
    if positions.dims != 2 || !positions.channels_first || !is_square || !has_bias || written_by_keras {
        return Ok(false);
    }
    call.differ("adds the bias along the height in TF.js, to the channels in Keras");
    Ok(call.semantics() == Semantics::TfJs)
}

fn transposed(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize) -> Result<Vec<Value>> {
    let positions = Positions::of(call, inputs, dims)?;
    let filters = call.config.positive_size("filters")?;
    let taps = required(positions.numbers(call, "kernel_size")?, "kernel_size")?;
    let strides = positions.numbers_or_1(call, "strides")?;
    let dilations = positions.numbers_or_1(call, "dilation_rate")?;
    let padding = padding(call, &[Padding::Valid, Padding::Same])?;
    let output_padding = call.config.integers("output_padding")?;
    let output_padding = output_padding.map(|given| if let [one] = given[..] { vec![one; dims] } else { given });
    if let Some(given) = output_padding.as_ref().filter(|given| given.len() != dims) {
        return Err(Error::format(format!("`output_padding` should be {dims} numbers, not {given:?}")));
    }
    expect_no_groups(call)?;
    let windows = |padding: Padding, dilations: &[usize], output_padding: Option<&[i64]>| -> Option<Vec<Window>> {
        let window = |dim: usize| {
            let (input, size, stride, dilation) = (positions.sizes[dim], taps[dim], strides[dim], dilations[dim]);
            let extra = output_padding.map(|extra| extra[dim]);
            let span = (size - 1).checked_mul(dilation)?.checked_add(1)?;
            let output = transposed_length(input, span, stride, padding, extra)?;
            Window::transposed(input, output, size, stride, dilation, padding)
        };
        (0..dims).map(window).collect()
    };
    let (mut dilations, mut output_padding) = (dilations, output_padding);
    let ones = vec![1; dims];
    // TF.js has no Conv1DTranspose.
    if dims > 1 && windows(padding, &dilations, output_padding.as_deref()) != windows(padding, &ones, None) {
        call.differ("ignores output_padding and dilation_rate in TF.js, not in Keras");
        if call.semantics() == Semantics::TfJs {
            (dilations, output_padding) = (ones, None);
        }
    }
    let made = |padding| windows(padding, &dilations, output_padding.as_deref());
    let windows = positions.by_semantics(call, padding, made).ok_or_else(|| {
        let sizes = &positions.sizes;
        Error::format(format!("no convolution with windows of {taps:?} and strides {strides:?} gives {sizes:?}"))
            .hint("see whether `output_padding` suits `kernel_size`")
    })?;
    let stored = call.weight_tensor("kernel", &[&taps[..], &[filters, positions.channels]].concat())?;
    let kernel = Arc::new(reversed(&stored, filters, positions.channels)?);
    let bias = bias(call, filters)?;
    let y = convolve(call, &positions, windows, ["reversed_", "kernel"], kernel, bias)?;
    finish(call, &positions, y)
}

/// The positions of a transposed convolution's output, as Keras has them. `span` is from the first tap to the last.
fn transposed_length(
    input: usize,
    span: usize,
    stride: usize,
    padding: Padding,
    output_padding: Option<i64>,
) -> Option<usize> {
    let Some(extra) = output_padding else {
        let beyond = if padding == Padding::Valid { span.saturating_sub(stride) } else { 0 };
        return input.checked_mul(stride)?.checked_add(beyond);
    };
    let cut = if padding == Padding::Valid { 0 } else { span / 2 * 2 };
    let length = input.checked_sub(1)?.checked_mul(stride)?.checked_add(span)?.checked_sub(cut)?;
    length.checked_add_signed(isize::try_from(extra).ok()?)
}

/// A kernel `[taps…, units, channels]` as `[taps in reverse…, channels, units]`.
fn reversed(kernel: &Tensor, units: usize, channels: usize) -> Result<Tensor> {
    let (values, matrix) = (kernel.as_f32()?, units * channels);
    let mut reversed = Vec::with_capacity(values.len());
    for tap in values.chunks(matrix.max(1)).rev() {
        reversed.extend((0..matrix).map(|at| tap[at % units * channels + at / units]));
    }
    let taps = &kernel.shape()[..kernel.shape().len() - 2];
    Tensor::f32(&[taps, &[channels, units]].concat(), reversed)
}

/// In TF.js positions between two are counted from the first one's, in Keras from pixel centres.
fn upsampling(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize) -> Result<Vec<Value>> {
    let mut positions = Positions::of(call, inputs, dims)?;
    let factors = positions.numbers(call, "size")?.unwrap_or_else(|| vec![2; dims]);
    let linear = interpolation(call, "nearest")?;
    if linear && factors.iter().any(|&factor| factor > 1) {
        call.differ("interpolates from the first pixel's edge in TF.js, from pixel centres in Keras");
    }
    for (dim, factor) in factors.into_iter().enumerate() {
        let size = positions.sizes[dim];
        let count = size.checked_mul(factor);
        let centred = linear && call.semantics() == Semantics::Keras;
        let sampling = count.and_then(|count| match centred {
            true => Sampling::centred(size, count, linear),
            false => Some(Sampling::leading(size, count)),
        });
        positions.x = resize(call, positions.x, dim + 1, count, sampling, linear)?;
    }
    let y = positions.back(call, positions.x)?;
    Ok(vec![Value::unmasked(y)])
}

/// Whether `interpolation` is bilinear rather than nearest.
pub(super) fn interpolation(call: &LayerCall<'_, '_>, default: &str) -> Result<bool> {
    match call.config.string("interpolation")?.unwrap_or(default) {
        "nearest" => Ok(false),
        "bilinear" => Ok(true),
        other => Err(Error::unsupported(format!("its option `interpolation` = `{other}` is not supported"))
            .hint("known are nearest and bilinear")),
    }
}

/// `x` with `count` positions along `axis`.
pub(super) fn resize(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    axis: usize,
    count: Option<usize>,
    sampling: Option<Sampling>,
    linear: bool,
) -> Result<ValueId> {
    let (Some(count), Some(sampling)) = (count, sampling) else {
        return Err(Error::limit(format!("{} cannot be resized so much", call.shape(x))));
    };
    if call.shape(x).resolve(1)[axis] == count && sampling.is_identity() {
        return Ok(x);
    }
    call.op(Resize { axis, count, sampling, linear }, &[x])
}
