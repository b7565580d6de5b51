//! One plan after another in one submit: the second works on what the first has computed, and only its outputs come back.

use super::flight::{Flight, submit, wait, write_inputs};
use super::read_back::{await_mappings, map};
use super::runner::Runner;
use super::step_times::record;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::tensor::{NamedTensors, Spare, Tensor};
use crate::timeline::Timeline;
use std::sync::mpsc;

/// The batch of a graph whose values have none.
const NO_BATCH: usize = 1;

/// The outputs of `second`, whose only input is the first output of `first` for `inputs` of `batch` rows. Its values have no
/// batch, and it was made to follow ([`Runner::follow`]). Kernels are submitted all at once, whatever the execution.
pub(crate) fn predict_chained(
    first: &Runner,
    second: &Runner,
    inputs: &[&Tensor],
    batch: usize,
    timeline: &mut Timeline,
) -> Result<NamedTensors> {
    // All that wait for a flight of a second runner have one of a first, and nobody the other way round.
    let values = first.in_flight(batch, timeline, |flight, timeline| {
        second.in_flight(NO_BATCH, timeline, |next, timeline| {
            run((first, flight), (second, next), inputs, batch, timeline)
        })
    })?;
    Ok(second.named(values))
}

/// Each runner with a flight of it. After an error neither flight is fit for use.
fn run(
    (first, flight): (&Runner, &mut Flight),
    (second, next): (&Runner, &mut Flight),
    inputs: &[&Tensor],
    batch: usize,
    timeline: &mut Timeline,
) -> Result<Vec<(ValueId, Tensor)>> {
    let (first, second) = (&first.loaded, &second.loaded);
    let (from, prepared) = flight.prepare(first, batch, timeline)?;
    let (to, following) = next.prepare(second, NO_BATCH, timeline)?;
    let (Some((_, output)), [read_back]) = (first.plan.graph().outputs().first(), &following.read_backs[..]) else {
        return Err(Error::internal("there is nothing to hand on, or it is not read back at once"));
    };
    let region = first.plan.region(*output, batch);
    timeline.span_with("write inputs", |timeline| write_inputs(first, from, prepared, inputs, timeline))?;
    timeline.count("dispatches", (prepared.dispatches.len() + following.dispatches.len()) as u64);
    let (sender, receiver) = mpsc::channel();
    let commands = timeline.span("encode", || {
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
    let submission = submit(&first.gpu, commands, timeline);
    wait(&first.gpu, submission, timeline)?;
    await_mappings(read_back.mapping_count() + usize::from(from.inputs_are_mapped()), &receiver)?;
    read_back.read(second, to, NO_BATCH, &mut Spare::default(), timeline)
}
