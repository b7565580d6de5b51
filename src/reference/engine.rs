//! The reference implementation as an [`Engine`].

use super::{run, run_all};
use crate::deadline::Deadline;
use crate::engine::{Call, Engine, EngineKind, Holdings, PreparedGraph, ProfileStep, TimedSteps};
use crate::error::Result;
use crate::graph::{Graph, Source, ValueId};
use crate::kernel::DeviceFacts;
use crate::plan::{Counts, Plan, Retain};
use crate::telemetry::{Stage, Timeline};
use crate::tensor::{NamedTensors, RecycledOutputs, Tensor};
use std::sync::Arc;
use std::time::Instant;

/// The reference implementation as an engine.
#[derive(Debug)]
pub(crate) struct Reference;

impl Engine for Reference {
    fn kind(&self) -> EngineKind {
        EngineKind::Reference
    }

    fn facts(&self) -> &DeviceFacts {
        &DeviceFacts::HOST
    }

    fn takes_rewritten(&self) -> bool {
        false
    }

    fn prepare(
        &self,
        graph: &Arc<Graph>,
        _retain: Retain,
        _deadline: Deadline,
        _timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>> {
        Ok(Arc::new(ReferenceGraph(Arc::clone(graph))))
    }
}

/// A graph that runs with the reference implementations of its operators.
#[derive(Debug)]
struct ReferenceGraph(Arc<Graph>);

impl PreparedGraph for ReferenceGraph {
    fn graph(&self) -> &Arc<Graph> {
        &self.0
    }

    fn predict(&self, call: &Call<'_>, _spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<NamedTensors> {
        let inputs = call.named(&self.0);
        timeline.span(Stage::Compute, || run(&self.0, &inputs))
    }

    fn inspect(&self, call: &Call<'_>, _timeline: &mut Timeline) -> Result<Vec<(ValueId, Tensor)>> {
        let values = run_all(&self.0, &call.named(&self.0), |_, _, value| Ok(value))?;
        Ok(self.0.value_ids().zip(values.into_iter().map(Arc::unwrap_or_clone)).collect())
    }

    fn counts(&self, batch: usize) -> Result<Counts> {
        Plan::new(Arc::clone(&self.0), &DeviceFacts::HOST, Retain::Outputs)?.counts(batch)
    }

    fn steps(&self, batch: usize) -> Result<Vec<ProfileStep>> {
        let operators = self.0.ids().filter(|id| matches!(self.0.node(*id).source, Source::Op(_)));
        Ok(operators.map(|id| ProfileStep::of_node(&self.0, id, batch, "reference".into())).collect())
    }

    fn time_steps(&self, call: &Call<'_>, _spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<TimedSteps> {
        let inputs = call.named(&self.0);
        let start_ns = timeline.elapsed_ns();
        let (mut times_ns, mut last) = (Vec::new(), Instant::now());
        let take_time = |_, _: &[&Tensor], value| {
            let now = Instant::now();
            times_ns.push(now.duration_since(last).as_nanos() as u64);
            last = now;
            Ok(value)
        };
        timeline.span(Stage::Compute, || run_all(&self.0, &inputs, take_time))?;
        Ok(TimedSteps::end_to_end(NamedTensors::new(), start_ns, &times_ns))
    }

    fn add_memory(&self, holdings: &mut Holdings) {
        holdings.add_constants(&self.0);
    }
}
