//! Splits a Dense over shared and per-sample columns, so that the product of the shared columns is computed once per
//! batch.
//!
//! `[user, candidate] · W + b = candidate · W_candidate + (user · W_user + b)`: the term in parentheses has one row for
//! the whole batch.

use super::rewrite::{Rewrite, operator, rewrite};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{Concatenate, Dense, Op};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Splits in two each Dense over a concatenation of shared and per-sample parts.
pub(super) fn split(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| match &node.source {
        Source::Op(Op::Dense(dense)) => split_one(rewrite, graph, node, dense),
        _ => Ok(None),
    })
}

fn split_one(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, dense: &Dense) -> Result<Option<ValueId>> {
    let x = node.inputs[0];
    let Some((Op::Concatenate(concatenate), parts)) = operator(graph, x) else { return Ok(None) };
    let last = graph.ty(x).shape.rank() - 1;
    let (Some(kernel), Some(bias)) = (rewrite.value(node.inputs[1]), rewrite.value(node.inputs[2])) else {
        return Ok(None);
    };
    // A bias with a shared row has rank 2, so only matrix inputs are split. The layer must be called only once, because
    // each call would need a separate kernel.
    if concatenate.axis != last || last != 1 || !rewrite.is_used_once(node.inputs[1]) {
        return Ok(None);
    }
    let (kernel, bias) = (Arc::clone(kernel), Arc::clone(bias));
    // The parts of each side, with their first row in the kernel and their number of rows.
    let (mut shared, mut batched, mut row) = (Vec::new(), Vec::new(), 0);
    for &part in parts {
        let width = graph.ty(part).shape.sample_len();
        match operator(graph, part) {
            Some((Op::BroadcastBatch(_), inputs)) => shared.push((inputs[0], row, width)),
            _ => batched.push((part, row, width)),
        }
        row += width;
    }
    if shared.is_empty() || batched.is_empty() {
        return Ok(None);
    }
    let side = |rewrite: &mut Rewrite<'_>, parts: &[(ValueId, usize, usize)], name: &str| {
        let sources: Vec<ValueId> = parts.iter().map(|(id, _, _)| *id).collect();
        let input = match sources.as_slice() {
            [one] => rewrite.renewed(*one),
            _ => rewrite.op(graph.maker(x), Concatenate { axis: 1 }, &sources)?,
        };
        let rows: Vec<(usize, usize)> = parts.iter().map(|&(_, row, width)| (row, width)).collect();
        let name = format!("{}/{name}_kernel", node.name);
        Ok::<_, Error>((input, rewrite.builder.constant(&name, Arc::new(kernel_rows(&kernel, &rows)?))?))
    };
    let (input, weights) = side(rewrite, &shared, "shared")?;
    let bias = rewrite.builder.constant(&format!("{}/bias", node.name), bias)?;
    let once = rewrite.builder.op(&node.name, Dense::with(None), &[input, weights, bias])?;
    let (input, weights) = side(rewrite, &batched, "batched")?;
    rewrite.builder.op(&node.name, dense.clone(), &[input, weights, once]).map(Some)
}

/// The given rows of a kernel, as (first, count) ranges, concatenated.
fn kernel_rows(kernel: &Tensor, rows: &[(usize, usize)]) -> Result<Tensor> {
    let units = kernel.shape()[1];
    let values = kernel.as_f32()?;
    let parts = rows.iter().flat_map(|&(first, count)| &values[first * units..(first + count) * units]);
    let count = rows.iter().map(|(_, count)| count).sum();
    Tensor::f32(&[count, units], parts.copied().collect())
}
