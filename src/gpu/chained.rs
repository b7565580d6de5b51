//! One plan after another in one submit: the second works on what the first has computed, and only its outputs come back.

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

/// The outputs of the plan that has its turn in `next`, whose only input is the first output of the plan before for `inputs` of
/// `batch` rows. Its values have no batch, and a device writes its inputs. Kernels are submitted all at once, whatever the
/// execution.
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

/// Each plan with a flight of it. After an error neither flight is fit for use.
fn run_both(
    (first, flight): (&DevicePlan, &mut InFlight),
    (second, next): (&DevicePlan, &mut InFlight),
    (inputs, batch): (&[&Tensor], usize),
    deadline: Deadline,
    timeline: &mut Timeline,
) -> Result<Vec<(ValueId, Tensor)>> {
    let (from, prepared) = flight.prepare(first, batch, deadline, timeline)?;
    let (to, following) = next.prepare(second, NO_BATCH, deadline, timeline)?;
    let (Some((_, output)), [read_back]) = (first.plan.graph().outputs().first(), &following.read_backs[..]) else {
        return Err(Error::internal("there is nothing to hand on, or it is not read back at once"));
    };
    // Where the values stand depends on the rows that memory was prepared for, and how many count on the batch.
    let length_bytes = first.plan.region(*output, batch).length_bytes;
    let region = Region { length_bytes, ..first.plan.region(*output, prepared.batch) };
    timeline.span_with(Stage::WriteInputs, |timeline| write_inputs(first, from, prepared, inputs, timeline))?;
    timeline.count(Counter::Dispatches, (prepared.dispatches.len() + following.dispatches.len()) as u64);
    let (sender, receiver) = mpsc::channel();
    let commands = timeline.span(Stage::Encode, || {
        let mut encoder = first.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        record(&mut encoder, &prepared.dispatches, 0, None);
        let source = from.buffer(&first.constants, region.buffer);
        encoder.copy_buffer_to_buffer(source, region.offset_bytes, &to.inputs.buffer, 0, Some(region.length_bytes));
        record(&mut encoder, &following.dispatches, 0, None);
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
