//! Runs a graph by asking each operator for its plain answer: the definition of right.
//!
//! Every operator accumulates in f64 and rounds once to f32. Nothing here is fast, and nothing here ever will be.

use crate::error::{Error, Place, Result};
use crate::graph::{Graph, NodeId, Source};
use crate::ops::Op;
use crate::tensor::{NamedTensors, Tensor};
use std::sync::Arc;

/// The outputs of `graph` for `inputs`, which fit it and share one batch size.
pub fn run(graph: &Graph, inputs: &NamedTensors) -> Result<NamedTensors> {
    let values = run_all(graph, inputs, |_, _, value| Ok(value))?;
    Ok(graph.outputs().iter().map(|(name, id)| (name.as_str(), (*values[id.index()]).clone())).collect())
}

/// The value of every node. `adjust` sees each operator's answer and may change it before it is used further.
pub fn run_all(
    graph: &Graph,
    inputs: &NamedTensors,
    mut adjust: impl FnMut(NodeId, &[&Tensor], Tensor) -> Result<Tensor>,
) -> Result<Vec<Arc<Tensor>>> {
    let mut values: Vec<Arc<Tensor>> = Vec::with_capacity(graph.nodes().len());
    for (id, node) in graph.ids().zip(graph.nodes()) {
        let value = match &node.source {
            Source::Input => Arc::new(input(inputs, &node.name)?.clone()),
            Source::Constant(value) => Arc::clone(value),
            Source::Op(op) => {
                let operands: Vec<&Tensor> = node.inputs.iter().map(|input| &*values[input.index()]).collect();
                let value = evaluate(op, &node.name, &operands)?;
                Arc::new(adjust(id, &operands, value)?)
            }
        };
        values.push(value);
    }
    Ok(values)
}

/// One operator's plain answer.
pub fn evaluate(op: &Op, name: &str, operands: &[&Tensor]) -> Result<Tensor> {
    op.operator().eval(operands).at(|| format!("`{name}`: {}", op.operator().name()))
}

/// The tensor given for the input called `name`.
pub(crate) fn input<'t>(inputs: &'t NamedTensors, name: &str) -> Result<&'t Tensor> {
    inputs.get(name).ok_or_else(|| Error::input(format!("no tensor was given for input `{name}`")))
}
