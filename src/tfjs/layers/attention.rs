//! Attention and AdditiveAttention, and the masks of attention.

use super::advanced_activations::mask_out;
use super::class::Class;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{
    Activation, BatchMatmul, Binary, BinaryFunction, Dense, Function, NotEqual, Reduce, Reduction, Softmax,
};
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use crate::tfjs::training::InTfJs;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] =
    &[Class::new("AdditiveAttention", additive_attention, "–", ""), Class::new("Attention", attention, "–", "")];

/// Query, value and key; the value is the key where there is none.
fn query_value_key(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<[Value; 3]> {
    let [query, value, key] = match *inputs {
        [query, value] => [query, value, value],
        [query, value, key] => [query, value, key],
        _ => return Err(Error::format(format!("takes query, value and key, not {} inputs", inputs.len()))),
    };
    sequences(call, [query, value, key])
}

/// Query, value and key as floats `[N, T, D]`.
pub(super) fn sequences(call: &mut LayerCall<'_, '_>, inputs: [Value; 3]) -> Result<[Value; 3]> {
    if let Some(input) = inputs.iter().find(|input| call.rank(input.id) != 3) {
        return Err(Error::unsupported(format!("takes inputs of rank 3, not {}", call.shape(input.id))));
    }
    let mut float = |input: Value| Ok(Value::with(call.float_operand(input.id)?, input.masks));
    let [query, value, key] = inputs;
    Ok([float(query)?, float(value)?, float(key)?])
}

/// `score_mode` dot: `scale · query · key`; concat: `weight · Σ tanh(scale · (query + key))`.
fn attention(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let [query, value, key] = query_value_key(call, inputs)?;
    let scale = if call.config.boolean_or("use_scale", false)? { Some(scalar(call, "scale")?) } else { None };
    let scores = match call.config.string("score_mode")? {
        None | Some("dot") => {
            let op = BatchMatmul { scale: scale.unwrap_or(1.0), ..BatchMatmul::new([2, 2]) };
            call.op(op, &[query.id, key.id])?
        }
        Some("concat") => {
            let mut sums = sums_of_pairs(call, query.id, key.id)?;
            if let Some(scale) = scale {
                let scale = call.filled("scale", &[1], scale)?;
                sums = call.op(Binary { function: BinaryFunction::Multiply }, &[sums, scale])?;
            }
            let weight = scalar(call, "concat_score_weight")?;
            let width = call.shape(sums).sample()[2];
            let kernel = call.filled("concat_score_weight", &[width, 1], weight)?;
            weighted_tanh(call, sums, kernel)?
        }
        Some(other) => return Err(Error::unsupported(format!("its score_mode `{other}` is not supported"))),
    };
    attend(call, scores, query, value)
}

/// Scores are `Σ scale · tanh(query + key)`.
fn additive_attention(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let [query, value, key] = query_value_key(call, inputs)?;
    let sums = sums_of_pairs(call, query.id, key.id)?;
    let scores = if call.config.boolean_or("use_scale", true)? {
        let width = call.shape(sums).sample()[2];
        let scale = call.weight_tensor("scale", &[width])?;
        let kernel = call.constant("scale", Arc::new((*scale).clone().reshaped(&[width, 1])?))?;
        weighted_tanh(call, sums, kernel)?
    } else {
        let tanh = call.op(Activation { function: Function::Tanh }, &[sums])?;
        call.op(Reduce { reduction: Reduction::Sum, axis: 3 }, &[tanh])?
    };
    attend(call, scores, query, value)
}

/// A weight that is one number.
fn scalar(call: &mut LayerCall<'_, '_>, weight: &str) -> Result<f32> {
    Ok(call.weight_tensor(weight, &[])?.as_f32()?[0])
}

/// `query + key` for all pairs of steps: `[N, T, S, D]`.
fn sums_of_pairs(call: &mut LayerCall<'_, '_>, query: ValueId, key: ValueId) -> Result<ValueId> {
    let query = call.expand(query, 2)?;
    let key = call.expand(key, 1)?;
    call.op(Binary { function: BinaryFunction::Add }, &[query, key])
}

/// The products of tanh of `[N, T, S, D]` and a kernel `[D, 1]`: `[N, T, S]`.
fn weighted_tanh(call: &mut LayerCall<'_, '_>, sums: ValueId, kernel: ValueId) -> Result<ValueId> {
    let tanh = call.op(Activation { function: Function::Tanh }, &[sums])?;
    let bias = call.filled("no_bias", &[1], 0.0)?;
    let scores = call.op(Dense::default(), &[tanh, kernel, bias])?;
    let sample = call.shape(scores).sample();
    call.reshape(scores, &sample[..2])
}

/// The values weighted by the softmax of the scores. Masked values take no part; masked queries get zeros.
fn attend(call: &mut LayerCall<'_, '_>, scores: ValueId, query: Value, value: Value) -> Result<Vec<Value>> {
    call.config.ignore(&["seed"]);
    call.refuse_random(call.config, &["dropout"], InTfJs::No)?;
    let causal = call.config.boolean_or("causal", false)? | call.keywords.flag("use_causal_mask")?;
    let mut masks = Vec::new();
    if let Some(mask) = value.masks.keras {
        let steps = steps_of(call, mask, value.id)?;
        masks.push(call.reshape(steps, &[1, call.shape(steps).sample_len()])?);
    }
    let (scores, _) = masked(call, scores, masks, causal)?;
    let weights = call.op(Softmax { axis: 2, log: false }, &[scores])?;
    let mut id = call.op(BatchMatmul::new([2, 1]), &[weights, value.id])?;
    if let Some(mask) = query.masks.keras {
        let steps = steps_of(call, mask, query.id)?;
        let kept = call.expand(steps, 2)?;
        id = call.op(Binary { function: BinaryFunction::Multiply }, &[id, kept])?;
    }
    let mut outputs = vec![Value::with(id, query.masks.keras_only())];
    if call.keywords.flag("return_attention_scores")? {
        outputs.push(Value::unmasked(weights));
    }
    Ok(outputs)
}

/// A mask of the steps of `x` as floats `[N, T]`.
pub(super) fn steps_of(call: &mut LayerCall<'_, '_>, mask: ValueId, x: ValueId) -> Result<ValueId> {
    if call.shape(mask).sample() != call.shape(x).sample()[..1] {
        let (mask, x) = (call.shape(mask), call.shape(x));
        return Err(Error::unsupported(format!("the mask {mask} does not fit the steps of {x}")));
    }
    call.float(mask)
}

/// Scores `[…, T, S]` with −1e9 added where any of the masks, floats 0 and 1, is off, or a step would look ahead; and all
/// masks as one.
pub(super) fn masked(
    call: &mut LayerCall<'_, '_>,
    scores: ValueId,
    mut masks: Vec<ValueId>,
    causal: bool,
) -> Result<(ValueId, Option<ValueId>)> {
    if causal {
        let sample = call.shape(scores).sample();
        let [.., queries, keys] = sample.as_slice() else {
            return Err(Error::format(format!("scores of shape {} have no steps", call.shape(scores))));
        };
        masks.push(causal_mask(call, *queries, *keys)?);
    }
    let mut masks = masks.into_iter();
    let Some(mut all) = masks.next() else { return Ok((scores, None)) };
    for mask in masks {
        if mask != all {
            all = call.op(Binary { function: BinaryFunction::Minimum }, &[all, mask])?;
        }
    }
    Ok((mask_out(call, scores, all)?, Some(all)))
}

/// A constant `[queries, keys]`: 1 where the key does not come after the query.
fn causal_mask(call: &mut LayerCall<'_, '_>, queries: usize, keys: usize) -> Result<ValueId> {
    call.shared_constant(&format!("causal_mask_{queries}_{keys}"), &[queries, keys], |index| {
        f32::from(u8::from(index % keys.max(1) <= index / keys.max(1)))
    })
}

/// A mask given to a layer by name, which may be of any dtype: as booleans if it meets others, else as it is, as floats.
pub(super) fn given_mask(call: &mut LayerCall<'_, '_>, mask: ValueId, meets_others: bool) -> Result<ValueId> {
    if meets_others && call.dtype(mask) != DType::Bool {
        let mask = call.op(NotEqual { value: 0.0 }, &[mask])?;
        return call.float(mask);
    }
    call.float(mask)
}
