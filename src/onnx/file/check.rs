//! Checks that every value of a graph is defined once and before it is read, and sorts nodes that are not in order.
//!
//! Inputs that are initializers too are taken out of the inputs: they are constants here. A graph in a node sees the values
//! of the graphs around it. What operators do with the values is not checked.

use super::budget::Budget;
use super::graph::{AttributeValue, GraphProto, NodeProto};
use super::model::{FunctionProto, ModelProto};
use super::order::order;
use crate::error::{Error, Result};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

const EXPORT_AGAIN: &str = "export the model again; `onnx.checker.check_model` shows such faults too";

/// What a value of a scope costs in a hash table that is half empty.
type ScopeEntry = [u64; 8];

/// The values of a graph, seen from a node.
struct Scope<'s, 'f> {
    outer: Option<&'s Scope<'s, 'f>>,
    /// The node that makes each value; none for inputs and initializers.
    values: HashMap<&'f str, Option<u32>>,
    /// The node whose inputs are looked at; none for the outputs of the graph.
    now: Cell<Option<u32>>,
    /// Which node is needed by which.
    edges: RefCell<Vec<(u32, u32)>>,
    unsorted: Cell<bool>,
    /// Whether this is in a function, where attributes may refer to those of the call, and no name may have two meanings.
    in_function: bool,
    budget: &'s Budget,
}

/// Checks and sorts the graph of the model.
pub(super) fn check_model(model: &mut ModelProto<'_>) -> Result<()> {
    let outputs = model.graph.outputs.iter().map(|output| output.name);
    model.budget.charge::<ScopeEntry>(outputs.len())?;
    let mut seen = HashMap::new();
    for (index, name) in outputs.enumerate() {
        if let Some(first) = seen.insert(name, index) {
            let error = Error::format(format!("two outputs are called `{name}`"));
            let error = error.cause(format!("they are the outputs {first} and {index}"));
            return Err(error.hint("give every output a name of its own").at("graph"));
        }
    }
    check_graph(&mut model.graph, None, false, &model.budget).map_err(|error| error.at("graph"))
}

/// Checks and sorts the nodes of every function.
pub(super) fn check_functions(model: &mut ModelProto<'_>) -> Result<()> {
    for function in &mut model.functions {
        check_function(function, &model.budget).map_err(|error| error.at(format!("function `{}`", function.name)))?;
    }
    Ok(())
}

fn check_function<'f>(function: &mut FunctionProto<'f>, budget: &Budget) -> Result<()> {
    let mut scope = Scope::new(None, true, budget);
    for name in &function.inputs {
        scope.define(name, None, || "an input".into())?;
    }
    scope.check_nodes(&mut function.nodes)?;
    for name in &function.outputs {
        scope.read(name, || "an output of the function".into())?;
    }
    scope.sort(&mut function.nodes)
}

fn check_graph<'f>(
    graph: &mut GraphProto<'f>,
    outer: Option<&Scope<'_, 'f>>,
    in_function: bool,
    budget: &Budget,
) -> Result<()> {
    if graph.sparse_initializers > 0 {
        let error = Error::unsupported(format!("has {} sparse initializers", graph.sparse_initializers));
        return Err(error.cause("only dense tensors are read").hint("export the model with dense weights"));
    }
    let mut scope = Scope::new(outer, in_function, budget);
    for initializer in &graph.initializers {
        scope.define(initializer.name, None, || "an initializer".into())?;
    }
    let (values, constants) = (&scope.values, &mut graph.constant_inputs);
    let mut charged = Ok(());
    graph.inputs.retain(|input| {
        let is_constant = values.contains_key(input.name);
        if is_constant && charged.is_ok() {
            charged = budget.push(constants, input.name);
        }
        !is_constant
    });
    charged?;
    for input in &graph.inputs {
        scope.define(input.name, None, || "an input".into())?;
    }
    scope.check_nodes(&mut graph.nodes)?;
    for output in &graph.outputs {
        scope.read(output.name, || "an output of the graph".into())?;
    }
    scope.sort(&mut graph.nodes)
}

impl<'s, 'f> Scope<'s, 'f> {
    fn new(outer: Option<&'s Scope<'s, 'f>>, in_function: bool, budget: &'s Budget) -> Self {
        Scope {
            outer,
            values: HashMap::new(),
            now: Cell::new(None),
            edges: RefCell::default(),
            unsorted: Cell::new(false),
            in_function,
            budget,
        }
    }

    fn outward(&self) -> impl Iterator<Item = &Scope<'_, 'f>> {
        std::iter::successors(Some(self), |scope: &&Scope<'_, 'f>| scope.outer)
    }

    /// Adds a value. `maker` says what makes it.
    fn define(&mut self, name: &'f str, node: Option<u32>, maker: impl Fn() -> String) -> Result<()> {
        if name.is_empty() {
            let error = Error::format(format!("{} has no name", maker()));
            return Err(error.cause("values are found by name").hint(EXPORT_AGAIN));
        }
        self.budget.charge::<ScopeEntry>(1)?;
        let is_outside = self.in_function && self.outward().skip(1).any(|scope| scope.values.contains_key(name));
        if is_outside || self.values.insert(name, node).is_some() {
            let error = Error::format(format!("`{name}` is defined twice"));
            return Err(error.cause(format!("{} has the name of another value", maker())).hint(EXPORT_AGAIN));
        }
        Ok(())
    }

    /// Looks a value up, here and in the graphs around.
    fn read(&self, name: &str, reader: impl Fn() -> String) -> Result<()> {
        let mut found = self.outward().filter_map(|scope| Some((scope, *scope.values.get(name)?)));
        let Some((scope, maker)) = found.next() else {
            let error = Error::format(format!("`{name}` is not defined"));
            let error = error.cause(format!("{} reads it, and no input, initializer or node has that name", reader()));
            return Err(error.hint(EXPORT_AGAIN));
        };
        if let (Some(maker), Some(user)) = (maker, scope.now.get()) {
            scope.unsorted.set(scope.unsorted.get() || maker >= user);
            self.budget.push(&mut scope.edges.borrow_mut(), (maker, user))?;
        }
        Ok(())
    }

    /// Defines what the nodes make, and looks up what they and the graphs in them read.
    fn check_nodes(&mut self, nodes: &mut [NodeProto<'f>]) -> Result<()> {
        for (index, node) in nodes.iter().enumerate() {
            if node.op_type.is_empty() {
                let error = Error::format("the node has no operator").cause("its `op_type` is empty");
                return Err(error.hint(EXPORT_AGAIN).at(node.label(index)));
            }
            for name in node.outputs.iter().filter(|name| !name.is_empty()) {
                self.define(name, Some(index as u32), || "its output".into())
                    .map_err(|error| error.at(node.label(index)))?;
            }
        }
        for (index, node) in nodes.iter_mut().enumerate() {
            self.now.set(Some(index as u32));
            self.check_node(node).map_err(|error| error.at(node.label(index)))?;
        }
        self.now.set(None);
        Ok(())
    }

    fn check_node(&self, node: &mut NodeProto<'f>) -> Result<()> {
        for name in node.inputs.iter().filter(|name| !name.is_empty()) {
            self.read(name, || "the node".into())?;
        }
        let references = node.attributes.iter().find_map(|attribute| match attribute.value {
            AttributeValue::Reference(reference) => Some((attribute.name, reference)),
            _ => None,
        });
        if let Some((name, reference)) = references.filter(|_| !self.in_function) {
            let error =
                Error::format(format!("attribute `{name}` refers to the attribute `{reference}` of a function"));
            return Err(error.cause("the node is in no function").hint(EXPORT_AGAIN));
        }
        for graph in node.graphs_mut() {
            let checked = check_graph(graph, Some(self), self.in_function, self.budget);
            checked.map_err(|error| error.at(format!("graph `{}`", graph.name)))?;
        }
        Ok(())
    }

    /// Sorts the nodes unless they are in order.
    fn sort(self, nodes: &mut Vec<NodeProto<'f>>) -> Result<()> {
        if !self.unsorted.get() {
            return Ok(());
        }
        let edges = self.edges.into_inner();
        // What sorting holds: a few numbers for each node, and the nodes moved.
        self.budget.charge::<(NodeProto<'f>, [u32; 8])>(nodes.len())?;
        let sorted = order(nodes.len(), edges).map_err(|circle| {
            let names: Vec<String> =
                circle.iter().take(MOST_NAMED).map(|index| nodes[*index as usize].label(*index as usize)).collect();
            let rest = circle.len().saturating_sub(MOST_NAMED);
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            let error = Error::format("nodes need each other's outputs in a circle");
            error.cause(format!("{}{rest}", names.join(" → "))).hint(EXPORT_AGAIN)
        })?;
        let mut unsorted = std::mem::take(nodes);
        nodes.reserve_exact(sorted.len());
        nodes.extend(sorted.into_iter().map(|index| std::mem::take(&mut unsorted[index as usize])));
        Ok(())
    }
}

/// The most nodes of a circle that an error names.
const MOST_NAMED: usize = 6;
