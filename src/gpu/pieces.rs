//! Predicts a batch that exceeds the limits of the device in pieces, each submitted and read back separately.

use crate::engine::Call;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::{NamedTensors, Tensor};
use std::borrow::Cow;

/// Predicts with `graph`, by one or more calls to `predict` of at most `most` rows.
pub(super) fn predict(
    graph: &Graph,
    call: &Call<'_>,
    most: usize,
    mut predict: impl FnMut(&Call<'_>) -> Result<NamedTensors>,
) -> Result<NamedTensors> {
    let batch = call.batch;
    if batch <= most {
        return predict(call);
    }
    if most == 0 {
        return Err(Error::device_limit("one row alone exceeds the largest binding of the device")
            .hint("run on the CPU (Device::Cpu)"));
    }
    if graph.mixes_rows() {
        return Err(Error::device_limit(format!("a batch of {batch} exceeds the limit of {most} rows at once"))
            .cause("the model combines all rows of a batch, so it cannot be predicted in pieces")
            .hint("predict smaller batches, or run on the CPU (Device::Cpu)"));
    }
    let mut pieces: Vec<NamedTensors> = Vec::new();
    for start in (0..batch).step_by(most) {
        let end = (start + most).min(batch);
        let inputs = rows(call, start, end)?;
        pieces.push(predict(&Call { inputs: &inputs, batch: end - start, ..*call })?);
    }
    let join = |(name, id): &(String, ValueId)| {
        let mut parts = pieces.iter().filter_map(|piece| piece.get(name));
        let whole = match graph.ty(*id).shape.is_per_sample() {
            true => Tensor::join_rows(&parts.collect::<Vec<_>>())?,
            // Equal in every piece.
            false => parts.next().cloned().ok_or_else(|| Error::internal("an output was not read back"))?,
        };
        Ok((name.clone(), whole))
    };
    graph.outputs().iter().map(join).collect::<Result<Vec<_>>>().map(|outputs| outputs.into_iter().collect())
}

/// The rows from `start` to `end` of each input, and shared inputs as they are.
fn rows<'c>(call: &Call<'c>, start: usize, end: usize) -> Result<Vec<Cow<'c, Tensor>>> {
    let mut rows = Vec::with_capacity(call.inputs.len());
    for (tensor, per_sample) in call.inputs.iter().zip(call.per_sample) {
        rows.push(if *per_sample { Cow::Owned(tensor.rows(start, end)?) } else { Cow::Borrowed(&**tensor) });
    }
    Ok(rows)
}
