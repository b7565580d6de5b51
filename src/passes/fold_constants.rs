//! Constant folding: operators that read only constants are evaluated once.

use super::rewrite::rewrite_all;
use crate::error::Result;
use crate::graph::{Graph, Node, Source};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Maximum number of elements in one folded constant. A larger one would cost more memory than the saved time is worth.
const MOST_ELEMENTS: usize = 1 << 22;

/// Maximum number of elements in all folded constants together. Without it, a small file could use one constant any
/// number of times and exhaust memory.
const MOST_IN_ALL: usize = 1 << 26;

/// Replaces operators that read only constants by their results, computed by the reference implementation.
pub(super) fn fold(graph: &Graph) -> Result<Graph> {
    fold_up_to(graph, MOST_IN_ALL)
}

fn fold_up_to(graph: &Graph, mut room: usize) -> Result<Graph> {
    // By value: the tensor of each constant, original or folded.
    let mut values: Vec<Option<Arc<Tensor>>> = Vec::with_capacity(graph.values().len());
    rewrite_all(graph, |rewrite, node| {
        let known = match &node.source {
            Source::Constant(value) => Some(vec![Arc::clone(value)]),
            Source::Op(op) if !node.inputs.is_empty() && is_small(graph, node) => {
                let operands: Option<Vec<&Tensor>> =
                    node.inputs.iter().map(|input| values[input.index()].as_deref()).collect();
                let size: usize = node.outputs.iter().map(|id| graph.ty(*id).shape.sample_len()).sum();
                let operands = operands.filter(|_| size <= room);
                room -= if operands.is_some() { size } else { 0 };
                let answers = operands.map(|operands| op.operator().eval(&operands)).transpose()?;
                answers.map(|answers| answers.into_iter().map(Arc::new).collect())
            }
            _ => None,
        };
        match &known {
            Some(known) => values.extend(known.iter().cloned().map(Some)),
            None => values.extend(node.outputs.iter().map(|_| None)),
        }
        match (&node.source, known) {
            (Source::Op(_), Some(known)) => {
                let constants = known.into_iter().map(|value| rewrite.builder.constant(&node.name, value));
                constants.collect::<Result<Vec<_>>>().map(Some)
            }
            _ => Ok(None),
        }
    })
}

fn is_small(graph: &Graph, node: &Node) -> bool {
    node.outputs.iter().all(|id| graph.ty(*id).shape.sample_len() <= MOST_ELEMENTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::ops::{Activation, Binary, BinaryFunction, Function};
    use crate::tensor::{Shape, TensorType};

    #[test]
    fn what_reads_only_constants_becomes_one() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let w = builder.constant("w", Arc::new(Tensor::f32(&[2], vec![-1.0, 2.0]).expect("tensor"))).expect("constant");
        let positive = builder.op("positive", Activation { function: Function::RELU }, &[w]).expect("op");
        let twice = builder.op("twice", Binary { function: BinaryFunction::Add }, &[positive, positive]).expect("op");
        let y = builder.op("y", Binary { function: BinaryFunction::Multiply }, &[x, twice]).expect("op");
        let graph = fold(&builder.finish(vec![("y".into(), y)]).expect("graph")).expect("folded");
        let text = graph.to_string();
        assert_eq!(text.lines().nth(1), Some("%1 = constant -> float32[2] \"twice\""), "{text}");
        let Source::Constant(value) = &graph.nodes()[1].source else { panic!("{text}") };
        assert_eq!(value.as_f32().expect("floats"), [0.0, 4.0]);
    }

    #[test]
    fn beyond_a_total_operators_stay() {
        let mut builder = Builder::new();
        let mut sum =
            builder.constant("w", Arc::new(Tensor::f32(&[2], vec![1.0, 2.0]).expect("tensor"))).expect("constant");
        for index in 0..10 {
            let name = format!("sum{index}");
            sum = builder.op(&name, Binary { function: BinaryFunction::Add }, &[sum, sum]).expect("op");
        }
        let graph = builder.finish(vec![("y".into(), sum)]).expect("graph");
        let operators =
            |graph: &Graph| graph.nodes().iter().filter(|node| matches!(node.source, Source::Op(_))).count();
        assert_eq!(operators(&fold_up_to(&graph, 6).expect("folded")), 7);
        assert_eq!(operators(&fold(&graph).expect("folded")), 0);
    }
}
