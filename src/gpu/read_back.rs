//! What the host reads when the kernels are done: which copies, which buffers it maps, and where the values are in them.

use super::execution::ReadBacks;
use super::loaded::Loaded;
use super::memory::{GUARD_BYTES, GUARD_WORD, Memory};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::kernel::{BufferId, Region};
use crate::plan::Retain;
use crate::tensor::{Spare, Tensor};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// A mapping is reported by whichever thread waits for the device, which may be another one than ours; it has the
/// report and only needs to be scheduled.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type MapResult = std::result::Result<(), wgpu::BufferAsyncError>;

/// What the host reads when the kernels are done.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    /// Into the staging buffer, each at its offset.
    copies: Vec<(Region, u64)>,
    /// The buffers to map, and how much of each.
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
    node: NodeId,
    /// The position of the buffer among those mapped.
    mapped: usize,
    offset_bytes: u64,
    /// With the guard behind it.
    length_bytes: u64,
    in_slot: bool,
}

impl ReadBack {
    /// Reads the outputs, or every value an operator made: all at once, or each by itself. There is at least one.
    pub(super) fn of(loaded: &Loaded, batch: usize) -> Vec<ReadBack> {
        let graph = loaded.plan.graph();
        let nodes: Vec<NodeId> = match loaded.options.retain {
            Retain::Outputs => graph.outputs().iter().map(|(_, id)| *id).collect(),
            Retain::All => graph.ids().filter(|id| !graph.node(*id).inputs.is_empty()).collect(),
        };
        let at_once = match loaded.options.execution.read_back {
            ReadBacks::Together => nodes.len(),
            ReadBacks::PerOutput => 1,
        };
        let read_back = |nodes: &[NodeId]| {
            let mut read_back = ReadBack::default();
            nodes.iter().for_each(|node| read_back.add(loaded, *node, batch));
            read_back
        };
        // Something must run the kernels, even if nobody reads.
        if nodes.is_empty() { vec![ReadBack::default()] } else { nodes.chunks(at_once).map(read_back).collect() }
    }

    fn add(&mut self, loaded: &Loaded, node: NodeId, batch: usize) {
        let mut region = loaded.plan.region(node, batch);
        let in_slot = matches!(region.buffer, BufferId::Slot(_));
        if in_slot {
            region.length_bytes += loaded.guard_bytes;
        }
        region.length_bytes = region.length_bytes.max(4);
        let length_bytes = region.length_bytes;
        let (mapped, offset_bytes) = match region.buffer {
            BufferId::Slot(slot) if loaded.read_slots.contains(&slot) => (Mapped::Slot(slot), region.offset_bytes),
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
        self.values.push(ValueRead { node, mapped: position, offset_bytes, length_bytes, in_slot });
    }

    /// The bytes of the staging buffer in use.
    pub(super) fn staging_bytes(&self) -> u64 {
        self.mapped.iter().find(|(mapped, _)| *mapped == Mapped::Staging).map_or(0, |(_, bytes)| *bytes)
    }

    /// The mappings that will be reported.
    pub(super) fn mapping_count(&self) -> usize {
        self.mapped.len()
    }

    /// Records the copies and the mappings that follow; each mapping reports to `mapped`.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        loaded: &Loaded,
        memory: &Memory,
        mapped: &Sender<MapResult>,
    ) {
        let staging = &memory.staging.buffer;
        for (region, to) in &self.copies {
            let from = memory.buffer(&loaded.constants, region.buffer);
            encoder.copy_buffer_to_buffer(from, region.offset_bytes, staging, *to, Some(region.length_bytes));
        }
        for (buffer, bytes) in &self.mapped {
            map(encoder, mapped_buffer(memory, *buffer), wgpu::MapMode::Read, *bytes, mapped);
        }
    }

    /// The values, once they are mapped; in `spare` memory if there is any.
    pub(super) fn values(
        &self,
        loaded: &Loaded,
        memory: &Memory,
        batch: usize,
        spare: &mut Spare,
    ) -> Result<Vec<(NodeId, Tensor)>> {
        let view = |(buffer, bytes): &(Mapped, u64)| {
            mapped_buffer(memory, *buffer)
                .get_mapped_range(0..*bytes)
                .map_err(|cause| Error::device("the GPU's results could not be read").cause(cause.to_string()))
        };
        let views = self.mapped.iter().map(view).collect::<Result<Vec<_>>>()?;
        let mut tensors = Vec::with_capacity(self.values.len());
        let mut overrun = None;
        for value in &self.values {
            let words: &[u32] = bytemuck::try_cast_slice(&views[value.mapped])
                .map_err(|cause| Error::device("the GPU's results are not aligned").cause(cause.to_string()))?;
            let node = loaded.plan.graph().node(value.node);
            let shape = node.ty.shape.resolve(batch);
            let length: usize = shape.iter().product();
            let start = (value.offset_bytes / 4) as usize;
            let data = spare.decode(node.ty.dtype, &words[start..start + length]);
            tensors.push((value.node, Tensor::new(&shape, data)?));
            let guard = &words[start + length..start + (value.length_bytes / 4) as usize];
            let guarded = loaded.options.retain == Retain::All && length > 0 && value.in_slot;
            if guarded && guard.iter().any(|&word| word != GUARD_WORD) {
                overrun.get_or_insert(value.node);
            }
        }
        drop(views);
        for (buffer, _) in &self.mapped {
            mapped_buffer(memory, *buffer).unmap();
        }
        match overrun {
            None => Ok(tensors),
            Some(id) => {
                Err(Error::device(format!("a kernel wrote past its output into the {GUARD_BYTES} guard bytes"))
                    .at(format!("`{}`", loaded.plan.graph().node(id).name)))
            }
        }
    }
}

/// Records that the first `bytes` of `buffer` are to be mapped once everything recorded before is done.
pub(super) fn map(
    encoder: &wgpu::CommandEncoder,
    buffer: &wgpu::Buffer,
    mode: wgpu::MapMode,
    bytes: u64,
    mapped: &Sender<MapResult>,
) {
    let mapped = mapped.clone();
    // The receiver is gone only when waiting failed, and then nobody wants to know.
    encoder.map_buffer_on_submit(buffer, mode, 0..bytes, move |result| drop(mapped.send(result)));
}

/// Until `count` mappings are reported.
pub(super) fn await_mappings(count: usize, reports: &Receiver<MapResult>) -> Result<()> {
    for _ in 0..count {
        match reports.recv_timeout(REPORT_TIMEOUT) {
            Ok(Ok(())) => {}
            _ => return Err(Error::device("the GPU's results could not be mapped")),
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
