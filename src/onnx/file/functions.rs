//! Replaces calls of the model's own functions by the nodes of the functions.
//!
//! A value of a function gets a name of its own at each call, an attribute that refers to one of the function gets the
//! value that the call gives, and nodes in branches and loops are replaced as well. Afterwards the model has no functions.

use super::budget::Budget;
use super::copies::charge_copy;
use super::graph::{AttributeProto, AttributeValue, GraphProto, NodeProto};
use super::model::{FunctionProto, ModelProto};
use super::names::{Adder, Names};
use super::tensor_proto::TensorProto;
use super::value_info::ValueInfoProto;
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::HashMap;

/// The most calls that may be nested in each other.
const MOST_CALLS: usize = 32;

/// What a made name costs beside its text: its place among the names, and in a hash table that is half empty.
type NameEntry = [u64; 14];

/// What a call names: domain, operator and overload.
type Key<'f> = (&'f str, &'f str, &'f str);

fn key<'f>(domain: &'f str, name: &'f str, overload: &'f str) -> Key<'f> {
    (if domain == "ai.onnx" { "" } else { domain }, name, overload)
}

/// Replaces all calls of functions. Made names are kept in `names`.
pub(super) fn inline<'f>(model: &mut ModelProto<'f>, names: &'f Names) -> Result<()> {
    if model.functions.is_empty() {
        return Ok(());
    }
    let functions = std::mem::take(&mut model.functions);
    model.budget.charge::<[u64; 16]>(functions.len())?;
    let mut by_name = HashMap::new();
    for (index, function) in functions.iter().enumerate() {
        if by_name.insert(key(function.domain, function.name, function.overload), index).is_some() {
            let error = Error::format(format!("two functions are called `{}`", function.name));
            let error = error.cause("they have the same domain and overload");
            return Err(error.hint("export the model again"));
        }
    }
    let adder = names.adder();
    let mut inliner = Inliner { functions: &functions, by_name, names: adder, budget: &model.budget, calls: 0 };
    let mut states = vec![State::New; functions.len()];
    for index in 0..functions.len() {
        inliner.refuse_recursion(index, &mut states, &mut Vec::new())?;
    }
    let mut used = vec![false; functions.len()];
    let mut nodes = Vec::new();
    inliner.expand(&model.graph.nodes, None, &mut nodes, &mut used)?;
    for (function, _) in functions.iter().zip(used).filter(|(_, used)| *used) {
        for import in &function.opset_imports {
            let same = |domain: &str| key(domain, "", "") == key(import.domain, "", "");
            match model.opset_imports.iter().find(|known| same(known.domain)) {
                Some(known) if known.version != import.version && same("") => {
                    let (wanted, found) = (import.version, known.version);
                    let error = Error::unsupported(format!("function `{}` is of opset {wanted}", function.name));
                    let error = error.cause(format!("the model is of opset {found}"));
                    return Err(error.hint("export the model with all functions of one opset"));
                }
                Some(_) => {}
                None => model.budget.push(&mut model.opset_imports, *import)?,
            }
        }
    }
    model.graph.nodes = nodes;
    Ok(())
}

/// How far the search for recursion is with a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

struct Inliner<'m, 'f> {
    functions: &'m [FunctionProto<'f>],
    by_name: HashMap<Key<'f>, usize>,
    names: Adder<'f>,
    budget: &'m Budget,
    /// The calls that were replaced.
    calls: usize,
}

/// A call that is being replaced.
struct Call<'a, 'f> {
    /// What the names of its values begin with.
    prefix: String,
    /// What the names in the function mean outside it.
    values: RefCell<HashMap<&'f str, &'f str>>,
    attributes: &'a [AttributeProto<'f>],
    defaults: &'a [AttributeProto<'f>],
    depth: usize,
}

impl<'f> Inliner<'_, 'f> {
    fn called(&self, node: &NodeProto<'f>) -> Option<usize> {
        self.by_name.get(&key(node.domain, node.op_type, node.overload)).copied()
    }

    /// An error if a function calls itself, directly or through others.
    fn refuse_recursion(&self, index: usize, states: &mut [State], open: &mut Vec<usize>) -> Result<()> {
        if states[index] == State::Done {
            return Ok(());
        }
        let name = |index: &usize| format!("`{}`", self.functions[*index].name);
        if states[index] == State::Open {
            let start = open.iter().position(|known| *known == index).unwrap_or(0);
            let circle: Vec<String> = open[start..].iter().chain([&index]).map(name).collect();
            let error = Error::format("a function calls itself").cause(circle.join(" → "));
            return Err(error.hint("ONNX allows no recursion; write a loop, or export the model without functions"));
        }
        if open.len() >= MOST_CALLS {
            return Err(too_deep(name(&index)));
        }
        states[index] = State::Open;
        open.push(index);
        let mut called = Vec::new();
        self.calls_in(&self.functions[index].nodes, &mut called)?;
        called.sort_unstable();
        called.dedup();
        for other in called {
            self.refuse_recursion(other, states, open)?;
        }
        open.pop();
        states[index] = State::Done;
        Ok(())
    }

    /// The functions that nodes call, also those in branches and loops.
    fn calls_in(&self, nodes: &[NodeProto<'f>], called: &mut Vec<usize>) -> Result<()> {
        for node in nodes {
            if let Some(index) = self.called(node) {
                self.budget.push(called, index)?;
            }
            node.graphs().try_for_each(|graph| self.calls_in(&graph.nodes, called))?;
        }
        Ok(())
    }

    /// Adds the nodes with all calls replaced.
    fn expand(
        &mut self,
        nodes: &[NodeProto<'f>],
        call: Option<&Call<'_, 'f>>,
        into: &mut Vec<NodeProto<'f>>,
        used: &mut [bool],
    ) -> Result<()> {
        for (index, node) in nodes.iter().enumerate() {
            // A call counts too: functions without nodes could call each other for ever.
            self.budget.count_nodes(1)?;
            let copy = self.copy(node, call, used)?;
            match self.called(node) {
                None => self.budget.push(into, copy)?,
                Some(function) => {
                    used[function] = true;
                    let depth = call.map_or(0, |call| call.depth) + 1;
                    let replaced = self.replace(&copy, function, depth, into, used);
                    // Of calls in calls the outermost is named, and the error names the function.
                    replaced.map_err(|error| if depth == 1 { error.at(node.label(index)) } else { error })?;
                }
            }
        }
        Ok(())
    }

    /// Adds the nodes of a function for a call, whose names and attributes are those outside.
    fn replace(
        &mut self,
        node: &NodeProto<'f>,
        function: usize,
        depth: usize,
        into: &mut Vec<NodeProto<'f>>,
        used: &mut [bool],
    ) -> Result<()> {
        let functions = self.functions;
        let function = &functions[function];
        if depth > MOST_CALLS {
            return Err(too_deep(format!("`{}`", function.name)));
        }
        for (given, known, what) in
            [(&node.inputs, &function.inputs, "inputs"), (&node.outputs, &function.outputs, "outputs")]
        {
            if given.len() > known.len() {
                let error = Error::format(format!("a call of `{}` has {} {what}", function.name, given.len()));
                let error = error.cause(format!("the function has {}", known.len()));
                return Err(error.hint("export the model again"));
            }
        }
        self.calls += 1;
        let name = if node.name.is_empty() { function.name } else { node.name };
        let prefix = format!("{name}#{}", self.calls);
        let (inputs, outputs) = (&function.inputs, &function.outputs);
        self.budget.charge::<[u64; 8]>(inputs.len() + outputs.len())?;
        let given = |names: &[&'f str], index: usize| names.get(index).copied().unwrap_or_default();
        let mut values: HashMap<&'f str, &'f str> =
            inputs.iter().enumerate().map(|(index, name)| (*name, given(&node.inputs, index))).collect();
        // Outputs that are inputs, or other outputs, as they are.
        let mut copies = Vec::new();
        for (index, name) in outputs.iter().enumerate() {
            let wanted = given(&node.outputs, index);
            if wanted.is_empty() {
                continue;
            }
            match values.get(name) {
                Some(value) => self.budget.push(&mut copies, (*value, wanted))?,
                None => drop(values.insert(name, wanted)),
            }
        }
        let call = Call {
            prefix,
            values: RefCell::new(values),
            attributes: &node.attributes,
            defaults: &function.defaults,
            depth,
        };
        self.expand(&function.nodes, Some(&call), into, used)?;
        for (value, wanted) in copies {
            self.budget.count_nodes(1)?;
            let (mut inputs, mut outputs) = (self.budget.list(1)?, self.budget.list(1)?);
            inputs.push(value);
            outputs.push(wanted);
            let node = NodeProto { inputs, outputs, op_type: "Identity", ..Default::default() };
            self.budget.push(into, node)?;
        }
        Ok(())
    }

    /// What a name in a function means outside it.
    fn name(&mut self, name: &'f str, call: Option<&Call<'_, 'f>>) -> Result<&'f str> {
        let Some(call) = call.filter(|_| !name.is_empty()) else { return Ok(name) };
        if let Some(known) = call.values.borrow().get(name) {
            return Ok(known);
        }
        let made = self.made(format!("{}/{name}", call.prefix))?;
        call.values.borrow_mut().insert(name, made);
        Ok(made)
    }

    fn made(&mut self, text: String) -> Result<&'f str> {
        self.budget.charge::<u8>(text.len())?;
        self.budget.charge::<NameEntry>(1)?;
        Ok(self.names.add(text))
    }

    fn each_name(&mut self, names: &[&'f str], call: Option<&Call<'_, 'f>>) -> Result<Vec<&'f str>> {
        let mut list = self.budget.list(names.len())?;
        for name in names {
            list.push(self.name(name, call)?);
        }
        Ok(list)
    }

    /// The node with the names and attributes that it has outside the function, and calls in its graphs replaced.
    fn copy(&mut self, node: &NodeProto<'f>, call: Option<&Call<'_, 'f>>, used: &mut [bool]) -> Result<NodeProto<'f>> {
        let mut attributes = self.budget.list(node.attributes.len())?;
        for attribute in &node.attributes {
            let value = match &attribute.value {
                AttributeValue::Reference(name) => {
                    let lists = call.into_iter().flat_map(|call| [call.attributes, call.defaults]);
                    let found = lists.flatten().find(|given| given.name == *name);
                    // Without a value, the operator has its own default.
                    let Some(found) = found else { continue };
                    self.copy_value(&found.value)?
                }
                AttributeValue::Graph(graph) => AttributeValue::Graph(self.copy_graph(graph, call, used)?),
                AttributeValue::Graphs(graphs) => {
                    let mut copies = self.budget.list(graphs.len())?;
                    for graph in graphs {
                        copies.push(self.copy_graph(graph, call, used)?);
                    }
                    AttributeValue::Graphs(copies)
                }
                value => self.copy_value(value)?,
            };
            attributes.push(AttributeProto { name: attribute.name, value });
        }
        let name = match call {
            Some(call) => self.made(format!("{}/{}", call.prefix, node.name))?,
            None => node.name,
        };
        let (inputs, outputs) = (self.each_name(&node.inputs, call)?, self.each_name(&node.outputs, call)?);
        Ok(NodeProto { inputs, outputs, name, attributes, ..*node })
    }

    fn copy_graph(
        &mut self,
        graph: &GraphProto<'f>,
        call: Option<&Call<'_, 'f>>,
        used: &mut [bool],
    ) -> Result<GraphProto<'f>> {
        let mut copy = GraphProto {
            name: graph.name,
            sparse_initializers: graph.sparse_initializers,
            initializers: self.budget.list(graph.initializers.len())?,
            inputs: self.budget.list(graph.inputs.len())?,
            outputs: self.budget.list(graph.outputs.len())?,
            // Hints are not worth their memory.
            value_infos: Vec::new(),
            constant_inputs: graph.constant_inputs.clone(),
            nodes: Vec::new(),
        };
        for tensor in &graph.initializers {
            let name = self.name(tensor.name, call)?;
            self.budget.charge::<i64>(tensor.dims.len())?;
            copy.initializers.push(TensorProto { name, ..tensor.clone() });
        }
        for (from, to) in [(&graph.inputs, &mut copy.inputs), (&graph.outputs, &mut copy.outputs)] {
            for value in from {
                let name = self.name(value.name, call)?;
                self.budget.charge::<ValueInfoProto<'_>>(1)?;
                to.push(ValueInfoProto { name, ..value.clone() });
            }
        }
        self.expand(&graph.nodes, call, &mut copy.nodes, used)?;
        Ok(copy)
    }

    fn copy_value(&self, value: &AttributeValue<'f>) -> Result<AttributeValue<'f>> {
        charge_copy(value, self.budget)?;
        Ok(value.clone())
    }
}

fn too_deep(function: String) -> Error {
    let error = Error::limit(format!("calls of functions exceed the limit of {MOST_CALLS} nested in each other"));
    error.cause(format!("the innermost one is of {function}")).hint("export the model without functions")
}
