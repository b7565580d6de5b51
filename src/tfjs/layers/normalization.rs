//! BatchNormalization, LayerNormalization and RMSNormalization.

use super::Class;
use crate::error::{Error, Result};
use crate::graph::{NodeId, Note};
use crate::ops::{BatchNormalization, LayerNormalization, Mean, Permute};
use crate::tensor::Tensor;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use crate::tfjs::weights::expect_stand_in;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("BatchNormalization", batch_normalization, "rank 4 at most", ""),
    Class::new("BatchNormalizationV1", batch_normalization, "rank 4 at most", ""),
    Class::new("LayerNormalization", layer_normalization, "rank 4 at most", ""),
    Class::new("RMSNormalization", rms_normalization, "–", ""),
];

/// Keras' default for both layers.
const EPSILON: f64 = 1e-3;

/// On an axis other than the last, TF.js's pure JavaScript backend pairs elements with the wrong statistics; its GPU
/// backends and Keras do not, and neither does this.
fn batch_normalization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    call.config.ignore(&["momentum", "renorm_momentum", "renorm_clipping", "fused", "synchronized"]);
    for key in ["renorm", "virtual_batch_size"] {
        call.config.refuse_unless_off(key)?;
    }
    let axis = call.config.integers("axis")?.unwrap_or_else(|| vec![-1]);
    let [axis] = axis.as_slice() else {
        return Err(Error::unsupported(format!("normalises over one axis, not {axis:?}")));
    };
    let axis = call.sample_axis(x, *axis)?;
    let epsilon = call.config.number_or("epsilon", EPSILON)? as f32;
    let channels = call.shape(x).resolve(1)[axis];
    let statistics = statistics(call, channels)?;
    let id = call.op(BatchNormalization { axis, epsilon }, &[x, statistics])?;
    Ok(vec![Value::with(id, input.masks)])
}

/// Gamma, beta, moving mean and moving variance as the rows of one constant.
fn statistics(call: &mut LayerCall<'_, '_>, channels: usize) -> Result<NodeId> {
    expect_stand_in(&[4, channels], 0)?;
    let mut rows = Vec::with_capacity(4 * channels);
    let mut row = |call: &mut LayerCall<'_, '_>, weight: &str, present: bool, absent: f32| -> Result<()> {
        if present {
            rows.extend_from_slice(call.weight_tensor(weight, &[channels])?.as_f32()?);
        } else {
            rows.extend(std::iter::repeat_n(absent, channels));
        }
        Ok(())
    };
    let scale = call.config.boolean_or("scale", true)?;
    let center = call.config.boolean_or("center", true)?;
    for (present, note) in [(scale, Note::NoGamma), (center, Note::NoBeta)] {
        if !present {
            call.lowering.builder.note(call.name, note);
        }
    }
    row(call, "gamma", scale, 1.0)?;
    row(call, "beta", center, 0.0)?;
    row(call, "moving_mean", true, 0.0)?;
    row(call, "moving_variance", true, 1.0)?;
    call.constant("statistics", Arc::new(Tensor::f32(&[4, channels], rows)?))
}

fn layer_normalization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    let mut axes = Vec::new();
    for axis in call.config.integers("axis")?.unwrap_or_else(|| vec![-1]) {
        axes.push(call.sample_axis(x, axis)?);
    }
    if (1..axes.len()).any(|index| axes[..index].contains(&axes[index])) {
        return Err(Error::format(format!("`axis` names a dimension twice: {axes:?}")));
    }
    let epsilon = call.config.number_or("epsilon", EPSILON)? as f32;
    let dims = call.shape(x).resolve(1);
    // Scales by the variance, not by the mean square, in spite of its name; then there is always gamma and never beta.
    let scales_alone = call.config.boolean_or("rms_scaling", false)?;
    let (scale, center) = (call.config.boolean_or("scale", true)?, call.config.boolean_or("center", true)?);
    let gamma = axes_weight(call, "gamma", scale || scales_alone, &axes, &dims, 1.0)?;
    let beta = axes_weight(call, "beta", center && !scales_alone, &axes, &dims, 0.0)?;
    axes.sort_unstable();
    let mean = if scales_alone { Mean::InVariance } else { Mean::Everywhere };
    let op = LayerNormalization { axes: axes.len(), epsilon, mean };
    let id = at_the_back(call, x, &axes, |call, x| call.op(op, &[x, gamma, beta]))?;
    Ok(vec![Value::with(id, input.masks)])
}

/// `scale · x / √(mean of x² + epsilon)`. Keras stretches the scale over the last dimensions whatever the axes, which fits
/// others by accident alone.
fn rms_normalization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    let mut given = call.config.integers("axis")?.unwrap_or_else(|| vec![-1]);
    given.sort_unstable();
    let axes = given.iter().map(|&axis| call.sample_axis(x, axis)).collect::<Result<Vec<usize>>>()?;
    let rank = call.rank(x);
    if axes.is_empty() || !axes.iter().copied().eq(rank - axes.len().min(rank)..rank) {
        let shape = call.shape(x);
        return Err(Error::unsupported(format!("normalises the last dimensions of {shape}, not {given:?}")));
    }
    let epsilon = call.config.number_or("epsilon", 1e-6)? as f32;
    let width = &call.shape(x).resolve(1)[rank - axes.len()..];
    let scale = call.weight("scale", width)?;
    let beta = call.filled(&format!("no_beta_{width:?}"), width, 0.0)?;
    let op = LayerNormalization { axes: axes.len(), epsilon, mean: Mean::Nowhere };
    // Not a layer that supports masks.
    Ok(vec![Value::unmasked(call.op(op, &[x, scale, beta])?)])
}

/// The weight where there is one, else a constant `absent`. It is stored with the dimensions in the order of `axes`
/// and then read in ascending order without being transposed: Keras and TF.js reshape it.
fn axes_weight(
    call: &mut LayerCall<'_, '_>,
    weight: &str,
    present: bool,
    axes: &[usize],
    dims: &[usize],
    absent: f32,
) -> Result<NodeId> {
    let stored: Vec<usize> = axes.iter().map(|&axis| dims[axis]).collect();
    let mut ascending = axes.to_vec();
    ascending.sort_unstable();
    let read: Vec<usize> = ascending.iter().map(|&axis| dims[axis]).collect();
    if !present {
        return call.filled(&format!("no_{weight}_{read:?}"), &read, absent);
    }
    let tensor = call.weight_tensor(weight, &stored)?;
    let tensor = if stored == read { tensor } else { Arc::new((*tensor).clone().reshaped(&read)?) };
    call.constant(weight, tensor)
}

/// Applies `work` to `x` with `axes` moved to the back, and moves them back again.
pub(super) fn at_the_back(
    call: &mut LayerCall<'_, '_>,
    x: NodeId,
    axes: &[usize],
    work: impl FnOnce(&mut LayerCall<'_, '_>, NodeId) -> Result<NodeId>,
) -> Result<NodeId> {
    let rank = call.rank(x);
    let order: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).chain(axes.iter().copied()).collect();
    if order.iter().copied().eq(0..rank) {
        return work(call, x);
    }
    let there = Permute { order };
    let back = there.inverse();
    let moved = call.op(there, &[x])?;
    let worked = work(call, moved)?;
    call.op(back, &[worked])
}
