//! Loops over the samples of a batch, as PyTorch writes bags of embeddings: every step answers one sample.
//!
//! The body is lowered once, for sample `n` of `N`. What it takes of a value with the batch must be the rows of that sample,
//! which then is a value without a batch; so steps are independent of each other by construction. What steps put out is
//! along the batch again.

use crate::error::{Error, Result};
use crate::onnx::call::{Call, integers};
use crate::onnx::file::{GraphProto, NodeProto};
use crate::onnx::size::Size;
use crate::onnx::value::{Computed, Integers, LogicalDim, Value};
use crate::tensor::Tensor;
use std::collections::{HashMap, HashSet};

/// What comes out of a loop that runs once for each sample; `None` of another.
pub(super) fn of_each<'f>(
    call: &mut Call<'_, 'f, '_>,
    body: &GraphProto<'f>,
    carried: &[Value],
) -> Result<Option<Vec<Value>>> {
    if !runs_for_each(call, body, carried)? {
        return Ok(None);
    }
    let yes = Value::constant(Tensor::bool(&[], vec![true])?)?;
    let condition = call.optional(1).unwrap_or(yes);
    if super::conditions::truth(&condition)? != Some(true) {
        return Ok(None);
    }
    let counter = |shape: &[usize]| Value::Integers(Integers { shape: shape.to_vec(), elements: vec![Size::SAMPLE] });
    let start = |value: &Value| match value {
        Value::Integers(integers) if is_counter(value) => counter(&integers.shape),
        other => other.clone(),
    };
    let inputs = [counter(&[]), condition].into_iter().chain(carried.iter().map(start)).collect();
    let next = call.lowering.inner(&without_condition(body), inputs)?;
    let mut outputs = Vec::new();
    for (index, value) in next.into_iter().enumerate() {
        outputs.push(match carried.get(index) {
            None => along_batch(call, &value)?,
            Some(start) => carried_on(start, value)?,
        });
    }
    Ok(Some(outputs))
}

fn is_counter(value: &Value) -> bool {
    matches!(value, Value::Integers(integers) if integers.elements == [Size::fixed(0)])
}

/// Whether a loop runs as often as there are samples: its number of steps is the batch, or its condition compares a
/// counter of steps with it.
fn runs_for_each(call: &Call<'_, '_, '_>, body: &GraphProto<'_>, carried: &[Value]) -> Result<bool> {
    let is_batch = |value: &Value| matches!(value, Value::Integers(integers) if integers.elements == [Size::batch(1)]);
    let made: HashMap<&str, &NodeProto<'_>> =
        body.nodes.iter().flat_map(|node| node.outputs.iter().map(move |name| (*name, node))).collect();
    let Some(condition) = body.outputs.first() else { return Ok(false) };
    let condition = original(&made, condition.name);
    if let Some(steps) = call.optional(0) {
        // The condition stays what it is.
        let is_constant = body.inputs.get(1).is_some_and(|input| input.name == condition)
            || call
                .lowering
                .find(condition)
                .is_ok_and(|value| super::conditions::truth(value).ok().flatten() == Some(true));
        return Ok(is_batch(&steps) && is_constant);
    }
    let Some(less) = made.get(condition).filter(|node| node.op_type == "Less") else { return Ok(false) };
    let [Some(step), Some(limit)] = [0, 1].map(|index| less.inputs.get(index).map(|name| original(&made, name))) else {
        return Ok(false);
    };
    let counted = carried.iter().zip(body.outputs.iter().skip(1));
    let is_counted = counted.into_iter().any(|(start, next)| is_counter(start) && original(&made, next.name) == step);
    Ok(is_counted && call.lowering.find(limit).is_ok_and(is_batch))
}

/// The name of what operators pass on.
fn original<'f>(made: &HashMap<&'f str, &NodeProto<'f>>, name: &'f str) -> &'f str {
    let mut name = name;
    // No chain is longer than there are names.
    for _ in 0..made.len() {
        match made.get(name).filter(|node| matches!(node.op_type, "Identity" | "Cast")) {
            Some(node) => name = node.inputs.first().copied().unwrap_or(name),
            None => break,
        }
    }
    name
}

/// The body without what only its condition needs.
fn without_condition<'f>(body: &GraphProto<'f>) -> GraphProto<'f> {
    let mut body = body.clone();
    body.outputs.drain(..body.outputs.len().min(1));
    let mut needed: HashSet<&str> = body.outputs.iter().map(|output| output.name).collect();
    let mut kept: Vec<NodeProto<'f>> = Vec::new();
    for node in body.nodes.drain(..).rev() {
        // A graph inside may read any name.
        let has_graph = !node.attributes.is_empty() && matches!(node.op_type, "If" | "Loop" | "Scan");
        if node.outputs.iter().any(|name| needed.contains(name)) {
            needed.extend(&node.inputs);
            if has_graph {
                needed.extend(node.attributes.iter().flat_map(|attribute| names_in(&attribute.value)));
            }
            kept.push(node);
        }
    }
    kept.reverse();
    body.nodes = kept;
    body
}

/// All names that a graph reads.
fn names_in<'f>(value: &crate::onnx::file::AttributeValue<'f>) -> Vec<&'f str> {
    let crate::onnx::file::AttributeValue::Graph(graph) = value else { return Vec::new() };
    let of_node = |node: &NodeProto<'f>| {
        let inner = node.attributes.iter().flat_map(|attribute| names_in(&attribute.value));
        node.inputs.iter().copied().chain(inner).collect::<Vec<_>>()
    };
    let outputs = graph.outputs.iter().map(|output| output.name);
    graph.nodes.iter().flat_map(of_node).chain(outputs).collect()
}

/// What is carried to the end.
fn carried_on(start: &Value, next: Value) -> Result<Value> {
    match (start, next) {
        (Value::Integers(from), next) if is_counter(start) => {
            let step = integers(&next)?.single()?;
            if Size::SAMPLE.add(Size::fixed(1)) != Some(step) {
                return Err(depends());
            }
            Ok(Value::Integers(Integers { shape: from.shape.clone(), elements: vec![Size::batch(1)] }))
        }
        (Value::Sequence(list), Value::Sequence(next)) if list.is_empty() => match &next[..] {
            [Value::Computed(value)] if value.batch_axis().is_none() => Ok(Value::EachSample(value.clone())),
            _ => Err(depends()),
        },
        (start, next) if *start == next => Ok(next),
        _ => Err(depends()),
    }
}

fn depends() -> Error {
    Error::unsupported("is a loop over the samples of a batch that carries something from one to the next")
        .cause("every sample is answered by itself, whatever stands beside it in the batch")
        .hint("take it out of the model and export the model again")
}

/// A value of each sample along a new first dimension.
fn along_batch(call: &mut Call<'_, '_, '_>, value: &Value) -> Result<Value> {
    let value = call.computed(value)?;
    if value.batch_axis().is_some() {
        return Err(depends());
    }
    let dims = std::iter::once(LogicalDim::Batch(1)).chain(value.dims.iter().copied()).collect();
    Ok(Value::Computed(Computed { id: value.id, dims }))
}

/// The values of all samples, one behind the other along dimension 0.
pub(super) fn joined(call: &mut Call<'_, '_, '_>, value: &Computed, axis: i64, is_new: bool) -> Result<Value> {
    let each = along_batch(call, &Value::Computed(value.clone()))?;
    match (axis, is_new, &value.dims[..]) {
        (0, true, _) => Ok(each),
        (0, false, [LogicalDim::Fixed(rows), rest @ ..]) => {
            let sizes = std::iter::once(Size::batch(*rows)).chain(rest.iter().map(|dim| dim.size()));
            call.with_sizes(&each, &sizes.collect::<Vec<_>>())
        }
        _ => Err(Error::unsupported(format!("joins values of samples along axis {axis}, which is not supported"))
            .hint("join them along the first dimension")),
    }
}

/// The rows of sample `n` of a value whose first dimension is the batch, without a batch, if that is what is taken.
pub(super) fn of_batch(call: &mut Call<'_, '_, '_>, x: &Computed, [start, end]: [Size; 2]) -> Result<Option<Value>> {
    let &[LogicalDim::Batch(rows), ..] = &x.dims[..] else { return Ok(None) };
    let first = Size::SAMPLE.multiply(Size::fixed(rows as i64));
    if first != Some(start) || start.add(Size::fixed(rows as i64)) != Some(end) {
        return Ok(None);
    }
    let mut dims = x.dims.clone();
    dims[0] = LogicalDim::Fixed(rows);
    let sample = Computed { id: x.id, dims };
    let id = call.reshaped(x.id, &sample.fixed())?;
    Ok(Some(Value::Computed(Computed { id, ..sample })))
}
