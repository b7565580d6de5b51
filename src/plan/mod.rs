//! How a graph runs on a device: ordered dispatches, where values live, and what it costs.
//!
//! A [`Plan`] is made once per graph and device. Its buffers are slots that values share when their lifetimes allow;
//! a slot grows with the batch. [`Plan::dispatches`] gives the kernels for one batch size: batches differ in
//! parameters and grids, not in pipelines. A plan is plain data and needs no GPU.

mod constants;
mod slots;
mod text;

pub use slots::Slot;

use crate::error::{Error, Place, Result};
use crate::graph::{Graph, Node, NodeId, Source};
use crate::kernel::{Binding, BufferId, DeviceFacts, Kernel, Operand, Packing, Region};
use crate::ops::{ConcreteType, Cost, KernelRequest, Op};
use crate::tensor::Tensor;
use crate::tensor::TensorType;
use constants::Constants;
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

/// Where a value is, for any batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    /// The model's input with this position.
    Input(usize),
    /// In the tables or the weights.
    Constant,
    /// In a slot, behind so many bytes for each row that only its kernels know.
    Slot { slot: usize, scratch_bytes: u64 },
}

/// How a graph runs on a device.
#[derive(Debug, Clone)]
pub struct Plan {
    graph: Arc<Graph>,
    facts: DeviceFacts,
    /// Per node: where its value is.
    homes: Vec<Home>,
    /// The types of the model's inputs in order.
    input_types: Vec<TensorType>,
    slots: Vec<Slot>,
    constants: Constants,
}

impl Plan {
    /// Plans `graph` for a device: one kernel group per operator, values in slots by lifetime.
    pub fn new(graph: Arc<Graph>, facts: &DeviceFacts, retain: Retain) -> Result<Plan> {
        let input_types: Vec<TensorType> = graph.inputs().map(|(_, node)| node.ty.clone()).collect();
        let (homes, slots) = (Vec::new(), Vec::new());
        let constants = Constants::place(&graph, facts)?;
        let mut plan = Plan { graph, facts: facts.clone(), homes, input_types, slots, constants };
        let graph = Arc::clone(&plan.graph);
        let owners = plan.owners();
        let last_use = last_use(&graph, &owners, retain);
        let mut pool = SlotPool::default();
        let mut inputs = 0..plan.input_types.len();
        for (index, node) in graph.nodes().iter().enumerate() {
            let home = match &node.source {
                Source::Constant(_) => Home::Constant,
                Source::Input => Home::Input(inputs.next().unwrap_or_default()),
                Source::Op(_) if owners[index] != index => plan.homes[owners[index]],
                Source::Op(op) => {
                    let scratch_bytes = 4 * op.operator().scratch(&plan.input_types_of(node), facts) as u64;
                    Home::Slot { slot: pool.take(Slot::for_type(&node.ty, scratch_bytes)), scratch_bytes }
                }
            };
            plan.homes.push(home);
            // Given back only after the output has its place: no kernel may read the buffer that it writes.
            let mut owners_seen: Vec<usize> = node.inputs.iter().map(|input| owners[input.index()]).collect();
            owners_seen.push(owners[index]);
            owners_seen.sort_unstable();
            owners_seen.dedup();
            for owner in owners_seen {
                if let (Home::Slot { slot, .. }, true) = (plan.homes[owner], last_use[owner] == index) {
                    pool.give_back(slot);
                }
            }
        }
        plan.slots = pool.into_slots();
        // What the device cannot run is refused here, not at the first prediction.
        plan.dispatches(1)?;
        Ok(plan)
    }

    /// For each node the node whose memory holds its value: its own, or its first input's where no kernel runs.
    fn owners(&self) -> Vec<usize> {
        let mut owners = Vec::with_capacity(self.graph.nodes().len());
        for (index, node) in self.graph.nodes().iter().enumerate() {
            let owner = match &node.source {
                Source::Op(op) if self.is_view(node, op) => owners[node.inputs[0].index()],
                _ => index,
            };
            owners.push(owner);
        }
        owners
    }

    fn is_view(&self, node: &Node, op: &Op) -> bool {
        op.operator().is_view(&self.input_types_of(node))
    }

    fn input_types_of(&self, node: &Node) -> Vec<&TensorType> {
        node.inputs.iter().map(|id| &self.graph.node(*id).ty).collect()
    }

    fn kernels(&self, node: &Node, op: &Op, batch: usize) -> Result<Vec<Kernel>> {
        if self.is_view(node, op) {
            return Ok(Vec::new());
        }
        let inputs: Vec<ConcreteType> = node.inputs.iter().map(|id| self.concrete(*id, batch)).collect();
        let output = ConcreteType { shape: node.ty.shape.resolve(batch), dtype: node.ty.dtype };
        let places: Vec<Region> = node.inputs.iter().map(|id| self.region(*id, batch)).collect();
        let request = KernelRequest { inputs: &inputs, output: &output, places: &places, device: &self.facts };
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

    /// The device that is planned for.
    pub fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// The slots.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The size of the buffer of the constants that are not tables.
    pub fn weight_bytes(&self) -> u64 {
        self.constants.weight_bytes
    }

    /// The size of the buffer of all tables.
    pub fn table_bytes(&self) -> u64 {
        self.constants.table_bytes
    }

    /// The tables in memory order, each with its place.
    pub fn tables(&self) -> &[(Region, Arc<Tensor>)] {
        &self.constants.tables
    }

    /// Where a node's value is at one batch size.
    pub fn region(&self, id: NodeId, batch: usize) -> Region {
        if let Some(place) = self.constants.place_of(id) {
            return place;
        }
        let length_bytes = 4 * self.concrete(id, batch).len() as u64;
        let (buffer, offset_bytes) = match self.homes[id.index()] {
            Home::Input(position) => (BufferId::ModelInputs, self.input_bytes(position, batch)),
            Home::Constant => (BufferId::Weights, 0),
            Home::Slot { slot, scratch_bytes } => {
                let rows = self.graph.node(id).ty.shape.resolve(batch).first().map_or(1, |rows| *rows as u64);
                (BufferId::Slot(slot), scratch_bytes * rows)
            }
        };
        Region { buffer, offset_bytes, length_bytes, packing: Packing::Words }
    }

    /// The bytes of the first `count` inputs of the model, each at an offset that can be bound.
    fn input_bytes(&self, count: usize, batch: usize) -> u64 {
        let aligned = |ty: &TensorType| {
            let elements: usize = ty.shape.resolve(batch).iter().product();
            // Nothing cannot be bound, so an input without elements has room for one.
            (4 * elements.max(1) as u64).next_multiple_of(self.facts.binding_alignment_bytes)
        };
        self.input_types[..count].iter().map(aligned).sum()
    }

    /// The size of the buffer of all inputs at one batch size.
    pub fn model_input_bytes(&self, batch: usize) -> u64 {
        self.input_bytes(self.input_types.len(), batch)
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
                let region = |binding: &Binding| {
                    let mut region = match binding.operand {
                        Operand::Input(index) => self.region(node.inputs[index], batch),
                        Operand::Output => self.region(id, batch),
                        Operand::ScratchAndOutput => from_its_start(self.region(id, batch)),
                        Operand::ModelInputs => whole(BufferId::ModelInputs, self.model_input_bytes(batch)),
                        Operand::Tables => whole(BufferId::Tables, self.constants.table_bytes),
                        Operand::Weights => whole(BufferId::Weights, self.constants.weight_bytes),
                    };
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
        let slots = self.slots.iter().map(|slot| slot.bytes_per_sample).max().unwrap_or(0);
        // An input takes up to an alignment more than its elements.
        let samples: usize = self.input_types.iter().map(|ty| ty.shape.sample_len()).sum();
        let paddings = self.facts.binding_alignment_bytes * self.input_types.len() as u64;
        let most = |limit: u64, per_sample: u64| limit.checked_div(per_sample).unwrap_or(u64::MAX);
        let outputs = self.graph.outputs().iter().map(|(_, id)| self.graph.node(*id).ty.shape.sample_len());
        let batch = most(limit, slots)
            .min(most(limit.saturating_sub(paddings), 4 * samples as u64))
            // All outputs are read back through one buffer.
            .min(most(self.facts.max_buffer_bytes, 4 * outputs.sum::<usize>() as u64));
        usize::try_from(batch).unwrap_or(usize::MAX)
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
        counts.weight_bytes = self.constants.weight_bytes + self.constants.table_bytes;
        for cost in self.graph.ids().map(|id| self.graph.cost(id, batch)) {
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

fn too_large_weights(node: &Node, facts: &DeviceFacts) -> Error {
    let limit = facts.max_buffer_bytes;
    Error::limit(format!("the weights do not fit the device's largest buffer of {limit} bytes"))
        .at(format!("`{}`", node.name))
        .hint("run on the CPU (--device cpu, Device::Cpu)")
}

fn whole(buffer: BufferId, length_bytes: u64) -> Region {
    Region { buffer, offset_bytes: 0, length_bytes, packing: Packing::Words }
}

/// All of its buffer up to the end of the region.
fn from_its_start(region: Region) -> Region {
    Region { offset_bytes: 0, length_bytes: region.offset_bytes + region.length_bytes, ..region }
}

fn too_large(node: &Node, bytes: u64, facts: &DeviceFacts) -> Error {
    let limit = facts.max_binding_bytes;
    let grows = node.ty.shape.is_batched();
    let what = if grows { "a value" } else { "a weight" };
    let hint = if grows { "use a smaller batch, or run on the CPU" } else { "run on the CPU" };
    Error::limit(format!("{what} of {bytes} bytes is larger than the device's largest binding of {limit} bytes"))
        .at(format!("`{}`", node.name))
        .hint(format!("{hint} (--device cpu, Device::Cpu)"))
}
