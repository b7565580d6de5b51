//! Runs a graph on the CPU.
//!
//! Each operator is asked for its plain answer; values are dropped after their last use. There is no fast path yet.

use crate::error::Result;
use crate::graph::{Graph, Source};
use crate::plan::Retain;
use crate::reference::{evaluate, input};
use crate::tensor::{NamedTensors, Tensor};
use std::sync::Arc;

/// The outputs of `graph` for `inputs`, which fit it and share one batch size.
pub(crate) fn run(graph: &Graph, inputs: &NamedTensors) -> Result<NamedTensors> {
    let values = run_all(graph, inputs, Retain::Outputs)?;
    let outputs = graph.outputs().iter();
    Ok(outputs.filter_map(|(name, id)| Some((name.clone(), values[id.index()].as_deref()?.clone()))).collect())
}

/// The values of the nodes that `retain` keeps.
pub(crate) fn run_all(graph: &Graph, inputs: &NamedTensors, retain: Retain) -> Result<Vec<Option<Arc<Tensor>>>> {
    let last_use = last_use(graph, retain);
    let mut values: Vec<Option<Arc<Tensor>>> = vec![None; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate() {
        values[index] = Some(match &node.source {
            Source::Input => Arc::new(input(inputs, &node.name)?.clone()),
            Source::Constant(value) => Arc::clone(value),
            Source::Op(op) => {
                let operands: Vec<&Tensor> =
                    node.inputs.iter().filter_map(|input| values[input.index()].as_deref()).collect();
                Arc::new(evaluate(op, &node.name, &operands)?)
            }
        });
        for input in &node.inputs {
            if last_use[input.index()] == index {
                values[input.index()] = None;
            }
        }
    }
    Ok(values)
}

fn last_use(graph: &Graph, retain: Retain) -> Vec<usize> {
    let count = graph.nodes().len();
    if retain == Retain::All {
        return vec![usize::MAX; count];
    }
    let mut last_use: Vec<usize> = (0..count).collect();
    for (index, node) in graph.nodes().iter().enumerate() {
        for input in &node.inputs {
            last_use[input.index()] = index;
        }
    }
    for (_, id) in graph.outputs() {
        last_use[id.index()] = usize::MAX;
    }
    last_use
}
