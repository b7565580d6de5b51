//! Layers that take ids: Embedding and CategoryEncoding.

use super::Class;
use crate::error::{Error, Result};
use crate::ops::{CategoryEncoding, Embedding, NotEqual};
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("CategoryEncoding", category_encoding, "fails", "multi_hot, one_hot, count"),
    Class::new("Embedding", embedding, "✓", ""),
];

/// Ids that are not integers are truncated, but the mask looks at them as they came: float id 0.4 reads row 0 and is
/// not masked. TF.js and Keras agree on both.
fn embedding(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let shape = [call.config.positive_size("input_dim")?, call.config.positive_size("output_dim")?];
    call.config.ignore(&["input_length"]);
    let table = call.weight("embeddings", &shape)?;
    let ids = call.cast(input.id, DType::I32)?;
    let bad_id = call.lowering.options.on_bad_id.bad_id();
    let id = call.op(Embedding { bad_id }, &[ids, table])?;
    let masks = if call.config.boolean_or("mask_zero", false)? {
        Masks::both(call.op(NotEqual { value: 0.0 }, &[input.id])?)
    } else {
        Masks::NONE
    };
    Ok(vec![Value::with(id, masks)])
}

/// Drops the mask in Keras; TF.js cannot run it.
fn category_encoding(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let tokens = call.config.positive_size("num_tokens")?;
    call.config.refuse_unless_off("sparse")?;
    let shape = call.shape(input.id);
    let count = match call.config.string("output_mode")? {
        None | Some("multi_hot") => false,
        Some("one_hot") if shape.sample() == [1] => false,
        Some("one_hot") => return Err(Error::unsupported(format!("one_hot takes ids of shape [N, 1], not {shape}"))),
        Some("count") => true,
        Some(other) => return Err(Error::unsupported(format!("its output_mode `{other}` is not supported"))),
    };
    let ids = call.cast(input.id, DType::I32)?;
    Ok(vec![Value::unmasked(call.op(CategoryEncoding { tokens, count }, &[ids])?)])
}
