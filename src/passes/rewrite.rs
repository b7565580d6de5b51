//! The one way in which passes edit: a graph is built anew, node by node, and a pass replaces what it wants to.
//!
//! A pass looks at the old graph and adds to the new one. What nothing needs any more is dropped at the end, so a pass
//! never removes a node.

use crate::error::Result;
use crate::graph::{Builder, Graph, Node, NodeId, Source};
use crate::ops::Op;
use crate::tensor::Tensor;
use std::sync::Arc;

/// An old graph and the new one made of it so far.
pub(super) struct Rewrite<'g> {
    graph: &'g Graph,
    pub(super) builder: Builder,
    /// By old node: the new one that stands for it.
    new: Vec<NodeId>,
    /// By old node: how often operators and outputs name it.
    uses: Vec<usize>,
}

/// Builds `graph` anew. `replace` sees every old node in running order and gives the new node that stands for it, or
/// `None` to keep it as it is.
pub(super) fn rewrite(
    graph: &Graph,
    mut replace: impl FnMut(&mut Rewrite<'_>, NodeId, &Node) -> Result<Option<NodeId>>,
) -> Result<Graph> {
    let uses = uses(graph);
    let mut rewrite = Rewrite { graph, builder: Builder::new(), new: Vec::with_capacity(uses.len()), uses };
    for (id, node) in graph.ids().zip(graph.nodes()) {
        let new = match replace(&mut rewrite, id, node)? {
            Some(new) => new,
            None => rewrite.keep(node)?,
        };
        rewrite.new.push(new);
    }
    let outputs = graph.outputs().iter().map(|(name, id)| (name.clone(), rewrite.renewed(*id))).collect();
    rewrite.builder.finish(outputs)
}

/// By node: how often operators and outputs name it.
pub(super) fn uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.nodes().len()];
    for id in graph.nodes().iter().flat_map(|node| &node.inputs).chain(graph.outputs().iter().map(|(_, id)| id)) {
        uses[id.index()] += 1;
    }
    uses
}

impl Rewrite<'_> {
    fn keep(&mut self, node: &Node) -> Result<NodeId> {
        match &node.source {
            Source::Input => self.builder.input(&node.name, node.ty.clone()),
            Source::Constant(value) => self.builder.constant(&node.name, Arc::clone(value)),
            Source::Op(op) => self.op(node, op.clone(), &node.inputs),
        }
    }

    /// The new node that stands for an old one.
    pub(super) fn renewed(&self, old: NodeId) -> NodeId {
        self.new[old.index()]
    }

    /// Adds an operator under the name of `node`, over what stands for the old nodes `inputs`.
    pub(super) fn op(&mut self, node: &Node, op: impl Into<Op>, inputs: &[NodeId]) -> Result<NodeId> {
        let inputs: Vec<NodeId> = inputs.iter().map(|id| self.renewed(*id)).collect();
        self.builder.op(&node.name, op, &inputs)
    }

    /// Whether nothing but one operator reads an old node.
    pub(super) fn is_used_once(&self, old: NodeId) -> bool {
        self.uses[old.index()] == 1
    }

    /// The operator of an old node, and the old nodes it reads.
    pub(super) fn operator(&self, old: NodeId) -> Option<(&Op, &[NodeId])> {
        operator(self.graph, old)
    }

    /// The value of an old node that is a constant.
    pub(super) fn value(&self, old: NodeId) -> Option<&Arc<Tensor>> {
        match &self.graph.node(old).source {
            Source::Constant(value) => Some(value),
            _ => None,
        }
    }
}

/// The operator of a node, and the nodes it reads.
pub(super) fn operator(graph: &Graph, id: NodeId) -> Option<(&Op, &[NodeId])> {
    let node = graph.node(id);
    match &node.source {
        Source::Op(op) => Some((op, &node.inputs)),
        _ => None,
    }
}
