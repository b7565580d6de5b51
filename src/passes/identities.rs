//! Removes operators that change nothing or that broadcasting replaces, and turns those that only relabel dimensions into reshapes, which are free.

use super::rewrite::{operator, rewrite};
use crate::error::Result;
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{Op, Reshape};

/// `graph` without identities, and with one reshape where several follow each other.
pub(super) fn remove(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let Source::Op(op) = &node.source else { return Ok(None) };
        let Some(&x) = node.inputs.first() else { return Ok(None) };
        if let Op::Binary(binary) = op {
            let Some(operands) = unexpanded(graph, node) else { return Ok(None) };
            return rewrite.op(node, binary.clone(), &operands).map(Some);
        }
        if !relabels(op, node, graph) {
            return Ok(None);
        }
        let root = root(graph, x);
        let ty = graph.ty(node.output());
        if graph.ty(root) == ty {
            return Ok(Some(rewrite.renewed(root)));
        }
        if graph.ty(root).dtype != ty.dtype || !ty.shape.is_batched() {
            return Ok(None);
        }
        rewrite.op(node, Reshape { sample: ty.shape.sample() }, &[root]).map(Some)
    })
}

/// The value whose elements, in the same order, `id` holds.
fn root(graph: &Graph, mut id: ValueId) -> ValueId {
    while let Source::Op(op) = &graph.maker(id).source {
        let node = graph.maker(id);
        if !relabels(op, node, graph) || graph.ty(node.inputs[0]).dtype != graph.ty(node.output()).dtype {
            break;
        }
        id = node.inputs[0];
    }
    id
}

/// The operands of a node that broadcasts, without the Expand of a weight where the other operand has the shape of the
/// answer.
fn unexpanded(graph: &Graph, node: &Node) -> Option<[ValueId; 2]> {
    let &[left, right] = node.inputs.as_slice() else { return None };
    let weight = |id: ValueId, other: ValueId| match operator(graph, id) {
        Some((Op::Expand(_), inputs)) if graph.ty(other).shape == graph.ty(node.output()).shape => {
            Some(inputs[0]).filter(|id| is_weight(graph, *id))
        }
        _ => None,
    };
    let from_left = weight(left, right).map(|weight| [weight, right]);
    from_left.or_else(|| weight(right, left).map(|weight| [left, weight]))
}

fn is_weight(graph: &Graph, id: ValueId) -> bool {
    matches!(graph.maker(id).source, Source::Constant(_))
}

/// Whether the output has the elements of the first input in the same order.
fn relabels(op: &Op, node: &Node, graph: &Graph) -> bool {
    let Some(x) = node.inputs.first().map(|id| graph.ty(*id)) else { return false };
    match op {
        Op::Reshape(_) => true,
        Op::Cast(cast) => x.dtype == cast.to,
        Op::Concatenate(_) => node.inputs.len() == 1,
        Op::Repeat(repeat) => repeat.count == 1,
        Op::Reduce(reduce) => reduce.reduction.keeps_one() && x.shape.resolve(2)[reduce.axis] == 1,
        Op::Permute(permute) => {
            // Dimensions of 1 may go anywhere.
            let dims = x.shape.resolve(2);
            let moved: Vec<usize> = permute.order.iter().copied().filter(|&dim| dim == 0 || dims[dim] != 1).collect();
            x.shape.is_batched() && moved.is_sorted()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::ops::{Binary, BinaryFunction, Concatenate, Expand, Permute, Reduce, Reduction, Repeat};
    use crate::tensor::{Shape, Tensor, TensorType};
    use std::sync::Arc;

    #[test]
    fn what_changes_nothing_goes_and_reshapes_become_one() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[3, 1]))).expect("input");
        let a = builder.op("a", Permute { order: vec![0, 2, 1] }, &[x]).expect("op");
        let b = builder.op("b", Concatenate { axis: 1 }, &[a]).expect("op");
        let c = builder.op("c", Reduce { reduction: Reduction::Mean, axis: 1 }, &[b]).expect("op");
        let d = builder.op("d", Repeat { count: 1 }, &[c]).expect("op");
        let e = builder.op("e", Reshape { sample: vec![3, 1] }, &[d]).expect("op");
        let graph = builder.finish(vec![("same".into(), e), ("row".into(), d)]).expect("graph");
        let text = remove(&graph).expect("graph").to_string();
        assert_eq!(
            text,
            "%0 = input -> float32[N, 3, 1] \"x\"\n\
             %1 = reshape { sample: [1, 3] } (%0) -> float32[N, 1, 3] \"d\"\n\
             output \"same\" = %0\noutput \"row\" = %1\n"
        );
    }

    #[test]
    fn what_one_element_is_reduced_to_may_be_another() {
        for reduction in Reduction::ALL {
            let mut builder = Builder::new();
            let x = builder.input("x", TensorType::f32(Shape::batched(&[3, 1]))).expect("input");
            let y = builder.op("y", Reduce { reduction, axis: 2 }, &[x]).expect("op");
            let graph = builder.finish(vec![("y".into(), y)]).expect("graph");
            let goes = remove(&graph).expect("graph") != graph;
            assert_eq!(goes, !matches!(reduction, Reduction::L1 | Reduction::L2), "{reduction:?}");
        }
    }

    #[test]
    fn a_weight_for_every_sample_is_stretched_by_what_reads_it() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let weight = Tensor::f32(&[1, 2], vec![1.0, 2.0]).expect("tensor");
        let weight = builder.constant("w", Arc::new(weight)).expect("constant");
        let positions = builder.op("p", Expand, &[weight, x]).expect("op");
        let y = builder.op("y", Binary { function: BinaryFunction::Add }, &[x, positions]).expect("op");
        let twice = builder.op("z", Binary { function: BinaryFunction::Add }, &[positions, positions]).expect("op");
        let graph = builder.finish(vec![("y".into(), y), ("z".into(), twice)]).expect("graph");
        let text = remove(&graph).expect("graph").to_string();
        assert!(text.contains("(%0, %1) -> float32[N, 2] \"y\""), "{text}");
        assert!(text.contains("(%1, %2) -> float32[N, 2] \"z\""), "{text}");
    }

    #[test]
    fn a_permutation_that_moves_elements_stays() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[3, 2]))).expect("input");
        let y = builder.op("y", Permute { order: vec![0, 2, 1] }, &[x]).expect("op");
        let graph = builder.finish(vec![("y".into(), y)]).expect("graph");
        assert_eq!(remove(&graph).expect("graph"), graph);
    }
}
