//! Where constants are: tables in one buffer, everything else in another.
//!
//! Tables stay as the file stores them; other constants are words.

use super::too_large_weights;
use crate::error::Result;
use crate::graph::{Graph, NodeId, Source};
use crate::kernel::{BufferId, DeviceFacts, Packing};
use crate::tensor::{Encoding, Tensor};
use std::collections::HashMap;
use std::sync::Arc;

/// The places of all constants of a graph.
#[derive(Debug, Clone, Default)]
pub(super) struct Constants {
    /// By node: the buffer and the offset in bytes.
    places: HashMap<NodeId, (BufferId, u64)>,
    /// The tables in memory order, each with its offset in bytes.
    pub(super) tables: Vec<(u64, Arc<Tensor>)>,
    /// The size of the buffer of tables.
    pub(super) table_bytes: u64,
    /// The size of the buffer of other constants.
    pub(super) weight_bytes: u64,
}

impl Constants {
    /// Places the constants of `graph`. Equal tables have equal places in all plans of one model: they stand in the
    /// order of their names.
    pub(super) fn place(graph: &Graph, facts: &DeviceFacts) -> Result<Constants> {
        let mut constants = Constants::default();
        for id in tables(graph) {
            let Source::Constant(value) = &graph.node(id).source else { continue };
            let known = constants.tables.iter().find(|(_, known)| Arc::ptr_eq(known, value)).map(|(at, _)| *at);
            let offset = match known {
                Some(offset) => offset,
                None => {
                    let offset = append(&mut constants.table_bytes, packed(value).0, facts);
                    constants.tables.push((offset, Arc::clone(value)));
                    offset
                }
            };
            constants.places.insert(id, (BufferId::Tables, offset));
        }
        for (id, node) in graph.ids().zip(graph.nodes()) {
            let Source::Constant(value) = &node.source else { continue };
            if !constants.places.contains_key(&id) {
                let offset = append(&mut constants.weight_bytes, 4 * value.len() as u64, facts);
                constants.places.insert(id, (BufferId::Weights, offset));
            }
            if constants.weight_bytes.max(constants.table_bytes) > facts.max_buffer_bytes {
                return Err(too_large_weights(node, facts));
            }
        }
        Ok(constants)
    }

    /// The buffer and offset of a constant.
    pub(super) fn place_of(&self, id: NodeId) -> (BufferId, u64) {
        self.places.get(&id).copied().unwrap_or((BufferId::Weights, 0))
    }
}

/// The constants that some operator reads as tables, by name.
fn tables(graph: &Graph) -> Vec<NodeId> {
    let mut tables: Vec<NodeId> = Vec::new();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let read = node.inputs.iter().enumerate().filter(|(position, _)| op.operator().is_table(*position));
        tables.extend(read.map(|(_, id)| *id));
    }
    tables.sort_by(|a, b| (&graph.node(*a).name, a).cmp(&(&graph.node(*b).name, b)));
    tables.dedup();
    tables
}

/// The bytes of a table, and how its elements stand in them.
pub(super) fn packed(value: &Tensor) -> (u64, Packing) {
    let Some(packed) = value.as_packed() else { return (4 * value.len() as u64, Packing::Words) };
    let packing = match packed.encoding() {
        Encoding::F32 => Packing::Words,
        Encoding::F16 => Packing::Halves,
        Encoding::Codes(_) => Packing::Codes,
    };
    (4 * packed.word_count() as u64, packing)
}

fn append(size: &mut u64, bytes: u64, facts: &DeviceFacts) -> u64 {
    let offset = size.next_multiple_of(facts.binding_alignment_bytes);
    // Kernels that bind all constants read them by quads, so the last quad of the buffer must be a whole one.
    *size = offset + bytes.max(4).next_multiple_of(16);
    offset
}
