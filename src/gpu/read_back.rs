//! Reading values back: the copies, the buffers to map, and the offsets of the values in them.

use super::device_plan::DevicePlan;
use super::memory::{GUARD_BYTES, GUARD_WORD, Memory};
use crate::error::{Error, Result};
use crate::execution::ReadBacks;
use crate::graph::{Source, ValueId};
use crate::kernel::{BufferId, Region};
use crate::plan::Retain;
use crate::telemetry::{Counter, Stage, Timeline};
use crate::tensor::{RecycledOutputs, Tensor};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// The time to wait for the report of a mapping. A thread that waits for the device makes it, possibly another one than
/// this, and only needs to be scheduled.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type MapResult = std::result::Result<(), wgpu::BufferAsyncError>;

/// Values that the host reads after the kernels.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    /// Regions to copy, and their offsets in the staging buffer.
    copies: Vec<(Region, u64)>,
    /// The buffers to map, and how many bytes of each.
    mapped: Vec<(Mapped, u64)>,
    values: Vec<ValueRead>,
}

/// A buffer that the host maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mapped {
    Staging,
    Slot(usize),
}

/// A value in a mapped buffer.
#[derive(Debug)]
struct ValueRead {
    id: ValueId,
    /// The position of the buffer among those mapped.
    mapped: usize,
    offset_bytes: u64,
    /// Includes the guard after it.
    length_bytes: u64,
    is_guarded: bool,
}

impl ReadBack {
    /// Reads the outputs, or the values of all operators: together, or one by one. Returns at least one read-back.
    pub(super) fn of(device_plan: &DevicePlan, batch: usize) -> Vec<ReadBack> {
        let graph = device_plan.plan.graph();
        let ids: Vec<ValueId> = match device_plan.options.retain {
            Retain::Outputs => graph.outputs().iter().map(|(_, id)| *id).collect(),
            Retain::All => graph.value_ids().filter(|id| matches!(graph.maker(*id).source, Source::Op(_))).collect(),
        };
        let at_once = match device_plan.options.execution.read_back {
            ReadBacks::Together => ids.len(),
            ReadBacks::PerOutput => 1,
        };
        let read_back = |ids: &[ValueId]| {
            let mut read_back = ReadBack::default();
            ids.iter().for_each(|id| read_back.add(device_plan, *id, batch));
            read_back
        };
        // The kernels run in the submit of the first read-back, so there must be one.
        if ids.is_empty() { vec![ReadBack::default()] } else { ids.chunks(at_once).map(read_back).collect() }
    }

    fn add(&mut self, device_plan: &DevicePlan, id: ValueId, batch: usize) {
        let mut region = device_plan.plan.region(id, batch);
        // Other outputs of a node are followed by the next output instead of a guard.
        let is_guarded = matches!(region.buffer, BufferId::Slot(_)) && device_plan.plan.is_last_output(id);
        if is_guarded {
            region.length_bytes += device_plan.guard_bytes;
        }
        region.length_bytes = region.length_bytes.max(4);
        let length_bytes = region.length_bytes;
        let (mapped, offset_bytes) = match region.buffer {
            BufferId::Slot(slot) if device_plan.read_slots.contains(&slot) => (Mapped::Slot(slot), region.offset_bytes),
            _ => {
                let offset = self.staging_bytes();
                self.copies.push((region, offset));
                (Mapped::Staging, offset)
            }
        };
        let end = offset_bytes + length_bytes;
        let position = self.mapped.iter().position(|(known, _)| *known == mapped);
        let position = position.unwrap_or_else(|| {
            self.mapped.push((mapped, 0));
            self.mapped.len() - 1
        });
        self.mapped[position].1 = self.mapped[position].1.max(end);
        self.values.push(ValueRead { id, mapped: position, offset_bytes, length_bytes, is_guarded });
    }

    /// The bytes needed in the staging buffer.
    pub(super) fn staging_bytes(&self) -> u64 {
        self.mapped.iter().find(|(mapped, _)| *mapped == Mapped::Staging).map_or(0, |(_, bytes)| *bytes)
    }

    /// The number of mappings that are reported.
    pub(super) fn mapping_count(&self) -> usize {
        self.mapped.len()
    }

    /// Records the copies and the mappings. Each mapping reports to `mapped`.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        device_plan: &DevicePlan,
        memory: &Memory,
        mapped: &Sender<MapResult>,
    ) {
        let staging = &memory.staging.buffer;
        for (region, to) in &self.copies {
            let from = memory.buffer(&device_plan.constants, region.buffer);
            encoder.copy_buffer_to_buffer(from, region.offset_bytes, staging, *to, Some(region.length_bytes));
        }
        for (buffer, bytes) in &self.mapped {
            map(encoder, mapped_buffer(memory, *buffer), wgpu::MapMode::Read, *bytes, mapped);
        }
    }

    /// Reads the values from the mapped buffers, into `spare` memory if there is any.
    pub(super) fn read(
        &self,
        device_plan: &DevicePlan,
        memory: &Memory,
        batch: usize,
        spare: &mut RecycledOutputs,
        timeline: &mut Timeline,
    ) -> Result<Vec<(ValueId, Tensor)>> {
        let values = timeline.span(Stage::ReadBack, || self.values(device_plan, memory, batch, spare))?;
        timeline.count(Counter::DownloadBytes, values.iter().map(|(_, value)| 4 * value.len() as u64).sum());
        Ok(values)
    }

    fn values(
        &self,
        device_plan: &DevicePlan,
        memory: &Memory,
        batch: usize,
        spare: &mut RecycledOutputs,
    ) -> Result<Vec<(ValueId, Tensor)>> {
        let view = |(buffer, bytes): &(Mapped, u64)| {
            mapped_buffer(memory, *buffer)
                .get_mapped_range(0..*bytes)
                .map_err(|cause| Error::internal("the GPU's results could not be read").because(cause))
        };
        let views = self.mapped.iter().map(view).collect::<Result<Vec<_>>>()?;
        let mut tensors = Vec::with_capacity(self.values.len());
        let mut overrun = None;
        for value in &self.values {
            let words: &[u32] = bytemuck::try_cast_slice(&views[value.mapped])
                .map_err(|cause| Error::internal("the GPU's results are not aligned").cause(cause.to_string()))?;
            let words = device_plan.gpu.faults.read(words);
            let ty = device_plan.plan.graph().ty(value.id);
            let shape = ty.shape.resolve(batch);
            let length: usize = shape.iter().product();
            let start = (value.offset_bytes / 4) as usize;
            let end = start + (value.length_bytes / 4) as usize;
            let Some(words) = words.get(start..end).filter(|words| words.len() >= length) else {
                return Err(too_short(&shape, words.len()));
            };
            let (words, guard) = words.split_at(length);
            tensors.push((value.id, Tensor::new(&shape, spare.decode(ty.dtype, words))?));
            let guarded = device_plan.options.retain == Retain::All && length > 0 && value.is_guarded;
            if guarded && guard.iter().any(|&word| word != GUARD_WORD) {
                overrun.get_or_insert(value.id);
            }
        }
        drop(views);
        for (buffer, _) in &self.mapped {
            mapped_buffer(memory, *buffer).unmap();
        }
        match overrun {
            None => Ok(tensors),
            Some(id) => {
                Err(Error::internal(format!("a kernel wrote past its output into the {GUARD_BYTES} guard bytes"))
                    .at(format!("`{}`", device_plan.plan.graph().maker(id).name)))
            }
        }
    }
}

fn too_short(shape: &[usize], words: usize) -> Error {
    Error::internal("the GPU returned fewer bytes than requested")
        .cause(format!("a value of shape {shape:?} has only {words} words"))
}

/// Records a mapping of the first `bytes` of `buffer`, for after all work recorded so far.
pub(super) fn map(
    encoder: &wgpu::CommandEncoder,
    buffer: &wgpu::Buffer,
    mode: wgpu::MapMode,
    bytes: u64,
    mapped: &Sender<MapResult>,
) {
    let mapped = mapped.clone();
    // The receiver is gone only if waiting failed. The report is not needed then.
    encoder.map_buffer_on_submit(buffer, mode, 0..bytes, move |result| drop(mapped.send(result)));
}

/// Waits until `count` mappings are reported.
pub(super) fn await_mappings(count: usize, reports: &Receiver<MapResult>) -> Result<()> {
    for _ in 0..count {
        match reports.recv_timeout(REPORT_TIMEOUT) {
            Ok(Ok(())) => {}
            _ => return Err(Error::internal("the GPU's results could not be mapped")),
        }
    }
    Ok(())
}

fn mapped_buffer(memory: &Memory, mapped: Mapped) -> &wgpu::Buffer {
    match mapped {
        Mapped::Staging => &memory.staging.buffer,
        Mapped::Slot(slot) => memory.slot(slot),
    }
}
