//! Fuses an activation into the Dense or Convolution before it.

use super::rewrite::rewrite;
use crate::error::Result;
use crate::graph::{Graph, Source};
use crate::ops::{Convolution, Dense, Op};

/// Fuses each activation into the Dense or Convolution before it if nothing else reads that operator's output.
pub(super) fn fuse(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let Source::Op(Op::Activation(activation)) = &node.source else { return Ok(None) };
        let x = node.inputs[0];
        if !activation.function.is_of_layers() || !rewrite.is_used_once(x) {
            return Ok(None);
        }
        let activation = Some(activation.function);
        let (fused, inputs): (Op, _) = match rewrite.operator(x) {
            Some((Op::Dense(Dense { activation: None, kernel }), inputs)) => {
                (Dense { activation, kernel: *kernel }.into(), inputs.to_vec())
            }
            Some((Op::Convolution(Convolution { activation: None, windows }), inputs)) => {
                (Convolution { activation, windows: windows.clone() }.into(), inputs.to_vec())
            }
            _ => return Ok(None),
        };
        rewrite.op(node, fused, &inputs).map(Some)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::ops::{Activation, Function};
    use crate::tensor::{Shape, Tensor, TensorType};
    use std::sync::Arc;

    #[test]
    fn an_activation_is_fused_where_nothing_else_reads_the_sum() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let kernel = Tensor::f32(&[2, 2], vec![1.0; 4]).expect("tensor");
        let kernel = builder.constant("kernel", Arc::new(kernel)).expect("constant");
        let bias = builder.constant("bias", Arc::new(Tensor::f32(&[2], vec![0.0; 2]).expect("tensor")));
        let bias = bias.expect("constant");
        let one = builder.op("one", Dense::with(None), &[x, kernel, bias]).expect("op");
        let tanh = builder.op("one", Activation { function: Function::Tanh }, &[one]).expect("op");
        let two = builder.op("two", Dense::with(None), &[tanh, kernel, bias]).expect("op");
        let sigmoid = builder.op("two", Activation { function: Function::Sigmoid }, &[two]).expect("op");
        let outputs = vec![("raw".to_string(), two), ("y".to_string(), sigmoid)];
        let graph = fuse(&builder.finish(outputs).expect("graph")).expect("fused");
        let text = graph.to_string();
        assert!(text.contains("activation: Some(Tanh)"), "{text}");
        assert!(text.contains("activation { function: Sigmoid }"), "the sum of `two` is an output: {text}");
        assert_eq!(graph.nodes().len(), 6, "{text}");
    }

    #[test]
    fn what_no_layer_applies_stays_an_operator() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let weight = |shape: &[usize]| Arc::new(Tensor::f32(shape, vec![1.0; shape.iter().product()]).expect("tensor"));
        let kernel = builder.constant("kernel", weight(&[2, 2])).expect("constant");
        let bias = builder.constant("bias", weight(&[2])).expect("constant");
        let sum = builder.op("sum", Dense::with(None), &[x, kernel, bias]).expect("op");
        let y = builder.op("y", Activation { function: Function::Sin }, &[sum]).expect("op");
        let graph = builder.finish(vec![("y".into(), y)]).expect("graph");
        assert_eq!(fuse(&graph).expect("graph"), graph);
    }
}
