//! Splits the first Dense of target attention (DIN), so that the pairs of query and key are never stored in memory.
//!
//! `[key, query, key ∘ query, key − query] · W` is `key · Wk + query · Wq + (key ∘ query) · Wp + (key − query) · Wd`,
//! where each factor's weights are the sum of the rows of `W` that multiply it. Any part may be missing, repeated, or
//! in another order.

use super::rewrite::{Rewrite, operator, rewrite};
use crate::error::Result;
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{BinaryFunction, Dense, Op, TargetAttentionDense};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Replaces each Dense over a concatenation of pairs by a [`TargetAttentionDense`].
pub(super) fn split(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| match &node.source {
        Source::Op(Op::Dense(dense)) => pair_dense(rewrite, graph, node, dense),
        _ => Ok(None),
    })
}

/// The coefficients of the key, the query, their product and their difference in one part of the pair.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part([f64; 4]);

fn pair_dense(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, dense: &Dense) -> Result<Option<ValueId>> {
    let Some((Op::Concatenate(join), parts)) = operator(graph, node.inputs[0]) else { return Ok(None) };
    let (Some(kernel), Some(bias)) = (rewrite.value(node.inputs[1]), rewrite.value(node.inputs[2])) else {
        return Ok(None);
    };
    // A layer that is called several times would need separate weights for each call.
    let once = rewrite.is_used_once(node.inputs[1]) && dense.kernel.is_none();
    if join.axis != 2 || graph.ty(node.output()).shape.rank() != 3 || parts.len() < 2 || !once {
        return Ok(None);
    }
    let Some((keys, repeated)) = pair(graph, parts) else { return Ok(None) };
    let roles: Option<Vec<Part>> = parts.iter().map(|part| role(graph, *part, keys, repeated)).collect();
    let Some(roles) = roles else { return Ok(None) };
    let Some((Op::RepeatVector(_), query)) = operator(graph, repeated) else { return Ok(None) };
    let query = unexpanded(graph, query[0]);
    let is_shared = |id: ValueId| graph.ty(id).shape.is_shared();
    if is_shared(keys) && is_shared(query) && !graph.ty(node.output()).shape.is_shared() {
        return Ok(None);
    }
    let weights = weights(kernel, bias, &roles)?;
    if weights.count_floats(|weight| !weight.is_finite()) > 0 {
        return Ok(None);
    }
    let weights = Arc::new(weights);
    let weights = rewrite.builder.constant(&format!("{}/pair_weights", node.name), weights)?;
    let inputs = [rewrite.renewed(keys), rewrite.renewed(query), weights];
    rewrite.builder.op(&node.name, TargetAttentionDense { activation: dense.activation }, &inputs).map(Some)
}

/// The candidates for the keys and the repeated query, both `[N, T, D]`, from which the parts are built.
fn pair(graph: &Graph, parts: &[ValueId]) -> Option<(ValueId, ValueId)> {
    let mut leaves: Vec<ValueId> = Vec::new();
    for &part in parts {
        match operator(graph, unexpanded(graph, part)) {
            Some((Op::Binary(_), inputs)) => leaves.extend(inputs.iter().map(|input| unexpanded(graph, *input))),
            _ => leaves.push(unexpanded(graph, part)),
        }
    }
    let is_repeated = |id: &ValueId| match operator(graph, *id) {
        Some((Op::RepeatVector(_), inputs)) => graph.ty(inputs[0]).shape.rank() == 2,
        _ => false,
    };
    let repeated = *leaves.iter().find(|id| is_repeated(id))?;
    let keys = *leaves.iter().find(|id| !is_repeated(id))?;
    let sample = |id: ValueId| graph.ty(id).shape.sample();
    (sample(keys).len() == 2 && sample(keys) == sample(repeated)).then_some((keys, repeated))
}

/// The coefficients of a part; `None` if it is not the key, the query, their sum, their difference or their product.
fn role(graph: &Graph, part: ValueId, keys: ValueId, repeated: ValueId) -> Option<Part> {
    let part = unexpanded(graph, part);
    if part == keys || part == repeated {
        return Some(Part(if part == keys { [1.0, 0.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0, 0.0] }));
    }
    let (Op::Binary(binary), inputs) = operator(graph, part)? else { return None };
    let sides = [unexpanded(graph, inputs[0]), unexpanded(graph, inputs[1])];
    let key_first = sides == [keys, repeated];
    if !key_first && sides != [repeated, keys] {
        return None;
    }
    match binary.function {
        BinaryFunction::Multiply => Some(Part([0.0, 0.0, 1.0, 0.0])),
        BinaryFunction::Add => Some(Part([1.0, 1.0, 0.0, 0.0])),
        BinaryFunction::Subtract if key_first => Some(Part([0.0, 0.0, 0.0, 1.0])),
        BinaryFunction::Subtract => Some(Part([0.0, 0.0, 0.0, -1.0])),
        _ => None,
    }
}

/// The value that a BroadcastBatch repeats for every sample, or `id` itself.
fn unexpanded(graph: &Graph, id: ValueId) -> ValueId {
    match operator(graph, id) {
        Some((Op::BroadcastBatch(_), inputs)) => inputs[0],
        _ => id,
    }
}

/// The weights of the key, the query, their product and their difference, each summed over the parts that contain it,
/// followed by the bias.
fn weights(kernel: &Tensor, bias: &Tensor, roles: &[Part]) -> Result<Tensor> {
    let (units, dim) = (kernel.shape()[1], kernel.shape()[0] / roles.len());
    let rows = kernel.as_f32()?;
    let mut weights = Vec::with_capacity((4 * dim + 1) * units);
    for kind in 0..4 {
        for element in 0..dim * units {
            // Terms with coefficient 0 are skipped, because zero times an infinite weight is NaN.
            let terms = roles.iter().enumerate().filter(|(_, role)| role.0[kind] != 0.0);
            let terms = terms.map(|(part, role)| role.0[kind] * f64::from(rows[part * dim * units + element]));
            weights.push(terms.sum::<f64>() as f32);
        }
    }
    weights.extend_from_slice(bias.as_f32()?);
    Tensor::f32(&[4 * dim + 1, units], weights)
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::{Binary, Concatenate, RepeatVector};

    #[test]
    fn the_dense_over_pairs_of_a_query_with_its_keys_is_split() {
        let mut example = Example::new();
        let (keys, query) = (example.floats("keys", &[4, 2]), example.floats("query", &[2]));
        let repeated = example.op("repeated", RepeatVector { count: 4 }, &[query]);
        let mut binary = |function, left, right| example.op("part", Binary { function }, &[left, right]);
        let product = binary(BinaryFunction::Multiply, keys, repeated);
        let difference = binary(BinaryFunction::Subtract, repeated, keys);
        let pairs = example.op("pairs", Concatenate { axis: 2 }, &[repeated, keys, difference, product]);
        let operands = [example.constant("kernel", &[8, 3]), example.constant("bias", &[3])];
        let y = example.op("dense", Dense::with(None), &[pairs, operands[0], operands[1]]);
        let graph = example.finish(y);
        let rewritten = split(&graph).expect("split");
        assert_eq!(operators(&rewritten), ["target_attention_dense"], "{rewritten}");
        assert_same(&graph, &rewritten);
    }

    #[test]
    fn a_part_that_is_neither_key_nor_query_keeps_the_pairs() {
        let mut example = Example::new();
        let (keys, query, other) =
            (example.floats("keys", &[4, 2]), example.floats("query", &[2]), example.floats("other", &[4, 2]));
        let repeated = example.op("repeated", RepeatVector { count: 4 }, &[query]);
        let pairs = example.op("pairs", Concatenate { axis: 2 }, &[keys, repeated, other]);
        let operands = [example.constant("kernel", &[6, 3]), example.constant("bias", &[3])];
        let y = example.op("dense", Dense::with(None), &[pairs, operands[0], operands[1]]);
        let graph = example.finish(y);
        assert_eq!(split(&graph).expect("split"), graph);
    }
}
