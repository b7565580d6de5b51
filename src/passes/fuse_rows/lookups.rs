//! Divides embedding bags into parts that can join different programs.
//!
//! A bag that reads computed values, inputs of the model and tables needs more buffers than a program may bind. Here its
//! lookups and inputs become a bag of their own, which can run before the computed values are known. A bag that only
//! looks up a sequence becomes an operator over steps again, so that it can join a program over steps.

use crate::error::Result;
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{
    Binary, BinaryFunction, Block, Cast, Combine, Embedding, EmbeddingBag, Feature, Lookup, Op, Pooling, Reshape,
};
use crate::passes::rewrite::{Rewrite, operator, rewrite};
use crate::tensor::DType;

pub(super) fn divide(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let Source::Op(op) = &node.source else { return Ok(None) };
        match op {
            Op::Reshape(reshape) => steps(rewrite, graph, node, reshape),
            Op::EmbeddingBag(bag) => separate(rewrite, graph, node, bag),
            _ => Ok(None),
        }
    })
}

/// Whether an operator computes a value, other than as a view of an input.
fn is_computed(graph: &Graph, id: ValueId) -> bool {
    let node = graph.maker(id);
    match &node.source {
        Source::Op(op) if op.operator().is_view(&graph.types(&node.inputs)) => is_computed(graph, node.inputs[0]),
        Source::Op(_) => true,
        Source::Input | Source::Constant(_) => false,
    }
}

/// A sequence `[T, D]` of looked-up rows, added to or multiplied by other sequences.
fn steps(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, reshape: &Reshape) -> Result<Option<ValueId>> {
    let Some((Op::EmbeddingBag(bag), inputs)) = operator(graph, node.inputs[0]) else { return Ok(None) };
    let ([block], &[steps, dim]) = (bag.blocks.as_slice(), reshape.sample.as_slice()) else { return Ok(None) };
    let is_sequence = |feature: &Feature| {
        let source = graph.ty(inputs[feature.source]);
        let covers = feature.first == 0 && feature.steps == source.shape.sample_len();
        covers
            && match &feature.lookup {
                None => source.dtype == DType::F32,
                Some(Lookup { pooling, .. }) => *pooling == Pooling::Flatten && feature.steps == steps,
            }
    };
    let function = match block.combine {
        Combine::Sum => BinaryFunction::Add,
        Combine::Product => BinaryFunction::Multiply,
        Combine::FactorizationMachine => return Ok(None),
    };
    let looks_up = block.features.iter().any(|feature| feature.lookup.is_some());
    if steps < 2 || !looks_up || !block.features.iter().all(is_sequence) {
        return Ok(None);
    }
    let mut total: Option<ValueId> = None;
    for feature in &block.features {
        let source = rewrite.renewed(inputs[feature.source]);
        let value = match &feature.lookup {
            None => rewrite.builder.op(&node.name, Reshape { sample: vec![steps, dim] }, &[source])?,
            Some(Lookup { table, bad_id, .. }) => {
                let ids = match rewrite.builder.ty(source).dtype {
                    DType::I32 => source,
                    _ => rewrite.builder.op(&node.name, Cast { to: DType::I32 }, &[source])?,
                };
                let ids = rewrite.builder.op(&node.name, Reshape { sample: vec![steps] }, &[ids])?;
                let table = rewrite.renewed(inputs[*table]);
                rewrite.builder.op(&node.name, Embedding { bad_id: *bad_id }, &[ids, table])?
            }
        };
        total = Some(match total {
            None => value,
            Some(before) => rewrite.builder.op(&node.name, Binary { function }, &[before, value])?,
        });
    }
    Ok(total)
}

/// A bag of what is not computed, and one that puts its columns beside the computed ones.
fn separate(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, bag: &EmbeddingBag) -> Result<Option<ValueId>> {
    let reads_computed = |feature: &Feature| is_computed(graph, node.inputs[feature.source]);
    if !bag.features().any(reads_computed) || bag.features().all(reads_computed) {
        return Ok(None);
    }
    // The inputs of the second bag are those of the first, and its output.
    let apart = node.inputs.len();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut column = 0;
    let mut take = |width: usize, combine: Combine, features: Vec<Feature>| {
        first.push(Block { column, width, combine, features });
        column += width;
        Feature { source: apart, first: column - width, steps: width, lookup: None }
    };
    for block in &bag.blocks {
        let Block { column, width, combine, features } = block.clone();
        let (combine, features) = if features.iter().any(reads_computed) {
            let moved = features.into_iter().map(|feature| match reads_computed(&feature) {
                true => feature,
                false => take(width, Combine::Sum, vec![feature]),
            });
            (combine, moved.collect())
        } else {
            (Combine::Sum, vec![take(width, combine, features)])
        };
        second.push(Block { column, width, combine, features });
    }
    let inputs: Vec<ValueId> = node.inputs.iter().map(|id| rewrite.renewed(*id)).collect();
    let columns = add(rewrite, &node.name, first, &inputs)?;
    add(rewrite, &node.name, second, &[inputs, vec![columns]].concat()).map(Some)
}

/// Adds a bag of blocks that read some of `inputs`.
fn add(rewrite: &mut Rewrite<'_>, name: &str, mut blocks: Vec<Block>, inputs: &[ValueId]) -> Result<ValueId> {
    let mut used: Vec<usize> = Vec::new();
    let mut position = |input: &mut usize| {
        let known = used.iter().position(|other| other == input).unwrap_or(used.len());
        if known == used.len() {
            used.push(*input);
        }
        *input = known;
    };
    for feature in blocks.iter_mut().flat_map(|block| &mut block.features) {
        position(&mut feature.source);
        if let Some(lookup) = &mut feature.lookup {
            position(&mut lookup.table);
        }
    }
    let width = blocks.iter().map(|block| block.width).sum();
    let inputs: Vec<ValueId> = used.into_iter().map(|input| inputs[input]).collect();
    rewrite.builder.op(name, EmbeddingBag { width, blocks }, &inputs)
}
