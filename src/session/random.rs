//! Seeded inputs for a model, where the caller has none.

use super::ids::table_rows;
use super::inputs::expect_computable;
use crate::error::Result;
use crate::model::Model;
use crate::tensor::{DType, Data, NamedTensors, Tensor, element_count};

/// Random inputs of `batch` rows: ids inside their tables, other integers 0 or 1, floats uniform in 0..1. The same
/// seed gives the same inputs on every machine.
pub fn random_inputs(model: &Model, batch: usize, seed: u64) -> Result<NamedTensors> {
    let graph = model.graph();
    expect_computable(graph, batch)?;
    let mut generator = SplitMix64::new(seed);
    let mut inputs = NamedTensors::new();
    for (_, node) in graph.inputs() {
        let shape = node.ty.shape.resolve(batch);
        let count = element_count(&shape)?;
        let rows = table_rows(graph, &node.name);
        let data = match (node.ty.dtype, rows) {
            (DType::F32, None) => Data::F32((0..count).map(|_| generator.unit()).collect()),
            (DType::F32, Some(rows)) => Data::F32((0..count).map(|_| generator.below(rows) as f32).collect()),
            (DType::I32, rows) => Data::I32((0..count).map(|_| generator.below(rows.unwrap_or(2)) as i32).collect()),
            (DType::Bool, _) => Data::Bool((0..count).map(|_| generator.below(2) == 1).collect()),
        };
        inputs.insert(node.name.as_str(), Tensor::new(&shape, data)?);
    }
    Ok(inputs)
}

/// The generator of Steele, Lea and Flood (2014): small, seedable, and good enough for test inputs.
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        SplitMix64(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of 0..1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// A number of 0..limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}
