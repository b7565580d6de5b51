//! Normalisations that TF.js does not have: GroupNormalization, UnitNormalization and Normalization.

use super::class::Class;
use super::normalization::at_the_back;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BatchNormalization, Binary, BinaryFunction, L2Normalize, LayerNormalization, Permute};
use crate::tensor::Tensor;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use crate::tfjs::weights::expect_stand_in;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("GroupNormalization", group_normalization, "–", "without masks"),
    Class::new("Normalization", normalization, "–", ""),
    Class::new("UnitNormalization", unit_normalization, "–", ""),
];

/// Groups of channels are normalised by their own statistics, over all other dimensions.
fn group_normalization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    if input.masks.keras.is_some() {
        return Err(Error::unsupported("its input is masked, which is not supported")
            .cause("Keras stretches the mask over the last dimensions, which fits by accident alone"));
    }
    let x = call.float_operand(input.id)?;
    let axis = match call.config.integers("axis")?.as_deref() {
        None => call.sample_axis(x, -1)?,
        Some(&[axis]) => call.sample_axis(x, axis)?,
        Some(axes) => return Err(Error::unsupported(format!("normalises over one axis, not {axes:?}"))),
    };
    let sample = call.shape(x).sample();
    let channels = sample[axis - 1];
    let groups = match call.config.integers("groups")?.as_deref() {
        None => 32,
        Some([-1]) => channels,
        Some(&[groups]) => usize::try_from(groups).unwrap_or(0),
        Some(groups) => return Err(Error::format(format!("`groups` should be one number, not {groups:?}"))),
    };
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Error::format(format!("{channels} channels do not make {groups} groups")));
    }
    let normalized = normalize_groups(call, x, axis, groups)?;
    let mut shape = vec![1; sample.len()];
    shape[axis - 1] = channels;
    let mut id = normalized;
    for (option, weight, function) in
        [("scale", "gamma", BinaryFunction::Multiply), ("center", "beta", BinaryFunction::Add)]
    {
        if call.config.boolean_or(option, true)? {
            let tensor = call.weight_tensor(weight, &[channels])?;
            let weight = call.constant(weight, Arc::new((*tensor).clone().reshaped(&shape)?))?;
            id = call.op(Binary { function }, &[id, weight])?;
        }
    }
    Ok(vec![Value::unmasked(id)])
}

/// The groups become the first dimension of a sample and all others one line, and afterwards what they were.
fn normalize_groups(call: &mut LayerCall<'_, '_>, x: ValueId, axis: usize, groups: usize) -> Result<ValueId> {
    let epsilon = call.config.number_or("epsilon", 1e-3)? as f32;
    let sample = call.shape(x).sample();
    let mut split = sample.clone();
    split[axis - 1] /= groups;
    split.insert(axis - 1, groups);
    let apart = call.reshape(x, &split)?;
    // N, the groups, and the others in their order.
    let order: Vec<usize> = [0, axis].into_iter().chain((1..=split.len()).filter(|&dim| dim != axis)).collect();
    let in_front = order.is_sorted();
    let moved = if in_front { apart } else { call.op(Permute { order: order.clone() }, &[apart])? };
    let moved_sample = call.shape(moved).sample();
    let length = moved_sample[1..].iter().product();
    let lines = call.reshape(moved, &[groups, length])?;
    let gamma = call.filled(&format!("no_gamma_{length}"), &[length], 1.0)?;
    let beta = call.filled(&format!("no_beta_{length}"), &[length], 0.0)?;
    let lines = call.op(LayerNormalization::new(1, epsilon), &[lines, gamma, beta])?;
    let moved = call.reshape(lines, &moved_sample)?;
    let mut back = vec![0; order.len()];
    for (position, &dim) in order.iter().enumerate() {
        back[dim] = position;
    }
    let apart = if in_front { moved } else { call.op(Permute { order: back }, &[moved])? };
    call.reshape(apart, &sample)
}

/// Lines along one dimension, or several together, are scaled to length one.
fn unit_normalization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    // Of the square of the length in Keras 2, of the length in Keras 3.
    let floor = if call.is_keras_3() { 1e-24 } else { 1e-12 };
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    let axes = call.config.integers("axis")?.unwrap_or_else(|| vec![-1]);
    let mut axes: Vec<usize> = axes.iter().map(|&axis| call.sample_axis(x, axis)).collect::<Result<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    let id = match axes.as_slice() {
        [] => return Err(Error::format("`axis` names no dimension")),
        [axis] => call.op(L2Normalize { axis: *axis, floor }, &[x])?,
        axes => at_the_back(call, x, axes, |call, x| {
            let sample = call.shape(x).sample();
            let (kept, together) = sample.split_at(sample.len() - axes.len());
            let merged = [kept, &[together.iter().product()]].concat();
            let lines = call.reshape(x, &merged)?;
            let lines = call.op(L2Normalize { axis: merged.len(), floor }, &[lines])?;
            call.reshape(lines, &sample)
        })?,
    };
    Ok(vec![Value::with(id, input.masks.keras_only())])
}

/// Keras 3 loads the statistics of a Normalization inside a model from an .h5 file, but computes with them only where the layer
/// stands in the outermost model (`legacy_h5_format.py`, `finalize_state`). The model that was saved computed with them.
fn warn_if_forgotten(call: &mut LayerCall<'_, '_>) {
    if call.is_keras_3() && call.lowering.models.len() > 1 && !call.lowering.weights.is_archive() {
        let warning = format!(
            "layer `{}` normalises inside a model: Keras 3, which does not use its statistics once it has loaded them from an .h5 \
             file, answers otherwise then",
            call.name
        );
        call.lowering.warn(warning);
    }
}

/// `(x − mean) / max(√variance, 1e-7)` with statistics of the training data, or the inverse of that.
fn normalization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float(input.id)?;
    let mut axes = Vec::new();
    for axis in call.config.integers("axis")?.unwrap_or_default() {
        axes.push(call.sample_axis(x, axis)?);
    }
    axes.sort_unstable();
    let dims = call.shape(x).resolve(1);
    let shape: Vec<usize> = axes.iter().map(|&axis| dims[axis]).collect();
    let (mean, variance) = if call.config.get("mean").is_some() {
        (listed(call, "mean", &shape)?, listed(call, "variance", &shape)?)
    } else {
        call.config.ignore(&["variance"]);
        warn_if_forgotten(call);
        // In this order, by which archives tell them apart.
        let [mean, variance] = ["mean", "variance"].map(|weight| call.weight_tensor_or_unscoped(weight, &shape));
        call.weight_tensor_or_unscoped("count", &[])?;
        (mean?.as_f32()?.to_vec(), variance?.as_f32()?.to_vec())
    };
    let deviation: Vec<f32> = variance.iter().map(|variance| variance.sqrt().max(1e-7)).collect();
    let inverse = call.config.boolean_or("invert", false)?;
    let id = match axes.as_slice() {
        [axis] => by_channel(call, x, *axis, &mean, &deviation, inverse)?,
        axes => {
            let stretched: Vec<usize> =
                (1..dims.len()).map(|axis| if axes.contains(&axis) { dims[axis] } else { 1 }).collect();
            let mean = call.constant("mean", Arc::new(Tensor::f32(&stretched, mean)?))?;
            let deviation = call.constant("deviation", Arc::new(Tensor::f32(&stretched, deviation)?))?;
            let [first, second] = if inverse {
                [(BinaryFunction::Multiply, deviation), (BinaryFunction::Add, mean)]
            } else {
                [(BinaryFunction::Subtract, mean), (BinaryFunction::Divide, deviation)]
            };
            let id = call.op(Binary { function: first.0 }, &[x, first.1])?;
            call.op(Binary { function: second.0 }, &[id, second.1])?
        }
    };
    Ok(vec![Value::unmasked(id)])
}

/// As a BatchNormalization, which passes merge with the layers around it.
fn by_channel(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    axis: usize,
    mean: &[f32],
    deviation: &[f32],
    inverse: bool,
) -> Result<ValueId> {
    let channels = mean.len();
    let (zeros, ones) = (vec![0.0; channels], vec![1.0; channels]);
    // Gamma, beta, mean and variance.
    let rows = if inverse {
        [deviation.to_vec(), mean.to_vec(), zeros, ones]
    } else {
        let variance = deviation.iter().map(|deviation| deviation * deviation).collect();
        [ones, zeros, mean.to_vec(), variance]
    };
    let statistics = call.constant("statistics", Arc::new(Tensor::f32(&[4, channels], rows.concat())?))?;
    call.op(BatchNormalization { axis, epsilon: 0.0 }, &[x, statistics])
}

/// Numbers of the config, nested as Keras writes arrays: one for all, or one for each element of `shape`.
fn listed(call: &LayerCall<'_, '_>, key: &'static str, shape: &[usize]) -> Result<Vec<f32>> {
    let count = expect_stand_in(shape, 0)?;
    let mut numbers = Vec::new();
    flatten(key, call.config.get(key).unwrap_or(&serde_json::Value::Null), &mut numbers)?;
    match numbers.len() {
        found if found == count => Ok(numbers),
        1 => Ok(vec![numbers[0]; count]),
        found => Err(Error::format(format!("`{key}` holds {found} numbers, and {count} are needed"))),
    }
}

fn flatten(key: &str, value: &serde_json::Value, numbers: &mut Vec<f32>) -> Result<()> {
    match value {
        serde_json::Value::Array(items) => items.iter().try_for_each(|item| flatten(key, item, numbers)),
        single => {
            numbers.push(json::number(key, single)? as f32);
            Ok(())
        }
    }
}
