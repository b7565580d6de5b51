//! The memory and bind groups of one prediction at a time, and how it runs: one encoder, one submit, one wait.

use super::loaded::Loaded;
use super::memory::{GUARD_BYTES, GUARD_WORD, Memory};
use super::prepared::{Mapped, Prepared, ReadBack};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::plan::Retain;
use crate::tensor::{Spare, Tensor};
use crate::timeline::Timeline;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// Batch sizes whose bind groups are kept.
const PREPARED_BATCHES: usize = 8;

/// Memory is looked at after this many predictions. It is given back if the largest batch among them needs no more
/// than a quarter of it.
const PREDICTIONS_BEFORE_SHRINKING: u32 = 64;

/// Less than this is not worth making buffers again.
const LEAST_BYTES_TO_GIVE_BACK: u64 = 1 << 20;

/// A mapping is reported by whichever thread waits for the device, which may be another one than ours; it has the
/// report and only needs to be scheduled.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

type MapResult = std::result::Result<(), wgpu::BufferAsyncError>;

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
        let gpu = &loaded.gpu;
        timeline.span_with("prepare", |timeline| self.prepare(loaded, batch, timeline))?;
        let Flight { memory, prepared, .. } = self;
        let Some(prepared) = prepared.last() else {
            return Err(Error::device("no batch is prepared"));
        };
        timeline.span_with("write inputs", |timeline| write_inputs(loaded, memory, prepared, inputs, timeline))?;
        let (sender, receiver) = mpsc::channel();
        let commands = timeline.span("encode", || encode(loaded, memory, prepared, &sender));
        drop(sender);
        timeline.count("dispatches", prepared.dispatches.len() as u64);
        let submission = timeline.span("submit", || gpu.queue.submit([commands]));
        timeline.count("submits", 1);
        timeline
            .span("wait", || {
                gpu.device.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })
            })
            .map_err(|cause| Error::device("waiting for the GPU failed").cause(cause.to_string()))?;
        timeline.count("waits", 1);
        gpu.check()?;
        await_mappings(memory, prepared, &receiver)?;
        timeline.span("read back", || read_back(loaded, memory, prepared, spare))
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

    /// The bytes this flight holds.
    pub(super) fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// Puts the bind groups of `batch` at the end of `prepared`.
    fn prepare(&mut self, loaded: &Loaded, batch: usize, timeline: &mut Timeline) -> Result<()> {
        if let Some(position) = self.prepared.iter().position(|prepared| prepared.batch == batch) {
            self.prepared[position..].rotate_left(1);
            return Ok(());
        }
        let dispatches = loaded.plan.dispatches(batch)?;
        let read_back = ReadBack::of(loaded, batch);
        if self.memory.reserve(&loaded.gpu, &loaded.plan, batch, read_back.staging_bytes(), timeline) {
            // Their bind groups hold buffers that were replaced.
            self.prepared.clear();
        }
        let prepared = Prepared::new(loaded, &self.memory, batch, &dispatches, read_back, timeline)?;
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
    if loaded.retain == Retain::All {
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

fn mapped_buffer(memory: &Memory, mapped: Mapped) -> &wgpu::Buffer {
    match mapped {
        Mapped::Staging => &memory.staging.buffer,
        Mapped::Slot(slot) => memory.slot(slot),
    }
}

/// All dispatches in one pass, the copies, and the mappings that follow; each reports to `mapped`.
fn encode(loaded: &Loaded, memory: &Memory, prepared: &Prepared, mapped: &Sender<MapResult>) -> wgpu::CommandBuffer {
    let mut encoder = loaded.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for dispatch in &prepared.dispatches {
            let [x, y, z] = dispatch.workgroups;
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.bind_group, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
    let staging = &memory.staging.buffer;
    for (region, to) in &prepared.read_back.copies {
        let from = memory.buffer(&loaded.constants, region.buffer);
        encoder.copy_buffer_to_buffer(from, region.offset_bytes, staging, *to, Some(region.length_bytes));
    }
    let map = |buffer: &wgpu::Buffer, mode, bytes| {
        let mapped = mapped.clone();
        // The receiver is gone only when waiting failed, and then nobody wants to know.
        encoder.map_buffer_on_submit(buffer, mode, 0..bytes, move |result| drop(mapped.send(result)));
    };
    for (buffer, bytes) in &prepared.read_back.mapped {
        map(mapped_buffer(memory, *buffer), wgpu::MapMode::Read, *bytes);
    }
    let inputs = &memory.inputs.buffer;
    if memory.inputs_are_mapped() {
        map(inputs, wgpu::MapMode::Write, inputs.size());
    }
    encoder.finish()
}

/// Until everything that was to be mapped is.
fn await_mappings(memory: &Memory, prepared: &Prepared, reports: &Receiver<MapResult>) -> Result<()> {
    for _ in 0..prepared.read_back.mapped.len() + usize::from(memory.inputs_are_mapped()) {
        match reports.recv_timeout(REPORT_TIMEOUT) {
            Ok(Ok(())) => {}
            _ => return Err(Error::device("the GPU's results could not be mapped")),
        }
    }
    Ok(())
}

fn read_back(
    loaded: &Loaded,
    memory: &Memory,
    prepared: &Prepared,
    spare: &mut Spare,
) -> Result<Vec<(NodeId, Tensor)>> {
    let ReadBack { mapped, values, .. } = &prepared.read_back;
    let view = |(buffer, bytes): &(Mapped, u64)| {
        mapped_buffer(memory, *buffer)
            .get_mapped_range(0..*bytes)
            .map_err(|cause| Error::device("the GPU's results could not be read").cause(cause.to_string()))
    };
    let views = mapped.iter().map(view).collect::<Result<Vec<_>>>()?;
    let mut tensors = Vec::with_capacity(values.len());
    let mut overrun = None;
    for value in values {
        let words: &[u32] = bytemuck::try_cast_slice(&views[value.mapped])
            .map_err(|cause| Error::device("the GPU's results are not aligned").cause(cause.to_string()))?;
        let node = loaded.plan.graph().node(value.node);
        let shape = node.ty.shape.resolve(prepared.batch);
        let length: usize = shape.iter().product();
        let start = (value.offset_bytes / 4) as usize;
        let data = spare.decode(node.ty.dtype, &words[start..start + length]);
        tensors.push((value.node, Tensor::new(&shape, data)?));
        let guard = &words[start + length..start + (value.length_bytes / 4) as usize];
        let guarded = loaded.retain == Retain::All && length > 0 && value.in_slot;
        if guarded && guard.iter().any(|&word| word != GUARD_WORD) {
            overrun.get_or_insert(value.node);
        }
    }
    drop(views);
    for (buffer, _) in mapped {
        mapped_buffer(memory, *buffer).unmap();
    }
    match overrun {
        None => Ok(tensors),
        Some(id) => Err(Error::device(format!("a kernel wrote past its output into the {GUARD_BYTES} guard bytes"))
            .at(format!("`{}`", loaded.plan.graph().node(id).name))),
    }
}
