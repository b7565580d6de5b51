//! Ids outside their tables: found on the host, where inputs can be named.

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Source};
use crate::model::Model;
use crate::reference::input;
use crate::tensor::{DType, NamedTensors, TensorType};
use std::collections::HashSet;

/// How many ids of one input are outside the table of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadIdCount {
    /// The input.
    pub input: String,
    /// The embedding layer.
    pub layer: String,
    /// The rows of its table.
    pub table_rows: usize,
    /// How many ids are outside.
    pub count: usize,
    /// The first of them.
    pub first: i32,
}

impl BadIdCount {
    /// The error for a session that refuses such ids.
    pub(super) fn refuse(&self) -> Error {
        Error::input(format!("{} outside the table of layer `{}`", ids(self.count), self.layer))
            .at(format!("input `{}`", self.input))
            .cause(format!("the first is {}; the table has rows 0 to {}", self.first, self.table_rows - 1))
            .hint("correct the ids, or choose zero or clamp (--on-bad-id, LoadOptions::on_bad_id)")
    }
}

fn ids(count: usize) -> String {
    if count == 1 { "1 of its ids is".into() } else { format!("{count} of its ids are") }
}

/// A lookup whose ids come from an input unchanged.
struct Watched<'g> {
    input: &'g str,
    layer: &'g str,
    table_rows: usize,
}

/// Every lookup of the graph: whose ids, and in how many rows. `Err` holds the name of one whose ids are computed.
fn lookups(graph: &Graph) -> Vec<std::result::Result<Watched<'_>, &str>> {
    let mut lookups = Vec::new();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let types: Vec<&TensorType> = node.inputs.iter().map(|id| &graph.node(*id).ty).collect();
        let Some(table_rows) = op.operator().id_count(&types) else { continue };
        let layer = node.name.as_str();
        match origins(graph, node.inputs[0]) {
            Some(inputs) => lookups.extend(inputs.into_iter().map(|input| Ok(Watched { input, layer, table_rows }))),
            None => lookups.push(Err(layer)),
        }
    }
    lookups
}

/// The inputs whose values `id` holds, if it only moves or casts them.
fn origins(graph: &Graph, id: NodeId) -> Option<Vec<&str>> {
    let mut inputs = Vec::new();
    let mut open = vec![id];
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = graph.node(id);
        match &node.source {
            Source::Input => inputs.push(node.name.as_str()),
            Source::Op(op) if op.operator().passes_values() => open.extend(&node.inputs),
            _ => return None,
        }
    }
    Some(inputs)
}

/// An error unless every lookup's ids come straight from an input.
pub(super) fn expect_all_watched(model: &Model) -> Result<()> {
    match lookups(model.graph()).into_iter().find_map(std::result::Result::err) {
        None => Ok(()),
        Some(layer) => Err(Error::unsupported("ids that the model computes itself cannot be refused")
            .at(format!("layer `{layer}`"))
            .cause("only ids given as inputs are looked at before the lookup")
            .hint("choose zero or clamp (--on-bad-id, LoadOptions::on_bad_id)")),
    }
}

/// Counts the ids that are outside their tables.
pub(super) fn count(model: &Model, inputs: &NamedTensors) -> Result<Vec<BadIdCount>> {
    let mut counts: Vec<BadIdCount> = Vec::new();
    for watched in lookups(model.graph()).into_iter().flatten() {
        let ids = input(inputs, watched.input)?.cast(DType::I32);
        let inside = |id: i32| usize::try_from(id).is_ok_and(|row| row < watched.table_rows);
        let mut outside = ids.as_i32()?.iter().copied().filter(|id| !inside(*id));
        let Some(first) = outside.next() else { continue };
        let bad = BadIdCount {
            input: watched.input.into(),
            layer: watched.layer.into(),
            table_rows: watched.table_rows,
            count: 1 + outside.count(),
            first,
        };
        // A layer called twice on one input counts once.
        if !counts.contains(&bad) {
            counts.push(bad);
        }
    }
    Ok(counts)
}

/// For an input that is looked up: the rows of its smallest table.
pub(super) fn table_rows(graph: &Graph, name: &str) -> Option<usize> {
    lookups(graph).into_iter().flatten().filter(|watched| watched.input == name).map(|watched| watched.table_rows).min()
}
