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

/// All values. `adjust` sees each operator's answers and may change them before they are used further.
pub fn run_all(
    graph: &Graph,
    inputs: &NamedTensors,
    mut adjust: impl FnMut(NodeId, &[&Tensor], Vec<Tensor>) -> Result<Vec<Tensor>>,
) -> Result<Vec<Arc<Tensor>>> {
    let mut values: Vec<Arc<Tensor>> = Vec::with_capacity(graph.values().len());
    for (id, node) in graph.ids().zip(graph.nodes()) {
        match &node.source {
            Source::Input => values.push(Arc::new(input(inputs, &node.name)?.clone())),
            Source::Constant(value) => values.push(Arc::clone(value)),
            Source::Op(op) => {
                let operands: Vec<&Tensor> = node.inputs.iter().map(|input| &*values[input.index()]).collect();
                let answers = evaluate(op, &node.name, &operands)?;
                let answers = adjust(id, &operands, answers)?;
                values.extend(answers.into_iter().map(Arc::new));
            }
        }
    }
    Ok(values)
}

/// One operator's plain answer: a tensor for each output.
pub fn evaluate(op: &Op, name: &str, operands: &[&Tensor]) -> Result<Vec<Tensor>> {
    op.operator().eval(operands).at(|| format!("`{name}`: {}", op.operator().name()))
}

/// The tensor given for the input called `name`.
pub(crate) fn input<'t>(inputs: &'t NamedTensors, name: &str) -> Result<&'t Tensor> {
    inputs.get(name).ok_or_else(|| Error::input(format!("no tensor was given for input `{name}`")))
}
