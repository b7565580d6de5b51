//! Common subexpression elimination: merges equal operators that have equal inputs, such as a layer that is called
//! twice on the same input.

use super::rewrite::rewrite_all;
use crate::error::Result;
use crate::graph::{Graph, Source, ValueId};
use crate::ops::Op;
use std::collections::HashMap;

/// Merges equal operators that have equal inputs.
pub(super) fn merge(graph: &Graph) -> Result<Graph> {
    let mut known: HashMap<(Op, Vec<ValueId>), Vec<ValueId>> = HashMap::new();
    rewrite_all(graph, |rewrite, node| {
        let Source::Op(op) = &node.source else { return Ok(None) };
        let inputs: Vec<ValueId> = node.inputs.iter().map(|id| rewrite.renewed(*id)).collect();
        let key = (op.clone(), inputs);
        if let Some(same) = known.get(&key) {
            return Ok(Some(same.clone()));
        }
        let new = rewrite.outputs_of(node, op.clone(), &node.inputs)?;
        known.insert(key, new.clone());
        Ok(Some(new))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::ops::{Activation, Binary, BinaryFunction, Function, NotEqual};
    use crate::tensor::{Shape, TensorType};

    #[test]
    fn equal_operators_become_one_and_unequal_ones_stay() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let a = builder.op("a", Activation { function: Function::Tanh }, &[x]).expect("op");
        let b = builder.op("b", Activation { function: Function::Tanh }, &[x]).expect("op");
        let c = builder.op("c", Activation { function: Function::Sigmoid }, &[x]).expect("op");
        let sum = builder.op("sum", Binary { function: BinaryFunction::Add }, &[a, b]).expect("op");
        let y = builder.op("y", Binary { function: BinaryFunction::Add }, &[sum, c]).expect("op");
        let graph = merge(&builder.finish(vec![("y".into(), y)]).expect("graph")).expect("merged");
        assert_eq!(graph.nodes().len(), 5);
        assert!(graph.to_string().contains("binary { function: Add } (%1, %1)"), "{graph}");
    }

    #[test]
    fn operators_with_different_floats_stay() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let values = [0.0, -0.0, 1.0, 0.0, f32::NAN, f32::NAN];
        let mut outputs = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let name = format!("y{index}");
            outputs.push((name.clone(), builder.op(&name, NotEqual { value }, &[x]).expect("op")));
        }
        let graph = merge(&builder.finish(outputs).expect("graph")).expect("merged");
        // The input and the operators for 0.0, -0.0, 1.0 and NaN.
        assert_eq!(graph.nodes().len(), 5, "{graph}");
    }
}
