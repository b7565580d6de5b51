//! Adds nodes one by one, inferring types, and drops what no output needs.

use super::{Graph, Node, NodeId, Note, Source};
use crate::error::{Error, Place, Result};
use crate::ops::Op;
use crate::tensor::{Shape, Tensor, TensorType};
use std::sync::Arc;

/// Nodes in one graph: far more than any model has, and few enough to hold. A small file can ask for any number.
const MAX_NODES: usize = 1 << 18;

/// Builds a [`Graph`].
///
/// ```
/// use tfjs_wgpu::graph::Builder;
/// use tfjs_wgpu::ops::Reshape;
/// use tfjs_wgpu::tensor::{Shape, TensorType};
/// let mut builder = Builder::new();
/// let x = builder.input("x", TensorType::f32(Shape::batched(&[2, 3])))?;
/// let flat = builder.op("flat", Reshape { sample: vec![6] }, &[x])?;
/// let graph = builder.finish(vec![("y".into(), flat)])?;
/// assert_eq!(graph.node(flat).ty.shape.to_string(), "[N, 6]");
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    nodes: Vec<Node>,
    notes: Vec<(String, Note)>,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input; its name must be new.
    pub fn input(&mut self, name: &str, ty: TensorType) -> Result<NodeId> {
        if self.nodes.iter().any(|node| node.source == Source::Input && node.name == name) {
            return Err(Error::format(format!("two inputs are called `{name}`")));
        }
        self.push(Node { name: name.into(), source: Source::Input, inputs: Vec::new(), ty })
    }

    /// Adds a constant.
    pub fn constant(&mut self, name: &str, value: Arc<Tensor>) -> Result<NodeId> {
        let ty = TensorType::new(Shape::fixed(value.shape()), value.dtype());
        self.push(Node { name: name.into(), source: Source::Constant(value), inputs: Vec::new(), ty })
    }

    /// Adds an operator over values that are already there.
    pub fn op(&mut self, name: &str, op: impl Into<Op>, inputs: &[NodeId]) -> Result<NodeId> {
        let op = op.into();
        let types: Vec<&TensorType> = inputs.iter().map(|id| self.ty(*id)).collect();
        let ty = op.operator().infer(&types).at(|| format!("`{name}`: {}", op.operator().name()))?;
        self.push(Node { name: name.into(), source: Source::Op(op), inputs: inputs.to_vec(), ty })
    }

    /// Notes about a layer what its operators do not show.
    pub fn note(&mut self, layer: &str, note: Note) {
        self.notes.push((layer.into(), note));
    }

    /// The type of a value.
    pub fn ty(&self, id: NodeId) -> &TensorType {
        &self.nodes[id.index()].ty
    }

    fn push(&mut self, node: Node) -> Result<NodeId> {
        crate::tensor::element_count(&node.ty.shape.resolve(1)).at(|| format!("`{}`", node.name))?;
        if self.nodes.len() >= MAX_NODES {
            return Err(Error::limit(format!("the model has more than {MAX_NODES} operators and weights")));
        }
        let id = self.nodes.len() as u32;
        self.nodes.push(node);
        Ok(NodeId(id))
    }

    /// The graph of what `outputs` need, inputs first. Inputs stay even where nothing needs them: the caller still names
    /// them.
    pub fn finish(self, outputs: Vec<(String, NodeId)>) -> Result<Graph> {
        self.finish_with(outputs, &[])
    }

    /// The same where the values of `kept` are computed too, though no output needs them.
    pub fn finish_with(self, outputs: Vec<(String, NodeId)>, kept: &[NodeId]) -> Result<Graph> {
        let mut needed = vec![false; self.nodes.len()];
        for id in outputs.iter().map(|(_, id)| id).chain(kept) {
            needed[id.index()] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                for input in &self.nodes[index].inputs {
                    needed[input.index()] = true;
                }
            } else {
                needed[index] = self.nodes[index].source == Source::Input;
            }
        }
        // The new position of every node that stays: inputs first, the others in order.
        let mut renumbered = vec![NodeId(0); self.nodes.len()];
        let mut nodes = Vec::new();
        for inputs in [true, false] {
            for (index, node) in self.nodes.iter().enumerate() {
                if needed[index] && (node.source == Source::Input) == inputs {
                    renumbered[index] = NodeId(nodes.len() as u32);
                    let mut node = node.clone();
                    node.inputs.iter_mut().for_each(|input| *input = renumbered[input.index()]);
                    nodes.push(node);
                }
            }
        }
        let outputs = outputs.into_iter().map(|(name, id)| (name, renumbered[id.index()])).collect();
        Ok(Graph { nodes, outputs, notes: self.notes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Activation, Function, Reshape};

    #[test]
    fn what_no_output_needs_is_dropped_and_inputs_stay() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[4]))).expect("input");
        let unused = builder.input("unused", TensorType::f32(Shape::batched(&[4]))).expect("input");
        builder.op("dead", Activation { function: Function::Tanh }, &[unused]).expect("op");
        let live = builder.op("live", Activation { function: Function::RELU }, &[x]).expect("op");
        let graph = builder.finish(vec![("y".into(), live)]).expect("graph");
        let names: Vec<_> = graph.nodes().iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["x", "unused", "live"]);
        assert_eq!(graph.outputs()[0].1.index(), 2);
    }

    #[test]
    fn a_node_that_does_not_fit_is_named() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[4]))).expect("input");
        let error = builder.op("wrong", Reshape { sample: vec![5] }, &[x]).expect_err("does not fit");
        assert_eq!(error.to_string(), "`wrong`: reshape: [N, 4] has 4 elements a sample, [N, 5] has 5");
        assert!(builder.input("x", TensorType::f32(Shape::batched(&[1]))).is_err());
    }
}
