//! Fuses chains of small Dense layers into one dispatch.

use super::rewrite::{Rewrite, operator, rewrite, uses};
use crate::error::Result;
use crate::graph::{Graph, Source, ValueId};
use crate::kernel::DeviceFacts;
use crate::ops::{Dense, Function, FusedMlp, MAX_LAYERS, Op};
use std::collections::HashMap;

/// Replaces each chain of Dense operators that fits the device by one [`FusedMlp`]. If a chain is too large, its first
/// layers are left out.
pub(super) fn fuse(graph: &Graph, facts: &DeviceFacts) -> Result<Graph> {
    if weight_bytes(graph, facts) > facts.max_binding_bytes {
        return Ok(graph.clone());
    }
    // Keyed by the last layer. Visiting values in reverse finds the longest chains first, so that no layer belongs to
    // two chains.
    let mut mlps: HashMap<ValueId, Vec<ValueId>> = HashMap::new();
    let mut taken = vec![false; graph.values().len()];
    let uses = uses(graph);
    for last in graph.value_ids().rev() {
        let found = if taken[last.index()] { None } else { dense_chain(graph, &uses, last, facts) };
        if let Some(layers) = found {
            layers.iter().for_each(|layer| taken[layer.index()] = true);
            mlps.insert(last, layers);
        }
    }
    rewrite(graph, |rewrite, node| mlps.get(&node.output()).map(|layers| build(rewrite, graph, layers)).transpose())
}

/// The size in bytes of all constants that are not used as tables: a fused MLP binds them all at once.
fn weight_bytes(graph: &Graph, facts: &DeviceFacts) -> u64 {
    let mut others: Vec<ValueId> = Vec::new();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let read = node.inputs.iter().enumerate().filter(|(position, _)| !op.operator().is_table(*position));
        others.extend(read.map(|(_, id)| *id).filter(|id| matches!(graph.maker(*id).source, Source::Constant(_))));
    }
    others.sort_unstable();
    others.dedup();
    let bytes = |id: &ValueId| (4 * graph.ty(*id).shape.sample_len() as u64).max(16);
    others.iter().map(|id| bytes(id).next_multiple_of(facts.binding_alignment_bytes)).sum()
}

/// The layers of the longest chain of Dense layers that ends in `last`, in execution order.
fn dense_chain(graph: &Graph, uses: &[usize], last: ValueId, facts: &DeviceFacts) -> Option<Vec<ValueId>> {
    let mut layers = Vec::new();
    let mut at = last;
    while let Some((_, inputs)) = dense(graph, at).filter(|_| layers.len() < MAX_LAYERS) {
        layers.push(at);
        let constant_bias = matches!(graph.maker(inputs[2]).source, Source::Constant(_));
        at = inputs[0];
        // Only the first layer may have a computed bias.
        if !constant_bias || uses[at.index()] != 1 {
            break;
        }
    }
    layers.reverse();
    // The first layers are usually the largest, so they are left out until the rest fits.
    (0..layers.len().saturating_sub(1))
        .map(|first| &layers[first..])
        .find(|layers| fits(graph, layers, facts))
        .map(<[_]>::to_vec)
}

/// The Dense operator of `id` and its inputs if its weights are constant and its GPU kernel was not chosen explicitly.
fn dense(graph: &Graph, id: ValueId) -> Option<(&Dense, &[ValueId])> {
    match operator(graph, id)? {
        (Op::Dense(dense), inputs) if dense.kernel.is_none() => {
            matches!(graph.maker(inputs[1]).source, Source::Constant(_)).then_some((dense, inputs))
        }
        _ => None,
    }
}

fn fits(graph: &Graph, layers: &[ValueId], facts: &DeviceFacts) -> bool {
    let activations = activations(graph, layers);
    let kernel = |layer: &ValueId| graph.ty(graph.maker(*layer).inputs[1]).shape.sample();
    let units: Vec<usize> = layers.iter().map(|layer| kernel(layer)[1]).collect();
    FusedMlp { activations, kernel: None }.fits(kernel(&layers[0])[0], &units, facts)
}

fn activations(graph: &Graph, layers: &[ValueId]) -> Vec<Option<Function>> {
    let activation = |layer: &ValueId| match operator(graph, *layer) {
        Some((Op::Dense(dense), _)) => dense.activation,
        _ => None,
    };
    layers.iter().map(activation).collect()
}

fn build(rewrite: &mut Rewrite<'_>, graph: &Graph, layers: &[ValueId]) -> Result<ValueId> {
    let mut inputs = vec![graph.maker(layers[0]).inputs[0]];
    inputs.extend(layers.iter().flat_map(|layer| &graph.maker(*layer).inputs[1..]));
    let last = graph.maker(layers[layers.len() - 1]);
    rewrite.op(last, FusedMlp { activations: activations(graph, layers), kernel: None }, &inputs)
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, PHONE, assert_same, operators};
    use super::*;

    fn chain(units: &[usize]) -> Graph {
        let mut example = Example::new();
        let (mut x, mut depth) = (example.floats("x", &[8]), 8);
        for (layer, &units) in units.iter().enumerate() {
            let kernel = example.constant(&format!("kernel {layer}"), &[depth, units]);
            let bias = example.constant(&format!("bias {layer}"), &[units]);
            x = example.op(&format!("dense {layer}"), Dense::with(Some(Function::Softsign)), &[x, kernel, bias]);
            depth = units;
        }
        example.finish(x)
    }

    #[test]
    fn small_layers_that_follow_each_other_become_one_operator() {
        let graph = chain(&[12, 4, 1]);
        let fused = fuse(&graph, &PHONE).expect("fused");
        assert_eq!(operators(&fused), ["fused_mlp"], "{fused}");
        assert_same(&graph, &fused);
    }

    #[test]
    fn a_chain_is_parted_where_an_mlp_cannot_keep_its_values() {
        // 13 units are not a multiple of 4: a fused MLP may output such a layer but cannot keep it as an intermediate
        // value.
        let graph = chain(&[12, 13, 8, 1]);
        let fused = fuse(&graph, &PHONE).expect("fused");
        assert_eq!(operators(&fused), ["fused_mlp", "fused_mlp"], "{fused}");
        assert_same(&graph, &fused);
        let alone = chain(&[3]);
        assert_eq!(fuse(&alone, &PHONE).expect("fused"), alone);
    }
}
