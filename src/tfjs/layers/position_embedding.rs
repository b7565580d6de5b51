//! PositionEmbedding: a learned vector for each step.

use super::class::Class;
use crate::error::{Error, Result};
use crate::ops::{BroadcastBatch, Operator, Slice};
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[Class::new("PositionEmbedding", position_embedding, "–", "")];

/// The first rows of the table, one for each step of the input `[N, T, D]`, whose values are not read. KerasNLP calls
/// the weight `position_embeddings`, TF.js, which has the layer but does not register it, `embeddings`.
fn position_embedding(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let sample = call.shape(input.id).sample();
    let [steps, width] = sample.as_slice() else {
        return Err(Error::unsupported(format!("takes inputs of rank 3, not {}", call.shape(input.id))));
    };
    call.config.ignore(&["initializer"]);
    let length = call.config.positive_size("sequence_length")?;
    let name = if call.has_weight("position_embeddings") { "position_embeddings" } else { "embeddings" };
    let table = call.weight_tensor(name, &[length, *width])?;
    if *steps > length {
        return Err(Error::format(format!("has {length} positions for {steps} steps")));
    }
    let first = Slice { axis: 0, start: 0, step: 1, count: *steps };
    let rows = if *steps == length { table } else { Arc::new(first.answer(&[&table])?) };
    let rows = Arc::new((*rows).clone().reshaped(&[1, *steps, *width])?);
    let rows = call.constant(&format!("{name}_of_{steps}"), rows)?;
    let id = call.op(BroadcastBatch, &[rows, input.id])?;
    Ok(vec![Value::with(id, input.masks.keras_only())])
}
