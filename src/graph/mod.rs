//! A model as operators and values.
//!
//! A [`Graph`] is a list of nodes in execution order: inputs, constants and operators. A node reads values and produces
//! one or more values, each with a known type. A [`Builder`] infers every type as nodes are added, so every graph is
//! well typed. A graph does not depend on files or devices.

mod builder;
mod text;

pub use builder::{Builder, InputDim};

use crate::ops::{ConcreteType, Cost, Op};
use crate::tensor::{Tensor, TensorType};
use std::collections::HashMap;
use std::sync::Arc;

/// The position of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The position as an index into [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The position of a value in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// The position as an index into [`Graph::values`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for ValueId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// Where a node's values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The caller, under the node's name.
    Input,
    /// The model's weights.
    Constant(Arc<Tensor>),
    /// An operator over other values.
    Op(Op),
}

/// An input, a constant or an operator, with the values it produces.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The layer or weight it comes from; unique among inputs.
    pub name: String,
    /// Where its values come from.
    pub source: Source,
    /// The values that the operator reads; empty for inputs and constants.
    pub inputs: Vec<ValueId>,
    /// The values it produces: at least one, and exactly one for inputs and constants.
    pub outputs: Vec<ValueId>,
}

impl Node {
    /// The first value it produces; most nodes have no other.
    pub fn output(&self) -> ValueId {
        self.outputs[0]
    }
}

/// A value of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Its type.
    pub ty: TensorType,
    /// The node that produces it.
    pub node: NodeId,
    /// Its position among the outputs of that node.
    pub position: usize,
}

/// Operators and values in execution order.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    values: Vec<Value>,
    outputs: Vec<(String, ValueId)>,
    notes: HashMap<String, Vec<Note>>,
    named: Vec<NamedDimension>,
}

/// A dimension of an input whose size has a name, so that it may differ when the graph is rebuilt. Graphs rewritten by
/// passes have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedDimension {
    /// The input.
    pub input: String,
    /// The index of the dimension; N is 0.
    pub axis: usize,
    /// The name; all dimensions with the same name have the same size.
    pub name: String,
    /// The size in this graph.
    pub size: usize,
}

/// A property of a layer that TF.js acts on but the layer's operators do not express. Graphs rewritten by passes have
/// no notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// An Embedding that masks id 0.
    MaskZero,
    /// A BatchNormalization without gamma; the graph uses ones.
    NoGamma,
    /// A BatchNormalization without beta; the graph uses zeros.
    NoBeta,
    /// A layer that is applied to every step of a sequence.
    TimeDistributed,
}

impl Graph {
    /// All nodes: the model's inputs first, then the others, each after the nodes whose values it reads.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All values, in the order of the nodes that produce them.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The node at `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The value at `id`.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// The type of a value.
    pub fn ty(&self, id: ValueId) -> &TensorType {
        &self.values[id.index()].ty
    }

    /// The types of several values.
    pub fn types(&self, ids: &[ValueId]) -> Vec<&TensorType> {
        ids.iter().map(|id| self.ty(*id)).collect()
    }

    /// The types of several values at one batch size.
    pub fn concrete_types(&self, ids: &[ValueId], batch: usize) -> Vec<ConcreteType> {
        ids.iter().map(|id| ConcreteType::of(self.ty(*id), batch)).collect()
    }

    /// The node that produces a value.
    pub fn maker(&self, id: ValueId) -> &Node {
        self.node(self.value(id).node)
    }

    /// The cost of a node's operator at one batch size; zero for other nodes.
    pub fn cost(&self, id: NodeId, batch: usize) -> Cost {
        let Node { source: Source::Op(op), inputs, outputs, .. } = self.node(id) else { return Cost::default() };
        op.operator().cost(&self.concrete_types(inputs, batch), &self.concrete_types(outputs, batch))
    }

    /// The positions of all nodes in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The positions of all values in order.
    pub fn value_ids(&self) -> impl DoubleEndedIterator<Item = ValueId> + use<> {
        (0..self.values.len() as u32).map(ValueId)
    }

    /// The inputs in the model's order.
    pub fn inputs(&self) -> impl Iterator<Item = (ValueId, &Node)> {
        let inputs = self.nodes.iter().filter(|node| node.source == Source::Input);
        inputs.map(|node| (node.output(), node))
    }

    /// The dimensions of inputs whose sizes have names, ordered by input and axis.
    pub fn named_dimensions(&self) -> &[NamedDimension] {
        &self.named
    }

    /// Whether this note was recorded for a layer.
    pub fn has_note(&self, layer: &str, note: Note) -> bool {
        self.notes.get(layer).is_some_and(|notes| notes.contains(&note))
    }

    /// Whether a node produces a value with a row for each sample of the batch.
    pub fn is_per_sample(&self, node: &Node) -> bool {
        node.outputs.iter().any(|id| self.ty(*id).shape.is_per_sample())
    }

    /// Whether an operator computes across the rows of a batch, so that the batch cannot be split.
    pub fn mixes_rows(&self) -> bool {
        let mixes = |node: &Node| match &node.source {
            Source::Op(op) => op.operator().mixes_rows() && self.is_per_sample(node),
            Source::Input | Source::Constant(_) => false,
        };
        self.nodes.iter().any(mixes)
    }

    /// The outputs in the model's order, by name.
    pub fn outputs(&self) -> &[(String, ValueId)] {
        &self.outputs
    }
}
