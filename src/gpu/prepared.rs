//! Everything that one batch size needs besides the inputs: where they go, bind groups, and what is read back.

use super::loaded::Loaded;
use super::memory::Memory;
use super::pipelines::Pipeline;
use crate::error::Result;
use crate::graph::NodeId;
use crate::kernel::{BufferId, Kernel, Region};
use crate::plan::{Dispatch, Retain};
use crate::timeline::Timeline;

/// One batch size, ready to run in one memory.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) batch: usize,
    /// Where each input of the model starts.
    pub(super) input_offsets_bytes: Vec<u64>,
    pub(super) input_bytes: u64,
    pub(super) dispatches: Vec<ReadyDispatch>,
    pub(super) read_back: ReadBack,
}

/// A dispatch in wgpu's terms.
#[derive(Debug)]
pub(super) struct ReadyDispatch {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) bind_group: wgpu::BindGroup,
    pub(super) workgroups: [u32; 3],
}

/// What the host reads when the kernels are done.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    /// Into the staging buffer, each at its offset.
    pub(super) copies: Vec<(Region, u64)>,
    /// The buffers to map, and how much of each.
    pub(super) mapped: Vec<(Mapped, u64)>,
    pub(super) values: Vec<ValueRead>,
}

/// A buffer that the host maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mapped {
    Staging,
    Slot(usize),
}

/// A value in a mapped buffer.
#[derive(Debug)]
pub(super) struct ValueRead {
    pub(super) node: NodeId,
    /// The position of the buffer among those mapped.
    pub(super) mapped: usize,
    pub(super) offset_bytes: u64,
    /// With the guard behind it.
    pub(super) length_bytes: u64,
    pub(super) in_slot: bool,
}

impl ReadBack {
    /// Reads the outputs, or every value an operator made.
    pub(super) fn of(loaded: &Loaded, batch: usize) -> ReadBack {
        let graph = loaded.plan.graph();
        let nodes: Vec<NodeId> = match loaded.retain {
            Retain::Outputs => graph.outputs().iter().map(|(_, id)| *id).collect(),
            Retain::All => graph.ids().filter(|id| !graph.node(*id).inputs.is_empty()).collect(),
        };
        let mut read_back = ReadBack::default();
        for node in nodes {
            read_back.add(loaded, node, batch);
        }
        read_back
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
}

impl Prepared {
    /// Makes what `dispatches` of one batch size need in `memory`, which has room for them.
    pub(super) fn new(
        loaded: &Loaded,
        memory: &Memory,
        batch: usize,
        dispatches: &[Dispatch],
        read_back: ReadBack,
        timeline: &mut Timeline,
    ) -> Result<Prepared> {
        let Loaded { gpu, plan, .. } = loaded;
        let kernels: Vec<&Kernel> = dispatches.iter().map(|dispatch| &dispatch.kernel).collect();
        let folder = loaded.cache_folder.as_deref();
        gpu.pipelines.make_all(gpu, &kernels, loaded.checks, folder, timeline, |_| ())?;
        let (params, offsets) = upload_params(loaded, &kernels, timeline);
        let mut ready = Vec::with_capacity(dispatches.len());
        for (dispatch, offset) in dispatches.iter().zip(offsets) {
            let (pipeline, _) = gpu.pipelines.get(gpu, &dispatch.kernel, loaded.checks, None)?;
            let bind_group = bind_group(loaded, memory, dispatch, &pipeline, &params, offset);
            let workgroups = dispatch.kernel.workgroups;
            ready.push(ReadyDispatch { pipeline: pipeline.pipeline, bind_group, workgroups });
        }
        timeline.count("bind_groups", ready.len() as u64);
        gpu.check()?;
        let input_offsets_bytes = plan.graph().inputs().map(|(id, _)| plan.region(id, batch).offset_bytes).collect();
        let input_bytes = plan.model_input_bytes(batch);
        Ok(Prepared { batch, input_offsets_bytes, input_bytes, dispatches: ready, read_back })
    }
}

/// The parameters of all kernels in one uniform buffer, and where each kernel's are.
fn upload_params(loaded: &Loaded, kernels: &[&Kernel], timeline: &mut Timeline) -> (wgpu::Buffer, Vec<u64>) {
    let Loaded { gpu, .. } = loaded;
    let alignment = gpu.device.limits().min_uniform_buffer_offset_alignment as usize;
    let mut bytes: Vec<u8> = Vec::new();
    let mut offsets = Vec::with_capacity(kernels.len());
    for kernel in kernels {
        bytes.resize(bytes.len().next_multiple_of(alignment), 0);
        offsets.push(bytes.len() as u64);
        bytes.extend_from_slice(&kernel.params);
    }
    bytes.resize(bytes.len().next_multiple_of(4).max(4), 0);
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("params"),
        size: bytes.len() as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue.write_buffer(&buffer, 0, &bytes);
    timeline.count("allocations", 1);
    timeline.count("allocated_bytes", bytes.len() as u64);
    (buffer, offsets)
}

fn bind_group(
    loaded: &Loaded,
    memory: &Memory,
    dispatch: &Dispatch,
    pipeline: &Pipeline,
    params: &wgpu::Buffer,
    params_offset: u64,
) -> wgpu::BindGroup {
    let binding = |buffer, offset, bytes| {
        let size = std::num::NonZeroU64::new(bytes);
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
    };
    let params_bytes = (dispatch.kernel.params.len() as u64).max(4);
    let params = wgpu::BindGroupEntry { binding: 0, resource: binding(params, params_offset, params_bytes) };
    let storage = dispatch.regions.iter().zip(1..).map(|(region, index)| {
        let bytes = memory.bound_bytes(region.buffer, region.length_bytes);
        let buffer = memory.buffer(&loaded.constants, region.buffer);
        wgpu::BindGroupEntry { binding: index, resource: binding(buffer, region.offset_bytes, bytes) }
    });
    let entries: Vec<wgpu::BindGroupEntry> = std::iter::once(params).chain(storage).collect();
    let label = Some(dispatch.kernel.shader);
    loaded.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label,
        layout: &pipeline.layout,
        entries: &entries,
    })
}
