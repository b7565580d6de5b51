//! The buffers of a plan: constants, which are uploaded once, and the buffers of a prediction, which grow with the
//! batch.

use super::buffers::{WORKING, make_buffer};
use super::device::OpenedDevice;
use super::uploads::{Upload, Uploads};
use crate::engine::Holdings;
use crate::error::Result;
use crate::graph::Source;
use crate::kernel::BufferId;
use crate::plan::Plan;
use crate::telemetry::Timeline;
use std::sync::Arc;

/// Bytes after each value in guarded memory, filled with [`GUARD_WORD`]. Out-of-bounds writes of a checked shader are
/// clamped to the end of its binding, which is here.
pub(super) const GUARD_BYTES: u64 = 256;

/// The bits of a NaN that no kernel produces.
pub(super) const GUARD_WORD: u32 = 0x7fc0_dead;

/// A buffer that is replaced by a larger one if it must grow.
#[derive(Debug)]
pub(super) struct Growing {
    pub(super) buffer: wgpu::Buffer,
    label: &'static str,
}

impl Growing {
    fn new(
        gpu: &OpenedDevice,
        label: &'static str,
        usage: wgpu::BufferUsages,
        bytes: u64,
        timeline: &mut Timeline,
    ) -> Self {
        Growing { buffer: make_buffer(gpu, label, usage, bytes, timeline), label }
    }

    /// Makes room for `bytes`. Returns whether the buffer was replaced.
    fn grow(&mut self, gpu: &OpenedDevice, bytes: u64, timeline: &mut Timeline) -> bool {
        if self.buffer.size() >= bytes {
            return false;
        }
        self.buffer = make_buffer(gpu, self.label, self.buffer.usage(), bytes, timeline);
        true
    }
}

/// The constants of a plan on a device, which several plans may share.
#[derive(Debug)]
pub(super) struct Constants {
    weights: Arc<Upload>,
    tables: Arc<Upload>,
}

impl Constants {
    /// Uploads the constants of `plan` that are not on the device yet.
    pub(super) fn upload(gpu: &OpenedDevice, plan: &Plan, uploads: &Uploads, timeline: &mut Timeline) -> Result<Self> {
        let graph = plan.graph();
        let mut pieces = Vec::new();
        for node in graph.nodes() {
            let Source::Constant(value) = &node.source else { continue };
            let region = plan.region(node.output(), 1);
            if region.buffer == BufferId::Weights {
                pieces.push((region, Arc::clone(value)));
            }
        }
        let weights = uploads.get(gpu, ("weights", plan.weight_bytes()), pieces, timeline)?;
        let tables = uploads.get(gpu, ("tables", plan.table_bytes()), plan.tables().to_vec(), timeline)?;
        Ok(Constants { weights, tables })
    }

    /// Adds the bytes of the buffers.
    pub(super) fn add_memory(&self, holdings: &mut Holdings) {
        for upload in [&self.weights, &self.tables] {
            holdings.add_weights(Arc::as_ptr(upload) as u64, upload.buffer.size());
        }
    }
}

/// The buffers of one prediction.
#[derive(Debug)]
pub(super) struct Memory {
    /// Mapped for writing between predictions if kernels may use mapped memory.
    pub(super) inputs: Growing,
    slots: Vec<Growing>,
    /// Holds copies of values that are read back.
    pub(super) staging: Growing,
    guard_bytes: u64,
}

impl Memory {
    /// Allocates buffers for one batch size. If `maps_inputs`, the host writes the inputs without a copy. It reads the
    /// slots `read_slots` without a copy.
    pub(super) fn new(
        gpu: &OpenedDevice,
        plan: &Plan,
        batch: usize,
        guard_bytes: u64,
        maps_inputs: bool,
        read_slots: &[usize],
        timeline: &mut Timeline,
    ) -> Self {
        let inputs_usage = if maps_inputs {
            wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::MAP_WRITE
        } else {
            WORKING
        };
        let inputs = Growing::new(gpu, "inputs", inputs_usage, plan.model_input_bytes(batch), timeline);
        let mut slots = Vec::with_capacity(plan.slots().len());
        for (index, slot) in plan.slots().iter().enumerate() {
            let read = read_slots.contains(&index);
            let usage = if read { WORKING | wgpu::BufferUsages::MAP_READ } else { WORKING };
            slots.push(Growing::new(gpu, "slot", usage, slot.bytes(batch) + guard_bytes, timeline));
        }
        let staging_usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = Growing::new(gpu, "staging", staging_usage, 0, timeline);
        Memory { inputs, slots, staging, guard_bytes }
    }

    /// Makes room for a batch. Returns whether a bound buffer was replaced.
    pub(super) fn reserve(
        &mut self,
        gpu: &OpenedDevice,
        plan: &Plan,
        batch: usize,
        staging_bytes: u64,
        timeline: &mut Timeline,
    ) -> bool {
        let mut grown = self.inputs.grow(gpu, plan.model_input_bytes(batch), timeline);
        for (growing, slot) in self.slots.iter_mut().zip(plan.slots()) {
            grown |= growing.grow(gpu, slot.bytes(batch) + self.guard_bytes, timeline);
        }
        self.staging.grow(gpu, staging_bytes, timeline);
        grown
    }

    /// The bytes of all buffers that grow with the batch.
    pub(super) fn bytes(&self) -> u64 {
        self.slots.iter().chain([&self.inputs, &self.staging]).map(|growing| growing.buffer.size()).sum()
    }

    /// Whether the host writes the inputs without a copy.
    pub(super) fn inputs_are_mapped(&self) -> bool {
        self.inputs.buffer.usage().contains(wgpu::BufferUsages::MAP_WRITE)
    }

    pub(super) fn slot(&self, slot: usize) -> &wgpu::Buffer {
        &self.slots[slot].buffer
    }

    pub(super) fn buffer<'m>(&'m self, constants: &'m Constants, id: BufferId) -> &'m wgpu::Buffer {
        match id {
            BufferId::ModelInputs => &self.inputs.buffer,
            BufferId::Tables => &constants.tables.buffer,
            BufferId::Weights => &constants.weights.buffer,
            BufferId::Slot(slot) => self.slot(slot),
        }
    }

    /// The length to bind for a value of `bytes` in `buffer`, including its guard.
    pub(super) fn bound_bytes(&self, buffer: BufferId, bytes: u64) -> u64 {
        let guard = if matches!(buffer, BufferId::Slot(_)) { self.guard_bytes } else { 0 };
        (bytes + guard).max(4)
    }

    /// Fills every slot with guard words.
    pub(super) fn write_guards(&self, gpu: &OpenedDevice) {
        for slot in &self.slots {
            let words = vec![GUARD_WORD; (slot.buffer.size() / 4) as usize];
            gpu.queue.write_buffer(&slot.buffer, 0, bytemuck::cast_slice(&words));
        }
    }
}
