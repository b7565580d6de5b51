//! A plan on a device: what all its predictions share.

use super::device::Gpu;
use super::memory::{Constants, GUARD_BYTES};
use super::pipelines::Checks;
use crate::error::Result;
use crate::graph::Graph;
use crate::kernel::{BufferId, Kernel};
use crate::plan::{Plan, Retain};
use crate::timeline::Timeline;
use std::path::PathBuf;
use std::sync::Arc;

/// A batch that takes the kernels for many rows.
const LARGE_BATCH: usize = 64;

/// A plan with its constants uploaded and its pipelines made.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) gpu: Gpu,
    pub(super) plan: Plan,
    pub(super) retain: Retain,
    pub(super) constants: Constants,
    pub(super) checks: Checks,
    pub(super) guard_bytes: u64,
    /// The slots that the host reads without a copy.
    pub(super) read_slots: Vec<usize>,
    /// Where new pipelines are kept on disk.
    pub(super) cache_folder: Option<PathBuf>,
}

impl Loaded {
    /// Uploads the constants of `plan` while other threads make its pipelines.
    pub(super) fn new(
        gpu: Gpu,
        plan: Plan,
        retain: Retain,
        cache_folder: Option<PathBuf>,
        timeline: &mut Timeline,
    ) -> Result<Loaded> {
        Loaded::with_tables(gpu, plan, retain, cache_folder, None, timeline)
    }

    /// Another graph of the same model on the same device. Tables that are the same are not uploaded again.
    pub(super) fn share(&self, graph: Arc<Graph>, timeline: &mut Timeline) -> Result<Loaded> {
        let plan = Plan::new(graph, self.gpu.facts(), self.retain)?;
        let (tables, known) = (plan.tables(), self.plan.tables());
        let mut pairs = tables.iter().zip(known);
        let are_same =
            tables.len() == known.len() && pairs.all(|(new, old)| new.0 == old.0 && Arc::ptr_eq(&new.1, &old.1));
        let tables = are_same.then(|| self.constants.tables.clone());
        Loaded::with_tables(self.gpu.clone(), plan, self.retain, self.cache_folder.clone(), tables, timeline)
    }

    fn with_tables(
        gpu: Gpu,
        plan: Plan,
        retain: Retain,
        cache_folder: Option<PathBuf>,
        tables: Option<wgpu::Buffer>,
        timeline: &mut Timeline,
    ) -> Result<Loaded> {
        let (checks, guard_bytes) = match retain {
            Retain::Outputs => (Checks::Trusted, 0),
            Retain::All => (Checks::Checked, GUARD_BYTES),
        };
        let mut dispatches = plan.dispatches(1)?;
        // A batch of another size may want other kernels. On hardware they are made at once, so that growing waits for
        // no compiler; on software one compiles as long as dozens of predictions take, so they are made when needed.
        if !plan.facts().software && plan.max_batch() >= LARGE_BATCH {
            dispatches.extend(plan.dispatches(LARGE_BATCH)?);
        }
        let kernels: Vec<&Kernel> = dispatches.iter().map(|dispatch| &dispatch.kernel).collect();
        let upload = |timeline: &mut Timeline| {
            timeline.span_with("upload weights", |timeline| Constants::upload(&gpu, &plan, tables, timeline))
        };
        let constants = gpu.pipelines.make_all(&gpu, &kernels, checks, cache_folder.as_deref(), timeline, upload)?;
        gpu.check()?;
        let read_slots = if gpu.maps_storage() && retain == Retain::Outputs { output_slots(&plan) } else { Vec::new() };
        Ok(Loaded { gpu, plan, retain, constants, checks, guard_bytes, read_slots, cache_folder })
    }
}

/// The slots that hold outputs: nothing else is written there after them.
fn output_slots(plan: &Plan) -> Vec<usize> {
    let outputs = plan.graph().outputs().iter();
    let slot = |buffer| if let BufferId::Slot(slot) = buffer { Some(slot) } else { None };
    outputs.filter_map(|(_, id)| slot(plan.region(*id, 1).buffer)).collect()
}
