//! A plan on a device: constants and pipelines that all its predictions share.

use super::device::OpenedDevice;
use super::memory::{Constants, GUARD_BYTES};
use super::pipelines::{Checks, Pipelines};
use super::runner_options::{RunnerOptions, Writer};
use super::uploads::Uploads;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::execution::{Execution, Programs};
use crate::kernel::{BufferId, Kernel};
use crate::plan::{Plan, Retain};
use crate::telemetry::{Stage, Timeline};
use std::sync::Arc;

/// A batch for which kernels for many rows are chosen.
const LARGE_BATCH: usize = 64;

/// A plan with its constants uploaded and its pipelines compiled.
#[derive(Debug)]
pub(super) struct DevicePlan {
    pub(super) gpu: Arc<OpenedDevice>,
    pub(super) plan: Plan,
    pub(super) options: RunnerOptions,
    /// Those of the device, or of the session.
    pub(super) pipelines: Arc<Pipelines>,
    pub(super) constants: Constants,
    pub(super) checks: Checks,
    pub(super) guard_bytes: u64,
    /// Whether the host writes the inputs without a copy.
    pub(super) maps_inputs: bool,
    /// The slots that the host reads without a copy.
    pub(super) read_slots: Vec<usize>,
    mixes_rows: bool,
}

impl DevicePlan {
    /// Uploads the constants of `plan` while other threads compile its pipelines.
    pub(super) fn new(
        gpu: Arc<OpenedDevice>,
        plan: Plan,
        options: RunnerOptions,
        (pipelines, uploads): (Arc<Pipelines>, Arc<Uploads>),
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<DevicePlan> {
        let (checks, guard_bytes) = match options.retain {
            Retain::Outputs => (Checks::Trusted, 0),
            Retain::All => (Checks::Checked, GUARD_BYTES),
        };
        let mut dispatches = match options.execution.programs {
            Programs::Shared => plan.dispatches(1)?,
            // Programs for one batch serve no other batch.
            Programs::PerShape => Vec::new(),
        };
        // Large batches may use other kernels. On hardware they are compiled now, so that a first large batch does not
        // wait for the compiler. On a software GPU compiling one takes as long as dozens of predictions, so that is
        // done when needed.
        let share = options.execution.programs == Programs::Shared;
        if share && !plan.facts().software && plan.max_batch() >= LARGE_BATCH {
            dispatches.extend(plan.dispatches(LARGE_BATCH)?);
        }
        let kernels: Vec<&Kernel> = dispatches.iter().map(|dispatch| &dispatch.kernel).collect();
        let upload = |timeline: &mut Timeline| {
            timeline.span_with(Stage::UploadWeights, |timeline| Constants::upload(&gpu, &plan, &uploads, timeline))
        };
        let making = (checks, deadline);
        let cache_folder = options.cache_folder.as_deref();
        let load = || pipelines.make_all(&gpu, &kernels, making, cache_folder, timeline, upload)?;
        let constants = gpu.scoped(load)?;
        // wgpu reports no error for objects of a lost device.
        let _ = gpu.device.poll(wgpu::PollType::Poll);
        gpu.expect_alive()?;
        let read_slots = match options.retain {
            Retain::Outputs if gpu.maps_storage() => output_slots(&plan),
            _ => Vec::new(),
        };
        // Writing the inputs unmaps the buffer, so without inputs it must not be mapped.
        let has_inputs = plan.model_input_bytes(1) > 0;
        let maps_inputs = gpu.maps_storage() && has_inputs && options.inputs_by == Writer::Host;
        let mixes_rows = plan.graph().mixes_rows();
        Ok(DevicePlan {
            mixes_rows,
            gpu,
            plan,
            options,
            pipelines,
            constants,
            checks,
            guard_bytes,
            maps_inputs,
            read_slots,
        })
    }
}

impl DevicePlan {
    /// Whether a batch may be padded with rows that are not read: there are no guards after the last row, no operator
    /// mixes rows, and the execution is the default.
    pub(super) fn takes_more_rows(&self) -> bool {
        let RunnerOptions { retain, execution, inputs_by, .. } = self.options;
        let is_usual = execution == Execution::default() && inputs_by == Writer::Host;
        retain == Retain::Outputs && is_usual && !self.mixes_rows
    }
}

/// The slots that hold outputs. Nothing overwrites an output.
fn output_slots(plan: &Plan) -> Vec<usize> {
    let outputs = plan.graph().outputs().iter();
    let slot = |buffer| if let BufferId::Slot(slot) = buffer { Some(slot) } else { None };
    outputs.filter_map(|(_, id)| slot(plan.region(*id, 1).buffer)).collect()
}
