//! Ids outside their tables: found on the host, where inputs can be named.

use crate::error::{Error, Result};
use crate::graph::{Graph, Source, ValueId};
use crate::model::{Model, OnBadId};
use crate::tensor::{Data, Tensor};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

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
    fn refuse(&self) -> Error {
        Error::input(format!("{} outside the table of layer `{}`", ids(self.count), self.layer))
            .at(format!("input `{}`", self.input))
            .cause(format!("the first is {}; the table has rows 0 to {}", self.first, self.table_rows - 1))
            .hint("correct the ids, or choose zero or clamp (LoadOptions::on_bad_id)")
    }
}

fn ids(count: usize) -> String {
    if count == 1 { "1 of its ids is".into() } else { format!("{count} of its ids are") }
}

/// A lookup whose ids come from an input unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct IdChecks {
    /// The position of the input among the model's.
    position: usize,
    input: String,
    layer: String,
    table_rows: usize,
    /// Whether ids below 0 count from the end.
    from_end: bool,
}

/// Every lookup of the graph: whose ids, and in how many rows. `Err` holds the name of a table whose ids are computed; what
/// computes positions is trusted.
fn lookups(graph: &Graph) -> Vec<std::result::Result<IdChecks, &str>> {
    let mut lookups = Vec::new();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let Some(ids) = op.operator().ids(&graph.types(&node.inputs)) else { continue };
        let Some(origins) = origins(graph, node.inputs[ids.input]) else {
            lookups.extend(ids.of_table.then_some(Err(node.name.as_str())));
            continue;
        };
        for (position, (_, input)) in graph.inputs().enumerate().filter(|(_, (id, _))| origins.contains(id)) {
            let (input, layer) = (input.name.clone(), node.name.clone());
            lookups.push(Ok(IdChecks { position, input, layer, table_rows: ids.count, from_end: ids.from_end }));
        }
    }
    lookups
}

/// The lookups whose ids can be looked at. A layer called twice on one input counts once.
pub(super) fn id_checks(graph: &Graph) -> Vec<IdChecks> {
    let mut known = HashSet::new();
    lookups(graph).into_iter().flatten().filter(|lookup| known.insert(lookup.clone())).collect()
}

/// The inputs whose values `id` holds, if it only moves or casts them.
fn origins(graph: &Graph, id: ValueId) -> Option<Vec<ValueId>> {
    let mut inputs = Vec::new();
    let mut open = vec![id];
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = graph.maker(id);
        match &node.source {
            Source::Input => inputs.push(id),
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
            .hint("choose zero or clamp (LoadOptions::on_bad_id)")),
    }
}

/// Counts the ids that are outside their tables; an error if the model was loaded to refuse them.
pub(super) fn check(model: &Model, id_checks: &[IdChecks], inputs: &[Cow<'_, Tensor>]) -> Result<Vec<BadIdCount>> {
    let bad_ids = count(id_checks, inputs);
    match (model.options().on_bad_id, bad_ids.first()) {
        (OnBadId::Error, Some(bad)) => Err(bad.refuse()),
        _ => Ok(bad_ids),
    }
}

/// Counts the ids that are outside their tables; `inputs` are in the model's order.
fn count(id_checks: &[IdChecks], inputs: &[Cow<'_, Tensor>]) -> Vec<BadIdCount> {
    let mut counts: Vec<BadIdCount> = Vec::new();
    for IdChecks { position, input, layer, table_rows, from_end } in id_checks {
        let Some((first, count)) = inputs.get(*position).and_then(|ids| outside(ids, *table_rows, *from_end)) else {
            continue;
        };
        counts.push(BadIdCount { input: input.clone(), layer: layer.clone(), table_rows: *table_rows, count, first });
    }
    counts
}

/// The first id outside a table of `rows`, and how many there are; converted as the model converts them.
fn outside(ids: &Tensor, rows: usize, from_end: bool) -> Option<(i32, usize)> {
    fn find(ids: impl Iterator<Item = i32>, inside: std::ops::Range<i64>) -> Option<(i32, usize)> {
        let mut outside = ids.filter(|id| !inside.contains(&i64::from(*id)));
        outside.next().map(|first| (first, 1 + outside.count()))
    }
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let inside = if from_end { -rows..rows } else { 0..rows };
    match ids.data() {
        Data::I32(ids) => find(ids.iter().copied(), inside),
        Data::F32(ids) => find(ids.iter().map(|&id| id as i32), inside),
        Data::Bool(ids) => find(ids.iter().map(|&id| i32::from(id)), inside),
    }
}

/// By the names of inputs that are looked up: the rows of the smallest table of each.
pub(super) fn smallest_tables(graph: &Graph) -> HashMap<String, usize> {
    let mut rows = HashMap::new();
    for IdChecks { input, table_rows, .. } in id_checks(graph) {
        let smallest = rows.entry(input).or_insert(table_rows);
        *smallest = table_rows.min(*smallest);
    }
    rows
}
