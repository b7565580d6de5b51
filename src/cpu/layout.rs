//! Turns a graph into a list of steps, with the buffers that they read and write.
//!
//! Values that depend only on weights are computed here. Values that depend only on shared inputs are computed once per
//! prediction (`once`), all others for each block of rows. A reshape shares the buffer of its operand. An operand that
//! is read only by a concatenation is written directly into the concatenation's columns. A softmax overwrites its
//! operand if nothing else reads it. Results are computed in the caller's memory, or copied there by a final step.

use super::frame::{Operand, Output, Region, Target};
use super::phase::{Phase, Slot};
use super::steps;
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::Op;
use crate::plan::Retain;
use crate::reference::evaluate;
use crate::tensor::{DType, Tensor, TensorType};
use pulp::Arch;
use std::sync::Arc;

/// The steps of a graph and the buffers they need.
#[derive(Debug)]
pub(super) struct Layout {
    /// The steps that run once per prediction.
    pub(super) once: Phase,
    /// The steps that run for each block of rows.
    pub(super) block: Phase,
    /// The values that are returned as results.
    pub(super) results: Vec<usize>,
    /// By value: its location.
    values: Vec<Value>,
}

/// The location of a value.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) operand: Operand,
    /// Its first column in a wider row.
    pub(super) offset: usize,
    pub(super) stride: usize,
}

/// The buffer that holds a value, given by the value that owns it, and the first column in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allocation {
    owner: usize,
    column: usize,
}

/// Facts about all values that are determined before buffers are assigned; indexed by value.
struct Known {
    /// The tensor, if the value depends only on weights.
    constants: Vec<Option<Arc<Tensor>>>,
    allocations: Vec<Allocation>,
    /// The result in whose memory the value is computed.
    in_result: Vec<Option<usize>>,
}

impl Layout {
    /// Lays out `graph`. The results are its outputs. With [`Retain::All`] they are the values of all nodes, and no
    /// buffer is reused.
    pub(super) fn new(graph: &Graph, retain: Retain, arch: Arch) -> Result<Layout> {
        let constants = constants(graph)?;
        let allocations = allocations(graph, &constants, retain);
        let last_use = last_use(graph, &allocations, retain);
        let results = match retain {
            Retain::Outputs => graph.outputs().iter().map(|(_, id)| id.index()).collect(),
            Retain::All => (0..graph.values().len()).collect::<Vec<_>>(),
        };
        let in_result = in_results(graph, &results, &allocations, &constants);
        let known = Known { constants, allocations, in_result };
        let mut layout = Layout { once: Phase::default(), block: Phase::default(), results, values: Vec::new() };
        let mut slots: Vec<Option<usize>> = vec![None; graph.values().len()];
        let mut inputs = 0..;
        for (index, node) in graph.nodes().iter().enumerate() {
            for id in &node.outputs {
                let value = layout.value(graph, *id, &known, &mut slots, &mut inputs);
                layout.values.push(value);
            }
            if known.constants[node.output().index()].is_none() {
                layout.add_step(graph, index, &known.allocations, arch)?;
            }
            layout.release(graph, index, &known.allocations, &last_use, &slots);
        }
        layout.deliver(graph);
        Ok(layout)
    }

    /// The location of a value; assigns a buffer if it has none yet.
    fn value(
        &mut self,
        graph: &Graph,
        id: ValueId,
        known: &Known,
        slots: &mut [Option<usize>],
        inputs: &mut std::ops::RangeFrom<usize>,
    ) -> Value {
        let (ty, Allocation { owner, column }) = (graph.ty(id), known.allocations[id.index()]);
        let (once, width, dtype) = (is_once(ty), ty.shape.sample_len(), ty.dtype);
        let owner_width = graph.values()[owner].ty.shape.sample_len();
        let region = match (&graph.maker(id).source, &known.constants[id.index()]) {
            (_, Some(constant)) => Region::Constant(Arc::clone(constant)),
            (Source::Input, _) => Region::Input(inputs.next().unwrap_or_default()),
            _ if maker(graph, owner).source == Source::Input => self.values[owner].operand.region.clone(),
            _ if known.in_result[owner].is_some() => Region::Result(known.in_result[owner].unwrap_or_default()),
            _ => {
                let phase = if once { &mut self.once } else { &mut self.block };
                let slot = *slots[owner].get_or_insert_with(|| phase.take(Slot::per_row(dtype, owner_width)));
                if once { Region::Once(slot) } else { Region::Slot(slot) }
            }
        };
        let stride = match region {
            Region::Slot(_) | Region::Once(_) | Region::Result(_) => owner_width,
            Region::Input(_) | Region::Constant(_) => width,
        };
        Value { operand: Operand { region, dtype, width, once }, offset: column, stride }
    }

    /// Adds steps that copy values to results, unless they are computed there.
    fn deliver(&mut self, graph: &Graph) {
        for (position, &result) in self.results.iter().enumerate() {
            let Value { operand, offset, stride, .. } = &self.values[result];
            if !matches!(operand.region, Region::Result(index) if index == position) {
                let Operand { dtype, width, once, .. } = *operand;
                let target = Target::Result(position);
                let output = Output { target, dtype, once, offset: 0, stride: width, width };
                let rows = Operand { width: *stride, ..operand.clone() };
                let phase = if once { &mut self.once } else { &mut self.block };
                let node = graph.values()[result].node.index();
                phase.add(node, steps::columns(rows, *offset, output));
            }
        }
    }

    /// Adds the step that computes a node, if it needs one.
    fn add_step(&mut self, graph: &Graph, index: usize, allocations: &[Allocation], arch: Arch) -> Result<()> {
        let node = &graph.nodes()[index];
        let Source::Op(op) = &node.source else { return Ok(()) };
        if view_of(graph, node.output().index()).is_some() {
            return Ok(());
        }
        let outputs: Option<Vec<Output>> = node.outputs.iter().map(|id| self.values[id.index()].output()).collect();
        let Some(outputs) = outputs else { return Ok(()) };
        let operands = node.inputs.iter().map(|id| self.values[id.index()].operand.clone()).collect();
        let types = graph.types(&node.inputs);
        // An operand that is already in its columns need not be copied.
        let allocation = allocations[node.output().index()].owner;
        let placed = node.inputs.iter().map(|id| allocations[id.index()].owner == allocation).collect();
        let phase = if outputs[0].once { &mut self.once } else { &mut self.block };
        // Scratch buffers are freed after the step.
        let mut taken = Vec::new();
        let scratch = &mut |width: usize, once: bool| {
            let row_width = if once { 0 } else { width };
            let slot = phase.take(Slot { dtype: DType::F32, width, row_width });
            taken.push(slot);
            Output { target: Target::Slot(slot), dtype: DType::F32, once, offset: 0, stride: width, width }
        };
        let ty = graph.ty(node.output());
        let request = steps::Request { op, name: &node.name, operands, types, placed, outputs, ty, arch, scratch };
        let step = steps::build(request)?;
        phase.free.extend(taken);
        if let Some(step) = step {
            phase.add(index, step);
        }
        Ok(())
    }

    /// Frees the buffers that are not needed after a node.
    fn release(
        &mut self,
        graph: &Graph,
        index: usize,
        allocations: &[Allocation],
        last_use: &[usize],
        slots: &[Option<usize>],
    ) {
        let node = &graph.nodes()[index];
        let mut owners: Vec<usize> =
            node.inputs.iter().chain(&node.outputs).map(|id| allocations[id.index()].owner).collect();
        owners.sort_unstable();
        owners.dedup();
        for owner in owners {
            // Shared values are read by every block, so their buffers are not reused.
            let reusable = last_use[owner] == index && !is_once(&graph.values()[owner].ty);
            if let (Some(slot), true) = (slots[owner], reusable) {
                self.block.free.push(slot);
            }
        }
    }
}

impl Value {
    /// The output of the step that writes the value; `None` if no step does.
    fn output(&self) -> Option<Output> {
        let target = match self.operand.region {
            Region::Slot(slot) | Region::Once(slot) => Target::Slot(slot),
            Region::Result(position) => Target::Result(position),
            Region::Input(_) | Region::Constant(_) => return None,
        };
        let Operand { dtype, once, width, .. } = self.operand;
        Some(Output { target, dtype, once, offset: self.offset, stride: self.stride, width })
    }
}

/// The node that produces the value at this position.
fn maker(graph: &Graph, value: usize) -> &Node {
    graph.node(graph.values()[value].node)
}

/// Whether a value has at most one row for the whole batch.
pub(super) fn is_once(ty: &TensorType) -> bool {
    !ty.shape.is_batched() || ty.shape.is_shared()
}

/// By value: the tensor, if it depends only on weights.
fn constants(graph: &Graph) -> Result<Vec<Option<Arc<Tensor>>>> {
    let mut constants: Vec<Option<Arc<Tensor>>> = Vec::with_capacity(graph.values().len());
    let mut computed = 0;
    for node in graph.nodes() {
        let operands: Option<Vec<&Tensor>> = node.inputs.iter().map(|id| constants[id.index()].as_deref()).collect();
        match (&node.source, operands) {
            (Source::Constant(value), _) => constants.push(Some(Arc::clone(value))),
            (Source::Op(op), Some(operands)) => {
                for id in &node.outputs {
                    expect_computable(&node.name, graph.ty(*id), &mut computed)?;
                }
                let answers = evaluate(op, &node.name, &operands)?;
                constants.extend(answers.into_iter().map(|answer| Some(Arc::new(answer))));
            }
            _ => constants.extend(node.outputs.iter().map(|_| None)),
        }
    }
    Ok(constants)
}

/// Returns an error if values that depend only on weights exceed the memory limit, counting those `computed` before,
/// which are kept. Without it, a small file could declare such values of any size.
fn expect_computable(name: &str, ty: &TensorType, computed: &mut usize) -> Result<()> {
    const MOST_ELEMENTS: usize = 1 << 28;
    let elements = ty.shape.resolve(1).iter().try_fold(1usize, |elements, &dim| elements.checked_mul(dim));
    *computed = computed.saturating_add(elements.unwrap_or(usize::MAX));
    if *computed > MOST_ELEMENTS {
        let what = format!("a value of shape {} that follows from weights alone is too large", ty.shape);
        return Err(Error::limit(what)
            .at(format!("`{name}`"))
            .cause(format!("all such values may have {MOST_ELEMENTS} numbers together")));
    }
    Ok(())
}

/// The value of which this one is a view.
fn view_of(graph: &Graph, index: usize) -> Option<usize> {
    let node = maker(graph, index);
    let Source::Op(op) = &node.source else { return None };
    let input = *node.inputs.first()?;
    let same = graph.ty(input).dtype == graph.values()[index].ty.dtype;
    (same && matches!(op, Op::Reshape(_) | Op::Cast(_))).then(|| input.index())
}

/// By value: the buffer that holds it.
fn allocations(graph: &Graph, constants: &[Option<Arc<Tensor>>], retain: Retain) -> Vec<Allocation> {
    let columns = columns(graph, constants, retain);
    // Follows views to their operands, and parts to the concatenation into which they are written.
    let allocation = |index: usize| {
        let mut allocation = Allocation { owner: index, column: 0 };
        loop {
            if let Some(input) = view_of(graph, allocation.owner) {
                allocation.owner = input;
            } else if let Some((whole, column)) = columns[allocation.owner] {
                allocation = Allocation { owner: whole, column: allocation.column + column };
            } else {
                return allocation;
            }
        }
    };
    (0..graph.values().len()).map(allocation).collect()
}

/// By value that owns a buffer: the result in whose memory the buffer is, if any.
fn in_results(
    graph: &Graph,
    results: &[usize],
    allocations: &[Allocation],
    constants: &[Option<Arc<Tensor>>],
) -> Vec<Option<usize>> {
    let mut in_results = vec![None; allocations.len()];
    let ty = |value: usize| &graph.values()[value].ty;
    for (position, &result) in results.iter().enumerate() {
        let owner = allocations[result].owner;
        let computed = matches!(maker(graph, owner).source, Source::Op(_)) && constants[owner].is_none();
        // Excludes shared values and parts of a row.
        let whole = !is_once(ty(owner)) && ty(owner).shape.sample_len() == ty(result).shape.sample_len();
        if computed && whole && in_results[owner].is_none() {
            in_results[owner] = Some(position);
        }
    }
    in_results
}

/// By value that is stored in the buffer of another value: that other value, and the first column. Parts are written
/// into a concatenation, and a softmax overwrites its operand.
fn columns(graph: &Graph, constants: &[Option<Arc<Tensor>>], retain: Retain) -> Vec<Option<(usize, usize)>> {
    let count = graph.values().len();
    let mut readers = vec![0usize; count];
    let read = graph.nodes().iter().flat_map(|node| &node.inputs);
    for id in read.chain(graph.outputs().iter().map(|(_, id)| id)) {
        readers[id.index()] += 1;
    }
    let mut columns = vec![None; count];
    for node in graph.nodes() {
        let (index, ty) = (node.output().index(), graph.ty(node.output()));
        if let (Source::Op(Op::Softmax(softmax)), Retain::Outputs) = (&node.source, retain)
            && softmax.axis + 1 == ty.shape.rank()
            && let Some(writer) = only_writer(graph, node.inputs[0], &readers)
            && constants[writer].is_none()
        {
            columns[writer] = Some((index, 0));
        }
        let Source::Op(Op::Concatenate(concatenate)) = &node.source else { continue };
        let sample = ty.shape.sample();
        let before = concatenate.axis.saturating_sub(usize::from(ty.shape.is_batched()));
        if constants[index].is_some() || sample[..before].iter().product::<usize>() != 1 {
            continue;
        }
        let mut column = 0;
        for part in &node.inputs {
            if let Some(writer) = only_writer(graph, *part, &readers)
                && constants[writer].is_none()
            {
                columns[writer] = Some((index, column));
            }
            column += graph.ty(*part).shape.sample_len();
        }
    }
    columns
}

/// The node whose operator computes the value, if the value and every view of it have exactly one reader.
fn only_writer(graph: &Graph, id: ValueId, readers: &[usize]) -> Option<usize> {
    let mut index = id.index();
    while readers[index] == 1 {
        match view_of(graph, index) {
            Some(input) => index = input,
            None => return matches!(maker(graph, index).source, Source::Op(_)).then_some(index),
        }
    }
    None
}

/// By value that owns a buffer: the last node that needs it; `usize::MAX` if it is kept.
fn last_use(graph: &Graph, allocations: &[Allocation], retain: Retain) -> Vec<usize> {
    let count = graph.values().len();
    if retain == Retain::All {
        return vec![usize::MAX; count];
    }
    let mut last_use = vec![0; count];
    for (index, node) in graph.nodes().iter().enumerate() {
        for owner in node.inputs.iter().chain(&node.outputs).map(|id| allocations[id.index()].owner) {
            last_use[owner] = last_use[owner].max(index);
        }
    }
    for (_, id) in graph.outputs() {
        last_use[allocations[id.index()].owner] = usize::MAX;
    }
    last_use
}
