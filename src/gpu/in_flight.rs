//! The frame resources of a prediction in flight, and how it runs: one encoder, one submit and one wait with the
//! default execution.

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

/// Batches whose bind groups are kept. The sizes with bindings of their own fit, and many shared ones.
const MOST_BINDINGS: usize = 96;

/// After this many predictions memory is freed if the largest batch among them needs at most a quarter of it.
const PREDICTIONS_BEFORE_SHRINKING: u32 = 64;

/// Less memory than this is not freed: buffers would have to be created again.
const LEAST_BYTES_TO_FREE: u64 = 1 << 20;

/// A wait is repeated in pieces of this length, because the loss of the device may be reported to another thread.
const WAIT_PIECE: Duration = Duration::from_secs(1);

/// The memory and bind groups of one prediction. A device may have several in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    memory: Memory,
    batches: Batches,
    /// Most recently used last.
    bindings: Vec<BatchBindings>,
    /// Predictions since the size of the memory was last checked.
    predictions: u32,
    largest_batch: usize,
}

/// The inputs of a prediction, and its deadline.
#[derive(Clone, Copy)]
pub(super) struct Rows<'r> {
    /// One tensor for each input of the graph.
    pub(super) inputs: &'r [&'r Tensor],
    pub(super) batch: usize,
    pub(super) deadline: Deadline,
}

impl InFlight {
    /// Allocates memory for `batch` rows.
    pub(super) fn new(device_plan: &DevicePlan, batch: usize, timeline: &mut Timeline) -> InFlight {
        let DevicePlan { gpu, plan, guard_bytes, maps_inputs, read_slots, .. } = device_plan;
        let memory = Memory::new(gpu, plan, batch, *guard_bytes, *maps_inputs, read_slots, timeline);
        InFlight { memory, batches: Batches::default(), bindings: Vec::new(), predictions: 0, largest_batch: 0 }
    }

    /// Runs the kernels and reads values back, into `spare` memory if there is any. `times` receives the time of each
    /// kernel. After an error this memory may not be used again.
    pub(super) fn run(
        &mut self,
        device_plan: &DevicePlan,
        rows: Rows<'_>,
        spare: &mut RecycledOutputs,
        mut times: Option<&mut StepTimes>,
        timeline: &mut Timeline,
    ) -> Result<Vec<(ValueId, Tensor)>> {
        let (gpu, Rows { inputs, batch, deadline }) = (&device_plan.gpu, rows);
        let (memory, bindings) = self.prepare(device_plan, batch, deadline, timeline)?;
        let kernels = bindings.dispatches.len();
        if times.is_some() && has_timestamps(gpu) {
            bindings.timestamps.get_or_insert_with(|| Timestamps::new(gpu, kernels));
        }
        let bindings = &*bindings;
        timeline
            .span_with(Stage::WriteInputs, |timeline| write_inputs(device_plan, memory, bindings, inputs, timeline))?;
        timeline.count(Counter::Dispatches, kernels as u64);
        let timestamps = bindings.timestamps.as_ref().filter(|_| times.is_some());
        let by_host = times.as_deref_mut().filter(|_| timestamps.is_none());
        let with_outputs = submit_alone(device_plan, bindings, timestamps, by_host, timeline)?;
        let new_encoder = || gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let (sender, receiver) = mpsc::channel();
        let mut values = Vec::new();
        for (index, read_back) in bindings.read_backs.iter().enumerate() {
            let is_first = index == 0;
            // With the last read-back: all kernels have read the inputs then.
            let maps_inputs = memory.inputs_are_mapped() && index + 1 == bindings.read_backs.len();
            let commands = timeline.span(Stage::Encode, || {
                let mut encoder = new_encoder();
                if is_first {
                    record(&mut encoder, &bindings.dispatches[with_outputs..], with_outputs, timestamps);
                    timestamps.inspect(|timestamps| timestamps.record(&mut encoder, &sender));
                }
                read_back.record(&mut encoder, device_plan, memory, &sender);
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
            values.extend(read_back.read(device_plan, memory, batch, spare, timeline)?);
        }
        if let (Some(times), Some(timestamps)) = (times, timestamps) {
            let tick_ns = f64::from(gpu.queue.get_timestamp_period());
            *times = StepTimes { spans: place(&timestamps.ticks()?, tick_ns, timeline), tick_ns: Some(tick_ns) };
        }
        Ok(values)
    }

    /// Whether the memory should be freed because all recent batches were much smaller.
    pub(super) fn is_too_large(&mut self, device_plan: &DevicePlan, batch: usize) -> bool {
        self.predictions += 1;
        self.largest_batch = self.largest_batch.max(batch);
        if self.predictions < PREDICTIONS_BEFORE_SHRINKING {
            return false;
        }
        let slots =
            device_plan.plan.slots().iter().map(|slot| slot.bytes(self.largest_batch) + device_plan.guard_bytes);
        let needed = slots.sum::<u64>() + device_plan.plan.model_input_bytes(self.largest_batch);
        (self.predictions, self.largest_batch) = (0, 0);
        self.memory.bytes() >= LEAST_BYTES_TO_FREE.max(4 * needed)
    }

    /// The bytes of the buffers that grow with the batch.
    pub(super) fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// The bytes of the parameters of all kernels.
    pub(super) fn params_bytes(&self) -> u64 {
        self.bindings.iter().map(|bindings| bindings.params_bytes).sum()
    }

    /// The memory and the bindings for a batch, which may be for a few more rows.
    pub(super) fn prepare(
        &mut self,
        device_plan: &DevicePlan,
        batch: usize,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<(&Memory, &mut BatchBindings)> {
        timeline.span_with(Stage::Prepare, |timeline| self.bind(device_plan, batch, deadline, timeline))?;
        match self.bindings.last_mut() {
            Some(bindings) => Ok((&self.memory, bindings)),
            None => Err(Error::internal("no batch is bound")),
        }
    }

    /// Moves the bindings for `batch` rows to the end of `bindings`; creates them if there are none.
    fn bind(
        &mut self,
        device_plan: &DevicePlan,
        batch: usize,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<()> {
        let most = device_plan.plan.max_batch();
        let batch = if device_plan.takes_more_rows() { self.batches.choose(batch, most) } else { batch };
        if let Some(position) = self.bindings.iter().position(|bindings| bindings.batch == batch) {
            self.bindings[position..].rotate_left(1);
            return Ok(());
        }
        let dispatches = device_plan.plan.dispatches(batch)?;
        let read_backs = ReadBack::of(device_plan, batch);
        let staging_bytes = read_backs.iter().map(ReadBack::staging_bytes).max().unwrap_or(0);
        if self.memory.reserve(&device_plan.gpu, &device_plan.plan, batch, staging_bytes, timeline) {
            // Their bind groups refer to buffers that were replaced.
            self.bindings.clear();
        }
        let bindings =
            BatchBindings::new(device_plan, &self.memory, batch, &dispatches, read_backs, deadline, timeline)?;
        if self.bindings.len() == MOST_BINDINGS {
            self.bindings.remove(0);
        }
        self.bindings.push(bindings);
        Ok(())
    }
}

pub(super) fn write_inputs(
    device_plan: &DevicePlan,
    memory: &Memory,
    bindings: &BatchBindings,
    inputs: &[&Tensor],
    timeline: &mut Timeline,
) -> Result<()> {
    let gpu = &device_plan.gpu;
    if device_plan.options.retain == Retain::All {
        memory.write_guards(gpu);
    }
    let Some(bytes) = wgpu::BufferSize::new(bindings.input_bytes) else { return Ok(()) };
    let buffer = &memory.inputs.buffer;
    if memory.inputs_are_mapped() {
        let mut view = buffer
            .get_mapped_range_mut(0..bytes.get())
            .map_err(|cause| Error::internal("the inputs could not be written").because(cause))?;
        fill(view.slice(..), bindings, inputs, timeline);
        drop(view);
        buffer.unmap();
    } else if let Some(mut view) = gpu.queue.write_buffer_with(buffer, 0, bytes) {
        fill(view.slice(..), bindings, inputs, timeline);
    } else {
        return Err(Error::internal("the inputs could not be written"));
    }
    Ok(())
}

fn fill(mut target: wgpu::WriteOnly<'_, [u8]>, bindings: &BatchBindings, inputs: &[&Tensor], timeline: &mut Timeline) {
    let mut written = 0;
    for (input, offset) in inputs.iter().zip(&bindings.input_offsets_bytes) {
        let words = input.words();
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let start = *offset as usize;
        target.slice(start..start + bytes.len()).copy_from_slice(bytes);
        written += bytes.len() as u64;
    }
    timeline.count(Counter::UploadBytes, written);
}

/// Submits the kernels that are not in the submit of the first read-back. Returns how many these are. If the host takes
/// the times, each kernel is waited for.
fn submit_alone(
    device_plan: &DevicePlan,
    bindings: &BatchBindings,
    timestamps: Option<&Timestamps>,
    by_host: Option<&mut StepTimes>,
    timeline: &mut Timeline,
) -> Result<usize> {
    let Execution { submits, read_back, .. } = device_plan.options.execution;
    let at_once = match (submits, read_back) {
        _ if by_host.is_some() => 1,
        (Submits::One, ReadBacks::Together) => return Ok(0),
        (Submits::One, ReadBacks::PerOutput) => bindings.dispatches.len().max(1),
        (Submits::PerKernel, _) => 1,
    };
    let mut spans = Vec::new();
    for (group, dispatches) in bindings.dispatches.chunks(at_once).enumerate() {
        let commands = timeline.span(Stage::Encode, || {
            let mut encoder = device_plan.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            record(&mut encoder, dispatches, group * at_once, timestamps);
            encoder.finish()
        });
        let start_ns = timeline.elapsed_ns();
        let submission = submit(&device_plan.gpu, commands, timeline)?;
        if by_host.is_some() {
            wait(&device_plan.gpu, submission, timeline)?;
            spans.push(Span { stage: Stage::Kernel, start_ns, duration_ns: timeline.elapsed_ns() - start_ns });
        }
    }
    if let Some(times) = by_host {
        *times = StepTimes { spans, tick_ns: None };
    }
    Ok(bindings.dispatches.len())
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

/// Waits until the device is done or lost, without a deadline: kernels use the memory until then. A caller with a
/// deadline waits for the thread that calls this instead.
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
