//! Embedding.

use super::class::Class;
use crate::error::Result;
use crate::graph::Note;
use crate::ops::{Embedding, NotEqual};
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[Class::new("Embedding", embedding, "✓", "")];

/// Ids that are not integers are truncated, but the mask looks at them as they came: float id 0.4 reads row 0 and is
/// not masked. TF.js and Keras agree on both.
fn embedding(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let shape = [call.config.positive_size("input_dim")?, call.config.positive_size("output_dim")?];
    call.config.ignore(&["input_length"]);
    let table = call.weight("embeddings", &shape)?;
    let ids = call.cast(input.id, DType::I32)?;
    let bad_id = call.lowering.options.on_bad_id.unwrap_or_default().bad_id();
    let id = call.op(Embedding { bad_id }, &[ids, table])?;
    let masks = if call.config.boolean_or("mask_zero", false)? {
        call.lowering.builder.note(call.name, Note::MaskZero);
        Masks::both(call.op(NotEqual { value: 0.0 }, &[input.id])?)
    } else {
        Masks::NONE
    };
    Ok(vec![Value::with(id, masks)])
}
