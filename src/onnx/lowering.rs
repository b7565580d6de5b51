//! The graph of the library while it is built from the nodes of a file: names and their values, and constants. What an
//! operator becomes is in `ops`; `walk` goes over the nodes.

use super::file::{ElementType, GraphProto, TensorFiles, TensorProto};
use super::size::Size;
use super::value::{Computed, Integers, Value};
use crate::error::{Error, Result};
use crate::graph::{Builder, ValueId};
use crate::ops::{BadId, Op};
use crate::tensor::{Tensor, TensorType, element_count};
use std::collections::HashMap;
use std::sync::Arc;

/// Maximum number of elements that operators of one file make of constants, besides as many as the file has bytes.
const MOST_FOLDED: usize = 1 << 22;

/// Maximum depth of graphs within graphs, the file's own being the first.
const MOST_DEPTH: usize = 32;

/// Lowers the initializers and nodes of a graph.
pub(super) type Walk<'f, 's> = fn(&mut Lowering<'f, 's>, &GraphProto<'f>) -> Result<()>;

/// The graph under construction.
pub(super) struct Lowering<'f, 's> {
    pub(super) builder: Builder,
    pub(super) files: TensorFiles<'s>,
    /// The version of the operators.
    pub(super) opset: i64,
    /// The result of an id outside its table.
    pub(super) bad_id: BadId,
    pub(super) notes: Vec<String>,
    /// Products by constants without a bias: the operand and the weights.
    pub(super) products: HashMap<ValueId, [ValueId; 2]>,
    /// A value with the batch, by which constants are repeated.
    pub(super) batched: Option<ValueId>,
    /// The elements of constants that may still be made.
    room: usize,
    /// Constants of the graph by their tensors, so that a weight of several operators is one.
    constants: HashMap<*const Tensor, (Arc<Tensor>, ValueId)>,
    /// Lowers a graph inside a node.
    walk: Walk<'f, 's>,
    /// The values by name of the graphs that are lowered, the innermost last.
    scopes: Vec<HashMap<&'f str, Value>>,
}

impl<'f, 's> Lowering<'f, 's> {
    pub(super) fn new(files: TensorFiles<'s>, opset: i64, bad_id: BadId, walk: Walk<'f, 's>) -> Self {
        let file_bytes = files.model_bytes();
        Lowering {
            builder: Builder::new(),
            files,
            opset,
            bad_id,
            notes: Vec::new(),
            products: HashMap::new(),
            batched: None,
            room: file_bytes.saturating_add(MOST_FOLDED),
            constants: HashMap::new(),
            walk,
            scopes: vec![HashMap::new()],
        }
    }

    /// The value of a name, which an enclosing graph may have.
    pub(super) fn find(&self, name: &str) -> Result<&Value> {
        let found = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        found.ok_or_else(|| Error::format(format!("nothing has the name `{name}`")))
    }

    pub(super) fn define(&mut self, name: &'f str, value: Value) {
        if let Some(scope) = self.scopes.last_mut().filter(|_| !name.is_empty()) {
            scope.insert(name, value);
        }
    }

    /// The value of a stored tensor.
    pub(super) fn stored(&mut self, tensor: &TensorProto<'_>) -> Result<Value> {
        let kind = tensor.element_type()?;
        if !kind.is_integer() || kind == ElementType::Bool {
            return Value::constant(tensor.tensor(&mut self.files)?);
        }
        let elements = tensor.int64s_in(&mut self.files)?.into_iter().map(Size::fixed).collect();
        Ok(Value::Integers(Integers { shape: tensor.shape()?, elements }))
    }

    /// The outputs of a graph inside a node, such as a branch, whose inputs have these values.
    pub(super) fn inner(&mut self, graph: &GraphProto<'f>, inputs: Vec<Value>) -> Result<Vec<Value>> {
        if self.scopes.len() >= MOST_DEPTH {
            return Err(Error::limit(format!("graphs are nested deeper than {MOST_DEPTH}")));
        }
        self.scopes.push(HashMap::new());
        for (input, value) in graph.inputs.iter().zip(inputs) {
            self.define(input.name, value);
        }
        let outputs = (self.walk)(self, graph).and_then(|()| {
            graph.outputs.iter().map(|output| self.find(output.name).cloned()).collect::<Result<Vec<_>>>()
        });
        self.scopes.pop();
        outputs
    }

    /// Counts the elements of a constant that is made.
    pub(super) fn make_room(&mut self, shape: &[usize]) -> Result<()> {
        let count = element_count(shape).unwrap_or(usize::MAX);
        let left = self.room.checked_sub(count);
        self.room = left.ok_or_else(|| {
            Error::limit(format!("makes a constant of shape {shape:?}, which exceeds the limit of constants"))
                .cause("a small file may not ask for any amount of memory")
                .hint("store the constant as an initializer")
        })?;
        Ok(())
    }

    /// The answer of an operator for constants.
    pub(super) fn fold(&mut self, op: &Op, inputs: &[&Tensor]) -> Result<Tensor> {
        let types: Vec<TensorType> = inputs
            .iter()
            .map(|tensor| TensorType::new(crate::tensor::Shape::fixed(tensor.shape()), tensor.dtype()))
            .collect();
        for ty in op.operator().infer(&types.iter().collect::<Vec<_>>())? {
            self.make_room(&ty.shape.resolve(1))?;
        }
        op.operator().answer(inputs)
    }

    /// A constant of the graph.
    pub(super) fn constant(&mut self, name: &str, tensor: &Arc<Tensor>) -> Result<ValueId> {
        if let Some((_, id)) = self.constants.get(&Arc::as_ptr(tensor)) {
            return Ok(*id);
        }
        let id = self.builder.constant(name, Arc::clone(tensor))?;
        self.constants.insert(Arc::as_ptr(tensor), (Arc::clone(tensor), id));
        Ok(id)
    }

    /// An input of the graph, known to all nodes.
    pub(super) fn input(&mut self, name: &'f str, computed: Computed) {
        self.batched.get_or_insert(computed.id);
        self.define(name, Value::Computed(computed));
    }
}
