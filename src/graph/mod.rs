//! A model as operators and values.
//!
//! A [`Graph`] is a list of nodes in an order in which they can run: inputs, constants and operators, each with one
//! output value of a known type. It is made by a [`Builder`], which infers every type as nodes are added, so that a
//! graph that exists is well typed. It knows neither files nor devices.

mod builder;
mod text;

pub use builder::Builder;

use crate::ops::{ConcreteType, Cost, Op};
use crate::tensor::{Tensor, TensorType};
use std::sync::Arc;

/// The position of a node in its graph; also names the node's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The position as an index into [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// Where a node's value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The caller, under the node's name.
    Input,
    /// The model's weights.
    Constant(Arc<Tensor>),
    /// An operator over other values.
    Op(Op),
}

/// A value of the model and how it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The layer or weight it stands for; unique for inputs.
    pub name: String,
    /// Where the value comes from.
    pub source: Source,
    /// The operator's inputs; empty for inputs and constants.
    pub inputs: Vec<NodeId>,
    /// The type of the value.
    pub ty: TensorType,
}

/// Operators and values in running order.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<(String, NodeId)>,
    notes: Vec<(String, Note)>,
}

/// What the operators of a layer do not show and TF.js goes by. Graphs made of others have no notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// An Embedding that masks id 0.
    MaskZero,
    /// A BatchNormalization without gamma, for which ones stand.
    NoGamma,
    /// A BatchNormalization without beta, for which zeros stand.
    NoBeta,
    /// A layer that is applied to every step of a sequence.
    TimeDistributed,
}

impl Graph {
    /// All nodes: the model's inputs, then the others, each after what it reads.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node at `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// What the operator of a node costs at one batch size; nothing for other nodes.
    pub fn cost(&self, id: NodeId, batch: usize) -> Cost {
        let Node { source: Source::Op(op), inputs, ty, .. } = self.node(id) else { return Cost::default() };
        let concrete = |ty: &TensorType| ConcreteType { shape: ty.shape.resolve(batch), dtype: ty.dtype };
        let inputs: Vec<ConcreteType> = inputs.iter().map(|id| concrete(&self.node(*id).ty)).collect();
        op.operator().cost(&inputs, &concrete(ty))
    }

    /// All positions in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The inputs in the model's order.
    pub fn inputs(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.ids().zip(&self.nodes).filter(|(_, node)| node.source == Source::Input)
    }

    /// Whether this was noted about a layer.
    pub fn has_note(&self, layer: &str, note: Note) -> bool {
        self.notes.iter().any(|(name, noted)| name == layer && *noted == note)
    }

    /// Whether an operator takes all rows of a batch together, so that a batch cannot be computed in parts.
    pub fn mixes_rows(&self) -> bool {
        let mixes = |node: &Node| match &node.source {
            Source::Op(op) => op.operator().mixes_rows() && node.ty.shape.is_batched() && !node.ty.shape.is_shared(),
            Source::Input | Source::Constant(_) => false,
        };
        self.nodes.iter().any(mixes)
    }

    /// The outputs in the model's order, by name.
    pub fn outputs(&self) -> &[(String, NodeId)] {
        &self.outputs
    }
}
