//! MultiHeadAttention: attention by several heads, each over projections of its own.
//!
//! The heads are a dimension of the projections that both products share, so that nothing is transposed: see
//! [`BatchMatmul`].

use super::attention::{given_mask, masked, sequences, steps_of};
use super::class::Class;
use super::einsum_dense::dense;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BatchMatmul, Binary, BinaryFunction, Heads, Softmax};
use crate::tensor::Tensor;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use crate::tfjs::training::InTfJs;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[Class::new("MultiHeadAttention", multi_head_attention, "–", "rank 3")];

/// The sizes of the heads.
struct Sizes {
    heads: usize,
    key: usize,
    value: usize,
}

fn multi_head_attention(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let [query, value, key] = query_value_key(call, inputs)?;
    let heads = call.config.positive_size("num_heads")?;
    let key_dim = call.config.positive_size("key_dim")?;
    let value_dim = match call.config.get("value_dim") {
        Some(_) => call.config.positive_size("value_dim")?,
        None => key_dim,
    };
    let sizes = Sizes { heads, key: key_dim, value: value_dim };
    let dropout = call.config.number_or("dropout", 0.0)?;
    call.refuse_random(call.config, &["dropout"], InTfJs::No)?;
    call.config.ignore(&["seed", "query_shape", "key_shape", "value_shape", "flash_attention"]);
    if call.config.integers("attention_axes")?.is_some_and(|axes| axes != [1]) {
        return Err(Error::unsupported("attends along other axes than 1").hint("leave `attention_axes` out"));
    }
    let q = projected(call, "query", query.id, [sizes.heads, sizes.key])?;
    let k = projected(call, "key", key.id, [sizes.heads, sizes.key])?;
    let v = projected(call, "value", value.id, [sizes.heads, sizes.value])?;
    let scale = (1.0 / (sizes.key as f64).sqrt()) as f32;
    let of_scores = BatchMatmul { axes: [3, 3], heads: Some(Heads { inputs: [2, 2], output: 1 }), scale };
    let scores = call.op(of_scores, &[q, k])?;
    let (scores, mask) = mask_scores(call, scores, [query, value, key])?;
    let mut weights = call.op(Softmax { axis: 3, log: false }, &[scores])?;
    let wants_scores = call.keywords.flag("return_attention_scores")?;
    // A query that may attend to nothing attends to all keys alike; where Keras 3 has the weights at hand, to none.
    if let Some(mask) = mask.filter(|_| call.is_keras_3() && (dropout > 0.0 || wants_scores)) {
        weights = call.op(Binary { function: BinaryFunction::Multiply }, &[weights, mask])?;
    }
    let of_values = BatchMatmul { axes: [3, 1], heads: Some(Heads { inputs: [1, 2], output: 2 }), scale: 1.0 };
    let attended = call.op(of_values, &[weights, v])?;
    let id = output(call, attended, query.id, &sizes)?;
    let mut outputs = vec![Value::with(id, query.masks.keras_only())];
    if wants_scores {
        outputs.push(Value::unmasked(weights));
    }
    Ok(outputs)
}

/// The query is the input, the others are given by name or follow it; the value is the key where there is none.
fn query_value_key(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<[Value; 3]> {
    let (value, key) = (call.keywords.tensor("value")?, call.keywords.tensor("key")?);
    let mut given = inputs.iter().copied();
    let query = given.next().ok_or_else(|| Error::format("has no query"))?;
    let value = value.or_else(|| given.next()).ok_or_else(|| Error::format("has no `value`"))?;
    let key = key.or_else(|| given.next()).unwrap_or(value);
    if given.next().is_some() {
        return Err(Error::format(format!("takes query, value and key, not {} inputs", inputs.len())));
    }
    sequences(call, [query, value, key])
}

/// `x · kernel + bias` for every head: `[N, T, D] → [N, T, heads, size]`.
fn projected(call: &mut LayerCall<'_, '_>, name: &str, x: ValueId, [heads, size]: [usize; 2]) -> Result<ValueId> {
    let sample = call.shape(x).sample();
    let (kernel, bias) = weights(call, name, &format!("{name}_dense"), &[sample[1]], &[heads, size])?;
    let id = dense(call, &format!("{name}/"), x, 1, kernel, bias)?;
    call.reshape(id, &[sample[0], heads, size])
}

/// The heads' answers `[N, T, heads, size]` joined by the last product.
fn output(call: &mut LayerCall<'_, '_>, attended: ValueId, query: ValueId, sizes: &Sizes) -> Result<ValueId> {
    let sample = call.shape(query).sample();
    let mut shape = vec![sample[1]];
    if let Some(declared) = call.config.integers("output_shape")? {
        let sizes = declared.iter().map(|&dim| usize::try_from(dim).ok());
        shape = sizes
            .collect::<Option<_>>()
            .ok_or_else(|| Error::format(format!("`output_shape` should hold sizes, not {declared:?}")))?;
    }
    let (kernel, bias) = weights(call, "attention_output", "output_dense", &[sizes.heads, sizes.value], &shape)?;
    let id = dense(call, "attention_output/", attended, 2, kernel, bias)?;
    call.reshape(id, &[&sample[..1], shape.as_slice()].concat())
}

/// Kernel and bias of the layer called `name` inside this one, which archives call `place`.
fn weights(
    call: &mut LayerCall<'_, '_>,
    name: &str,
    place: &str,
    summed: &[usize],
    new: &[usize],
) -> Result<(Arc<Tensor>, Option<Arc<Tensor>>)> {
    let (name, archive) = (format!("{}/{name}", call.name), format!("{}/{place}", call.archive));
    let inner = &mut LayerCall { lowering: &mut *call.lowering, name: &name, archive: &archive, ..*call };
    let kernel = inner.weight_tensor("kernel", &[summed, new].concat())?;
    let bias = if inner.config.boolean_or("use_bias", true)? { Some(inner.weight_tensor("bias", new)?) } else { None };
    Ok((kernel, bias))
}

/// Query, value and key may bring masks, the call another one and the wish not to look ahead; all of them hold.
fn mask_scores(
    call: &mut LayerCall<'_, '_>,
    scores: ValueId,
    [query, value, key]: [Value; 3],
) -> Result<(ValueId, Option<ValueId>)> {
    let causal = call.keywords.flag("use_causal_mask")?;
    let mut masks = Vec::new();
    if let Some(mask) = query.masks.keras {
        let steps = steps_of(call, mask, query.id)?;
        let length = call.shape(steps).sample_len();
        masks.push(call.reshape(steps, &[1, length, 1])?);
    }
    let mut seen = None;
    for input in [value, key] {
        let Some(mask) = input.masks.keras.filter(|mask| seen != Some(*mask)) else { continue };
        seen = Some(mask);
        let steps = steps_of(call, mask, input.id)?;
        let length = call.shape(steps).sample_len();
        masks.push(call.reshape(steps, &[1, 1, length])?);
    }
    if let Some(given) = call.keywords.tensor("attention_mask")? {
        let mut mask = given_mask(call, given.id, causal || !masks.is_empty() || call.is_keras_3())?;
        // Without a dimension of heads it is the same for all of them.
        while call.rank(mask) < 4 {
            mask = call.expand(mask, 1)?;
        }
        masks.push(mask);
    }
    masked(call, scores, masks, causal)
}
