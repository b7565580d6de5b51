//! Finds ids outside their tables. This is done on the host, which knows the names of the inputs.

use crate::error::{Error, Result};
use crate::graph::{Graph, Source, ValueId};
use crate::model::{Model, OnBadId};
use crate::ops::Op;
use crate::tensor::{Data, Tensor};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The ids of one input that are outside the table of one embedding layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadIdCount {
    /// The name of the input.
    pub input: String,
    /// The name of the embedding layer.
    pub layer: String,
    /// The number of rows of the table.
    pub table_rows: usize,
    /// The number of ids outside the table.
    pub count: usize,
    /// The first such id.
    pub first: i32,
}

impl BadIdCount {
    /// The error of a session that refuses such ids.
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

/// A check of the ids that a lookup takes from an input unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct IdChecks {
    /// The position of the input among the model's.
    position: usize,
    input: String,
    layer: String,
    table_rows: usize,
    /// Whether negative ids count from the end.
    from_end: bool,
    /// The operators that take the ids from the input, if they take only some.
    taken_by: Vec<Op>,
}

/// The checks of all lookups. `Err` has the name of a table lookup whose ids are computed. Computed positions of
/// operators that are not table lookups are not checked.
fn lookups(graph: &Graph) -> Vec<std::result::Result<IdChecks, &str>> {
    let mut lookups = Vec::new();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let Some(ids) = op.operator().ids(&graph.types(&node.inputs)) else { continue };
        let ids_value = node.inputs[ids.input];
        let Some(origins) = origins(graph, ids_value) else {
            lookups.extend(ids.of_table.then_some(Err(node.name.as_str())));
            continue;
        };
        let taken_by = path(graph, ids_value).unwrap_or_default();
        for (position, (_, input)) in graph.inputs().enumerate().filter(|(_, (id, _))| origins.contains(id)) {
            let (input, layer) = (input.name.clone(), node.name.clone());
            let (table_rows, from_end, taken_by) = (ids.count, ids.from_end, taken_by.clone());
            lookups.push(Ok(IdChecks { position, input, layer, table_rows, from_end, taken_by }));
        }
    }
    lookups
}

/// The checks of a graph. Calls of one layer on the same input share one check.
pub(super) fn id_checks(graph: &Graph) -> Vec<IdChecks> {
    let mut known = HashSet::new();
    lookups(graph).into_iter().flatten().filter(|lookup| known.insert(lookup.clone())).collect()
}

/// The inputs that `id` comes from, if the operators between them only move or cast values.
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

/// The operators from an input to a value, if there is one way between them and it leaves out elements of the input.
fn path(graph: &Graph, mut id: ValueId) -> Option<Vec<Op>> {
    let mut path = Vec::new();
    loop {
        let node = graph.maker(id);
        match &node.source {
            Source::Op(op) if node.inputs.len() == 1 && node.outputs.len() == 1 => {
                path.push(op.clone());
                id = node.inputs[0];
            }
            Source::Op(_) => return None,
            Source::Input | Source::Constant(_) => break,
        }
    }
    path.reverse();
    path.iter().any(|op| matches!(op, Op::Slice(_))).then_some(path)
}

/// The ids that a lookup takes from an input.
fn taken<'t>(ids: &'t Tensor, by: &[Op]) -> Option<Cow<'t, Tensor>> {
    let mut taken = Cow::Borrowed(ids);
    for op in by {
        taken = Cow::Owned(op.operator().answer(&[&taken]).ok()?);
    }
    Some(taken)
}

/// Fails unless the ids of every lookup come from an input unchanged.
pub(super) fn expect_all_checked(model: &Model) -> Result<()> {
    match lookups(model.graph()).into_iter().find_map(std::result::Result::err) {
        None => Ok(()),
        Some(layer) => Err(Error::unsupported("ids that the model computes itself cannot be refused")
            .at(format!("layer `{layer}`"))
            .cause("only ids that come from inputs are checked before the lookup")
            .hint("choose zero or clamp (LoadOptions::on_bad_id)")),
    }
}

/// Counts the ids outside their tables. Fails if there are any and the model was loaded to refuse them.
pub(super) fn check(model: &Model, id_checks: &[IdChecks], inputs: &[Cow<'_, Tensor>]) -> Result<Vec<BadIdCount>> {
    let bad_ids = count(id_checks, inputs);
    match (model.on_bad_id(), bad_ids.first()) {
        (OnBadId::Error, Some(bad)) => Err(bad.refuse()),
        _ => Ok(bad_ids),
    }
}

/// Counts the ids outside their tables. `inputs` are in the order of the model.
fn count(id_checks: &[IdChecks], inputs: &[Cow<'_, Tensor>]) -> Vec<BadIdCount> {
    let mut counts: Vec<BadIdCount> = Vec::new();
    for IdChecks { position, input, layer, table_rows, from_end, taken_by } in id_checks {
        let ids = inputs.get(*position).and_then(|ids| taken(ids, taken_by));
        let Some((first, count)) = ids.and_then(|ids| outside(&ids, *table_rows, *from_end)) else { continue };
        counts.push(BadIdCount { input: input.clone(), layer: layer.clone(), table_rows: *table_rows, count, first });
    }
    counts
}

/// The first id outside a table of `rows`, and their number. Ids are converted to integers as the model converts them.
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

/// The rows of the smallest table of each input with ids, by name.
pub(super) fn smallest_tables(graph: &Graph) -> HashMap<String, usize> {
    let mut rows = HashMap::new();
    for IdChecks { input, table_rows, .. } in id_checks(graph) {
        let smallest = rows.entry(input).or_insert(table_rows);
        *smallest = table_rows.min(*smallest);
    }
    rows
}
