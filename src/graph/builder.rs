//! Builds a graph node by node: infers all types, and drops nodes that no output needs.

use super::{Graph, NamedDimension, Node, NodeId, Note, Source, Value, ValueId};
use crate::error::{Context, Error, Result};
use crate::ops::Op;
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Maximum number of values in one graph: far more than any real model has, but few enough for memory. Without it, a
/// small file could demand any number.
const MAX_VALUES: usize = 1 << 18;

/// Builds a [`Graph`].
///
/// ```
/// use tfjs_wgpu::internals::graph::Builder;
/// use tfjs_wgpu::internals::ops::Reshape;
/// use tfjs_wgpu::{Shape, TensorType};
/// let mut builder = Builder::new();
/// let x = builder.input("x", TensorType::f32(Shape::batched(&[2, 3])))?;
/// let flat = builder.op("flat", Reshape { sample: vec![6] }, &[x])?;
/// let graph = builder.finish(vec![("y".into(), flat)])?;
/// assert_eq!(graph.ty(flat).shape.to_string(), "[N, 6]");
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    nodes: Vec<Node>,
    values: Vec<Value>,
    notes: HashMap<String, Vec<Note>>,
    named: Vec<NamedDimension>,
    /// The names of the inputs.
    input_names: HashSet<String>,
    /// The first input.
    first_input: Option<ValueId>,
    /// The sizes of named dimensions that are fixed before any input is added.
    sizes: HashMap<String, usize>,
}

/// One dimension of an input ([`Builder::input_of`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputDim<'n> {
    /// The batch size N; only allowed as the first dimension.
    Batch,
    /// A number.
    Fixed(usize),
    /// A named size that the inputs of a prediction determine, such as the length of a history.
    Named {
        /// Its name; all dimensions with the same name have the same size.
        name: &'n str,
        /// The size in a graph that is built without an explicit one.
        example: usize,
    },
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty graph in which named dimensions have these sizes instead of their examples.
    pub fn with_sizes(sizes: Vec<(String, usize)>) -> Self {
        // If a name is given twice, its first size counts.
        Builder { sizes: sizes.into_iter().rev().collect(), ..Self::default() }
    }

    /// Adds an input; its name must be new.
    pub fn input(&mut self, name: &str, ty: TensorType) -> Result<ValueId> {
        if !self.input_names.insert(name.into()) {
            return Err(Error::format(format!("two inputs are called `{name}`")));
        }
        let id = self.push(name, Source::Input, &[], vec![ty])?[0];
        self.first_input.get_or_insert(id);
        Ok(id)
    }

    /// Adds an input some of whose dimensions have named sizes. The type of the input ([`Builder::ty`]) contains their
    /// sizes in this graph. An operator that depends on such a size must read it there, so that the graph can be
    /// rebuilt for other sizes ([`Model::build`](crate::Model::build)).
    pub fn input_of(&mut self, name: &str, dtype: DType, dims: &[InputDim<'_>]) -> Result<ValueId> {
        let mut shape = Vec::with_capacity(dims.len());
        for (axis, dim) in dims.iter().enumerate() {
            shape.push(match *dim {
                InputDim::Batch => Dim::Batch,
                InputDim::Fixed(size) => Dim::Fixed(size),
                InputDim::Named { name: dimension, example } => {
                    let size = *self.sizes.entry(dimension.into()).or_insert(example);
                    self.named.push(NamedDimension { input: name.into(), axis, name: dimension.into(), size });
                    Dim::Fixed(size)
                }
            });
        }
        self.input(name, TensorType::new(Shape::new(shape).at(|| format!("input `{name}`"))?, dtype))
    }

    /// Adds a constant.
    pub fn constant(&mut self, name: &str, value: Arc<Tensor>) -> Result<ValueId> {
        let ty = TensorType::new(Shape::fixed(value.shape()), value.dtype());
        Ok(self.push(name, Source::Constant(value), &[], vec![ty])?[0])
    }

    /// Adds an operator with one output over values that are already there.
    pub fn op(&mut self, name: &str, op: impl Into<Op>, inputs: &[ValueId]) -> Result<ValueId> {
        let op = op.into();
        let page = op.operator().name();
        match self.outputs_of(name, op, inputs)?[..] {
            [output] => Ok(output),
            ref outputs => Err(Error::shape(format!("`{name}`: {page} has {} outputs, not one", outputs.len()))),
        }
    }

    /// Adds an operator over values that are already there, and returns all of its outputs.
    pub fn outputs_of(&mut self, name: &str, op: impl Into<Op>, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        let op = op.into();
        let types: Vec<&TensorType> = inputs.iter().map(|id| self.ty(*id)).collect();
        let types = op.operator().infer(&types).at(|| format!("`{name}`: {}", op.operator().name()))?;
        self.push(name, Source::Op(op), inputs, types)
    }

    /// Records a property of a layer that its operators do not express.
    pub fn note(&mut self, layer: &str, note: Note) {
        let notes = self.notes.entry(layer.into()).or_default();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// The type of a value.
    pub fn ty(&self, id: ValueId) -> &TensorType {
        &self.values[id.index()].ty
    }

    /// The tensor of a value, if it is a constant.
    pub fn constant_at(&self, id: ValueId) -> Option<&Arc<Tensor>> {
        match &self.nodes[self.values[id.index()].node.index()].source {
            Source::Constant(value) => Some(value),
            Source::Input | Source::Op(_) => None,
        }
    }

    /// The operator that makes a value, and what it reads; `None` for inputs and constants.
    #[cfg(feature = "onnx")]
    pub(crate) fn operator(&self, id: ValueId) -> Option<(&Op, &[ValueId])> {
        let node = &self.nodes[self.values[id.index()].node.index()];
        match &node.source {
            Source::Op(op) => Some((op, &node.inputs)),
            Source::Input | Source::Constant(_) => None,
        }
    }

    /// The first input, if there is one.
    pub fn first_input(&self) -> Option<ValueId> {
        self.first_input
    }

    fn push(&mut self, name: &str, source: Source, inputs: &[ValueId], types: Vec<TensorType>) -> Result<Vec<ValueId>> {
        for ty in &types {
            if ty.shape.dims().contains(&Dim::Open) {
                return Err(Error::shape(format!("`{name}` of type {ty} has a dimension without a size"))
                    .hint("give every dimension but the batch a size"));
            }
            crate::tensor::element_count(&ty.shape.resolve(1)).at(|| format!("`{name}`"))?;
        }
        if self.values.len() + types.len() > MAX_VALUES {
            return Err(Error::limit(format!("the model has more than {MAX_VALUES} values and weights")));
        }
        let node = NodeId(self.nodes.len() as u32);
        let first = self.values.len() as u32;
        let outputs: Vec<ValueId> = (first..first + types.len() as u32).map(ValueId).collect();
        self.values.extend(types.into_iter().enumerate().map(|(position, ty)| Value { ty, node, position }));
        self.nodes.push(Node { name: name.into(), source, inputs: inputs.to_vec(), outputs: outputs.clone() });
        Ok(outputs)
    }

    /// The graph of everything that `outputs` need, inputs first. Inputs are kept even if nothing needs them, because
    /// the caller still passes them. Returns an error if two outputs have the same name, because a lookup by name would
    /// be ambiguous.
    pub fn finish(self, outputs: Vec<(String, ValueId)>) -> Result<Graph> {
        self.finish_with(outputs, &[])
    }

    /// Like [`Builder::finish`], but also keeps the values in `kept`, even if no output needs them.
    pub fn finish_with(self, outputs: Vec<(String, ValueId)>, kept: &[ValueId]) -> Result<Graph> {
        let mut names = HashSet::new();
        if let Some((twice, _)) = outputs.iter().find(|(name, _)| !names.insert(name)) {
            return Err(Error::format(format!("two outputs are called `{twice}`")).hint("give each a name of its own"));
        }
        let needed = self.needed(outputs.iter().map(|(_, id)| id).chain(kept));
        // The new position of every value that is kept: inputs first, then the others in order.
        let mut renumbered = vec![ValueId(0); self.values.len()];
        let (mut nodes, mut values) = (Vec::new(), Vec::new());
        for inputs in [true, false] {
            for (index, node) in self.nodes.iter().enumerate() {
                if needed[index] && (node.source == Source::Input) == inputs {
                    let id = NodeId(nodes.len() as u32);
                    let mut node = node.clone();
                    node.inputs.iter_mut().for_each(|input| *input = renumbered[input.index()]);
                    for output in &mut node.outputs {
                        let new = ValueId(values.len() as u32);
                        values.push(Value { node: id, ..self.values[output.index()].clone() });
                        renumbered[output.index()] = new;
                        *output = new;
                    }
                    nodes.push(node);
                }
            }
        }
        let outputs = outputs.into_iter().map(|(name, id)| (name, renumbered[id.index()])).collect();
        Ok(Graph { nodes, values, outputs, notes: self.notes, named: self.named })
    }

    /// By node: whether it is an input, or one of `wanted` needs it.
    fn needed<'v>(&self, wanted: impl Iterator<Item = &'v ValueId>) -> Vec<bool> {
        let mut needed: Vec<bool> = self.nodes.iter().map(|node| node.source == Source::Input).collect();
        for id in wanted {
            needed[self.values[id.index()].node.index()] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                for input in &self.nodes[index].inputs {
                    needed[self.values[input.index()].node.index()] = true;
                }
            }
        }
        needed
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
    fn two_outputs_of_one_name_are_refused() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[4]))).expect("input");
        let y = builder.op("y", Activation { function: Function::Tanh }, &[x]).expect("op");
        let error = builder.finish(vec![("y".into(), y), ("y".into(), x)]).expect_err("two outputs of one name");
        assert_eq!(error.to_string(), "two outputs are called `y`");
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
