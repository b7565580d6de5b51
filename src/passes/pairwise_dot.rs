//! Recognises the interaction of DLRM: the first vectors of a stack joined with the products of all its pairs.

use super::rewrite::{operator, rewrite};
use crate::error::Result;
use crate::graph::{Graph, NodeId, Source};
use crate::ops::{Op, PairwiseDot};

/// `graph` with [`PairwiseDot`] for a Concatenate of a stack's first vectors and its flattened Dot with itself.
pub(super) fn fuse(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, _, node| {
        let Source::Op(Op::Concatenate(join)) = &node.source else { return Ok(None) };
        let (Some((&products, first)), true) = (node.inputs.split_last(), join.axis == 1) else { return Ok(None) };
        let Some(stack) = squared_stack(graph, products).filter(|_| node.ty.shape.rank() == 2) else {
            return Ok(None);
        };
        let Some((Op::Concatenate(_), vectors)) = operator(graph, stack) else { return Ok(None) };
        let same = |(part, vector): (&NodeId, &NodeId)| unshaped(graph, *part) == unshaped(graph, *vector);
        let is_vector = |vector: &NodeId| graph.node(*vector).ty.shape.sample()[0] == 1;
        let keep = first.len();
        if keep > vectors.len() || !first.iter().zip(vectors).all(same) || !vectors[..keep].iter().all(is_vector) {
            return Ok(None);
        }
        rewrite.op(node, PairwiseDot { keep }, &[stack]).map(Some)
    })
}

/// The stack `[N, F, D]` of concatenated vectors whose products of all pairs `id` holds.
fn squared_stack(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let (Op::BatchDot(dot), inputs) = operator(graph, unshaped(graph, id))? else { return None };
    let is_stack = matches!(operator(graph, inputs[0])?.0, Op::Concatenate(stack) if stack.axis == 1);
    (dot.axes == [2, 2] && inputs[0] == inputs[1] && is_stack && graph.node(inputs[0]).ty.shape.rank() == 3)
        .then_some(inputs[0])
}

/// The value that `id` reshapes, if it does.
fn unshaped(graph: &Graph, id: NodeId) -> NodeId {
    match operator(graph, id) {
        Some((Op::Reshape(_), inputs)) => inputs[0],
        _ => id,
    }
}
