//! How a graph runs on a device: ordered dispatches, where values live, and what it costs.
//!
//! A [`Plan`] is made once per graph and device. Its buffers are slots that values share when their lifetimes allow;
//! a slot grows with the batch. [`Plan::dispatches`] gives the kernels for one batch size: batches differ in
//! parameters and grids, not in pipelines. A plan is plain data and needs no GPU.

mod slots;
mod text;

pub use slots::Slot;

use crate::error::{Error, Place, Result};
use crate::graph::{Graph, Node, NodeId, Source};
use crate::kernel::{DeviceFacts, Kernel, Operand};
use crate::ops::{ConcreteType, Cost, KernelRequest, Op};
use slots::SlotPool;
use std::sync::Arc;

/// Which values a plan keeps until the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retain {
    /// The outputs; other values share memory.
    #[default]
    Outputs,
    /// Every value, each in its own memory, to be looked at.
    All,
}

/// A buffer of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BufferId {
    /// All constants.
    Weights,
    /// A slot of activations.
    Slot(usize),
}

/// A stretch of device memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The buffer.
    pub buffer: BufferId,
    /// Offset in bytes.
    pub offset_bytes: u64,
    /// Length in bytes.
    pub length_bytes: u64,
}

/// One kernel with its memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// The node it computes, or a part of it.
    pub node: NodeId,
    /// The kernel.
    pub kernel: Kernel,
    /// The memory of each of the kernel's bindings.
    pub regions: Vec<Region>,
}

/// What one prediction costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Dispatches.
    pub dispatches: usize,
    /// Bytes of inputs written to the device.
    pub upload_bytes: u64,
    /// Bytes of outputs read back.
    pub download_bytes: u64,
    /// Bytes of all slots.
    pub slot_bytes: u64,
    /// Bytes of all constants.
    pub weight_bytes: u64,
    /// Floating-point operations and least memory traffic.
    pub work: Cost,
}

/// How a graph runs on a device.
#[derive(Debug, Clone)]
pub struct Plan {
    graph: Arc<Graph>,
    facts: DeviceFacts,
    /// Per node: the buffer of its value and the offset in it.
    places: Vec<(BufferId, u64)>,
    slots: Vec<Slot>,
    weight_bytes: u64,
}

impl Plan {
    /// Plans `graph` for a device: one kernel group per operator, values in slots by lifetime.
    pub fn new(graph: Arc<Graph>, facts: &DeviceFacts, retain: Retain) -> Result<Plan> {
        let mut plan = Plan { graph, facts: facts.clone(), places: Vec::new(), slots: Vec::new(), weight_bytes: 0 };
        let graph = Arc::clone(&plan.graph);
        let owners = plan.owners()?;
        let last_use = last_use(&graph, &owners, retain);
        let mut pool = SlotPool::default();
        // Inputs are written before anything runs, so none may share memory with a value made before its last use.
        let mut input_slots =
            graph.inputs().map(|(_, node)| pool.take(Slot::for_type(&node.ty))).collect::<Vec<_>>().into_iter();
        for (index, node) in graph.nodes().iter().enumerate() {
            let place = match &node.source {
                Source::Constant(value) => (BufferId::Weights, plan.place_weight(node, 4 * value.len() as u64)?),
                Source::Input => (BufferId::Slot(input_slots.next().unwrap_or_default()), 0),
                Source::Op(_) if owners[index] != index => plan.places[owners[index]],
                Source::Op(_) => (BufferId::Slot(pool.take(Slot::for_type(&node.ty))), 0),
            };
            plan.places.push(place);
            // Given back only after the output has its place: no kernel may read the buffer that it writes.
            let mut owners_seen: Vec<usize> = node.inputs.iter().map(|input| owners[input.index()]).collect();
            owners_seen.push(owners[index]);
            owners_seen.sort_unstable();
            owners_seen.dedup();
            for owner in owners_seen {
                if let (BufferId::Slot(slot), true) = (plan.places[owner].0, last_use[owner] == index) {
                    pool.give_back(slot);
                }
            }
        }
        plan.slots = pool.into_slots();
        Ok(plan)
    }

    /// For each node the node whose memory holds its value: its own, or its first input's where no kernel runs.
    fn owners(&self) -> Result<Vec<usize>> {
        let mut owners = Vec::with_capacity(self.graph.nodes().len());
        for (index, node) in self.graph.nodes().iter().enumerate() {
            let owner = match &node.source {
                Source::Op(op) if self.kernels(node, op, 1)?.is_empty() => owners[node.inputs[0].index()],
                _ => index,
            };
            owners.push(owner);
        }
        Ok(owners)
    }

    fn place_weight(&mut self, node: &Node, bytes: u64) -> Result<u64> {
        let offset = self.weight_bytes.next_multiple_of(self.facts.binding_alignment_bytes);
        self.weight_bytes = offset + bytes.max(4);
        if self.weight_bytes > self.facts.max_buffer_bytes {
            let limit = self.facts.max_buffer_bytes;
            return Err(Error::limit(format!("the weights do not fit the device's largest buffer of {limit} bytes"))
                .at(format!("`{}`", node.name))
                .hint("run on the CPU (--device cpu, Device::Cpu)"));
        }
        Ok(offset)
    }

    fn kernels(&self, node: &Node, op: &Op, batch: usize) -> Result<Vec<Kernel>> {
        let inputs: Vec<ConcreteType> = node.inputs.iter().map(|id| self.concrete(*id, batch)).collect();
        let output = ConcreteType { shape: node.ty.shape.resolve(batch), dtype: node.ty.dtype };
        let request = KernelRequest { inputs: &inputs, output: &output, device: &self.facts };
        op.operator().kernels(&request).at(|| format!("`{}`", node.name))
    }

    fn concrete(&self, id: NodeId, batch: usize) -> ConcreteType {
        let ty = &self.graph.node(id).ty;
        ConcreteType { shape: ty.shape.resolve(batch), dtype: ty.dtype }
    }

    /// The graph that is planned.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The slots.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The size of the buffer of all constants.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// Where a node's value is at one batch size.
    pub fn region(&self, id: NodeId, batch: usize) -> Region {
        let (buffer, offset_bytes) = self.places[id.index()];
        Region { buffer, offset_bytes, length_bytes: 4 * self.concrete(id, batch).len() as u64 }
    }

    /// The kernels in running order for one batch size.
    pub fn dispatches(&self, batch: usize) -> Result<Vec<Dispatch>> {
        for node in self.graph.nodes() {
            crate::tensor::element_count(&node.ty.shape.resolve(batch)).at(|| format!("`{}`", node.name))?;
        }
        let mut dispatches = Vec::new();
        for (id, node) in self.graph.ids().zip(self.graph.nodes()) {
            let Source::Op(op) = &node.source else { continue };
            for kernel in self.kernels(node, op, batch)? {
                let region = |binding: &crate::kernel::Binding| {
                    let value = match binding.operand {
                        Operand::Input(index) => node.inputs[index],
                        Operand::Output => id,
                    };
                    let mut region = self.region(value, batch);
                    if let Some(window) = &binding.window_bytes {
                        region.offset_bytes += window.start;
                        region.length_bytes = window.end - window.start;
                    }
                    region
                };
                let regions: Vec<Region> = kernel.bindings.iter().map(region).collect();
                if let Some(region) = regions.iter().find(|region| region.length_bytes > self.facts.max_binding_bytes) {
                    return Err(too_large(node, region.length_bytes, &self.facts));
                }
                dispatches.push(Dispatch { node: id, kernel, regions });
            }
        }
        Ok(dispatches)
    }

    /// The largest batch whose every slot fits one binding of the device.
    pub fn max_batch(&self) -> usize {
        let limit = self.facts.max_binding_bytes.min(self.facts.max_buffer_bytes);
        let per_sample = self.slots.iter().map(|slot| slot.bytes_per_sample).max().unwrap_or(0);
        limit.checked_div(per_sample).map_or(usize::MAX, |batch| usize::try_from(batch).unwrap_or(usize::MAX))
    }

    /// What one prediction costs.
    pub fn counts(&self, batch: usize) -> Result<Counts> {
        let mut counts = Counts { dispatches: self.dispatches(batch)?.len(), ..Counts::default() };
        for (_, node) in self.graph.inputs() {
            counts.upload_bytes += 4 * node.ty.shape.resolve(batch).iter().product::<usize>() as u64;
        }
        for (_, id) in self.graph.outputs() {
            counts.download_bytes += self.region(*id, batch).length_bytes;
        }
        counts.slot_bytes = self.slots.iter().map(|slot| slot.bytes(batch)).sum();
        counts.weight_bytes = self.weight_bytes;
        for node in self.graph.nodes() {
            let Source::Op(op) = &node.source else { continue };
            let inputs: Vec<ConcreteType> = node.inputs.iter().map(|id| self.concrete(*id, batch)).collect();
            let output = ConcreteType { shape: node.ty.shape.resolve(batch), dtype: node.ty.dtype };
            let cost = op.operator().cost(&inputs, &output);
            counts.work.flops += cost.flops;
            counts.work.bytes += cost.bytes;
        }
        Ok(counts)
    }
}

/// For each owner of memory the last node that needs it; `usize::MAX` for what is kept.
fn last_use(graph: &Graph, owners: &[usize], retain: Retain) -> Vec<usize> {
    if retain == Retain::All {
        return vec![usize::MAX; owners.len()];
    }
    let mut last_use: Vec<usize> = (0..owners.len()).collect();
    for (index, node) in graph.nodes().iter().enumerate() {
        for id in node.inputs.iter().map(|input| owners[input.index()]).chain([owners[index]]) {
            last_use[id] = last_use[id].max(index);
        }
    }
    for (_, id) in graph.outputs() {
        last_use[owners[id.index()]] = usize::MAX;
    }
    last_use
}

fn too_large(node: &Node, bytes: u64, facts: &DeviceFacts) -> Error {
    let limit = facts.max_binding_bytes;
    Error::limit(format!("a value of {bytes} bytes is larger than the device's largest binding of {limit} bytes"))
        .at(format!("`{}`", node.name))
        .hint("use a smaller batch, or run on the CPU (--device cpu, Device::Cpu)")
}
