//! Answers predictions of one plan on one device.

use super::device::Gpu;
use super::memory::{GUARD_BYTES, GUARD_WORD, Memory};
use super::pipelines::{Pipeline, Pipelines};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::kernel::{BufferId, Region};
use crate::plan::{Dispatch, Plan, Retain};
use crate::reference::input;
use crate::tensor::{NamedTensors, Tensor};
use crate::timeline::Timeline;
use std::sync::mpsc;

/// Batch sizes whose bind groups are kept.
const PREPARED_BATCHES: usize = 8;

/// A plan on a device, ready to answer.
#[derive(Debug)]
pub(crate) struct Runner {
    gpu: Gpu,
    plan: Plan,
    retain: Retain,
    pipelines: Pipelines,
    memory: Memory,
    /// Most recently used last.
    prepared: Vec<Prepared>,
}

/// Everything that one batch size needs besides the inputs.
#[derive(Debug)]
struct Prepared {
    batch: usize,
    dispatches: Vec<ReadyDispatch>,
    /// What is read back, and where it stands in the staging buffer.
    downloads: Vec<Download>,
    download_bytes: u64,
}

#[derive(Debug)]
struct ReadyDispatch {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 3],
}

#[derive(Debug)]
struct Download {
    node: NodeId,
    region: Region,
    staging_offset_bytes: u64,
}

impl Runner {
    /// Uploads the weights and compiles the pipelines of `plan`.
    pub(crate) fn new(gpu: Gpu, plan: Plan, retain: Retain, timeline: &mut Timeline) -> Result<Runner> {
        let guarded = retain == Retain::All;
        let memory = timeline.span_with("upload weights", |timeline| Memory::new(&gpu, &plan, guarded, timeline));
        let mut pipelines = Pipelines::default();
        timeline.span("compile pipelines", || -> Result<()> {
            for dispatch in plan.dispatches(1)? {
                pipelines.get(&gpu, &dispatch.kernel)?;
            }
            Ok(())
        })?;
        timeline.count("pipelines", pipelines.len() as u64);
        gpu.check()?;
        Ok(Runner { gpu, plan, retain, pipelines, memory, prepared: Vec::new() })
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The outputs for `inputs`, which fit the graph and have `batch` rows each.
    pub(crate) fn predict(
        &mut self,
        inputs: &NamedTensors,
        batch: usize,
        timeline: &mut Timeline,
    ) -> Result<NamedTensors> {
        let values = self.run(inputs, batch, timeline)?;
        let graph = self.plan.graph();
        Ok(graph
            .outputs()
            .iter()
            .map(|(name, _)| name.clone())
            .zip(values.into_iter().map(|(_, value)| value))
            .collect())
    }

    /// The values of all operators, for a runner that retains them; an error if a kernel wrote past its output.
    pub(crate) fn inspect(
        &mut self,
        inputs: &NamedTensors,
        batch: usize,
        timeline: &mut Timeline,
    ) -> Result<Vec<(NodeId, Tensor)>> {
        self.run(inputs, batch, timeline)
    }

    fn run(&mut self, inputs: &NamedTensors, batch: usize, timeline: &mut Timeline) -> Result<Vec<(NodeId, Tensor)>> {
        let values = self.try_run(inputs, batch, timeline);
        if values.is_err() {
            // A buffer that could not be made must not be used by the next prediction.
            self.prepared.clear();
            self.memory.release(&self.gpu, timeline);
        }
        values
    }

    fn try_run(
        &mut self,
        inputs: &NamedTensors,
        batch: usize,
        timeline: &mut Timeline,
    ) -> Result<Vec<(NodeId, Tensor)>> {
        timeline.span_with("prepare", |timeline| self.prepare(batch, timeline))?;
        let Runner { gpu, plan, memory, prepared, retain, .. } = self;
        let Some(prepared) = prepared.last() else {
            return Err(Error::device("no batch is prepared"));
        };
        timeline
            .span_with("write inputs", |timeline| write_inputs(gpu, plan, memory, inputs, batch, *retain, timeline))?;
        let (sender, receiver) = mpsc::channel();
        let commands = timeline.span("encode", || encode(gpu, memory, prepared, sender));
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
        if prepared.downloads.is_empty() {
            return Ok(Vec::new());
        }
        match receiver.try_recv() {
            Ok(Ok(())) => timeline.span("read back", || read_back(plan, memory, prepared, batch, *retain)),
            _ => Err(Error::device("the GPU's results could not be mapped")),
        }
    }

    /// Puts the bind groups of `batch` at the end of `prepared`.
    fn prepare(&mut self, batch: usize, timeline: &mut Timeline) -> Result<()> {
        if let Some(position) = self.prepared.iter().position(|prepared| prepared.batch == batch) {
            let prepared = self.prepared.remove(position);
            self.prepared.push(prepared);
            return Ok(());
        }
        let dispatches = self.plan.dispatches(batch)?;
        let (downloads, download_bytes) = self.downloads(batch);
        if self.memory.reserve(&self.gpu, &self.plan, batch, download_bytes, timeline) {
            // Their bind groups hold buffers that were replaced.
            self.prepared.clear();
        }
        let dispatches = self.ready(&dispatches, timeline)?;
        self.gpu.check()?;
        if self.prepared.len() == PREPARED_BATCHES {
            self.prepared.remove(0);
        }
        self.prepared.push(Prepared { batch, dispatches, downloads, download_bytes });
        Ok(())
    }

    /// What is read back: the outputs, or every value an operator made, with the guard behind it.
    fn downloads(&self, batch: usize) -> (Vec<Download>, u64) {
        let graph = self.plan.graph();
        let nodes: Vec<NodeId> = match self.retain {
            Retain::Outputs => graph.outputs().iter().map(|(_, id)| *id).collect(),
            Retain::All => graph.ids().filter(|id| !graph.node(*id).inputs.is_empty()).collect(),
        };
        let mut offset = 0;
        let mut downloads = Vec::with_capacity(nodes.len());
        for node in nodes {
            let mut region = self.plan.region(node, batch);
            region.length_bytes = self.memory.bound_bytes(region.buffer, region.length_bytes);
            downloads.push(Download { node, region, staging_offset_bytes: offset });
            offset += region.length_bytes;
        }
        (downloads, offset)
    }

    /// Pipelines and bind groups, with the parameters of all dispatches in one uniform buffer.
    fn ready(&mut self, dispatches: &[Dispatch], timeline: &mut Timeline) -> Result<Vec<ReadyDispatch>> {
        let alignment = self.gpu.device.limits().min_uniform_buffer_offset_alignment as usize;
        let mut params: Vec<u8> = Vec::new();
        let mut offsets = Vec::with_capacity(dispatches.len());
        for dispatch in dispatches {
            params.resize(params.len().next_multiple_of(alignment), 0);
            offsets.push(params.len() as u64);
            params.extend_from_slice(&dispatch.kernel.params);
        }
        let params_buffer = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: (params.len() as u64).next_multiple_of(4).max(4),
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        params.resize(params.len().next_multiple_of(4), 0);
        self.gpu.queue.write_buffer(&params_buffer, 0, &params);
        timeline.count("allocations", 1);
        timeline.count("bind_groups", dispatches.len() as u64);
        let mut ready = Vec::with_capacity(dispatches.len());
        for (dispatch, offset) in dispatches.iter().zip(offsets) {
            let pipeline = self.pipelines.get(&self.gpu, &dispatch.kernel)?;
            let bind_group = self.bind_group(dispatch, &pipeline, &params_buffer, offset);
            ready.push(ReadyDispatch {
                pipeline: pipeline.pipeline,
                bind_group,
                workgroups: dispatch.kernel.workgroups,
            });
        }
        Ok(ready)
    }

    fn bind_group(
        &self,
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
        let storage = dispatch.regions.iter().zip(1..).map(|(region, index)| wgpu::BindGroupEntry {
            binding: index,
            resource: binding(
                self.memory.buffer(region.buffer),
                region.offset_bytes,
                self.memory.bound_bytes(region.buffer, region.length_bytes),
            ),
        });
        let entries: Vec<wgpu::BindGroupEntry> = std::iter::once(params).chain(storage).collect();
        let label = Some(dispatch.kernel.shader);
        self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label,
            layout: &pipeline.layout,
            entries: &entries,
        })
    }
}

fn write_inputs(
    gpu: &Gpu,
    plan: &Plan,
    memory: &Memory,
    inputs: &NamedTensors,
    batch: usize,
    retain: Retain,
    timeline: &mut Timeline,
) -> Result<()> {
    if retain == Retain::All {
        memory.write_guards(gpu);
    }
    let mut words: Vec<u32> = Vec::new();
    for (id, node) in plan.graph().inputs() {
        words.resize((plan.region(id, batch).offset_bytes / 4) as usize, 0);
        let given = input(inputs, &node.name)?.to_words();
        timeline.count("upload_bytes", 4 * given.len() as u64);
        words.extend_from_slice(&given);
    }
    gpu.queue.write_buffer(&memory.inputs.buffer, 0, bytemuck::cast_slice(&words));
    Ok(())
}

type MapResult = std::result::Result<(), wgpu::BufferAsyncError>;

fn encode(gpu: &Gpu, memory: &Memory, prepared: &Prepared, mapped: mpsc::Sender<MapResult>) -> wgpu::CommandBuffer {
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
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
    for download in &prepared.downloads {
        let Region { buffer, offset_bytes, length_bytes, .. } = download.region;
        let to = download.staging_offset_bytes;
        encoder.copy_buffer_to_buffer(memory.buffer(buffer), offset_bytes, staging, to, Some(length_bytes));
    }
    if prepared.downloads.is_empty() {
        return encoder.finish();
    }
    encoder.map_buffer_on_submit(staging, wgpu::MapMode::Read, 0..prepared.download_bytes, move |result| {
        // The receiver is gone only when waiting failed, and then nobody wants to know.
        let _ = mapped.send(result);
    });
    encoder.finish()
}

fn read_back(
    plan: &Plan,
    memory: &Memory,
    prepared: &Prepared,
    batch: usize,
    retain: Retain,
) -> Result<Vec<(NodeId, Tensor)>> {
    let staging = &memory.staging.buffer;
    let view = staging
        .get_mapped_range(0..prepared.download_bytes)
        .map_err(|cause| Error::device("the GPU's results could not be read").cause(cause.to_string()))?;
    let words: &[u32] = bytemuck::try_cast_slice(&view)
        .map_err(|cause| Error::device("the GPU's results are not aligned").cause(cause.to_string()))?;
    let mut values = Vec::with_capacity(prepared.downloads.len());
    let mut overrun = None;
    for download in &prepared.downloads {
        let node = plan.graph().node(download.node);
        let shape = node.ty.shape.resolve(batch);
        let length: usize = shape.iter().product();
        let start = (download.staging_offset_bytes / 4) as usize;
        values.push((download.node, Tensor::from_words(&shape, node.ty.dtype, &words[start..start + length])?));
        let guard = &words[start + length..start + (download.region.length_bytes / 4) as usize];
        let guarded = retain == Retain::All && length > 0 && matches!(download.region.buffer, BufferId::Slot(_));
        if guarded && guard.iter().any(|&word| word != GUARD_WORD) {
            overrun.get_or_insert(download.node);
        }
    }
    drop(view);
    staging.unmap();
    match overrun {
        None => Ok(values),
        Some(id) => Err(Error::device(format!("a kernel wrote past its output into the {GUARD_BYTES} guard bytes"))
            .at(format!("`{}`", plan.graph().node(id).name))),
    }
}
