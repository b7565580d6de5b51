//! Tests of the scheduler on small graphs.

use super::super::example::{Example, PHONE, assert_same, operators};
use super::*;
use crate::ops::{
    Activation, BadId, BatchMatmul, Binary, BinaryFunction, Block, Combine, Embedding, EmbeddingBag, Feature, Function,
    LayerNormalization, Lookup, Pooling, Softmax,
};

fn dense(example: &mut Example, name: &str, x: ValueId, [depth, units]: [usize; 2]) -> ValueId {
    let kernel = example.constant(&format!("{name} kernel"), &[depth, units]);
    let bias = example.constant(&format!("{name} bias"), &[units]);
    example.op(name, Dense::default(), &[x, kernel, bias])
}

fn end(graph: &Graph) -> String {
    let ends = graph.nodes().iter().filter_map(|node| match &node.source {
        Source::Op(Op::RowProgram(program)) => Some(program.end.clone()),
        _ => None,
    });
    ends.collect::<Vec<_>>().join("; ")
}

#[test]
fn what_computes_rows_one_by_one_is_one_program() {
    let mut example = Example::new();
    let x = example.floats("x", &[6]);
    let hidden = dense(&mut example, "hidden", x, [6, 4]);
    let shares = example.op("shares", Softmax { axis: 1, log: false }, &[hidden]);
    let gated = example.op("gated", Binary { function: BinaryFunction::Multiply }, &[hidden, shares]);
    let y = dense(&mut example, "y", gated, [4, 2]);
    let graph = example.finish(y);
    let fused = fuse(&graph, &PHONE).expect("fused");
    assert_eq!(operators(&fused), ["row_program"], "{fused}");
    assert_same(&graph, &fused);
    let alone = DeviceFacts { workgroup_bytes: 0, ..PHONE.clone() };
    assert_eq!(fuse(&graph, &alone).expect("unchanged"), graph, "without workgroup memory there are no programs");
}

/// Queries, keys and values are one program over steps; scores, softmax and weighted sum are another one, because they
/// read all steps.
#[test]
fn attention_is_two_programs_over_steps() {
    let mut example = Example::new();
    let x = example.floats("x", &[40, 24]);
    let (gamma, beta) = (example.constant("gamma", &[24]), example.constant("beta", &[24]));
    let x = example.op("norm", LayerNormalization::new(1, 1e-3), &[x, gamma, beta]);
    let [query, key, value] = ["query", "key", "value"].map(|name| dense(&mut example, name, x, [24, 24]));
    let scores = example.op("scores", BatchMatmul::new([2, 2]), &[query, key]);
    let weights = example.op("weights", Softmax { axis: 2, log: false }, &[scores]);
    let read = example.op("read", BatchMatmul::new([2, 1]), &[weights, value]);
    let sum = example.op("sum", Binary { function: BinaryFunction::Add }, &[x, read]);
    let graph = example.finish(sum);
    let fused = fuse(&graph, &PHONE).expect("fused");
    assert_eq!(operators(&fused), ["row_program", "row_program"], "{fused}");
    assert_same(&graph, &fused);
    assert!(end(&fused).contains("`scores`"), "{}", end(&fused));
}

#[test]
fn an_operator_without_a_row_form_parts_programs_and_is_named() {
    let mut example = Example::new();
    let x = example.floats("x", &[6]);
    let first = dense(&mut example, "first", x, [6, 4]);
    let before = example.op("before", Activation { function: Function::Tanh }, &[first]);
    let sine = example.op("sine", Activation { function: Function::Sin }, &[before]);
    // It joins neither: it reads both sides of the sine.
    let sum = example.op("sum", Binary { function: BinaryFunction::Add }, &[before, sine]);
    let after = dense(&mut example, "after", sum, [4, 2]);
    let graph = example.finish(after);
    let fused = fuse(&graph, &PHONE).expect("fused");
    assert_eq!(operators(&fused), ["row_program", "activation", "row_program"], "{fused}");
    assert_same(&graph, &fused);
    assert!(end(&fused).starts_with("`sine`: "), "{}", end(&fused));
}

#[test]
fn programs_that_do_not_depend_on_each_other_are_joined() {
    let mut example = Example::new();
    let (user, item) = (example.ids("user", &[1]), example.ids("item", &[1]));
    let mut tower = |name: &str, id: ValueId| {
        let table = example.constant(&format!("{name} table"), &[5, 3]);
        let row = example.op(name, Embedding { bad_id: BadId::Zero }, &[id, table]);
        dense(&mut example, &format!("{name} dense"), row, [3, 4])
    };
    let towers = [tower("user row", user), tower("item row", item)];
    let outputs = towers.into_iter().enumerate().map(|(index, id)| (index.to_string(), id)).collect();
    let graph = example.builder.finish(outputs).expect("a graph");
    let fused = fuse(&graph, &PHONE).expect("fused");
    assert_eq!(operators(&fused), ["row_program"], "{fused}");
    assert_same(&graph, &fused);
}

#[test]
fn a_lookup_beside_a_computed_value_runs_before_it() {
    let mut example = Example::new();
    let (x, id) = (example.floats("x", &[4]), example.ids("id", &[1]));
    let before = dense(&mut example, "before", x, [4, 2]);
    let state = example.op("state", Activation { function: Function::Sin }, &[before]);
    let table = example.constant("table", &[5, 2]);
    let lookup = Lookup { table: 2, pooling: Pooling::Flatten, bad_id: BadId::Zero };
    let computed = Feature { source: 0, first: 0, steps: 2, lookup: None };
    let row = Feature { source: 1, first: 0, steps: 1, lookup: Some(lookup) };
    let block = |column, feature| Block { column, width: 2, combine: Combine::Sum, features: vec![feature] };
    let bag = EmbeddingBag { width: 4, blocks: vec![block(0, computed), block(2, row)] };
    let joined = example.op("joined", bag, &[state, id, table]);
    let y = dense(&mut example, "y", joined, [4, 2]);
    let graph = example.finish(y);
    let fused = fuse(&graph, &PHONE).expect("fused");
    assert_eq!(operators(&fused), ["row_program", "activation", "row_program"], "{fused}");
    assert_same(&graph, &fused);
}

/// The table of a bag and that of an Embedding exceed a binding together. The Embedding then keeps its own.
#[test]
fn tables_that_exceed_a_binding_together_stay_apart() {
    let mut example = Example::new();
    let (id, ids) = (example.ids("id", &[1]), example.ids("ids", &[3]));
    let (large, small) = (example.constant("large", &[375, 2]), example.constant("small", &[200, 2]));
    let lookup = Lookup { table: 1, pooling: Pooling::Flatten, bad_id: BadId::Zero };
    let features = vec![Feature { source: 0, first: 0, steps: 1, lookup: Some(lookup) }];
    let blocks = vec![Block { column: 0, width: 2, combine: Combine::Sum, features }];
    let row = example.op("row", EmbeddingBag { width: 2, blocks }, &[id, large]);
    let rows = example.op("rows", Embedding { bad_id: BadId::Zero }, &[ids, small]);
    let outputs = [("one", row), ("three", rows)].map(|(name, x)| {
        let hidden = dense(&mut example, &format!("{name} hidden"), x, [2, 4]);
        (name.to_string(), dense(&mut example, name, hidden, [4, 2]))
    });
    let graph = example.builder.finish(outputs.to_vec()).expect("a graph");
    let narrow = DeviceFacts { max_binding_bytes: 4096, ..PHONE.clone() };
    assert!(operators(&fuse(&graph, &PHONE).expect("fused")).iter().all(|name| *name == "row_program"));
    let fused = fuse(&graph, &narrow).expect("fused");
    assert!(operators(&fused).contains(&"embedding"), "{fused}");
    assert_same(&graph, &fused);
}
