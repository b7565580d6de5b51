//! Goes over the nodes of a graph in order, and adds to the graph of the library what each means.

use super::call::Call;
use super::file::{AttributeValue, GraphProto, NodeProto};
use super::lowering::Lowering;
use super::ops::{self, Operator};
use super::value::{Computed, Value};
use crate::error::{Context, Error, Result};
use std::collections::BTreeMap;

/// Lowers the initializers and nodes of a graph.
pub(super) fn graph<'f>(lowering: &mut Lowering<'f, '_>, graph: &GraphProto<'f>) -> Result<()> {
    for initializer in &graph.initializers {
        let value = lowering.stored(initializer)?;
        lowering.define(initializer.name, value);
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        lower(lowering, node).at(|| format!("{} ({}, opset {})", name(node, index), node.op_type, lowering.opset))?;
    }
    Ok(())
}

fn lower<'f>(lowering: &mut Lowering<'f, '_>, node: &NodeProto<'f>) -> Result<()> {
    let Some(operator) = ops::find(node) else { return Err(Error::unsupported("is not supported")) };
    let find = |name: &&str| if name.is_empty() { Ok(None) } else { lowering.find(name).cloned().map(Some) };
    let inputs = node.inputs.iter().map(find).collect::<Result<Vec<_>>>()?;
    expect_version(operator, lowering.opset)?;
    let outputs = (operator.lower)(&mut Call::new(lowering, node, inputs))?;
    for (name, value) in node.outputs.iter().zip(outputs) {
        lowering.define(name, value);
    }
    Ok(())
}

fn name(node: &NodeProto<'_>, index: usize) -> String {
    if node.name.is_empty() { format!("node[{index}]") } else { format!("node `{}`", node.name) }
}

/// A value at the border of the model, which is computed for every sample.
pub(super) fn at_border<'f>(lowering: &mut Lowering<'f, '_>, name: &'f str, value: &Value) -> Result<Computed> {
    let node = NodeProto { name, ..NodeProto::default() };
    Call::new(lowering, &node, Vec::new()).computed(value)
}

/// An error that lists the operators of a graph that are not supported, each with how often it occurs.
pub(super) fn expect_supported(graph: &GraphProto<'_>) -> Result<()> {
    let mut missing: BTreeMap<String, (usize, String)> = BTreeMap::new();
    collect_missing(graph, &mut missing);
    if missing.is_empty() {
        return Ok(());
    }
    let left_by_tf2onnx = missing.keys().any(|name| ops::TENSORFLOW.contains(&name.as_str()));
    let list: Vec<String> =
        missing.iter().map(|(name, (count, first))| format!("{name} ({count} ×, first {first})")).collect();
    let error = Error::unsupported(format!("has operators that are not supported: {}", list.join(", ")));
    Err(match left_by_tf2onnx {
        true => error
            .cause("tf2onnx wrote TensorFlow operators that it could not convert into the file")
            .hint("take the layer out of the model, such as a string lookup, and convert it again"),
        false => error.hint("docs/onnx.md lists the operators that are supported"),
    })
}

fn collect_missing(graph: &GraphProto<'_>, missing: &mut BTreeMap<String, (usize, String)>) {
    for (index, node) in graph.nodes.iter().enumerate() {
        if ops::find(node).is_none() {
            let domain = if ops::is_standard(node.domain) { String::new() } else { format!("{}.", node.domain) };
            let first = name(node, index);
            missing.entry(format!("{domain}{}", node.op_type)).or_insert((0, first)).0 += 1;
        }
        for attribute in &node.attributes {
            match &attribute.value {
                AttributeValue::Graph(graph) => collect_missing(graph, missing),
                AttributeValue::Graphs(graphs) => {
                    graphs.iter().for_each(|graph| collect_missing(graph, missing));
                }
                _ => {}
            }
        }
    }
}

/// An error if the operator does not exist in this version of the operators.
fn expect_version(operator: &Operator, opset: i64) -> Result<()> {
    match operator.versions.first() {
        Some(&first) if opset < first => Err(Error::unsupported(format!("is supported from opset {first} on"))
            .cause(format!("the file has opset {opset}"))
            .hint("convert it by onnx.version_converter, or export the model again")),
        _ => Ok(()),
    }
}
