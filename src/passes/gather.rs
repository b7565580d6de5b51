//! Reads all lookups, their pooling and what stands beside them in one operator.
//!
//! A value is *assembled* if each of its elements, in order, is a column of a model input, an element of a looked-up
//! row, a pooled one, a sum or product of such, or an element of one computed value: concatenations along the first
//! dimension of a sample, reshapes, embeddings, global pooling over them and merge layers of them all are. Each such
//! value becomes one [`Gather`]; those that only served a larger one are dropped with what nothing needs.

use super::rewrite::{Rewrite, operator, rewrite};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, NodeId, Source};
use crate::kernel::DeviceFacts;
use crate::ops::{BinaryFunction, Block, Combine, Expand, Feature, Gather, Lookup, Op, Pooling, Reduction, Reshape};
use crate::tensor::DType;
use std::collections::HashSet;

/// Features combined in one block that one kernel takes.
const MOST_FEATURES: usize = 64;

/// Blocks of one value. A small file can ask for any number by joining what is joined already.
const MOST_BLOCKS: usize = 1024;

/// `graph` with assembled values as [`Gather`] operators.
pub(super) fn gather(graph: &Graph, facts: &DeviceFacts) -> Result<Graph> {
    let mut assembly = Assembly { graph, tables: tables(graph, facts), known: Vec::new() };
    for id in graph.ids() {
        let known = assembly.assemble(id).filter(|blocks| blocks.len() <= MOST_BLOCKS);
        assembly.known.push(known);
    }
    rewrite(graph, |rewrite, id, node| {
        let Source::Op(op) = &node.source else { return Ok(None) };
        if matches!(op, Op::Reshape(_) | Op::Expand(_) | Op::Cast(_)) || !node.ty.shape.is_batched() {
            return Ok(None);
        }
        match &assembly.known[id.index()] {
            Some(blocks) if matches!(op, Op::Concatenate(_)) || blocks.iter().any(Columns::has_lookup) => {
                build(rewrite, graph, node, blocks).map(Some)
            }
            _ => Ok(None),
        }
    })
}

/// The tables to read through one binding: the smallest, as many as fit.
fn tables(graph: &Graph, facts: &DeviceFacts) -> HashSet<NodeId> {
    let mut tables: Vec<(u64, NodeId)> = Vec::new();
    for node in graph.nodes() {
        if let Source::Op(Op::Embedding(_)) = &node.source {
            let table = graph.node(node.inputs[1]);
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

/// A [`Feature`] that names old nodes.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    source: NodeId,
    first: usize,
    steps: usize,
    lookup: Option<(NodeId, Lookup)>,
}

/// A [`Block`] of parts.
#[derive(Debug, Clone, PartialEq)]
struct Columns {
    width: usize,
    combine: Combine,
    parts: Vec<Part>,
}

impl Columns {
    fn one(width: usize, part: Part) -> Self {
        Columns { width, combine: Combine::Sum, parts: vec![part] }
    }

    fn has_lookup(&self) -> bool {
        self.parts.iter().any(|part| part.lookup.is_some())
    }
}

struct Assembly<'g> {
    graph: &'g Graph,
    tables: HashSet<NodeId>,
    /// By node: the columns of those that nothing but a gather needs to compute, in running order.
    known: Vec<Option<Vec<Columns>>>,
}

impl Assembly<'_> {
    /// The columns of a float value; `None` if its elements are not float32.
    fn blocks(&self, id: NodeId) -> Option<Vec<Columns>> {
        let node = self.graph.node(id);
        if node.ty.dtype != DType::F32 || !node.ty.shape.is_batched() {
            return None;
        }
        self.known[id.index()].clone().or_else(|| {
            let part = Part { source: id, first: 0, steps: node.ty.shape.sample_len(), lookup: None };
            Some(vec![Columns::one(part.steps, part)])
        })
    }

    /// The columns of a float value that nothing but a gather needs to compute.
    fn assemble(&self, id: NodeId) -> Option<Vec<Columns>> {
        if self.graph.node(id).ty.dtype != DType::F32 {
            return None;
        }
        let (op, inputs) = operator(self.graph, id)?;
        match op {
            Op::Reshape(_) | Op::Expand(_) => self.blocks(inputs[0]),
            Op::Concatenate(concatenate) if self.is_outermost(inputs[0], concatenate.axis) => {
                let parts: Option<Vec<_>> = inputs.iter().map(|part| self.blocks(*part)).collect();
                Some(parts?.into_iter().flatten().collect())
            }
            Op::Cast(_) => {
                let source = self.input(inputs[0])?;
                let steps = self.graph.node(source).ty.shape.sample_len();
                Some(vec![Columns::one(steps, Part { source, first: 0, steps, lookup: None })])
            }
            Op::Embedding(_) => self.lookup(id, Pooling::Flatten),
            Op::Reduce(reduce) if reduce.axis == 1 && self.graph.node(inputs[0]).ty.shape.rank() == 3 => {
                let pooling = match reduce.reduction {
                    Reduction::Sum => Pooling::Sum,
                    Reduction::Mean => Pooling::Mean,
                    Reduction::Maximum => Pooling::Maximum,
                };
                self.lookup(inputs[0], pooling)
            }
            Op::MaskedMean(_) => {
                let columns = self.lookup(inputs[0], Pooling::MaskedMean)?;
                let ids = columns[0].parts[0].source;
                (self.mask_source(inputs[1])? == ids).then_some(columns)
            }
            Op::Binary(binary) => self.combined(id, binary.function, inputs),
            _ => None,
        }
    }

    /// Whether `axis` is the first dimension of a sample that is not 1, so that parts along it stand one after another.
    fn is_outermost(&self, part: NodeId, axis: usize) -> bool {
        self.graph.node(part).ty.shape.sample()[..axis - 1].iter().all(|&dim| dim == 1)
    }

    /// The input of the model whose elements `id` holds in order, perhaps one row of it for all.
    fn input(&self, mut id: NodeId) -> Option<NodeId> {
        loop {
            match operator(self.graph, id) {
                None => return self.graph.node(id).ty.shape.is_batched().then_some(id),
                Some((Op::Reshape(_) | Op::Expand(_), inputs)) => id = inputs[0],
                Some(_) => return None,
            }
        }
    }

    /// The ids of a lookup as sources: model inputs, floats that are truncated, and several of them joined once.
    fn ids(&self, id: NodeId) -> Vec<Part> {
        let part = |source: NodeId| {
            let steps = self.graph.node(source).ty.shape.sample_len();
            vec![Part { source, first: 0, steps, lookup: None }]
        };
        match operator(self.graph, id) {
            Some((Op::Reshape(_) | Op::Expand(_), inputs)) => self.ids(inputs[0]),
            Some((Op::Concatenate(concatenate), inputs)) if self.is_outermost(inputs[0], concatenate.axis) => {
                inputs.iter().flat_map(|input| part(self.input(*input).unwrap_or(*input))).collect()
            }
            Some((Op::Cast(_), inputs)) => match self.input(inputs[0]) {
                Some(source) if self.graph.node(source).ty.dtype == DType::F32 => part(source),
                _ => part(id),
            },
            _ => part(id),
        }
    }

    /// The columns of an Embedding, pooled over its ids.
    fn lookup(&self, id: NodeId, pooling: Pooling) -> Option<Vec<Columns>> {
        let (Op::Embedding(embedding), inputs) = operator(self.graph, id)? else { return None };
        let (ids, table) = (inputs[0], inputs[1]);
        if !self.tables.contains(&table) {
            return None;
        }
        let dim = self.graph.node(table).ty.shape.sample()[1];
        let sources = self.ids(ids);
        if pooling != Pooling::Flatten && sources.len() != 1 {
            return None;
        }
        let columns = |mut part: Part| {
            let width = if pooling == Pooling::Flatten { part.steps * dim } else { dim };
            part.lookup = Some((table, Lookup { table: 0, pooling, bad_id: embedding.bad_id }));
            Columns::one(width, part)
        };
        Some(sources.into_iter().map(columns).collect())
    }

    /// The value whose elements a mask compares with zero.
    fn mask_source(&self, mask: NodeId) -> Option<NodeId> {
        match operator(self.graph, mask)? {
            (Op::NotEqual(not_equal), inputs) if not_equal.value == 0.0 => self.input(inputs[0]),
            (Op::Expand(_), inputs) => self.mask_source(inputs[0]),
            _ => None,
        }
    }

    /// Sums, products and factorisation machines of assembled values of one shape.
    fn combined(&self, id: NodeId, function: BinaryFunction, inputs: &[NodeId]) -> Option<Vec<Columns>> {
        let node = |id: &NodeId| self.graph.node(*id);
        if !inputs.iter().all(|input| node(input).ty.shape.sample() == node(&id).ty.shape.sample()) {
            return None;
        }
        let (combine, values) = match function {
            BinaryFunction::Add => (Combine::Sum, inputs.to_vec()),
            BinaryFunction::Multiply => (Combine::Product, inputs.to_vec()),
            BinaryFunction::Subtract => (Combine::FactorizationMachine, self.machine(inputs)?),
            _ => return None,
        };
        let mut parts = Vec::new();
        for value in values {
            let [columns] = <[Columns; 1]>::try_from(self.blocks(value)?).ok()?;
            if columns.parts.len() > 1 && (columns.combine != combine || combine == Combine::FactorizationMachine) {
                return None;
            }
            parts.extend(columns.parts);
        }
        let computed: HashSet<NodeId> =
            parts.iter().map(|part| part.source).filter(|source| operator(self.graph, *source).is_some()).collect();
        let columns = Columns { width: node(&id).ty.shape.sample_len(), combine, parts };
        let fits = columns.parts.len() <= MOST_FEATURES && columns.has_lookup() && computed.len() <= 1;
        fits.then(|| vec![columns])
    }

    /// The values `e` of `(Σ e)² − Σ e²`, given as the two sides of the difference.
    fn machine(&self, inputs: &[NodeId]) -> Option<Vec<NodeId>> {
        let sum = self.squared(inputs[0])?;
        let mut values = self.terms(sum);
        let squares: Option<Vec<NodeId>> = self.terms(inputs[1]).into_iter().map(|term| self.squared(term)).collect();
        let mut squared = squares?;
        values.sort_unstable();
        squared.sort_unstable();
        (values == squared && values.len() > 1).then_some(values)
    }

    /// `x`, for `x · x`.
    fn squared(&self, id: NodeId) -> Option<NodeId> {
        match operator(self.graph, id)? {
            (Op::Binary(binary), inputs) if binary.function == BinaryFunction::Multiply && inputs[0] == inputs[1] => {
                Some(inputs[0])
            }
            _ => None,
        }
    }

    /// The terms of a sum; some of them sums themselves if there are too many.
    fn terms(&self, id: NodeId) -> Vec<NodeId> {
        let mut terms = vec![id];
        while let Some((at, inputs)) =
            terms.iter().enumerate().find_map(|(at, term)| match operator(self.graph, *term) {
                Some((Op::Binary(binary), inputs)) if binary.function == BinaryFunction::Add => Some((at, inputs)),
                _ => None,
            })
        {
            if terms.len() > MOST_FEATURES {
                break;
            }
            terms.splice(at..=at, inputs.iter().copied());
        }
        terms
    }
}

/// The operator for `blocks`, and a reshape where `node` has more dimensions.
fn build(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, columns: &[Columns]) -> Result<NodeId> {
    let mut inputs: Vec<NodeId> = Vec::new();
    let mut position = |rewrite: &Rewrite<'_>, old: NodeId| {
        let new = rewrite.renewed(old);
        inputs.iter().position(|known| *known == new).unwrap_or_else(|| {
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
    let mut rows = rewrite.builder.op(&node.name, Gather { width: column, blocks }, &inputs)?;
    // Looking through an Expand may have led to shared sources alone.
    if rewrite.builder.ty(rows).shape.is_shared() && !node.ty.shape.is_shared() {
        let batched = graph.inputs().find(|(_, input)| !input.ty.shape.is_shared());
        let Some((like, _)) = batched else { return Err(Error::shape("no input has a batch")) };
        rows = rewrite.builder.op(&node.name, Expand, &[rows, rewrite.renewed(like)])?;
    }
    if node.ty.shape.rank() == 2 {
        return Ok(rows);
    }
    rewrite.builder.op(&node.name, Reshape { sample: node.ty.shape.sample() }, &[rows])
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, PHONE, assert_same, operators};
    use super::*;
    use crate::ops::{BadId, Binary, Concatenate, Dense, Embedding, Reduce};

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
        let gathered = gather(&graph, &PHONE).expect("gathered");
        assert_eq!(operators(&gathered), ["dense", "gather"]);
        let blocks = "{ 0..2: $0[0..1] in $1, 2..5: mean $2[0..4] in $3, 5..8: $4[0..3], 8..10: $5[0..2] }";
        assert!(gathered.to_string().contains(blocks), "{gathered}");
        assert_same(&graph, &gathered);
    }

    #[test]
    fn a_factorisation_machine_is_one_block() {
        let mut example = Example::new();
        let tables: Vec<NodeId> = (0..3).map(|index| example.constant(&format!("t{index}"), &[5, 2])).collect();
        let lookups: Vec<NodeId> = (0..3)
            .map(|index| {
                let ids = example.ids(&format!("ids {index}"), &[1]);
                let row = example.op("row", LOOKUP, &[ids, tables[index]]);
                example.op("flat", Reshape { sample: vec![2] }, &[row])
            })
            .collect();
        let mut binary = |function, left, right| example.op("fm", Binary { function }, &[left, right]);
        let squares: Vec<NodeId> = lookups.iter().map(|x| binary(BinaryFunction::Multiply, *x, *x)).collect();
        let mut sum = |values: &[NodeId]| {
            let sum = binary(BinaryFunction::Add, values[0], values[1]);
            binary(BinaryFunction::Add, sum, values[2])
        };
        let (sum_of_squares, total) = (sum(&squares), sum(&lookups));
        let square_of_sum = binary(BinaryFunction::Multiply, total, total);
        let y = binary(BinaryFunction::Subtract, square_of_sum, sum_of_squares);
        let graph = example.finish(y);
        let gathered = gather(&graph, &PHONE).expect("gathered");
        assert_eq!(operators(&gathered), ["gather"], "{gathered}");
        assert!(gathered.to_string().contains("fm("), "{gathered}");
        assert_same(&graph, &gathered);
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
        let gathered = gather(&graph, &facts).expect("gathered");
        assert_eq!(operators(&gathered), ["embedding", "gather", "reshape"], "{gathered}");
        assert_same(&graph, &gathered);
    }
}
