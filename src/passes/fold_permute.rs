//! Lets a matrix product read the operand of a transpose: the product says which dimension it contracts.

use super::rewrite::{operator, rewrite};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::ops::{BatchMatmul, Heads, Op};

pub(super) fn fold(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let Some((Op::BatchMatmul(product), &[left, right])) = operator(graph, node.output()) else { return Ok(None) };
        let (mut product, mut inputs) = (product.clone(), [left, right]);
        let mut has_changed = false;
        for side in 0..2 {
            if let Some((with, x)) = without_permute(graph, &product, side, inputs[side]) {
                (product, inputs[side], has_changed) = (with, x, true);
            }
        }
        if has_changed { rewrite.op(node, product, &inputs).map(Some) } else { Ok(None) }
    })
}

/// The product with the operand of a transpose in place of the transpose. What is neither contracted nor a head must be
/// one dimension, whose place does not matter.
fn without_permute(graph: &Graph, product: &BatchMatmul, side: usize, id: ValueId) -> Option<(BatchMatmul, ValueId)> {
    let (Op::Permute(permute), &[x]) = operator(graph, id)? else { return None };
    let taken = if product.heads.is_some() { 3 } else { 2 };
    if graph.ty(x).shape.rank() != taken + 1 {
        return None;
    }
    let mut axes = product.axes;
    axes[side] = permute.order[axes[side]];
    let heads = product.heads.map(|heads| {
        let mut inputs = heads.inputs;
        inputs[side] = permute.order[inputs[side]];
        Heads { inputs, ..heads }
    });
    Some((BatchMatmul { axes, heads, ..product.clone() }, x))
}
