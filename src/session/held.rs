//! What a session holds in memory, for reports.

use super::sized::{Engine, SizedModel};
use crate::gpu::Runner;
use crate::graph::{Graph, Source};
use std::sync::Arc;

/// What a session holds on its device between predictions, in bytes: for all sets of shared inputs and of sizes that it keeps
/// something for. Predictions that are under way are not counted.
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

    /// Of one model at all sizes that it is held at, and of what ranks its rows.
    pub(super) fn of(models: &[Arc<SizedModel>], rankings: Vec<Arc<Runner>>) -> HeldMemory {
        let (mut graphs, mut engines, mut runners) = (Vec::new(), Vec::new(), rankings);
        for model in models {
            match &model.engine {
                Engine::Reference(graph) => graphs.push(&**graph),
                Engine::Cpu(variants) => engines.extend(variants.all()),
                Engine::Gpu(variants) => runners.extend(variants.all()),
            }
        }
        graphs.extend(engines.iter().map(|engine| engine.graph()));
        let mut held = HeldMemory::of_gpu(&runners);
        held.weight_bytes += constant_bytes(&graphs);
        held.activation_bytes += engines.iter().map(|engine| engine.held_bytes()).sum::<u64>();
        held
    }

    /// `runners` of one model, of which some may have the tables of others.
    fn of_gpu(runners: &[Arc<Runner>]) -> HeldMemory {
        let mut held = HeldMemory::default();
        for (index, runner) in runners.iter().enumerate() {
            let [weights, tables, activations, parameters] = runner.held_bytes();
            let has_own_tables = !runners[..index].iter().any(|before| runner.shares_tables(before));
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
