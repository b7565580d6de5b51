//! MaxPooling1D to 3D, AveragePooling1D to 3D, GlobalAveragePooling1D to 3D and GlobalMaxPooling1D to 3D.

use super::class::Class;
use super::spatial::{Positions, padding};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{MaskedMean, Padding, Permute, Pool, Reduce, Reduction};
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("GlobalAveragePooling1D", global_average_1d, "ignores masks, `data_format`, `keepdims`", "by semantics"),
    Class::new("GlobalMaxPooling1D", global_max_1d, "ignores `data_format`, `keepdims`", "by semantics"),
    Class::new("AveragePooling1D", |call, inputs| pooling(call, inputs, 1, MEAN), NO_FORMAT, BY_SEMANTICS),
    Class::new("MaxPooling1D", |call, inputs| pooling(call, inputs, 1, MAXIMUM), NO_FORMAT, BY_SEMANTICS),
    Class::new("AveragePooling2D", |call, inputs| pooling(call, inputs, 2, MEAN), "✓", ""),
    Class::new("MaxPooling2D", |call, inputs| pooling(call, inputs, 2, MAXIMUM), "✓", ""),
    Class::new("AveragePooling3D", |call, inputs| pooling(call, inputs, 3, MEAN), NARROW, BY_SEMANTICS),
    Class::new("MaxPooling3D", |call, inputs| pooling(call, inputs, 3, MAXIMUM), NARROW, BY_SEMANTICS),
    Class::new("GlobalAveragePooling2D", |call, inputs| global(call, inputs, 2, MEAN), NO_DIMS, BY_SEMANTICS),
    Class::new("GlobalMaxPooling2D", |call, inputs| global(call, inputs, 2, MAXIMUM), NO_DIMS, BY_SEMANTICS),
    Class::new("GlobalAveragePooling3D", |call, inputs| global(call, inputs, 3, MEAN), "–", ""),
    Class::new("GlobalMaxPooling3D", |call, inputs| global(call, inputs, 3, MAXIMUM), "–", ""),
];

const MEAN: Reduction = Reduction::Mean;
const MAXIMUM: Reduction = Reduction::Maximum;
const NO_FORMAT: &str = "ignores `data_format`";
const NO_DIMS: &str = "ignores `keepdims`";
const NARROW: &str = "begins elsewhere with pools narrower than strides and `padding` same";
const BY_SEMANTICS: &str = "by semantics";

/// Keras averages the steps that the mask keeps; TF.js averages all of them, padding too.
fn global_average_1d(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    if input.masks.keras.is_some() {
        call.differ("averages over padding in TF.js, not in Keras");
    }
    let mask = input.masks.keras.filter(|_| call.semantics() == Semantics::Keras);
    pool(call, input.id, |call, x| match mask {
        Some(mask) => call.op(MaskedMean, &[x, mask]),
        None => call.op(Reduce { reduction: Reduction::Mean, axis: 1 }, &[x]),
    })
}

/// Ignores masks in TF.js and in Keras.
fn global_max_1d(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    pool(call, input.id, |call, x| call.op(Reduce { reduction: Reduction::Maximum, axis: 1 }, &[x]))
}

/// Pools over the steps of `[N, T, C]`. TF.js ignores `data_format` and `keepdims`.
fn pool(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    reduce: impl FnOnce(&mut LayerCall<'_, '_>, ValueId) -> Result<ValueId>,
) -> Result<Vec<Value>> {
    let mut x = call.float_operand(x)?;
    if call.rank(x) != 3 {
        return Err(Error::format(format!("takes inputs of rank 3, not {}", call.shape(x))));
    }
    let mut channels_first = call.config.channels_first()?;
    let mut keep_dims = call.config.boolean_or("keepdims", false)?;
    if channels_first || keep_dims {
        call.differ("ignores data_format and keepdims in TF.js, not in Keras");
        if call.semantics() == Semantics::TfJs {
            (channels_first, keep_dims) = (false, false);
        }
    }
    if channels_first {
        x = call.op(Permute { order: vec![0, 2, 1] }, &[x])?;
    }
    let mut pooled = reduce(call, x)?;
    if keep_dims {
        pooled = call.expand(pooled, if channels_first { 2 } else { 1 })?;
    }
    Ok(vec![Value::unmasked(pooled)])
}

/// Pools windows of positions. Padding counts for nothing, in averages too.
fn pooling(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize, reduction: Reduction) -> Result<Vec<Value>> {
    let mut channels_first = call.config.channels_first()?;
    if channels_first && dims == 1 {
        call.differ("ignores data_format in TF.js, not in Keras");
        channels_first = call.semantics() == Semantics::Keras;
    }
    let x = call.one(inputs)?.id;
    let x = call.float_operand(x)?;
    let positions = Positions::new(call, x, dims, channels_first)?;
    let taps = positions.numbers(call, "pool_size")?.unwrap_or_else(|| vec![2; dims]);
    let strides = positions.numbers(call, "strides")?.unwrap_or_else(|| taps.clone());
    let padding = padding(call, &[Padding::Valid, Padding::Same])?;
    let windows = positions.windows(call, &taps, &strides, &vec![1; dims], padding)?;
    let pooled = call.op(Pool { reduction, windows }, &[positions.x])?;
    Ok(vec![Value::unmasked(positions.back(call, pooled)?)])
}

/// Pools all positions. TF.js ignores `keepdims`, and has none of three dimensions.
fn global(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize, reduction: Reduction) -> Result<Vec<Value>> {
    let x = call.one(inputs)?.id;
    let x = call.float_operand(x)?;
    let channels_first = call.config.channels_first()?;
    let mut sample = call.shape(x).sample();
    if sample.len() != dims + 1 {
        return Err(Error::format(format!("takes inputs of rank {}, not {}", dims + 2, call.shape(x))));
    }
    let channels = if channels_first { sample.remove(0) } else { sample.remove(dims) };
    let count = sample.iter().product();
    let (flat, axis) = if channels_first { ([channels, count], 2) } else { ([count, channels], 1) };
    let x = call.reshape(x, &flat)?;
    let pooled = call.op(Reduce { reduction, axis }, &[x])?;
    let mut keep_dims = call.config.boolean_or("keepdims", false)?;
    if keep_dims && dims == 2 {
        call.differ("ignores keepdims in TF.js, not in Keras");
        keep_dims = call.semantics() == Semantics::Keras;
    }
    if !keep_dims {
        return Ok(vec![Value::unmasked(pooled)]);
    }
    let mut kept = vec![1; dims + 1];
    kept[if channels_first { 0 } else { dims }] = channels;
    Ok(vec![Value::unmasked(call.reshape(pooled, &kept)?)])
}
