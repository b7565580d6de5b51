//! Computes what depends on constants alone, once.

use super::rewrite::rewrite;
use crate::error::Result;
use crate::graph::{Graph, Source};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Elements of a folded constant beyond which memory would be lost to save time.
const MOST_ELEMENTS: usize = 1 << 22;

/// `graph` with the plain answers of operators that read only constants.
pub(super) fn fold(graph: &Graph) -> Result<Graph> {
    // By node, the constants there are and those computed on the way.
    let mut values: Vec<Option<Arc<Tensor>>> = Vec::with_capacity(graph.nodes().len());
    rewrite(graph, |rewrite, _, node| {
        let value = match &node.source {
            Source::Constant(value) => Some(Arc::clone(value)),
            Source::Op(op) if !node.inputs.is_empty() && node.ty.shape.sample_len() <= MOST_ELEMENTS => {
                let known: Option<Vec<&Tensor>> =
                    node.inputs.iter().map(|input| values[input.index()].as_deref()).collect();
                known.map(|operands| op.operator().eval(&operands)).transpose()?.map(Arc::new)
            }
            _ => None,
        };
        values.push(value.clone());
        match (&node.source, value) {
            (Source::Op(_), Some(value)) => rewrite.builder.constant(&node.name, value).map(Some),
            _ => Ok(None),
        }
    })
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
}
