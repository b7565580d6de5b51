//! Fuses operators over the same rows into one dispatch.
//!
//! Every operator says whether it computes its rows one by one ([`crate::ops::Operator::row_form`]). This pass visits the
//! operators in execution order and joins each to the programs that make its operands, as long as the result runs in one
//! dispatch ([`RowProgram::fits`]) and no other operator lies between. An operator that cannot join starts a program of
//! its own: over samples, or over finer rows (steps, heads, fields) if samples are too large. Programs over the same rows
//! that do not depend on each other are joined last, such as the heads of a recurrent layer. A program that would
//! replace no dispatch is left as it is.
//!
//! Software GPUs run the operators one by one. A dispatch costs them some 10 µs and compiling the kernel of programs a
//! quarter of a second (SwiftShader) to one second (llvmpipe), more than all others of a recommender together.

mod lookups;
mod regions;

use crate::error::Result;
use crate::graph::{Builder, Graph, Node, NodeId, Source, ValueId};
use crate::kernel::DeviceFacts;
use crate::ops::{Dense, Op, RowBuffer, RowNode, RowProgram, RowSource, looks_up};
use crate::plan::{Plan, Retain};
use crate::tensor::{Dim, TensorType};
use regions::Regions;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Maximum rank of rows: a batch, heads and steps.
const MOST_ROW_RANK: usize = 3;

/// Maximum number of nodes of a graph that is fused: the joins are tried one by one. Recommenders have a few hundred.
const MOST_NODES: usize = 4096;

pub(super) fn fuse(graph: &Graph, facts: &DeviceFacts) -> Result<Graph> {
    if facts.software || facts.workgroup_bytes == 0 || graph.nodes().len() > MOST_NODES {
        return Ok(graph.clone());
    }
    if weight_bytes(graph, facts) > facts.max_binding_bytes {
        return Ok(graph.clone());
    }
    let divided = lookups::divide(graph)?;
    let mut best: Option<(usize, Graph)> = None;
    for graph in [graph, &divided] {
        for finest in [false, true] {
            let fused = schedule(graph, facts, finest)?;
            let fused = super::fuse_embedding_bag::fuse(&fused, facts)?;
            // What the device cannot run without programs either is refused when the graph is planned.
            let Ok(plan) = Plan::new(Arc::new(fused), facts, Retain::Outputs) else { continue };
            let dispatches = plan.counts(1)?.dispatches;
            if best.as_ref().is_none_or(|(fewest, _)| dispatches < *fewest) {
                best = Some((dispatches, Graph::clone(plan.graph())));
            }
        }
    }
    Ok(best.map_or_else(|| graph.clone(), |(_, graph)| graph))
}

/// The graph with programs over rows, which are as coarse or as fine as possible.
fn schedule(graph: &Graph, facts: &DeviceFacts, finest: bool) -> Result<Graph> {
    let mut scheduler = Scheduler::new(graph, facts);
    for id in graph.ids() {
        scheduler.take(id, finest);
    }
    scheduler.join_independent();
    scheduler.build()
}

/// The size in bytes of all constants that are not used as tables: a program binds them all at once.
fn weight_bytes(graph: &Graph, facts: &DeviceFacts) -> u64 {
    let mut others: Vec<ValueId> = Vec::new();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let read = node.inputs.iter().enumerate().filter(|(position, _)| !op.operator().is_table(*position));
        others.extend(read.map(|(_, id)| *id).filter(|id| matches!(graph.maker(*id).source, Source::Constant(_))));
    }
    others.sort_unstable();
    others.dedup();
    let bytes = |id: &ValueId| (4 * graph.ty(*id).shape.sample_len() as u64).max(16);
    others.iter().map(|id| bytes(id).next_multiple_of(facts.binding_alignment_bytes)).sum()
}

/// The programs so far.
struct Scheduler<'g> {
    graph: &'g Graph,
    facts: &'g DeviceFacts,
    regions: Regions,
    /// By region: the rank of its rows; `None` if it is a single operator without a row form.
    ranks: HashMap<usize, usize>,
    /// By region: why the first operator after it did not join.
    ends: HashMap<usize, String>,
    /// The constants that are tables.
    tables: HashSet<ValueId>,
    /// Whether all tables fit one binding. If not, an Embedding reads its table through windows, and only bags, which
    /// take the tables that do fit, join programs.
    tables_fit: bool,
    outputs: HashSet<ValueId>,
    readers: Vec<Vec<NodeId>>,
}

impl<'g> Scheduler<'g> {
    fn new(graph: &'g Graph, facts: &'g DeviceFacts) -> Self {
        let mut readers = vec![Vec::new(); graph.values().len()];
        let mut tables = HashSet::new();
        for (id, node) in graph.ids().zip(graph.nodes()) {
            for (position, input) in node.inputs.iter().enumerate() {
                readers[input.index()].push(id);
                if matches!(&node.source, Source::Op(op) if looks_up(op, position)) {
                    tables.insert(*input);
                }
            }
        }
        let bytes = |id: &ValueId| {
            (4 * graph.ty(*id).shape.sample_len() as u64).next_multiple_of(facts.binding_alignment_bytes)
        };
        let tables_fit = tables.iter().map(bytes).fold(0, u64::saturating_add) <= facts.max_binding_bytes;
        Scheduler {
            graph,
            facts,
            tables_fit,
            regions: Regions::default(),
            ranks: HashMap::new(),
            ends: HashMap::new(),
            tables,
            outputs: graph.outputs().iter().map(|(_, id)| *id).collect(),
            readers,
        }
    }

    /// Adds an operator to the programs of its operands, to one of them, or to none.
    fn take(&mut self, id: NodeId, finest: bool) {
        let node = self.graph.node(id);
        let of_inputs = node.inputs.iter().map(|input| self.graph.value(*input).node);
        let parents: Vec<usize> = of_inputs.filter_map(|parent| self.regions.of(parent)).collect();
        if !matches!(node.source, Source::Op(_)) {
            return;
        }
        let region = self.regions.add(id, &parents);
        let mut candidates: Vec<usize> = parents.into_iter().filter(|parent| self.ranks.contains_key(parent)).collect();
        candidates.sort_unstable();
        candidates.dedup();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for rank in 1..=MOST_ROW_RANK {
            let of_rank: Vec<usize> = candidates.iter().copied().filter(|region| self.ranks[region] == rank).collect();
            if of_rank.len() > 1 {
                groups.push(of_rank.clone());
            }
            // The last region made is the nearest.
            groups.extend(of_rank.into_iter().rev().map(|region| vec![region]));
        }
        let mut reason = None;
        for group in &groups {
            let rank = self.ranks[&group[0]];
            match self.join(&[group.as_slice(), &[region]].concat(), rank) {
                Ok(()) => return,
                Err(error) => reason = reason.or(Some(error)),
            }
        }
        if let Some(reason) = reason {
            for candidate in candidates {
                self.ends.entry(candidate).or_insert_with(|| format!("`{}`: {reason}", node.name));
            }
        }
        let fits = |&rank: &usize| {
            self.program(&[id], rank).is_ok_and(|program| program.fits(&self.buffers(&[id]), self.facts).is_ok())
        };
        // A row has at least one dimension.
        let finest_rank = MOST_ROW_RANK.min(self.graph.ty(node.output()).shape.rank().saturating_sub(1)).max(1);
        let mut ranks = 1..=finest_rank;
        let rank = if finest { ranks.rev().find(fits) } else { ranks.find(fits) };
        if let Some(rank) = rank {
            self.ranks.insert(region, rank);
        }
    }

    /// Joins regions into one program. The error says why they are not one.
    fn join(&mut self, regions: &[usize], rank: usize) -> std::result::Result<(), String> {
        if !self.regions.is_joinable(regions) {
            return Err("another operator lies between".into());
        }
        let nodes = self.regions.nodes_of(regions);
        let program = self.program(&nodes, rank)?;
        program.fits(&self.buffers(&nodes), self.facts).map_err(|error| error.to_string())?;
        let joined = self.regions.join(regions);
        let end = regions.iter().find_map(|region| self.ends.remove(region));
        for region in regions {
            self.ranks.remove(region);
        }
        self.ranks.insert(joined, rank);
        end.map(|end| self.ends.insert(joined, end));
        Ok(())
    }

    /// Joins programs over the same rows that do not depend on each other.
    fn join_independent(&mut self) {
        let mut order: Vec<usize> = self.ranks.keys().copied().filter(|region| self.saves(*region) > 0).collect();
        order.sort_unstable();
        for at in 0..order.len() {
            for other in (0..at).rev() {
                let (first, second) = (order[other], order[at]);
                let ranks = [first, second].map(|region| self.ranks.get(&region).copied());
                if let [Some(rank), Some(other_rank)] = ranks
                    && rank == other_rank
                    && !self.regions.depends(first, second)
                    && self.join(&[first, second], rank).is_ok()
                {
                    let joined = self.regions.joined(first);
                    order[other] = joined;
                    order[at] = joined;
                    break;
                }
            }
        }
    }

    /// The number of dispatches in a region's operators.
    fn saves(&self, region: usize) -> usize {
        let dispatches = |id: &NodeId| {
            let node = self.graph.node(*id);
            match &node.source {
                Source::Op(op) => usize::from(!op.operator().is_view(&self.graph.types(&node.inputs))),
                _ => 0,
            }
        };
        self.regions.nodes(region).iter().map(dispatches).sum()
    }

    /// The values that operators read from outside, in order.
    fn inputs(&self, nodes: &[NodeId]) -> Vec<ValueId> {
        let mut inputs = Vec::new();
        for id in nodes {
            for input in &self.graph.node(*id).inputs {
                if !nodes.contains(&self.graph.value(*input).node) && !inputs.contains(input) {
                    inputs.push(*input);
                }
            }
        }
        inputs
    }

    /// Where the inputs of operators are.
    fn buffers(&self, nodes: &[NodeId]) -> Vec<RowBuffer> {
        self.inputs(nodes).into_iter().map(|id| self.buffer(id)).collect()
    }

    fn buffer(&self, id: ValueId) -> RowBuffer {
        let node = self.graph.maker(id);
        match &node.source {
            Source::Constant(_) => RowBuffer::Constant,
            Source::Input => RowBuffer::ModelInput,
            Source::Op(op) if op.operator().is_view(&self.graph.types(&node.inputs)) => self.buffer(node.inputs[0]),
            // The outputs of a program are in one buffer.
            Source::Op(_) => RowBuffer::Computed(self.regions.of(self.graph.value(id).node).unwrap_or_default()),
        }
    }

    /// The program of operators, which are in execution order.
    fn program(&self, nodes: &[NodeId], row_rank: usize) -> std::result::Result<RowProgram, String> {
        let inputs = self.inputs(nodes);
        let rows = |ty: &TensorType| ty.shape.dims().get(..row_rank).map(<[Dim]>::to_vec);
        let first = rows(self.graph.ty(self.graph.node(nodes[0]).output()));
        let mut program =
            RowProgram { row_rank, inputs: Vec::new(), nodes: Vec::new(), outputs: Vec::new(), end: String::new() };
        program.inputs.extend(inputs.iter().map(|id| self.graph.ty(*id).clone()));
        for (index, id) in nodes.iter().enumerate() {
            let node = self.graph.node(*id);
            let Source::Op(op) = &node.source else { return Err("it is not an operator".into()) };
            if matches!(op, Op::Dense(Dense { kernel: Some(_), .. })) {
                return Err("its kernel is chosen".into());
            }
            if matches!(op, Op::Embedding(_)) && !self.tables_fit {
                return Err("the tables exceed one binding".into());
            }
            let ty = self.graph.ty(node.output()).clone();
            if node.outputs.len() != 1 || op.operator().mixes_rows() || !ty.shape.is_batched() || rows(&ty) != first {
                return Err(format!("{} has other rows", op.operator().name()));
            }
            let mut sources = Vec::with_capacity(node.inputs.len());
            for (position, input) in node.inputs.iter().enumerate() {
                if self.tables.contains(input) && !looks_up(op, position) {
                    return Err("a table is also another kind of weight".into());
                }
                let maker = nodes.iter().position(|node| *node == self.graph.value(*input).node);
                let outside = || inputs.iter().position(|known| known == input).map(RowSource::Input);
                sources.push(maker.map(RowSource::Node).or_else(outside).ok_or("an operand is missing")?);
            }
            program.nodes.push(RowNode { op: op.clone(), inputs: sources, ty });
            let is_read_outside = self.readers[node.output().index()].iter().any(|reader| !nodes.contains(reader));
            if is_read_outside || self.outputs.contains(&node.output()) {
                program.outputs.push(index);
            }
        }
        if program.outputs.is_empty() {
            // The last operator is read by one that is not visited yet.
            program.outputs.push(nodes.len() - 1);
        }
        Ok(program)
    }

    /// The graph in which every program that saves a dispatch is one operator.
    fn build(&self) -> Result<Graph> {
        let mut builder = Builder::new();
        let mut new: Vec<Option<ValueId>> = vec![None; self.graph.values().len()];
        for (id, node) in self.graph.ids().zip(self.graph.nodes()) {
            match &node.source {
                Source::Input => {
                    new[node.output().index()] = Some(builder.input(&node.name, self.graph.ty(node.output()).clone())?)
                }
                Source::Constant(value) => {
                    new[node.output().index()] = Some(builder.constant(&node.name, value.clone())?);
                }
                Source::Op(_) => {
                    debug_assert!(self.regions.of(id).is_some());
                }
            }
        }
        let order = self.regions.in_order();
        let kept: HashMap<usize, RowProgram> =
            order.iter().filter_map(|&region| Some((region, self.kept(region)?))).collect();
        for region in order {
            self.add(region, kept.get(&region).cloned(), &mut builder, &mut new)?;
        }
        let output = |(name, id): &(String, ValueId)| Some((name.clone(), new[id.index()]?));
        let outputs: Option<Vec<(String, ValueId)>> = self.graph.outputs().iter().map(output).collect();
        builder.finish(outputs.unwrap_or_default())
    }

    /// The program of a region, if it saves a dispatch.
    fn kept(&self, region: usize) -> Option<RowProgram> {
        let rank = self.ranks.get(&region).filter(|_| self.saves(region) > 1)?;
        let end = self.ends.get(&region).cloned().unwrap_or_default();
        Some(RowProgram { end, ..self.program(self.regions.nodes(region), *rank).ok()? })
    }

    /// Adds the program of a region, or its operators one by one.
    fn add(
        &self,
        region: usize,
        program: Option<RowProgram>,
        builder: &mut Builder,
        new: &mut [Option<ValueId>],
    ) -> Result<()> {
        let nodes = self.regions.nodes(region);
        let renewed =
            |ids: &[ValueId], new: &[Option<ValueId>]| ids.iter().filter_map(|id| new[id.index()]).collect::<Vec<_>>();
        let Some(program) = program else {
            for id in nodes {
                let node = self.graph.node(*id);
                let Source::Op(op) = &node.source else { continue };
                let outputs = builder.outputs_of(&node.name, op.clone(), &renewed(&node.inputs, new))?;
                node.outputs.iter().zip(outputs).for_each(|(old, id)| new[old.index()] = Some(id));
            }
            return Ok(());
        };
        let last: &Node = self.graph.node(nodes[*program.outputs.last().unwrap_or(&0)]);
        let stored: Vec<ValueId> = program.outputs.iter().map(|&node| self.graph.node(nodes[node]).output()).collect();
        let outputs = builder.outputs_of(&last.name, program, &renewed(&self.inputs(nodes), new))?;
        stored.iter().zip(outputs).for_each(|(old, id)| new[old.index()] = Some(id));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
