//! Two plans in one submit. The input of the second is the first output of the first. Only outputs of the second are
//! read back.

use super::device_plan::DevicePlan;
use super::in_flight::{InFlight, submit, wait, write_inputs};
use super::read_back::{await_mappings, map};
use super::runner::Turn;
use super::step_times::record;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::kernel::Region;
use crate::telemetry::{Counter, Stage, Timeline};
use crate::tensor::{RecycledOutputs, Tensor};
use std::sync::mpsc;

/// The batch of a graph whose values have none.
const NO_BATCH: usize = 1;

/// Runs the first plan for `inputs` of `batch` rows, then the plan of `next`, and returns the outputs of the latter.
/// Its only input is the first output of the first plan. Its values have no batch, and its inputs are written by the
/// device. All kernels go in one submit, whatever the execution.
pub(super) fn run(
    before: (&DevicePlan, &mut InFlight),
    next: Turn,
    inputs: &[&Tensor],
    batch: usize,
    deadline: Deadline,
    timeline: &mut Timeline,
) -> Result<Vec<(ValueId, Tensor)>> {
    next.run(NO_BATCH, timeline, |second, next, timeline| {
        run_both(before, (second, next), (inputs, batch), deadline, timeline)
    })
}

/// Each plan comes with the memory of a prediction in flight. After an error neither memory may be used again.
fn run_both(
    (first, in_flight): (&DevicePlan, &mut InFlight),
    (second, next): (&DevicePlan, &mut InFlight),
    (inputs, batch): (&[&Tensor], usize),
    deadline: Deadline,
    timeline: &mut Timeline,
) -> Result<Vec<(ValueId, Tensor)>> {
    let (from, bindings) = in_flight.prepare(first, batch, deadline, timeline)?;
    let (to, next_bindings) = next.prepare(second, NO_BATCH, deadline, timeline)?;
    let (Some((_, output)), [read_back]) = (first.plan.graph().outputs().first(), &next_bindings.read_backs[..]) else {
        return Err(Error::internal("the first plan has no output, or the second is not read back at once"));
    };
    // The offset depends on the batch that the memory was bound for, the length on the batch of the inputs.
    let length_bytes = first.plan.region(*output, batch).length_bytes;
    let region = Region { length_bytes, ..first.plan.region(*output, bindings.batch) };
    timeline.span_with(Stage::WriteInputs, |timeline| write_inputs(first, from, bindings, inputs, timeline))?;
    timeline.count(Counter::Dispatches, (bindings.dispatches.len() + next_bindings.dispatches.len()) as u64);
    let (sender, receiver) = mpsc::channel();
    let commands = timeline.span(Stage::Encode, || {
        let mut encoder = first.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        record(&mut encoder, &bindings.dispatches, 0, None);
        let source = from.buffer(&first.constants, region.buffer);
        encoder.copy_buffer_to_buffer(source, region.offset_bytes, &to.inputs.buffer, 0, Some(region.length_bytes));
        record(&mut encoder, &next_bindings.dispatches, 0, None);
        read_back.record(&mut encoder, second, to, &sender);
        if from.inputs_are_mapped() {
            let inputs = &from.inputs.buffer;
            map(&encoder, inputs, wgpu::MapMode::Write, inputs.size(), &sender);
        }
        encoder.finish()
    });
    let submission = submit(&first.gpu, commands, timeline)?;
    wait(&first.gpu, submission, timeline)?;
    await_mappings(read_back.mapping_count() + usize::from(from.inputs_are_mapped()), &receiver)?;
    read_back.read(second, to, NO_BATCH, &mut RecycledOutputs::default(), timeline)
}
