//! Fuses embedding lookups, their pooling, and the numeric columns beside them into one operator.
//!
//! A value is *assembled* if each of its elements, in order, is a column of a model input, an element of a looked-up
//! row, a pooled element, a sum or product of these, or an element of one computed value. This covers embeddings,
//! global pooling over them, reshapes, concatenations along the first dimension of a sample, and merge layers over all
//! of these. Each such value becomes one [`EmbeddingBag`]. A bag that is read only by a larger one is dropped as an
//! unused node.

mod assembly;

use super::rewrite::{Rewrite, rewrite};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Source, ValueId};
use crate::kernel::DeviceFacts;
use crate::ops::{Block, BroadcastBatch, EmbeddingBag, Feature, Lookup, Op, Reshape};
use assembly::{Assembly, Columns};
use std::collections::HashMap;
use std::collections::HashSet;

/// Replaces each assembled value by an [`EmbeddingBag`].
pub(super) fn fuse(graph: &Graph, facts: &DeviceFacts) -> Result<Graph> {
    let assembly = Assembly::new(graph, tables(graph, facts));
    let needed = assembly.needed();
    rewrite(graph, |rewrite, node| {
        let id = node.output();
        match &assembly.known[id.index()] {
            Some(blocks) if needed[id.index()] && assembly.is_bag(id) => build(rewrite, graph, node, blocks).map(Some),
            _ => Ok(None),
        }
    })
}

/// The tables that are read through one binding: the smallest ones, as many as fit.
fn tables(graph: &Graph, facts: &DeviceFacts) -> HashSet<ValueId> {
    let mut tables: Vec<(u64, ValueId)> = Vec::new();
    for node in graph.nodes() {
        if let Source::Op(Op::Embedding(_)) = &node.source {
            let table = graph.maker(node.inputs[1]);
            if let Source::Constant(value) = &table.source {
                let words = value.as_packed().map_or(value.len(), |packed| packed.word_count().min(value.len()));
                let bytes = 4 * words as u64;
                tables.push((bytes.next_multiple_of(facts.binding_alignment_bytes.max(4)), node.inputs[1]));
            }
        }
    }
    tables.sort_unstable();
    tables.dedup();
    let mut room = facts.max_binding_bytes;
    let fits = tables.into_iter().take_while(|(bytes, _)| {
        let fits = *bytes <= room;
        room = room.saturating_sub(*bytes);
        fits
    });
    fits.map(|(_, id)| id).collect()
}

/// The operator for `columns`, followed by a reshape if `node` has more dimensions.
fn build(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, columns: &[Columns]) -> Result<ValueId> {
    let (mut inputs, mut positions) = (Vec::new(), HashMap::new());
    let mut position = |rewrite: &Rewrite<'_>, old: ValueId| {
        let new = rewrite.renewed(old);
        *positions.entry(new).or_insert_with(|| {
            inputs.push(new);
            inputs.len() - 1
        })
    };
    let mut blocks = Vec::with_capacity(columns.len());
    let mut column = 0;
    for block in columns {
        let mut features = Vec::with_capacity(block.parts.len());
        for part in &block.parts {
            let source = position(rewrite, part.source);
            let lookup = part
                .lookup
                .as_ref()
                .map(|(table, lookup)| Lookup { table: position(rewrite, *table), ..lookup.clone() });
            features.push(Feature { source, first: part.first, steps: part.steps, lookup });
        }
        blocks.push(Block { column, width: block.width, combine: block.combine, features });
        column += block.width;
    }
    let mut rows = rewrite.builder.op(&node.name, EmbeddingBag { width: column, blocks }, &inputs)?;
    // Skipping a BroadcastBatch may have left only shared sources.
    if rewrite.builder.ty(rows).shape.is_shared() && !graph.ty(node.output()).shape.is_shared() {
        let batched = graph.inputs().find(|(id, _)| graph.ty(*id).shape.is_per_sample());
        let Some((like, _)) = batched else { return Err(Error::shape("no input has a batch")) };
        rows = rewrite.builder.op(&node.name, BroadcastBatch, &[rows, rewrite.renewed(like)])?;
    }
    if graph.ty(node.output()).shape.rank() == 2 {
        return Ok(rows);
    }
    rewrite.builder.op(&node.name, Reshape { sample: graph.ty(node.output()).shape.sample() }, &[rows])
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, PHONE, assert_same, operators};
    use super::*;
    use crate::ops::{BadId, Binary, BinaryFunction, Concatenate, Dense, Embedding, Reduce, Reduction};

    const LOOKUP: Embedding = Embedding { bad_id: BadId::Zero };

    #[test]
    fn lookups_pooling_columns_and_a_computed_value_are_read_at_once() {
        let mut example = Example::new();
        let (user, history, numeric) =
            (example.ids("user", &[1]), example.ids("history", &[4]), example.floats("n", &[3]));
        let tables = [example.constant("users", &[5, 2]), example.constant("items", &[5, 3])];
        let embedding = example.op("user", LOOKUP, &[user, tables[0]]);
        let user = example.op("user", Reshape { sample: vec![2] }, &[embedding]);
        let items = example.op("items", LOOKUP, &[history, tables[1]]);
        let mean = example.op("mean", Reduce { reduction: Reduction::Mean, axis: 1 }, &[items]);
        let operands = [example.constant("kernel", &[3, 2]), example.constant("bias", &[2])];
        let dense = example.op("dense", Dense::with(None), &[numeric, operands[0], operands[1]]);
        let y = example.op("row", Concatenate { axis: 1 }, &[user, mean, numeric, dense]);
        let graph = example.finish(y);
        let fused = fuse(&graph, &PHONE).expect("fused");
        assert_eq!(operators(&fused), ["dense", "embedding_bag"]);
        let blocks = "{ 0..2: $0[0..1] in $1, 2..5: mean $2[0..4] in $3, 5..8: $4[0..3], 8..10: $5[0..2] }";
        assert!(fused.to_string().contains(blocks), "{fused}");
        assert_same(&graph, &fused);
    }

    #[test]
    fn a_factorisation_machine_is_one_block() {
        let mut example = Example::new();
        let tables: Vec<ValueId> = (0..3).map(|index| example.constant(&format!("t{index}"), &[5, 2])).collect();
        let lookups: Vec<ValueId> = (0..3)
            .map(|index| {
                let ids = example.ids(&format!("ids {index}"), &[1]);
                let row = example.op("row", LOOKUP, &[ids, tables[index]]);
                example.op("flat", Reshape { sample: vec![2] }, &[row])
            })
            .collect();
        let mut binary = |function, left, right| example.op("fm", Binary { function }, &[left, right]);
        let squares: Vec<ValueId> = lookups.iter().map(|x| binary(BinaryFunction::Multiply, *x, *x)).collect();
        let mut sum = |values: &[ValueId]| {
            let sum = binary(BinaryFunction::Add, values[0], values[1]);
            binary(BinaryFunction::Add, sum, values[2])
        };
        let (sum_of_squares, total) = (sum(&squares), sum(&lookups));
        let square_of_sum = binary(BinaryFunction::Multiply, total, total);
        let y = binary(BinaryFunction::Subtract, square_of_sum, sum_of_squares);
        let graph = example.finish(y);
        let fused = fuse(&graph, &PHONE).expect("fused");
        assert_eq!(operators(&fused), ["embedding_bag"], "{fused}");
        assert!(fused.to_string().contains("fm("), "{fused}");
        assert_same(&graph, &fused);
    }

    #[test]
    fn a_table_that_no_binding_holds_is_looked_up_by_itself() {
        let mut example = Example::new();
        let (a, b) = (example.ids("a", &[1]), example.ids("b", &[1]));
        let tables = [example.constant("large", &[64, 2]), example.constant("small", &[5, 2])];
        let rows = [example.op("a", LOOKUP, &[a, tables[0]]), example.op("b", LOOKUP, &[b, tables[1]])];
        let y = example.op("row", Concatenate { axis: 2 }, &rows);
        let facts = DeviceFacts { max_binding_bytes: 300, ..PHONE };
        let graph = example.finish(y);
        let fused = fuse(&graph, &facts).expect("fused");
        assert_eq!(operators(&fused), ["embedding", "embedding_bag", "reshape"], "{fused}");
        assert_same(&graph, &fused);
    }
}
