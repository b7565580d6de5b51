//! BatchNormalization, SyncBatchNormalization, LayerNormalization and RMSNormalization.

use super::class::Class;
use crate::error::{Error, Result};
use crate::graph::{Note, ValueId};
use crate::ops::{BatchNormalization, BinaryFunction, LayerNormalization, Mean, MomentNormalization, Permute};
use crate::tensor::Tensor;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use crate::tfjs::training::InTfJs;
use crate::tfjs::weights::expect_stand_in;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new(
        "BatchNormalization",
        |call, inputs| batch_normalization(call, inputs, Kind::Plain),
        "rank 4 at most, one axis",
        "",
    ),
    Class::new(
        "BatchNormalizationV1",
        |call, inputs| batch_normalization(call, inputs, Kind::Old),
        "rank 4 at most, one axis",
        "",
    ),
    Class::new("LayerNormalization", layer_normalization, "rank 4 at most", ""),
    Class::new("RMSNormalization", rms_normalization, "–", ""),
    Class::new("SyncBatchNormalization", |call, inputs| batch_normalization(call, inputs, Kind::Synchronized), "–", ""),
];

/// Keras' default for both layers.
const EPSILON: f64 = 1e-3;

/// What tells the classes of BatchNormalization apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Of TensorFlow 1: takes part in training though its weights do not.
    Old,
    /// Takes its moments over all devices, of which there is one here. TF.js has no such layer.
    Synchronized,
}

/// On an axis other than the last, TF.js's pure JavaScript backend pairs elements with the wrong statistics; its GPU
/// backends and Keras do not, and neither does this.
fn batch_normalization(call: &mut LayerCall<'_, '_>, inputs: &[Value], kind: Kind) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    call.config.ignore(&["momentum", "renorm_momentum", "renorm_clipping"]);
    for key in ["renorm", "virtual_batch_size"] {
        call.config.refuse_unless_off(key)?;
    }
    let is_synchronized = call.config.boolean_or("synchronized", false)? || kind == Kind::Synchronized;
    let fuses = call.config.boolean_or("fused", true)? && !is_synchronized;
    let axes = distinct_axes(call, x)?;
    let epsilon = call.config.number_or("epsilon", EPSILON)? as f32;
    let in_tfjs = match kind {
        Kind::Plain | Kind::Old if axes.len() == 1 && call.rank(x) <= 4 => InTfJs::Yes,
        _ => InTfJs::No,
    };
    if in_tfjs == InTfJs::No && kind != Kind::Synchronized {
        call.refused_by_tfjs("normalises several axes, or more than 4 dimensions");
    }
    let is_frozen = kind != Kind::Old && !call.config.boolean_or("trainable", true)?;
    let (statistics, channels) = statistics(call, x, &axes)?;
    let merged = MergedAxes::new(call, x, axes);
    let trains = !is_frozen && call.trains(in_tfjs);
    expect_one_way(call, trains)?;
    let id = if trains {
        let fused = fuses && merged.are_of_fused_kernel(call, x);
        let mask = input.masks.keras.filter(|_| !fused);
        by_moments(call, x, mask, &merged, (&statistics[..2 * channels], epsilon))?
    } else {
        let statistics = call.constant("statistics", Arc::new(Tensor::f32(&[4, channels], statistics)?))?;
        let op = BatchNormalization { axis: merged.axis, epsilon };
        let there = merged.merge(call, x)?;
        let normalized = call.op(op, &[there, statistics])?;
        merged.split(call, normalized)?
    };
    Ok(vec![Value::with(id, input.masks)])
}

/// An error if another call of the layer normalises the other way.
fn expect_one_way(call: &mut LayerCall<'_, '_>, trains: bool) -> Result<()> {
    if *call.lowering.trains.entry(call.identity).or_insert(trains) == trains {
        return Ok(());
    }
    Err(Error::unsupported("is called with training=True and without")
        .cause(
            "the call with training=True moves the statistics that the other one needs, in every prediction of Keras",
        )
        .hint("use a layer of its own for each call, build the model again and convert it"))
}

/// `axis`: dimensions of a sample of `x` in ascending order.
fn distinct_axes(call: &LayerCall<'_, '_>, x: ValueId) -> Result<Vec<usize>> {
    let given = call.config.integers("axis")?.unwrap_or_else(|| vec![-1]);
    let mut axes = given.iter().map(|&axis| call.sample_axis(x, axis)).collect::<Result<Vec<usize>>>()?;
    axes.sort_unstable();
    if axes.is_empty() || axes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::format(format!("`axis` should name dimensions once each, not {given:?}")));
    }
    Ok(axes)
}

/// Gamma, beta, moving mean and moving variance as rows, and how many channels each has. Of one axis they are vectors, of
/// several they have the rank of the input, with 1 for the other dimensions.
fn statistics(call: &mut LayerCall<'_, '_>, x: ValueId, axes: &[usize]) -> Result<(Vec<f32>, usize)> {
    let dims = call.shape(x).resolve(1);
    let stored: Vec<usize> = match axes {
        [axis] => vec![dims[*axis]],
        _ => (0..dims.len()).map(|axis| if axes.contains(&axis) { dims[axis] } else { 1 }).collect(),
    };
    let channels = expect_stand_in(&[&[4], stored.as_slice()].concat(), 0)? / 4;
    let mut rows = Vec::with_capacity(4 * channels);
    let mut row = |call: &mut LayerCall<'_, '_>, weight: &str, present: bool, absent: f32| -> Result<()> {
        if present {
            rows.extend_from_slice(call.weight_tensor(weight, &stored)?.as_f32()?);
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
    Ok((rows, channels))
}

/// `x` normalised by the moments of the batch, of what `mask` keeps.
fn by_moments(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    mask: Option<ValueId>,
    merged: &MergedAxes,
    (scale, epsilon): (&[f32], f32),
) -> Result<ValueId> {
    if call.lowering.in_part {
        return Err(Error::unsupported(
            "normalises by moments of the batch, as training=True has it, inside TimeDistributed",
        )
        .cause("Keras takes them over all steps together; supported is that of one layer without a mask")
        .hint("apply the layer to the sequence itself, build the model again and convert it"));
    }
    let scale = call.constant("scale", Arc::new(Tensor::f32(&[2, scale.len() / 2], scale.to_vec())?))?;
    let weights = match mask {
        Some(mask) => {
            let weights = element_weights(call, x, mask)?;
            merged.merge(call, weights)?
        }
        None => call.number(1.0)?,
    };
    let there = merged.merge(call, x)?;
    let normalized = call.op(MomentNormalization { axis: merged.axis, epsilon }, &[there, scale, weights])?;
    merged.split(call, normalized)
}

/// A mask of all dimensions of `x` but the last as a float for every element of `x`.
fn element_weights(call: &mut LayerCall<'_, '_>, x: ValueId, mask: ValueId) -> Result<ValueId> {
    let sample = call.shape(x).sample();
    let Some((&last, others)) = sample.split_last().filter(|(_, others)| call.shape(mask).sample() == **others) else {
        let (mask, x) = (call.shape(mask), call.shape(x));
        return Err(Error::unsupported(format!("the mask {mask} does not fit all dimensions of {x} but the last")));
    };
    let mask = call.float(mask)?;
    let mask = call.reshape(mask, &[others, &[1]].concat())?;
    let ones = call.filled(&format!("ones_{last}"), &[last], 1.0)?;
    call.binary(BinaryFunction::Multiply, mask, ones)
}

/// How several dimensions become one axis: where they stand if they follow each other, else at the back.
struct MergedAxes {
    axes: Vec<usize>,
    /// The dimensions in the order in which `axes` follow each other, if they do not as they are.
    order: Option<Permute>,
    /// The sample in that order.
    sample: Vec<usize>,
    /// Where `axes` begin in that order, N counted as 0.
    axis: usize,
}

impl MergedAxes {
    /// Of dimensions of `x` in ascending order.
    fn new(call: &LayerCall<'_, '_>, x: ValueId, axes: Vec<usize>) -> Self {
        let dims = call.shape(x).resolve(1);
        if axes.last().is_some_and(|last| last - axes[0] + 1 == axes.len()) {
            return MergedAxes { axis: axes[0], sample: dims[1..].to_vec(), order: None, axes };
        }
        let others = (0..dims.len()).filter(|axis| !axes.contains(axis));
        let order: Vec<usize> = others.chain(axes.iter().copied()).collect();
        let sample = order[1..].iter().map(|&axis| dims[axis]).collect();
        MergedAxes { axis: dims.len() - axes.len(), sample, order: Some(Permute { order }), axes }
    }

    /// Whether Keras 2 has a kernel of its own for them, which takes no masks.
    fn are_of_fused_kernel(&self, call: &LayerCall<'_, '_>, x: ValueId) -> bool {
        matches!((call.rank(x), self.axes.as_slice()), (4, [1 | 3]) | (5, [1 | 4]))
    }

    fn merge(&self, call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
        let x = match &self.order {
            Some(order) => call.op(order.clone(), &[x])?,
            None => x,
        };
        let [before, after] = [self.axis - 1, self.axis - 1 + self.axes.len()];
        let channels = self.sample[before..after].iter().product();
        call.reshape(x, &[&self.sample[..before], &[channels], &self.sample[after..]].concat())
    }

    fn split(&self, call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
        let x = call.reshape(x, &self.sample)?;
        match &self.order {
            Some(order) => call.op(order.inverse(), &[x]),
            None => Ok(x),
        }
    }
}

fn layer_normalization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let x = call.float_operand(input.id)?;
    if call.rank(x) > 4 {
        call.refused_by_tfjs("normalises more than 4 dimensions");
    }
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
) -> Result<ValueId> {
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
    x: ValueId,
    axes: &[usize],
    work: impl FnOnce(&mut LayerCall<'_, '_>, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
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
