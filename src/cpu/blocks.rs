//! Chooses the number of rows in a block: the rows that go through all steps together.
//!
//! The values of a block should stay in the second-level cache from step to step. A block should also have enough rows
//! to amortise reading the weights. For wide rows, such as images, both are not possible. A block then has as many
//! bytes of values as there are bytes of weights, so that both are read about equally often: two megabytes of weights
//! with two megabytes of values, and a small network with one image.

use super::layout::Layout;
use super::tile::TILE_ROWS;
use crate::graph::{Graph, Source};
use crate::ops::Op;
use std::collections::HashMap;
use std::sync::Arc;

/// Maximum number of rows in a block: with more, the cost of reading the weights is already negligible. A multiple of
/// the height of a tile.
const MOST_ROWS: usize = 96;

/// The size in bytes that a block may always have. Cores have half a megabyte to two megabytes of second-level cache,
/// and a step uses only part of the values of a block.
const CACHE_BYTES: u64 = 1 << 20;

/// Minimum number of floating-point operations per worker thread. Waking a thread takes about 10 µs; this much work
/// takes several times as long.
const OPERATIONS_PER_THREAD: u64 = 8_000_000;

/// Divides the batches of a graph into blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Maximum number of rows in a block; `None` if a step needs all rows together.
    most: Option<usize>,
    /// The floating-point operations for one row, without values that are computed once.
    operations: u64,
}

impl Blocks {
    pub(super) fn new(graph: &Graph, layout: &Layout) -> Blocks {
        let most = (!graph.mixes_rows()).then(|| max_rows(layout.block.row_bytes(), weight_bytes(graph)));
        let ids = graph.ids().filter(|id| graph.is_per_sample(graph.node(*id)));
        Blocks { most, operations: ids.map(|id| graph.cost(id, 1).flops).sum() }
    }

    /// The number of rows in a block for this batch: as many as fit the caches, or fewer, so that every thread worth
    /// waking has work.
    pub(super) fn rows(&self, batch: usize, threads: usize) -> usize {
        let Some(most) = self.most else { return batch };
        let work = self.operations.saturating_mul(batch as u64) / OPERATIONS_PER_THREAD;
        let paying = usize::try_from(work).unwrap_or(usize::MAX).clamp(1, threads);
        batch.div_ceil(paying).clamp(1, most)
    }
}

/// The number of rows for which values and weights are read equally often, rounded to whole tiles if there is room.
fn max_rows(row_bytes: u64, weight_bytes: u64) -> usize {
    let fitting = CACHE_BYTES.max(weight_bytes) / row_bytes.max(1);
    let rows = usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, MOST_ROWS);
    if rows < TILE_ROWS { rows } else { rows - rows % TILE_ROWS }
}

/// The size in bytes of the weights that every block reads entirely. Lookup tables are excluded, because only some of
/// their rows are read.
fn weight_bytes(graph: &Graph) -> u64 {
    let reads_all =
        |op: &Op| matches!(op, Op::Dense(_) | Op::TargetAttentionDense(_) | Op::Recurrent(_) | Op::Convolution(_));
    let nodes = graph.nodes().iter().filter(|node| matches!(&node.source, Source::Op(op) if reads_all(op)));
    let read = nodes.flat_map(|node| &node.inputs).filter_map(|id| match &graph.maker(*id).source {
        Source::Constant(value) => Some((Arc::as_ptr(value), 4 * value.len() as u64)),
        _ => None,
    });
    read.collect::<HashMap<_, _>>().values().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_what_the_cache_or_the_weights_hold_in_whole_tiles() {
        const MIB: u64 = 1 << 20;
        assert_eq!(max_rows(0, 0), 96);
        assert_eq!(max_rows(4 << 10, MIB), 96, "narrow rows");
        assert_eq!(max_rows(100 << 10, 0), 6, "ten fit, and a tile has six");
        assert_eq!(max_rows(300 << 10, 0), 3, "no whole tile fits");
        assert_eq!(max_rows(12 * MIB, MIB), 1, "an image");
        assert_eq!(max_rows(3 * MIB, 50 * MIB), 12, "an image with many weights");
        assert_eq!(max_rows(u64::MAX, u64::MAX), 1);
        assert_eq!(MOST_ROWS % TILE_ROWS, 0);
    }

    #[test]
    fn threads_get_work_where_it_pays() {
        let blocks = |most, operations| Blocks { most, operations };
        assert_eq!(blocks(Some(96), 1).rows(60, 4), 60, "too little for a second thread");
        assert_eq!(blocks(Some(96), OPERATIONS_PER_THREAD).rows(60, 4), 15);
        assert_eq!(blocks(Some(6), OPERATIONS_PER_THREAD).rows(60, 4), 6);
        assert_eq!(blocks(Some(6), OPERATIONS_PER_THREAD).rows(2, 4), 1);
        assert_eq!(blocks(None, OPERATIONS_PER_THREAD).rows(1000, 4), 1000, "rows that are taken together");
    }
}
