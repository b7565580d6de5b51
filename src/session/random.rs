//! Random inputs for a model, from a seed.

use super::ids::smallest_tables;
use super::inputs::expect_computable;
use crate::error::Result;
use crate::model::Model;
use crate::random::SplitMix64;
use crate::tensor::{DType, Data, NamedTensors, Tensor, element_count};

/// Random inputs of `batch` rows: ids inside their tables, other integers 0 or 1, floats uniform in 0..1. A seed gives
/// the same inputs on every machine.
///
/// # Errors
///
/// [`ErrorKind::Input`](crate::ErrorKind::Input) if an open dimension of the model has no size ([`Model::with_sizes`]);
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if a value is too large at this batch.
pub fn random_inputs(model: &Model, batch: usize, seed: u64) -> Result<NamedTensors> {
    model.expect_sized()?;
    let graph = model.graph();
    expect_computable(graph, batch)?;
    let mut generator = SplitMix64::new(seed);
    let mut inputs = NamedTensors::new();
    let tables = smallest_tables(graph);
    for (id, node) in graph.inputs() {
        let ty = graph.ty(id);
        let shape = ty.shape.resolve(batch);
        let count = element_count(&shape)?;
        let rows = tables.get(node.name.as_str()).copied();
        let data = match (ty.dtype, rows) {
            (DType::F32, None) => Data::F32((0..count).map(|_| generator.unit()).collect()),
            (DType::F32, Some(rows)) => Data::F32((0..count).map(|_| generator.below(rows) as f32).collect()),
            (DType::I32, rows) => Data::I32((0..count).map(|_| generator.below(rows.unwrap_or(2)) as i32).collect()),
            (DType::Bool, _) => Data::Bool((0..count).map(|_| generator.below(2) == 1).collect()),
        };
        inputs.insert(node.name.as_str(), Tensor::new(&shape, data)?);
    }
    Ok(inputs)
}
