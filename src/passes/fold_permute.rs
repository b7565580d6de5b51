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
        for (side, input) in inputs.iter_mut().enumerate() {
            if let Some((with, x)) = without_permute(graph, &product, side, *input) {
                (product, *input, has_changed) = (with, x, true);
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

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::Permute;

    #[test]
    fn a_product_reads_what_was_transposed() {
        let mut example = Example::new();
        let x = example.floats("x", &[3, 4]);
        let turned = example.op("turned", Permute { order: vec![0, 2, 1] }, &[x]);
        let y = example.op("y", BatchMatmul { axes: [2, 1], heads: None, scale: 1.0 }, &[x, turned]);
        let graph = example.finish(y);
        let folded = fold(&graph).expect("folded");
        assert_eq!(operators(&folded), ["batch_matmul"]);
        assert_same(&graph, &folded);
    }

    #[test]
    fn a_product_with_heads_reads_what_was_transposed() {
        let mut example = Example::new();
        let (x, z) = (example.floats("x", &[2, 3, 4]), example.floats("z", &[5, 2, 4]));
        let turned = example.op("turned", Permute { order: vec![0, 2, 3, 1] }, &[z]);
        let heads = Some(Heads { inputs: [1, 1], output: 1 });
        let y = example.op("y", BatchMatmul { axes: [3, 2], heads, scale: 0.5 }, &[x, turned]);
        let graph = example.finish(y);
        let folded = fold(&graph).expect("folded");
        assert_eq!(operators(&folded), ["batch_matmul"]);
        assert_same(&graph, &folded);
    }

    /// The order of the two dimensions that the product keeps would be another.
    #[test]
    fn two_dimensions_that_are_kept_stay_in_their_order() {
        let mut example = Example::new();
        let (x, z) = (example.floats("x", &[2, 4]), example.floats("z", &[5, 3, 4]));
        let turned = example.op("turned", Permute { order: vec![0, 2, 1, 3] }, &[z]);
        let y = example.op("y", BatchMatmul { axes: [2, 3], heads: None, scale: 1.0 }, &[x, turned]);
        let graph = example.finish(y);
        assert_eq!(fold(&graph).expect("unchanged"), graph);
    }
}
