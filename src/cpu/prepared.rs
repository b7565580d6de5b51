//! The CPU as an [`Engine`]: its threads and its prepared graphs.

use super::engine::Engine as Runner;
use super::threads::Threads;
use crate::deadline::Deadline;
use crate::engine::{Call, Engine, EngineKind, Holdings, PreparedGraph, ProfileStep, TimedSteps};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::kernel::DeviceFacts;
use crate::plan::{Counts, Plan, Retain};
use crate::telemetry::{Stage, Timeline};
use crate::tensor::{NamedTensors, RecycledOutputs, Tensor};
use std::collections::HashSet;
use std::sync::Arc;

/// The CPU with a fixed number of threads.
#[derive(Debug)]
pub(crate) struct Cpu {
    threads: Arc<Threads>,
}

impl Cpu {
    /// An engine with this number of threads; `None` means one per core.
    pub(crate) fn new(threads: Option<usize>) -> Self {
        Cpu { threads: Arc::new(Threads::new(threads)) }
    }
}

impl Engine for Cpu {
    fn kind(&self) -> EngineKind {
        EngineKind::Cpu
    }

    fn facts(&self) -> &DeviceFacts {
        &DeviceFacts::HOST
    }

    fn prepare(
        &self,
        graph: &Arc<Graph>,
        retain: Retain,
        _deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>> {
        let runner = timeline.span(Stage::Prepare, || Runner::new(graph, Arc::clone(&self.threads), retain))?;
        Ok(Arc::new(CpuGraph(runner)))
    }
}

/// A graph prepared for the CPU.
#[derive(Debug)]
struct CpuGraph(Runner);

impl PreparedGraph for CpuGraph {
    fn graph(&self) -> &Arc<Graph> {
        self.0.graph()
    }

    fn predict(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<NamedTensors> {
        timeline.span(Stage::Compute, || self.0.predict(call, spare))
    }

    fn inspect(&self, call: &Call<'_>, timeline: &mut Timeline) -> Result<Vec<(ValueId, Tensor)>> {
        let values = timeline.span(Stage::Compute, || self.0.inspect(call))?;
        Ok(self.0.graph().value_ids().zip(values).collect())
    }

    fn counts(&self, batch: usize) -> Result<Counts> {
        Plan::new(Arc::clone(self.0.graph()), &DeviceFacts::HOST, Retain::Outputs)?.counts(batch)
    }

    /// The cost of a step that only copies a value is the bytes that it reads and writes.
    fn steps(&self, batch: usize) -> Result<Vec<ProfileStep>> {
        let mut computed = HashSet::new();
        let steps = self.0.steps().into_iter().map(|(id, once)| {
            let often = if once { "once" } else { "for each block of rows" };
            let step = ProfileStep::of_node(self.0.graph(), id, batch, often.into());
            if computed.insert(id) && !matches!(step.operator.as_str(), "input" | "constant") {
                return step;
            }
            let bytes = 8 * step.shape.iter().product::<usize>() as u64;
            ProfileStep { operator: "copy".into(), flops: 0, bytes, ..step }
        });
        Ok(steps.collect())
    }

    fn time_steps(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<TimedSteps> {
        let start_ns = timeline.elapsed_ns();
        let compute = || self.0.time_steps(call, spare);
        let (outputs, times_ns) = timeline.span(Stage::Compute, compute)?;
        Ok(TimedSteps::end_to_end(outputs, start_ns, &times_ns))
    }

    fn add_memory(&self, holdings: &mut Holdings) {
        holdings.add_constants(self.0.graph());
        holdings.add_activations(self.0.held_bytes());
    }
}
