//! Simplification: removes identities and operators made redundant by broadcasting, and turns operators that only
//! relabel dimensions into reshapes, which run no kernel.

use super::rewrite::{Rewrite, operator, rewrite_all};
use crate::error::Result;
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{Op, Reshape, Slice, Split};

/// Removes identities, merges consecutive reshapes, and removes the outputs of a split that nothing reads.
pub(super) fn simplify(graph: &Graph) -> Result<Graph> {
    rewrite_all(graph, |rewrite, node| {
        if let (Source::Op(Op::Split(split)), true) = (&node.source, node.outputs.len() > 1) {
            return slices(rewrite, node, split);
        }
        Ok(replaced(graph, rewrite, node)?.map(|new| vec![new]))
    })
}

/// Replaces a split by one slice per output if some outputs are unused; the unused slices are dropped.
fn slices(rewrite: &mut Rewrite<'_>, node: &Node, split: &Split) -> Result<Option<Vec<ValueId>>> {
    if node.outputs.iter().all(|id| rewrite.is_used(*id)) {
        return Ok(None);
    }
    let slice = |(start, &count): (usize, &usize)| {
        rewrite.op(node, Slice { axis: split.axis, start, step: 1, count }, &node.inputs)
    };
    split.starts().zip(&split.sizes).map(slice).collect::<Result<_>>().map(Some)
}

/// The value that replaces the output of a node that computes nothing.
fn replaced(graph: &Graph, rewrite: &mut Rewrite<'_>, node: &Node) -> Result<Option<ValueId>> {
    let Source::Op(op) = &node.source else { return Ok(None) };
    let Some(&x) = node.inputs.first() else { return Ok(None) };
    if matches!(op, Op::Binary(_) | Op::Compare(_)) {
        let Some(operands) = unexpanded(graph, node) else { return Ok(None) };
        return rewrite.op(node, op.clone(), &operands).map(Some);
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
}

/// The earliest value that holds the same elements as `id` in the same order.
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

/// The operands of a broadcasting node without the BroadcastBatch of a weight, if the other operand already has the
/// shape of the result.
fn unexpanded(graph: &Graph, node: &Node) -> Option<[ValueId; 2]> {
    let &[left, right] = node.inputs.as_slice() else { return None };
    let weight = |id: ValueId, other: ValueId| match operator(graph, id) {
        Some((Op::BroadcastBatch(_), inputs)) if graph.ty(other).shape == graph.ty(node.output()).shape => {
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

/// Whether the output has the same elements as the first input, in the same order.
fn relabels(op: &Op, node: &Node, graph: &Graph) -> bool {
    let Some(x) = node.inputs.first().map(|id| graph.ty(*id)) else { return false };
    match op {
        Op::Reshape(_) => true,
        Op::Cast(cast) => x.dtype == cast.to,
        Op::Concatenate(_) => node.inputs.len() == 1,
        Op::RepeatVector(repeat) => repeat.count == 1,
        Op::Split(split) => split.sizes.len() == 1,
        Op::Reduce(reduce) => reduce.reduction.keeps_one() && x.shape.resolve(2)[reduce.axis] == 1,
        Op::Permute(permute) => {
            // Moving a dimension of size 1 does not reorder elements.
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
    use crate::ops::{Binary, BinaryFunction, BroadcastBatch, Concatenate, Permute, Reduce, Reduction, RepeatVector};
    use crate::tensor::{Shape, Tensor, TensorType};
    use std::sync::Arc;

    #[test]
    fn what_changes_nothing_goes_and_reshapes_become_one() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[3, 1]))).expect("input");
        let a = builder.op("a", Permute { order: vec![0, 2, 1] }, &[x]).expect("op");
        let b = builder.op("b", Concatenate { axis: 1 }, &[a]).expect("op");
        let c = builder.op("c", Reduce { reduction: Reduction::Mean, axis: 1 }, &[b]).expect("op");
        let d = builder.op("d", RepeatVector { count: 1 }, &[c]).expect("op");
        let e = builder.op("e", Reshape { sample: vec![3, 1] }, &[d]).expect("op");
        let graph = builder.finish(vec![("same".into(), e), ("row".into(), d)]).expect("graph");
        let text = simplify(&graph).expect("graph").to_string();
        assert_eq!(
            text,
            "%0 = input -> float32[N, 3, 1] \"x\"\n\
             %1 = reshape { sample: [1, 3] } (%0) -> float32[N, 1, 3] \"d\"\n\
             output \"same\" = %0\noutput \"row\" = %1\n"
        );
    }

    #[test]
    fn parts_that_nothing_reads_are_not_made() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[6]))).expect("input");
        let split = |sizes: &[usize]| Split { axis: 1, sizes: sizes.to_vec() };
        let parts = builder.outputs_of("parts", split(&[1, 2, 3]), &[x]).expect("op");
        let both = builder.outputs_of("both", split(&[2, 4]), &[x]).expect("op");
        let whole = builder.op("whole", split(&[6]), &[x]).expect("op");
        let outputs = [parts[1], both[0], both[1], whole].map(|id| (id.to_string(), id));
        let text = simplify(&builder.finish(outputs.to_vec()).expect("graph")).expect("graph").to_string();
        let expected = [
            "%0 = input -> float32[N, 6] \"x\"",
            "%1 = slice { axis: 1, start: 1, step: 1, count: 2 } (%0) -> float32[N, 2] \"parts\"",
            "%2, %3 = split { axis: 1, sizes: [2, 4] } (%0) -> float32[N, 2], float32[N, 4] \"both\"",
        ];
        assert!(text.starts_with(&expected.join("\n")), "{text}");
        assert!(text.ends_with("= %0\n"), "{text}");
    }

    #[test]
    fn what_one_element_is_reduced_to_may_be_another() {
        for reduction in Reduction::ALL {
            let mut builder = Builder::new();
            let x = builder.input("x", TensorType::f32(Shape::batched(&[3, 1]))).expect("input");
            let y = builder.op("y", Reduce { reduction, axis: 2 }, &[x]).expect("op");
            let graph = builder.finish(vec![("y".into(), y)]).expect("graph");
            let goes = simplify(&graph).expect("graph") != graph;
            assert_eq!(goes, !matches!(reduction, Reduction::L1 | Reduction::L2), "{reduction:?}");
        }
    }

    #[test]
    fn a_weight_for_every_sample_is_stretched_by_what_reads_it() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let weight = Tensor::f32(&[1, 2], vec![1.0, 2.0]).expect("tensor");
        let weight = builder.constant("w", Arc::new(weight)).expect("constant");
        let positions = builder.op("p", BroadcastBatch, &[weight, x]).expect("op");
        let y = builder.op("y", Binary { function: BinaryFunction::Add }, &[x, positions]).expect("op");
        let twice = builder.op("z", Binary { function: BinaryFunction::Add }, &[positions, positions]).expect("op");
        let graph = builder.finish(vec![("y".into(), y), ("z".into(), twice)]).expect("graph");
        let text = simplify(&graph).expect("graph").to_string();
        assert!(text.contains("(%0, %1) -> float32[N, 2] \"y\""), "{text}");
        assert!(text.contains("(%1, %2) -> float32[N, 2] \"z\""), "{text}");
    }

    #[test]
    fn a_permutation_that_moves_elements_stays() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[3, 2]))).expect("input");
        let y = builder.op("y", Permute { order: vec![0, 2, 1] }, &[x]).expect("op");
        let graph = builder.finish(vec![("y".into(), y)]).expect("graph");
        assert_eq!(simplify(&graph).expect("graph"), graph);
    }
}
