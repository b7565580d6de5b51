//! Recognises the dot interaction of DLRM: the concatenation of the first vectors of a stack with the dot products of
//! all pairs of its vectors. A second pass removes the redundant half of the products.

use super::rewrite::{operator, rewrite, uses};
use crate::error::Result;
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{DotInteraction, Op};
use crate::tensor::Tensor;
use std::collections::HashSet;
use std::sync::Arc;

/// Replaces the concatenation of a stack's first vectors with the flattened product of the stack and its transpose by a
/// [`DotInteraction`].
pub(super) fn fuse(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let Source::Op(Op::Concatenate(join)) = &node.source else { return Ok(None) };
        let (Some((&products, first)), true) = (node.inputs.split_last(), join.axis == 1) else { return Ok(None) };
        let Some(stack) = squared_stack(graph, products).filter(|_| graph.ty(node.output()).shape.rank() == 2) else {
            return Ok(None);
        };
        let Some((Op::Concatenate(_), vectors)) = operator(graph, stack) else { return Ok(None) };
        let same = |(part, vector): (&ValueId, &ValueId)| unshaped(graph, *part) == unshaped(graph, *vector);
        let is_vector = |vector: &ValueId| graph.ty(*vector).shape.sample()[0] == 1;
        let keep = first.len();
        if keep > vectors.len() || !first.iter().zip(vectors).all(same) || !vectors[..keep].iter().all(is_vector) {
            return Ok(None);
        }
        rewrite.op(node, DotInteraction { keep, triangle: false }, &[stack]).map(Some)
    })
}

/// Drops the redundant half of the products of each [`DotInteraction`] whose only reader is a Dense. The kernel's rows
/// for equal products are summed.
pub(super) fn fold(graph: &Graph) -> Result<Graph> {
    // Nodes are visited in order and the DotInteraction precedes its reader, so the readers are collected first.
    let uses = uses(graph);
    let reads = |node: &Node| match &node.source {
        Source::Op(Op::Dense(_)) => {
            let (Op::DotInteraction(dot), _) = operator(graph, node.inputs[0])? else { return None };
            let Source::Constant(kernel) = &graph.maker(node.inputs[1]).source else { return None };
            let once = uses[node.inputs[0].index()] == 1 && uses[node.inputs[1].index()] == 1;
            // The sum of two weights cannot overflow if neither exceeds half the largest float.
            let sums = kernel.count_floats(|weight| weight.abs() > f32::MAX / 2.0) == 0;
            (once && sums && !dot.triangle).then(|| Arc::clone(kernel))
        }
        _ => None,
    };
    let folded: HashSet<ValueId> =
        graph.nodes().iter().filter(|node| reads(node).is_some()).map(|node| node.inputs[0]).collect();
    rewrite(graph, |rewrite, node| match &node.source {
        Source::Op(Op::DotInteraction(dot)) if folded.contains(&node.output()) => {
            rewrite.op(node, DotInteraction { keep: dot.keep, triangle: true }, &node.inputs).map(Some)
        }
        Source::Op(Op::Dense(dense)) => {
            let Some(kernel) = reads(node) else { return Ok(None) };
            let Some((Op::DotInteraction(dot), inputs)) = operator(graph, node.inputs[0]) else { return Ok(None) };
            let sample = graph.ty(inputs[0]).shape.sample();
            let kernel = Arc::new(folded_kernel(&kernel, dot.keep * sample[1], sample[0])?);
            let kernel = rewrite.builder.constant(&format!("{}/folded_kernel", node.name), kernel)?;
            let inputs = [rewrite.renewed(node.inputs[0]), kernel, rewrite.renewed(node.inputs[2])];
            rewrite.builder.op(&node.name, dense.clone(), &inputs).map(Some)
        }
        _ => Ok(None),
    })
}

/// The rows of the kept elements, followed by one row for each pair `i ≤ j`: the sum of the rows of `(i, j)` and
/// `(j, i)`.
fn folded_kernel(kernel: &Tensor, kept: usize, vectors: usize) -> Result<Tensor> {
    let (values, units) = (kernel.as_f32()?, kernel.shape()[1]);
    let row = |index: usize| &values[index * units..(index + 1) * units];
    let mut folded = values[..kept * units].to_vec();
    for i in 0..vectors {
        for j in i..vectors {
            let (above, below) = (row(kept + i * vectors + j), row(kept + j * vectors + i));
            let sums = above.iter().zip(below).map(|(&above, &below)| (f64::from(above) + f64::from(below)) as f32);
            if i == j { folded.extend_from_slice(above) } else { folded.extend(sums) }
        }
    }
    Tensor::f32(&[folded.len() / units.max(1), units], folded)
}

/// The stack `[N, F, D]` of concatenated vectors if `id` holds the dot products of all its pairs.
fn squared_stack(graph: &Graph, id: ValueId) -> Option<ValueId> {
    let (Op::BatchMatmul(dot), inputs) = operator(graph, unshaped(graph, id))? else { return None };
    let is_stack = matches!(operator(graph, inputs[0])?.0, Op::Concatenate(stack) if stack.axis == 1);
    let sample = graph.ty(inputs[0]).shape.sample();
    let fits = dot.axes == [2, 2]
        && dot.is_plain()
        && inputs[0] == inputs[1]
        && is_stack
        && sample.len() == 2
        && !sample.contains(&0);
    fits.then_some(inputs[0])
}

/// The input of the reshape that produces `id`, or `id` itself.
fn unshaped(graph: &Graph, id: ValueId) -> ValueId {
    match operator(graph, id) {
        Some((Op::Reshape(_), inputs)) => inputs[0],
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::{BatchMatmul, Concatenate, Dense, Reshape};

    #[test]
    fn the_interaction_is_one_operator_and_its_reader_takes_half_of_it() {
        let mut example = Example::new();
        let bottom = example.floats("bottom", &[2]);
        let rows: Vec<ValueId> = (0..3)
            .map(|index| {
                let vector = if index == 0 { bottom } else { example.floats(&format!("v{index}"), &[2]) };
                example.op("row", Reshape { sample: vec![1, 2] }, &[vector])
            })
            .collect();
        let stack = example.op("stack", Concatenate { axis: 1 }, &rows);
        let pairs = example.op("pairs", BatchMatmul::new([2, 2]), &[stack, stack]);
        let flat = example.op("flat", Reshape { sample: vec![9] }, &[pairs]);
        let join = example.op("join", Concatenate { axis: 1 }, &[bottom, flat]);
        let operands = [example.constant("kernel", &[11, 2]), example.constant("bias", &[2])];
        let y = example.op("dense", Dense::with(None), &[join, operands[0], operands[1]]);
        let graph = example.finish(y);
        let fused = fuse(&graph).expect("fused");
        assert!(operators(&fused).ends_with(&["dot_interaction", "dense"]), "{fused}");
        assert_same(&graph, &fused);
        let folded = fold(&fused).expect("folded");
        assert!(folded.to_string().contains("float32[8, 2] \"dense/folded_kernel\""), "{folded}");
        assert_same(&graph, &folded);
    }
}
