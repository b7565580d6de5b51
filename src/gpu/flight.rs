//! The memory and bind groups of one prediction at a time, and how it runs: one encoder, one submit, one wait, unless the
//! session is to be executed otherwise.

use super::device::Gpu;
use super::execution::{Execution, ReadBacks, Submits};
use super::loaded::Loaded;
use super::memory::Memory;
use super::prepared::{Prepared, ReadyDispatch};
use super::read_back::{ReadBack, await_mappings, map};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::plan::Retain;
use crate::tensor::{Spare, Tensor};
use crate::timeline::Timeline;
use std::sync::mpsc;

/// Batch sizes whose bind groups are kept.
const PREPARED_BATCHES: usize = 8;

/// Memory is looked at after this many predictions. It is given back if the largest batch among them needs no more
/// than a quarter of it.
const PREDICTIONS_BEFORE_SHRINKING: u32 = 64;

/// Less than this is not worth making buffers again.
const LEAST_BYTES_TO_GIVE_BACK: u64 = 1 << 20;

/// What one prediction works in. Several of them may be under way on one device.
#[derive(Debug)]
pub(super) struct Flight {
    memory: Memory,
    /// Most recently used last.
    prepared: Vec<Prepared>,
    /// Since memory was last looked at.
    predictions: u32,
    largest_batch: usize,
}

impl Flight {
    /// A flight with memory for `batch`.
    pub(super) fn new(loaded: &Loaded, batch: usize, timeline: &mut Timeline) -> Flight {
        let Loaded { gpu, plan, guard_bytes, read_slots, .. } = loaded;
        let memory = Memory::new(gpu, plan, batch, *guard_bytes, read_slots, timeline);
        Flight { memory, prepared: Vec::new(), predictions: 0, largest_batch: 0 }
    }

    /// The values that are read back, in `spare` memory if there is any. After an error the flight is not fit for use.
    pub(super) fn run(
        &mut self,
        loaded: &Loaded,
        inputs: &[&Tensor],
        batch: usize,
        spare: &mut Spare,
        timeline: &mut Timeline,
    ) -> Result<Vec<(NodeId, Tensor)>> {
        timeline.span_with("prepare", |timeline| self.prepare(loaded, batch, timeline))?;
        let Flight { memory, prepared, .. } = self;
        let Some(prepared) = prepared.last() else {
            return Err(Error::device("no batch is prepared"));
        };
        timeline.span_with("write inputs", |timeline| write_inputs(loaded, memory, prepared, inputs, timeline))?;
        timeline.count("dispatches", prepared.dispatches.len() as u64);
        let (with_outputs, alone) = match loaded.options.execution {
            Execution { submits: Submits::One, read_back: ReadBacks::Together, .. } => (prepared.dispatches.len(), 0),
            Execution { submits: Submits::One, .. } => (0, prepared.dispatches.len()),
            Execution { submits: Submits::PerKernel, .. } => (0, 1),
        };
        let new_encoder = || loaded.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for dispatches in prepared.dispatches[with_outputs..].chunks(alone.max(1)) {
            let commands = timeline.span("encode", || {
                let mut encoder = new_encoder();
                record(&mut encoder, dispatches);
                encoder.finish()
            });
            submit(&loaded.gpu, commands, timeline);
        }
        let (sender, receiver) = mpsc::channel();
        let mut values = Vec::new();
        let mut dispatches = &prepared.dispatches[..with_outputs];
        for (index, read_back) in prepared.read_backs.iter().enumerate() {
            // After all that reads them.
            let maps_inputs = memory.inputs_are_mapped() && index + 1 == prepared.read_backs.len();
            let commands = timeline.span("encode", || {
                let mut encoder = new_encoder();
                record(&mut encoder, std::mem::take(&mut dispatches));
                read_back.record(&mut encoder, loaded, memory, &sender);
                if maps_inputs {
                    let inputs = &memory.inputs.buffer;
                    map(&encoder, inputs, wgpu::MapMode::Write, inputs.size(), &sender);
                }
                encoder.finish()
            });
            let submission = submit(&loaded.gpu, commands, timeline);
            wait(&loaded.gpu, submission, timeline)?;
            await_mappings(read_back.mapping_count() + usize::from(maps_inputs), &receiver)?;
            values.extend(timeline.span("read back", || read_back.values(loaded, memory, batch, spare))?);
        }
        Ok(values)
    }

    /// Whether the memory should be given back, because all recent batches were much smaller.
    pub(super) fn is_too_large(&mut self, loaded: &Loaded, batch: usize) -> bool {
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

    /// Puts the bind groups of `batch` at the end of `prepared`.
    fn prepare(&mut self, loaded: &Loaded, batch: usize, timeline: &mut Timeline) -> Result<()> {
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
        let prepared = Prepared::new(loaded, &self.memory, batch, &dispatches, read_backs, timeline)?;
        if self.prepared.len() == PREPARED_BATCHES {
            self.prepared.remove(0);
        }
        self.prepared.push(prepared);
        Ok(())
    }
}

fn write_inputs(
    loaded: &Loaded,
    memory: &Memory,
    prepared: &Prepared,
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
            .map_err(|cause| Error::device("the inputs could not be written").cause(cause.to_string()))?;
        fill(view.slice(..), prepared, inputs, timeline);
        drop(view);
        buffer.unmap();
    } else if let Some(mut view) = gpu.queue.write_buffer_with(buffer, 0, bytes) {
        fill(view.slice(..), prepared, inputs, timeline);
    } else {
        gpu.check()?;
        return Err(Error::device("the inputs could not be written"));
    }
    Ok(())
}

fn fill(mut target: wgpu::WriteOnly<'_, [u8]>, prepared: &Prepared, inputs: &[&Tensor], timeline: &mut Timeline) {
    let mut written = 0;
    for (input, offset) in inputs.iter().zip(&prepared.input_offsets_bytes) {
        let words = input.words();
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let start = *offset as usize;
        target.slice(start..start + bytes.len()).copy_from_slice(bytes);
        written += bytes.len() as u64;
    }
    timeline.count("upload_bytes", written);
}

/// Kernels in one pass.
fn record(encoder: &mut wgpu::CommandEncoder, dispatches: &[ReadyDispatch]) {
    if dispatches.is_empty() {
        return;
    }
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    for dispatch in dispatches {
        let [x, y, z] = dispatch.workgroups;
        pass.set_pipeline(&dispatch.pipeline);
        pass.set_bind_group(0, &dispatch.bind_group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

fn submit(gpu: &Gpu, commands: wgpu::CommandBuffer, timeline: &mut Timeline) -> wgpu::SubmissionIndex {
    timeline.count("submits", 1);
    timeline.span("submit", || gpu.queue.submit([commands]))
}

fn wait(gpu: &Gpu, submission: wgpu::SubmissionIndex, timeline: &mut Timeline) -> Result<()> {
    timeline.count("waits", 1);
    let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
    timeline
        .span("wait", || gpu.device.poll(poll))
        .map_err(|cause| Error::device("waiting for the GPU failed").cause(cause.to_string()))?;
    gpu.check()
}
