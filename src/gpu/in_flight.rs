//! The memory and bind groups of one prediction at a time, and how it runs: one encoder, one submit, one wait, unless the
//! session is to be executed otherwise.

use super::batch_bindings::BatchBindings;
use super::batches::Batches;
use super::device::OpenedDevice;
use super::device_plan::DevicePlan;
use super::faults::FaultSite;
use super::memory::Memory;
use super::read_back::{ReadBack, await_mappings, map};
use super::step_times::{StepTimes, Timestamps, has_timestamps, place, record};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::execution::{Execution, ReadBacks, Submits};
use crate::graph::ValueId;
use crate::plan::Retain;
use crate::telemetry::{Counter, Span, Stage, Timeline};
use crate::tensor::{RecycledOutputs, Tensor};
use std::sync::mpsc;
use std::time::Duration;

/// Batches whose bind groups are kept: each that is prepared for itself, and more that many share than any caller meets.
const PREPARED_BATCHES: usize = 96;

/// Memory is looked at after this many predictions. It is given back if the largest batch among them needs no more
/// than a quarter of it.
const PREDICTIONS_BEFORE_SHRINKING: u32 = 64;

/// Less than this is not worth making buffers again.
const LEAST_BYTES_TO_GIVE_BACK: u64 = 1 << 20;

/// A wait is taken up again after this time unless the device is lost, which another thread may have been told.
const WAIT_PIECE: Duration = Duration::from_secs(1);

/// What one prediction works in. Several of them may be under way on one device.
#[derive(Debug)]
pub(super) struct InFlight {
    memory: Memory,
    batches: Batches,
    /// Most recently used last.
    prepared: Vec<BatchBindings>,
    /// Since memory was last looked at.
    predictions: u32,
    largest_batch: usize,
}

/// What a flight computes, and when it must be done.
#[derive(Clone, Copy)]
pub(super) struct Rows<'r> {
    /// One tensor for each input of the graph.
    pub(super) inputs: &'r [&'r Tensor],
    pub(super) batch: usize,
    pub(super) deadline: Deadline,
}

impl InFlight {
    /// A flight with memory for `batch`.
    pub(super) fn new(loaded: &DevicePlan, batch: usize, timeline: &mut Timeline) -> InFlight {
        let DevicePlan { gpu, plan, guard_bytes, maps_inputs, read_slots, .. } = loaded;
        let memory = Memory::new(gpu, plan, batch, *guard_bytes, *maps_inputs, read_slots, timeline);
        InFlight { memory, batches: Batches::default(), prepared: Vec::new(), predictions: 0, largest_batch: 0 }
    }

    /// The values that are read back, in `spare` memory if there is any, and when each kernel ran, if that is wanted. After an
    /// error the flight is not fit for use.
    pub(super) fn run(
        &mut self,
        loaded: &DevicePlan,
        rows: Rows<'_>,
        spare: &mut RecycledOutputs,
        mut times: Option<&mut StepTimes>,
        timeline: &mut Timeline,
    ) -> Result<Vec<(ValueId, Tensor)>> {
        let (gpu, Rows { inputs, batch, deadline }) = (&loaded.gpu, rows);
        let (memory, prepared) = self.prepare(loaded, batch, deadline, timeline)?;
        let kernels = prepared.dispatches.len();
        if times.is_some() && has_timestamps(gpu) {
            prepared.timestamps.get_or_insert_with(|| Timestamps::new(gpu, kernels));
        }
        let prepared = &*prepared;
        timeline.span_with(Stage::WriteInputs, |timeline| write_inputs(loaded, memory, prepared, inputs, timeline))?;
        timeline.count(Counter::Dispatches, kernels as u64);
        let timestamps = prepared.timestamps.as_ref().filter(|_| times.is_some());
        let by_host = times.as_deref_mut().filter(|_| timestamps.is_none());
        let with_outputs = submit_alone(loaded, prepared, timestamps, by_host, timeline)?;
        let new_encoder = || gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let (sender, receiver) = mpsc::channel();
        let mut values = Vec::new();
        for (index, read_back) in prepared.read_backs.iter().enumerate() {
            let is_first = index == 0;
            // After all that reads them.
            let maps_inputs = memory.inputs_are_mapped() && index + 1 == prepared.read_backs.len();
            let commands = timeline.span(Stage::Encode, || {
                let mut encoder = new_encoder();
                if is_first {
                    record(&mut encoder, &prepared.dispatches[with_outputs..], with_outputs, timestamps);
                    timestamps.inspect(|timestamps| timestamps.record(&mut encoder, &sender));
                }
                read_back.record(&mut encoder, loaded, memory, &sender);
                if maps_inputs {
                    let inputs = &memory.inputs.buffer;
                    map(&encoder, inputs, wgpu::MapMode::Write, inputs.size(), &sender);
                }
                encoder.finish()
            });
            let submission = submit(gpu, commands, timeline)?;
            wait(gpu, submission, timeline)?;
            let others = usize::from(maps_inputs) + usize::from(is_first && timestamps.is_some());
            await_mappings(read_back.mapping_count() + others, &receiver)?;
            values.extend(read_back.read(loaded, memory, batch, spare, timeline)?);
        }
        if let (Some(times), Some(timestamps)) = (times, timestamps) {
            let tick_ns = f64::from(gpu.queue.get_timestamp_period());
            *times = StepTimes { spans: place(&timestamps.ticks()?, tick_ns, timeline), tick_ns: Some(tick_ns) };
        }
        Ok(values)
    }

    /// Whether the memory should be given back, because all recent batches were much smaller.
    pub(super) fn is_too_large(&mut self, loaded: &DevicePlan, batch: usize) -> bool {
        self.predictions += 1;
        self.largest_batch = self.largest_batch.max(batch);
        if self.predictions < PREDICTIONS_BEFORE_SHRINKING {
            return false;
        }
        let slots = loaded.plan.slots().iter().map(|slot| slot.bytes(self.largest_batch) + loaded.guard_bytes);
        let needed = slots.sum::<u64>() + loaded.plan.model_input_bytes(self.largest_batch);
        (self.predictions, self.largest_batch) = (0, 0);
        self.memory.bytes() >= LEAST_BYTES_TO_GIVE_BACK.max(4 * needed)
    }

    /// The bytes this flight holds that grow with the batch.
    pub(super) fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// The bytes of the parameters of all its kernels.
    pub(super) fn params_bytes(&self) -> u64 {
        self.prepared.iter().map(|prepared| prepared.params_bytes).sum()
    }

    /// The memory, with room for `batch`, and what is prepared for it: for as many rows, or a few more.
    pub(super) fn prepare(
        &mut self,
        loaded: &DevicePlan,
        batch: usize,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<(&Memory, &mut BatchBindings)> {
        timeline.span_with(Stage::Prepare, |timeline| self.put_last(loaded, batch, deadline, timeline))?;
        match self.prepared.last_mut() {
            Some(prepared) => Ok((&self.memory, prepared)),
            None => Err(Error::internal("no batch is prepared")),
        }
    }

    /// Puts what a prediction of `batch` rows takes at the end of `prepared`.
    fn put_last(
        &mut self,
        loaded: &DevicePlan,
        batch: usize,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<()> {
        let most = loaded.plan.max_batch();
        let batch = if loaded.takes_more_rows() { self.batches.choose(batch, most) } else { batch };
        if let Some(position) = self.prepared.iter().position(|prepared| prepared.batch == batch) {
            self.prepared[position..].rotate_left(1);
            return Ok(());
        }
        let dispatches = loaded.plan.dispatches(batch)?;
        let read_backs = ReadBack::of(loaded, batch);
        let staging_bytes = read_backs.iter().map(ReadBack::staging_bytes).max().unwrap_or(0);
        if self.memory.reserve(&loaded.gpu, &loaded.plan, batch, staging_bytes, timeline) {
            // Their bind groups hold buffers that were replaced.
            self.prepared.clear();
        }
        let prepared = BatchBindings::new(loaded, &self.memory, batch, &dispatches, read_backs, deadline, timeline)?;
        if self.prepared.len() == PREPARED_BATCHES {
            self.prepared.remove(0);
        }
        self.prepared.push(prepared);
        Ok(())
    }
}

pub(super) fn write_inputs(
    loaded: &DevicePlan,
    memory: &Memory,
    prepared: &BatchBindings,
    inputs: &[&Tensor],
    timeline: &mut Timeline,
) -> Result<()> {
    let gpu = &loaded.gpu;
    if loaded.options.retain == Retain::All {
        memory.write_guards(gpu);
    }
    let Some(bytes) = wgpu::BufferSize::new(prepared.input_bytes) else { return Ok(()) };
    let buffer = &memory.inputs.buffer;
    if memory.inputs_are_mapped() {
        let mut view = buffer
            .get_mapped_range_mut(0..bytes.get())
            .map_err(|cause| Error::internal("the inputs could not be written").because(cause))?;
        fill(view.slice(..), prepared, inputs, timeline);
        drop(view);
        buffer.unmap();
    } else if let Some(mut view) = gpu.queue.write_buffer_with(buffer, 0, bytes) {
        fill(view.slice(..), prepared, inputs, timeline);
    } else {
        return Err(Error::internal("the inputs could not be written"));
    }
    Ok(())
}

fn fill(mut target: wgpu::WriteOnly<'_, [u8]>, prepared: &BatchBindings, inputs: &[&Tensor], timeline: &mut Timeline) {
    let mut written = 0;
    for (input, offset) in inputs.iter().zip(&prepared.input_offsets_bytes) {
        let words = input.words();
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let start = *offset as usize;
        target.slice(start..start + bytes.len()).copy_from_slice(bytes);
        written += bytes.len() as u64;
    }
    timeline.count(Counter::UploadBytes, written);
}

/// Submits the kernels that are not submitted with the first read-back, and gives the position of the first that is. Those
/// whose times the host takes are waited for one by one.
fn submit_alone(
    loaded: &DevicePlan,
    prepared: &BatchBindings,
    timestamps: Option<&Timestamps>,
    by_host: Option<&mut StepTimes>,
    timeline: &mut Timeline,
) -> Result<usize> {
    let Execution { submits, read_back, .. } = loaded.options.execution;
    let at_once = match (submits, read_back) {
        _ if by_host.is_some() => 1,
        (Submits::One, ReadBacks::Together) => return Ok(0),
        (Submits::One, ReadBacks::PerOutput) => prepared.dispatches.len().max(1),
        (Submits::PerKernel, _) => 1,
    };
    let mut spans = Vec::new();
    for (group, dispatches) in prepared.dispatches.chunks(at_once).enumerate() {
        let commands = timeline.span(Stage::Encode, || {
            let mut encoder = loaded.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            record(&mut encoder, dispatches, group * at_once, timestamps);
            encoder.finish()
        });
        let start_ns = timeline.elapsed_ns();
        let submission = submit(&loaded.gpu, commands, timeline)?;
        if by_host.is_some() {
            wait(&loaded.gpu, submission, timeline)?;
            spans.push(Span { stage: Stage::Kernel, start_ns, duration_ns: timeline.elapsed_ns() - start_ns });
        }
    }
    if let Some(times) = by_host {
        *times = StepTimes { spans, tick_ns: None };
    }
    Ok(prepared.dispatches.len())
}

pub(super) fn submit(
    gpu: &OpenedDevice,
    commands: wgpu::CommandBuffer,
    timeline: &mut Timeline,
) -> Result<wgpu::SubmissionIndex> {
    timeline.count(Counter::Submits, 1);
    timeline.span(Stage::Submit, || {
        gpu.pass(FaultSite::Submit)?;
        Ok(gpu.queue.submit([commands]))
    })
}

/// Waits until the device is done. A caller with a deadline does not wait for this: the memory that kernels still work in is kept
/// until they are done or the device is lost.
pub(super) fn wait(gpu: &OpenedDevice, submission: wgpu::SubmissionIndex, timeline: &mut Timeline) -> Result<()> {
    timeline.count(Counter::Waits, 1);
    let poll = || wgpu::PollType::Wait { submission_index: Some(submission.clone()), timeout: Some(WAIT_PIECE) };
    timeline.span(Stage::Wait, || {
        gpu.pass(FaultSite::Wait)?;
        loop {
            gpu.expect_alive()?;
            match gpu.device.poll(poll()) {
                Ok(_) => return gpu.expect_alive(),
                Err(wgpu::PollError::Timeout) => {}
                Err(cause) => return Err(Error::internal("waiting for the GPU failed").because(cause)),
            }
        }
    })
}
