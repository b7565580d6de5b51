//! The bindings of one batch size: offsets of the inputs, bind groups, and the read-back.

use super::device_plan::DevicePlan;
use super::memory::Memory;
use super::pipelines::{Making, Pipeline};
use super::read_back::ReadBack;
use super::ready_dispatch::ReadyDispatch;
use super::step_times::Timestamps;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::kernel::Kernel;
use crate::plan::Dispatch;
use crate::telemetry::{Counter, Timeline};

/// The bindings of one batch size to one memory.
#[derive(Debug)]
pub(super) struct BatchBindings {
    pub(super) batch: usize,
    /// The offset of each input of the model.
    pub(super) input_offsets_bytes: Vec<u64>,
    pub(super) input_bytes: u64,
    pub(super) dispatches: Vec<ReadyDispatch>,
    /// Created when times are first asked for.
    pub(super) timestamps: Option<Timestamps>,
    /// The size of the parameter buffer.
    pub(super) params_bytes: u64,
    /// One for all outputs, or one for each.
    pub(super) read_backs: Vec<ReadBack>,
}

impl BatchBindings {
    /// Binds `dispatches` of one batch size to `memory`, which has room for them.
    pub(super) fn new(
        device_plan: &DevicePlan,
        memory: &Memory,
        batch: usize,
        dispatches: &[Dispatch],
        read_backs: Vec<ReadBack>,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<BatchBindings> {
        let DevicePlan { gpu, plan, .. } = device_plan;
        let kernels: Vec<&Kernel> = dispatches.iter().map(|dispatch| &dispatch.kernel).collect();
        let pipelines = &device_plan.pipelines;
        let cache_folder = device_plan.options.cache_folder.as_deref();
        pipelines.make_all(gpu, &kernels, (device_plan.checks, deadline), cache_folder, timeline, |_| ())?;
        let making = Making { checks: device_plan.checks, deadline, cache: None };
        let (params, offsets) = upload_params(device_plan, &kernels, timeline);
        let mut ready = Vec::with_capacity(dispatches.len());
        for (dispatch, offset) in dispatches.iter().zip(offsets) {
            let (pipeline, _) = pipelines.get(gpu, &dispatch.kernel, &making)?;
            let bind_group = bind_group(device_plan, memory, dispatch, &pipeline, &params, offset);
            let workgroups = dispatch.kernel.workgroups;
            ready.push(ReadyDispatch { pipeline: pipeline.pipeline, bind_group, workgroups });
        }
        timeline.count(Counter::BindGroups, ready.len() as u64);
        let input_offsets_bytes = plan.graph().inputs().map(|(id, _)| plan.region(id, batch).offset_bytes).collect();
        let input_bytes = plan.model_input_bytes(batch);
        let params_bytes = params.size();
        Ok(BatchBindings {
            batch,
            input_offsets_bytes,
            input_bytes,
            dispatches: ready,
            timestamps: None,
            params_bytes,
            read_backs,
        })
    }
}

/// Uploads the parameters of all kernels into one uniform buffer. Returns also the offset of each kernel.
fn upload_params(device_plan: &DevicePlan, kernels: &[&Kernel], timeline: &mut Timeline) -> (wgpu::Buffer, Vec<u64>) {
    let DevicePlan { gpu, .. } = device_plan;
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
    timeline.count(Counter::Allocations, 1);
    timeline.count(Counter::AllocatedBytes, bytes.len() as u64);
    (buffer, offsets)
}

fn bind_group(
    device_plan: &DevicePlan,
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
        let buffer = memory.buffer(&device_plan.constants, region.buffer);
        wgpu::BindGroupEntry { binding: index, resource: binding(buffer, region.offset_bytes, bytes) }
    });
    let entries: Vec<wgpu::BindGroupEntry> = std::iter::once(params).chain(storage).collect();
    let label = Some(dispatch.kernel.shader);
    device_plan.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label,
        layout: &pipeline.layout,
        entries: &entries,
    })
}
