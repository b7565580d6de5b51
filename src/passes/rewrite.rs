//! The rewriter used by all passes: it builds a new graph node by node, and the pass replaces nodes.
//!
//! A pass reads the old graph and adds to the new one. Unused nodes are dropped at the end, so a pass never has to
//! remove a node.

use crate::error::Result;
use crate::graph::{Builder, Graph, Node, Source, ValueId};
use crate::ops::Op;
use crate::tensor::Tensor;
use std::sync::Arc;

/// An old graph and the new graph built from it so far.
pub(super) struct Rewrite<'g> {
    graph: &'g Graph,
    pub(super) builder: Builder,
    /// By old value: the new value that replaces it.
    new: Vec<ValueId>,
    /// By old value: the number of times operators and outputs read it.
    uses: Vec<usize>,
}

/// Rebuilds `graph`. `replace` is called for every old node with one output, in execution order. It returns the new
/// value that replaces that output, or `None` to keep the node.
pub(super) fn rewrite(
    graph: &Graph,
    mut replace: impl FnMut(&mut Rewrite<'_>, &Node) -> Result<Option<ValueId>>,
) -> Result<Graph> {
    rewrite_all(graph, |rewrite, node| match node.outputs.len() {
        1 => Ok(replace(rewrite, node)?.map(|new| vec![new])),
        _ => Ok(None),
    })
}

/// Like [`rewrite`], but `replace` is called for every node and returns a new value for each of its outputs.
pub(super) fn rewrite_all(
    graph: &Graph,
    replace: impl FnMut(&mut Rewrite<'_>, &Node) -> Result<Option<Vec<ValueId>>>,
) -> Result<Graph> {
    rewrite_outputs(graph, replace, |_, output| Ok(output))
}

/// Like [`rewrite_all`], but `finish` is called with the new value of each graph output and may replace it.
pub(super) fn rewrite_outputs(
    graph: &Graph,
    mut replace: impl FnMut(&mut Rewrite<'_>, &Node) -> Result<Option<Vec<ValueId>>>,
    mut finish: impl FnMut(&mut Rewrite<'_>, ValueId) -> Result<ValueId>,
) -> Result<Graph> {
    let uses = uses(graph);
    let mut rewrite = Rewrite { graph, builder: Builder::new(), new: Vec::with_capacity(uses.len()), uses };
    for node in graph.nodes() {
        let new = match replace(&mut rewrite, node)? {
            Some(new) => new,
            None => rewrite.keep(node)?,
        };
        rewrite.new.extend(new);
    }
    let mut outputs = Vec::with_capacity(graph.outputs().len());
    for (name, id) in graph.outputs() {
        let new = rewrite.renewed(*id);
        outputs.push((name.clone(), finish(&mut rewrite, new)?));
    }
    rewrite.builder.finish(outputs)
}

/// By value: the number of times operators and outputs read it.
pub(crate) fn uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.values().len()];
    for id in graph.nodes().iter().flat_map(|node| &node.inputs).chain(graph.outputs().iter().map(|(_, id)| id)) {
        uses[id.index()] += 1;
    }
    uses
}

impl Rewrite<'_> {
    fn keep(&mut self, node: &Node) -> Result<Vec<ValueId>> {
        match &node.source {
            Source::Input => Ok(vec![self.builder.input(&node.name, self.graph.ty(node.output()).clone())?]),
            Source::Constant(value) => Ok(vec![self.builder.constant(&node.name, Arc::clone(value))?]),
            Source::Op(op) => self.outputs_of(node, op.clone(), &node.inputs),
        }
    }

    /// The new value that replaces an old one.
    pub(super) fn renewed(&self, old: ValueId) -> ValueId {
        self.new[old.index()]
    }

    /// Adds an operator with one output under the name of `node`, over the values that replace the old values `inputs`.
    pub(super) fn op(&mut self, node: &Node, op: impl Into<Op>, inputs: &[ValueId]) -> Result<ValueId> {
        let inputs: Vec<ValueId> = inputs.iter().map(|id| self.renewed(*id)).collect();
        self.builder.op(&node.name, op, &inputs)
    }

    /// Like [`Rewrite::op`], for an operator with any number of outputs.
    pub(super) fn outputs_of(&mut self, node: &Node, op: impl Into<Op>, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        let inputs: Vec<ValueId> = inputs.iter().map(|id| self.renewed(*id)).collect();
        self.builder.outputs_of(&node.name, op, &inputs)
    }

    /// Whether an operator or an output reads an old value.
    pub(super) fn is_used(&self, old: ValueId) -> bool {
        self.uses[old.index()] > 0
    }

    /// Whether an old value is read exactly once, by an operator or as an output.
    pub(super) fn is_used_once(&self, old: ValueId) -> bool {
        self.uses[old.index()] == 1
    }

    /// The operator that produces an old value, and the old values it reads.
    pub(super) fn operator(&self, old: ValueId) -> Option<(&Op, &[ValueId])> {
        operator(self.graph, old)
    }

    /// The tensor of an old value, if it is a constant.
    pub(super) fn value(&self, old: ValueId) -> Option<&Arc<Tensor>> {
        match &self.graph.maker(old).source {
            Source::Constant(value) => Some(value),
            _ => None,
        }
    }
}

/// The operator that produces a value, and the values it reads.
pub(super) fn operator(graph: &Graph, id: ValueId) -> Option<(&Op, &[ValueId])> {
    let node = graph.maker(id);
    match &node.source {
        Source::Op(op) => Some((op, &node.inputs)),
        _ => None,
    }
}
