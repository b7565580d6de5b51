//! The execution plan of a graph on a device: ordered dispatches, memory, and cost.
//!
//! A [`Plan`] is made once per graph and device. Its buffers are slots that values share if their lifetimes do not
//! overlap; the size of a slot depends on the batch. [`Plan::dispatches`] gives the kernels for one batch size. Batch
//! sizes differ in parameters and grids, not in compiled pipelines. A plan is plain data and needs no GPU.

mod constants;
mod inputs;
mod slots;
mod text;

pub use slots::Slot;

use crate::error::{Context, Error, Result};
use crate::graph::{Graph, Node, NodeId, Source, ValueId};
use crate::kernel::{Binding, BufferId, DeviceFacts, Kernel, Operand, Packing, Region};
use crate::ops::{ConcreteType, Cost, KernelRequest, Op};
use crate::tensor::Tensor;
use crate::tensor::TensorType;
use constants::Constants;
use inputs::{Inputs, aligned_bytes};
use slots::{Assignment, Tenant};
use std::sync::Arc;

/// Which values a plan keeps until the end of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retain {
    /// The outputs; other values share memory.
    #[default]
    Outputs,
    /// Every value, each in its own memory, for inspection.
    All,
}

/// One kernel and its memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// The node that the kernel computes, in whole or in part.
    pub node: NodeId,
    /// The kernel.
    pub kernel: Kernel,
    /// The memory of each of the kernel's bindings.
    pub regions: Vec<Region>,
}

/// The cost of one prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
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
    /// Floating-point operations and minimum memory traffic.
    pub work: Cost,
}

/// Where the values of a node are stored, at any batch size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allocation {
    /// The model input at this position.
    Input(usize),
    /// In the tables or the weights.
    Constant,
    /// In a slot, one after another, after `scratch_bytes` of scratch space for each row.
    Slot { slot: usize, scratch_bytes: u64 },
}

/// How a graph runs on a device.
#[derive(Debug, Clone)]
pub struct Plan {
    graph: Arc<Graph>,
    facts: DeviceFacts,
    /// By node: where its values are stored.
    allocations: Vec<Allocation>,
    /// By value: the value whose memory it uses. This is another value if the node is a view that runs no kernel.
    owners: Vec<ValueId>,
    /// The model's inputs in order.
    inputs: Inputs,
    slots: Vec<Slot>,
    constants: Constants,
}

impl Plan {
    /// Plans `graph` for a device: one group of kernels per operator, and values in slots by lifetime.
    pub fn new(graph: Arc<Graph>, facts: &DeviceFacts, retain: Retain) -> Result<Plan> {
        let inputs = Inputs::new(graph.inputs().map(|(id, _)| graph.ty(id).clone()).collect());
        let constants = Constants::place(&graph, facts)?;
        let owners = owners(&graph);
        let facts = facts.clone();
        let mut plan = Plan { graph, facts, allocations: Vec::new(), owners, inputs, slots: Vec::new(), constants };
        plan.slots = plan.take_slots(retain);
        // Graphs that the device cannot run are rejected here rather than at the first prediction.
        plan.dispatches(1)?;
        Ok(plan)
    }

    /// Gives every node its allocation, and a slot to each node that computes something.
    fn take_slots(&mut self, retain: Retain) -> Vec<Slot> {
        let graph = Arc::clone(&self.graph);
        let last_use = self.last_use(retain);
        let mut tenants = Vec::new();
        let mut inputs = 0..self.inputs.types.len();
        for (index, node) in graph.nodes().iter().enumerate() {
            let allocation = match &node.source {
                Source::Constant(_) => Allocation::Constant,
                Source::Input => Allocation::Input(inputs.next().unwrap_or_default()),
                Source::Op(_) if self.holder(node.output()) != index => self.allocations[self.holder(node.output())],
                Source::Op(op) => {
                    let scratch_words = op.operator().scratch(&graph.types(&node.inputs), &self.facts) as u64;
                    let scratch_bytes = scratch_words.saturating_mul(4);
                    let slot = Slot::for_types(&graph.types(&node.outputs), scratch_bytes, &self.facts);
                    tenants.push(Tenant { slot, first: index, last: last_use[index] });
                    // Initially the tenant's index; replaced by its slot once all tenants are known.
                    Allocation::Slot { slot: tenants.len() - 1, scratch_bytes }
                }
            };
            self.allocations.push(allocation);
        }
        let assignment = Assignment::new(&tenants);
        for allocation in &mut self.allocations {
            if let Allocation::Slot { slot, .. } = allocation {
                *slot = assignment.of[*slot];
            }
        }
        assignment.slots
    }

    /// The node whose memory holds a value.
    fn holder(&self, id: ValueId) -> usize {
        self.graph.value(self.owners[id.index()]).node.index()
    }

    /// By node: the last node that needs its memory; `usize::MAX` if it is kept until the end.
    fn last_use(&self, retain: Retain) -> Vec<usize> {
        let nodes = self.graph.nodes();
        if retain == Retain::All {
            return vec![usize::MAX; nodes.len()];
        }
        let mut last_use = vec![0; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for id in node.inputs.iter().chain(&node.outputs) {
                last_use[self.holder(*id)] = index;
            }
        }
        for (_, id) in self.graph.outputs() {
            last_use[self.holder(*id)] = usize::MAX;
        }
        last_use
    }

    fn kernels(&self, node: &Node, op: &Op, batch: usize) -> Result<Vec<Kernel>> {
        let outputs = self.graph.concrete_types(&node.outputs, batch);
        // Outputs without elements need no kernel.
        if is_view(&self.graph, node) || outputs.iter().all(ConcreteType::is_empty) {
            return Ok(Vec::new());
        }
        let inputs = self.graph.concrete_types(&node.inputs, batch);
        let regions: Vec<Region> = node.inputs.iter().map(|id| self.region(*id, batch)).collect();
        let first = self.region(node.output(), batch).offset_bytes;
        let starts = node.outputs.iter().map(|id| (self.region(*id, batch).offset_bytes - first) as usize / 4);
        let output_words: Vec<usize> = starts.collect();
        let request = KernelRequest {
            inputs: &inputs,
            outputs: &outputs,
            output_words: &output_words,
            regions: &regions,
            device: &self.facts,
        };
        op.operator().kernels(&request).at(|| format!("`{}`", node.name))
    }

    /// The planned graph.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The device that the plan is for.
    pub fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// The slots.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The size in bytes of the buffer of constants other than tables: at least that of the four words in which kernels
    /// read it.
    pub fn weight_bytes(&self) -> u64 {
        self.constants.weight_bytes.max(16)
    }

    /// The size in bytes of the buffer of tables.
    pub fn table_bytes(&self) -> u64 {
        self.constants.table_bytes
    }

    /// The tables in memory order, each with its region.
    pub fn tables(&self) -> &[(Region, Arc<Tensor>)] {
        &self.constants.tables
    }

    /// The region of a value at one batch size.
    pub fn region(&self, id: ValueId, batch: usize) -> Region {
        if let Some(place) = self.constants.region_of(id) {
            return place;
        }
        let owner = self.graph.value(self.owners[id.index()]);
        let length_bytes = 4 * ConcreteType::of(self.graph.ty(id), batch).len() as u64;
        let (buffer, offset_bytes) = match self.allocations[owner.node.index()] {
            Allocation::Input(position) => (BufferId::ModelInputs, self.input_bytes(position, batch)),
            Allocation::Constant => (BufferId::Weights, 0),
            Allocation::Slot { slot, scratch_bytes } => {
                let outputs = self.graph.types(&self.graph.node(owner.node).outputs);
                let rows = outputs[0].shape.resolve(batch).first().map_or(1, |rows| *rows as u64);
                let before = outputs[..owner.position].iter().map(|ty| aligned_bytes(ty, batch, &self.facts));
                let scratch = scratch_bytes.saturating_mul(rows);
                (BufferId::Slot(slot), before.fold(scratch, u64::saturating_add))
            }
        };
        Region { buffer, offset_bytes, length_bytes, packing: Packing::Words }
    }

    /// Whether a value is stored in the memory of its node's last output, so that nothing follows it.
    pub fn is_last_output(&self, id: ValueId) -> bool {
        let owner = self.graph.value(self.owners[id.index()]);
        owner.position + 1 == self.graph.node(owner.node).outputs.len()
    }

    /// One region that spans all outputs of a node.
    fn output_region(&self, node: &Node, batch: usize) -> Region {
        let first = self.region(node.output(), batch);
        let last = node.outputs.last().map_or(first, |id| self.region(*id, batch));
        let end = last.offset_bytes.saturating_add(last.length_bytes);
        Region { length_bytes: end - first.offset_bytes, ..first }
    }

    /// The whole slot that holds a value.
    fn slot_region(&self, id: ValueId, batch: usize) -> Region {
        let region = self.region(id, batch);
        match region.buffer {
            BufferId::Slot(slot) => whole(region.buffer, self.slots[slot].bytes(batch)),
            _ => region,
        }
    }

    /// The size in bytes of the model's first `count` inputs, each aligned so that it can be bound.
    fn input_bytes(&self, count: usize, batch: usize) -> u64 {
        self.inputs.bytes(count, batch, &self.facts)
    }

    /// The size in bytes of the buffer of all inputs at one batch size.
    pub fn model_input_bytes(&self, batch: usize) -> u64 {
        self.input_bytes(self.inputs.types.len(), batch)
    }

    /// The kernels in execution order for one batch size.
    pub fn dispatches(&self, batch: usize) -> Result<Vec<Dispatch>> {
        for value in self.graph.values() {
            let name = || format!("`{}`", self.graph.node(value.node).name);
            crate::tensor::element_count(&value.ty.shape.resolve(batch)).at(name)?;
        }
        let mut dispatches = Vec::new();
        for (id, node) in self.graph.ids().zip(self.graph.nodes()) {
            let Source::Op(op) = &node.source else { continue };
            for kernel in self.kernels(node, op, batch)? {
                let regions = kernel.bindings.iter().map(|binding| self.bound(binding, node, batch));
                let regions: Vec<Region> = regions.collect();
                if let Some(region) = regions.iter().find(|region| region.length_bytes > self.facts.max_binding_bytes) {
                    return Err(too_large(self.graph.is_per_sample(node), node, region.length_bytes, &self.facts));
                }
                dispatches.push(Dispatch { node: id, kernel, regions });
            }
        }
        Ok(dispatches)
    }

    /// The region that a node's kernel uses for one binding.
    fn bound(&self, binding: &Binding, node: &Node, batch: usize) -> Region {
        let mut region = match binding.operand {
            Operand::Input(index) => self.region(node.inputs[index], batch),
            Operand::SlotOf(index) => self.slot_region(node.inputs[index], batch),
            Operand::Output => self.output_region(node, batch),
            Operand::ScratchAndOutput => from_its_start(self.output_region(node, batch)),
            Operand::ModelInputs => whole(BufferId::ModelInputs, self.model_input_bytes(batch)),
            Operand::Tables => whole(BufferId::Tables, self.constants.table_bytes),
            Operand::Weights => whole(BufferId::Weights, self.weight_bytes()),
        };
        if let Some(window) = &binding.window_bytes {
            region.offset_bytes = region.offset_bytes.saturating_add(window.start);
            region.length_bytes = window.end - window.start;
        }
        // A binding must not be empty; every value has room for at least one element.
        region.length_bytes = region.length_bytes.max(4);
        region
    }

    /// The largest batch for which every slot fits one binding of the device.
    pub fn max_batch(&self) -> usize {
        let limit = self.facts.max_binding_bytes.min(self.facts.max_buffer_bytes);
        let slot = |slot: &Slot| most(limit.saturating_sub(slot.extra_bytes), slot.bytes_per_sample);
        let slots = self.slots.iter().map(slot).min().unwrap_or(u64::MAX);
        // An input may need up to one alignment more than its elements.
        let paddings = self.facts.binding_alignment_bytes * self.inputs.types.len() as u64;
        let inputs = max_rows(self.inputs.types.iter(), limit.saturating_sub(paddings));
        // All outputs are read back through one buffer.
        let outputs = self.graph.outputs().iter().map(|(_, id)| self.graph.ty(*id));
        let batch = slots.min(inputs).min(max_rows(outputs, self.facts.max_buffer_bytes));
        usize::try_from(batch).unwrap_or(usize::MAX)
    }

    /// The cost of one prediction.
    pub fn counts(&self, batch: usize) -> Result<Counts> {
        let mut counts = Counts { dispatches: self.dispatches(batch)?.len(), ..Counts::default() };
        let sum = |bytes: &mut dyn Iterator<Item = u64>| bytes.fold(0, u64::saturating_add);
        let uploaded = |ty: &TensorType| 4 * ConcreteType::of(ty, batch).len() as u64;
        counts.upload_bytes = sum(&mut self.inputs.types.iter().map(uploaded));
        counts.download_bytes =
            sum(&mut self.graph.outputs().iter().map(|(_, id)| self.region(*id, batch).length_bytes));
        counts.slot_bytes = sum(&mut self.slots.iter().map(|slot| slot.bytes(batch)));
        counts.weight_bytes = self.constants.weight_bytes.saturating_add(self.constants.table_bytes);
        for cost in self.graph.ids().map(|id| self.graph.cost(id, batch)) {
            counts.work.flops = counts.work.flops.saturating_add(cost.flops);
            counts.work.bytes = counts.work.bytes.saturating_add(cost.bytes);
        }
        Ok(counts)
    }
}

/// The number of rows of this size that fit within `limit`.
fn most(limit: u64, bytes_per_row: u64) -> u64 {
    limit.checked_div(bytes_per_row).unwrap_or(u64::MAX)
}

/// The number of rows for which values of these types fit together.
fn max_rows<'t>(types: impl Iterator<Item = &'t TensorType>, limit: u64) -> u64 {
    let (mut per_row, mut fixed) = (0u64, 0u64);
    for ty in types {
        let bytes = 4 * ty.shape.sample_len() as u64;
        let sum = if ty.shape.is_per_sample() { &mut per_row } else { &mut fixed };
        *sum = sum.saturating_add(bytes);
    }
    most(limit.saturating_sub(fixed), per_row)
}

/// By value: the value whose memory it uses, which is itself or the value that its node is a view of.
fn owners(graph: &Graph) -> Vec<ValueId> {
    let mut owners: Vec<ValueId> = Vec::with_capacity(graph.values().len());
    for node in graph.nodes() {
        if is_view(graph, node) {
            owners.push(owners[node.inputs[0].index()]);
        } else {
            owners.extend(&node.outputs);
        }
    }
    owners
}

/// Whether a node's value is its first input, unchanged in memory.
fn is_view(graph: &Graph, node: &Node) -> bool {
    match &node.source {
        Source::Op(op) => op.operator().is_view(&graph.types(&node.inputs)),
        Source::Input | Source::Constant(_) => false,
    }
}

fn whole(buffer: BufferId, length_bytes: u64) -> Region {
    Region { buffer, offset_bytes: 0, length_bytes, packing: Packing::Words }
}

/// The part of the region's buffer up to the end of the region.
fn from_its_start(region: Region) -> Region {
    Region { offset_bytes: 0, length_bytes: region.offset_bytes.saturating_add(region.length_bytes), ..region }
}

fn too_large(grows: bool, node: &Node, bytes: u64, facts: &DeviceFacts) -> Error {
    let limit = facts.max_binding_bytes;
    let what = if grows { "a value" } else { "a weight" };
    let hint = if grows { "use a smaller batch, or run on the CPU" } else { "run on the CPU" };
    Error::device_limit(format!("{what} of {bytes} bytes is larger than the device's largest binding of {limit} bytes"))
        .at(format!("`{}`", node.name))
        .hint(format!("{hint} (Device::Cpu)"))
}
