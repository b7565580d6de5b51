//! GlobalAveragePooling1D and GlobalMaxPooling1D.

use super::Class;
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::model::Semantics;
use crate::ops::{MaskedMean, Permute, Reduce, Reduction};
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new(
        "GlobalAveragePooling1D",
        global_average_1d,
        "ignores masks, `data_format`, `keepdims`",
        "by `--semantics`",
    ),
    Class::new("GlobalMaxPooling1D", global_max_1d, "ignores `data_format`, `keepdims`", "by `--semantics`"),
];

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
    x: NodeId,
    reduce: impl FnOnce(&mut LayerCall<'_, '_>, NodeId) -> Result<NodeId>,
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
