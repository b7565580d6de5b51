//! What a session holds in memory, for reports.

use crate::cpu;
use crate::gpu::Runner;
use crate::graph::{Graph, Source};
use std::sync::Arc;

/// What a session holds on its device between predictions, in bytes. Predictions that are under way are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeldMemory {
    /// Weights and tables: the buffers of a GPU. On the CPU the elements of the graph's constants at four bytes each, which
    /// says little of what is only mapped or is kept in another order besides.
    pub weight_bytes: u64,
    /// Inputs, values between operators and what is read back. Grows with the largest batch of late; the reference keeps none.
    pub activation_bytes: u64,
    /// Parameters of kernels, on a GPU alone.
    pub parameter_bytes: u64,
}

impl HeldMemory {
    /// All of it.
    pub fn total_bytes(&self) -> u64 {
        self.weight_bytes + self.activation_bytes + self.parameter_bytes
    }

    pub(super) fn of_reference(graph: &Graph) -> HeldMemory {
        HeldMemory { weight_bytes: constant_bytes(&[graph]), ..HeldMemory::default() }
    }

    pub(super) fn of_cpu(engines: &[Arc<cpu::Engine>]) -> HeldMemory {
        let graphs: Vec<&Graph> = engines.iter().map(|engine| engine.graph()).collect();
        let activation_bytes = engines.iter().map(|engine| engine.held_bytes()).sum();
        HeldMemory { weight_bytes: constant_bytes(&graphs), activation_bytes, parameter_bytes: 0 }
    }

    /// `runners` of one model, of which some may have the tables of the first.
    pub(super) fn of_gpu(runners: &[Arc<Runner>]) -> HeldMemory {
        let mut held = HeldMemory::default();
        for (index, runner) in runners.iter().enumerate() {
            let [weights, tables, activations, parameters] = runner.held_bytes();
            let has_own_tables = index == 0 || !runner.shares_tables(&runners[0]);
            held.weight_bytes += weights + if has_own_tables { tables } else { 0 };
            held.activation_bytes += activations;
            held.parameter_bytes += parameters;
        }
        held
    }
}

/// The bytes of the constants of graphs of one model, each tensor once.
fn constant_bytes(graphs: &[&Graph]) -> u64 {
    let constants = graphs.iter().flat_map(|graph| graph.nodes()).filter_map(|node| match &node.source {
        Source::Constant(value) => Some((Arc::as_ptr(value), 4 * value.len() as u64)),
        _ => None,
    });
    constants.collect::<std::collections::HashMap<_, _>>().values().sum()
}
