//! A batch that is larger than what goes through the device at once: the largest pieces, each submitted and read back by itself.

use crate::engine::Call;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::{NamedTensors, Tensor};
use std::borrow::Cow;

/// The outputs of `graph` for `call`, by one or more calls of at most `most` rows that `predict` answers.
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
        return Err(Error::device_limit("one sample alone is larger than the device's largest binding")
            .hint("run on the CPU (Device::Cpu)"));
    }
    if graph.mixes_rows() {
        return Err(Error::device_limit(format!("at most {most} rows go through the device at once, not {batch}"))
            .cause("the model normalises by the moments of the whole batch, which pieces do not have")
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
            // The same in every piece.
            false => parts.next().cloned().ok_or_else(|| Error::internal("an output was not read back"))?,
        };
        Ok((name.clone(), whole))
    };
    graph.outputs().iter().map(join).collect::<Result<Vec<_>>>().map(|outputs| outputs.into_iter().collect())
}

/// Some rows of every input, and the inputs that all samples share.
fn rows<'c>(call: &Call<'c>, start: usize, end: usize) -> Result<Vec<Cow<'c, Tensor>>> {
    let mut rows = Vec::with_capacity(call.inputs.len());
    for (tensor, per_sample) in call.inputs.iter().zip(call.per_sample) {
        rows.push(if *per_sample { Cow::Owned(tensor.rows(start, end)?) } else { Cow::Borrowed(&**tensor) });
    }
    Ok(rows)
}
