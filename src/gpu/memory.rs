//! The buffers of a runner: weights, slots, and the staging buffer that results are read from.

use super::device::Gpu;
use crate::graph::Source;
use crate::kernel::BufferId;
use crate::plan::Plan;
use crate::tensor::Packed;
use crate::timeline::Timeline;

/// Weights go up in pieces of this size, so that staging memory stays small.
const UPLOAD_PIECE_WORDS: usize = 1 << 20;

/// Bytes behind each value in guarded memory, filled with [`GUARD_WORD`]. Out-of-range writes of a checked shader
/// are clamped to the end of its binding, and so land here.
pub(super) const GUARD_BYTES: u64 = 256;

/// A NaN that no kernel produces.
pub(super) const GUARD_WORD: u32 = 0x7fc0_dead;

/// A buffer that is replaced by a larger one when it must grow.
#[derive(Debug)]
pub(super) struct Growing {
    pub(super) buffer: wgpu::Buffer,
    label: &'static str,
    usage: wgpu::BufferUsages,
}

impl Growing {
    fn new(gpu: &Gpu, label: &'static str, usage: wgpu::BufferUsages, bytes: u64, timeline: &mut Timeline) -> Self {
        timeline.count("allocations", 1);
        timeline.count("allocated_bytes", bytes);
        let size = bytes.next_multiple_of(4).max(4);
        let descriptor = wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        Growing { buffer: gpu.device.create_buffer(&descriptor), label, usage }
    }

    /// Makes room for `bytes`; true if the buffer is a new one now.
    fn grow(&mut self, gpu: &Gpu, bytes: u64, timeline: &mut Timeline) -> bool {
        if self.buffer.size() >= bytes {
            return false;
        }
        *self = Growing::new(gpu, self.label, self.usage, bytes, timeline);
        true
    }
}

/// All buffers of one runner.
#[derive(Debug)]
pub(super) struct Memory {
    weights: wgpu::Buffer,
    tables: wgpu::Buffer,
    pub(super) inputs: Growing,
    slots: Vec<Growing>,
    pub(super) staging: Growing,
    guard_bytes: u64,
}

impl Memory {
    /// Uploads the weights of `plan` and makes empty slots.
    pub(super) fn new(gpu: &Gpu, plan: &Plan, guarded: bool, timeline: &mut Timeline) -> Self {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let weights = Growing::new(gpu, "weights", usage, plan.weight_bytes(), timeline).buffer;
        let tables = Growing::new(gpu, "tables", usage, plan.table_bytes(), timeline).buffer;
        upload_weights(gpu, plan, &weights, &tables, timeline);
        let slots = plan.slots().iter().map(|_| Growing::new(gpu, "slot", usage, 0, timeline)).collect();
        let inputs = Growing::new(gpu, "inputs", usage, 0, timeline);
        let staging_usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = Growing::new(gpu, "staging", staging_usage, 0, timeline);
        Memory { weights, tables, inputs, slots, staging, guard_bytes: if guarded { GUARD_BYTES } else { 0 } }
    }

    /// Gives the memory of all batches back.
    pub(super) fn release(&mut self, gpu: &Gpu, timeline: &mut Timeline) {
        for growing in self.slots.iter_mut().chain([&mut self.inputs, &mut self.staging]) {
            *growing = Growing::new(gpu, growing.label, growing.usage, 0, timeline);
        }
    }

    /// Makes room for a batch; true if any buffer that is bound is a new one.
    pub(super) fn reserve(
        &mut self,
        gpu: &Gpu,
        plan: &Plan,
        batch: usize,
        download_bytes: u64,
        timeline: &mut Timeline,
    ) -> bool {
        let mut grown = self.inputs.grow(gpu, plan.model_input_bytes(batch), timeline);
        for (growing, slot) in self.slots.iter_mut().zip(plan.slots()) {
            grown |= growing.grow(gpu, slot.bytes(batch) + self.guard_bytes, timeline);
        }
        self.staging.grow(gpu, download_bytes, timeline);
        grown
    }

    pub(super) fn buffer(&self, id: BufferId) -> &wgpu::Buffer {
        match id {
            BufferId::ModelInputs => &self.inputs.buffer,
            BufferId::Tables => &self.tables,
            BufferId::Weights => &self.weights,
            BufferId::Slot(slot) => &self.slots[slot].buffer,
        }
    }

    /// The length to bind for a value of `bytes` in `buffer`: with its guard, if it has one.
    pub(super) fn bound_bytes(&self, buffer: BufferId, bytes: u64) -> u64 {
        let guard = if matches!(buffer, BufferId::Slot(_)) { self.guard_bytes } else { 0 };
        (bytes + guard).max(4)
    }

    /// Fills every slot with guard words.
    pub(super) fn write_guards(&self, gpu: &Gpu) {
        for slot in &self.slots {
            let words = vec![GUARD_WORD; (slot.buffer.size() / 4) as usize];
            gpu.queue.write_buffer(&slot.buffer, 0, bytemuck::cast_slice(&words));
        }
    }
}

fn upload_weights(gpu: &Gpu, plan: &Plan, weights: &wgpu::Buffer, tables: &wgpu::Buffer, timeline: &mut Timeline) {
    for (offset, table) in plan.tables() {
        let words = table.as_packed().map_or_else(|| table.to_words(), Packed::words);
        upload(gpu, tables, *offset, &words, timeline);
    }
    let graph = plan.graph();
    for (id, node) in graph.ids().zip(graph.nodes()) {
        let Source::Constant(value) = &node.source else { continue };
        let region = plan.region(id, 1);
        if region.buffer == BufferId::Weights {
            upload(gpu, weights, region.offset_bytes, &value.to_words(), timeline);
        }
    }
}

fn upload(gpu: &Gpu, buffer: &wgpu::Buffer, start: u64, words: &[u32], timeline: &mut Timeline) {
    for (piece, words) in words.chunks(UPLOAD_PIECE_WORDS).enumerate() {
        let offset = start + 4 * (piece * UPLOAD_PIECE_WORDS) as u64;
        gpu.queue.write_buffer(buffer, offset, bytemuck::cast_slice(words));
        timeline.count("weight_bytes_uploaded", 4 * words.len() as u64);
        if words.len() == UPLOAD_PIECE_WORDS {
            gpu.queue.submit([]);
            // Lets the device give the staging memory of earlier pieces back.
            let _ = gpu.device.poll(wgpu::PollType::Poll);
        }
    }
}
