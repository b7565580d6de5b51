//! The columns of assembled values: columns of inputs, rows of tables, and sums and products of these.

use crate::graph::{Graph, ValueId};
use crate::ops::{BinaryFunction, Combine, Lookup, Op, Pooling, Reduction};
use crate::passes::rewrite::operator;
use crate::tensor::DType;
use std::collections::HashSet;

/// Maximum number of features that one block may combine.
const MOST_FEATURES: usize = 64;

/// Maximum number of blocks in one value. Without it, a small file could build any number by nesting concatenations.
const MOST_BLOCKS: usize = 1024;

/// Maximum number of blocks in all values of a graph together.
const MOST_KEPT: usize = 1 << 18;

/// A [`Feature`](crate::ops::Feature) that refers to values of the old graph.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) source: ValueId,
    pub(super) first: usize,
    pub(super) steps: usize,
    pub(super) lookup: Option<(ValueId, Lookup)>,
}

/// A [`Block`](crate::ops::Block) that refers to values of the old graph.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    pub(super) width: usize,
    pub(super) combine: Combine,
    pub(super) parts: Vec<Part>,
}

impl Columns {
    fn one(width: usize, part: Part) -> Self {
        Columns { width, combine: Combine::Sum, parts: vec![part] }
    }

    fn has_lookup(&self) -> bool {
        self.parts.iter().any(|part| part.lookup.is_some())
    }
}

/// The assembled values of a graph.
pub(super) struct Assembly<'g> {
    graph: &'g Graph,
    tables: HashSet<ValueId>,
    /// By value, in execution order: its columns, if an embedding bag alone can compute it.
    pub(super) known: Vec<Option<Vec<Columns>>>,
    /// The total number of blocks so far.
    kept: usize,
}

impl<'g> Assembly<'g> {
    pub(super) fn new(graph: &'g Graph, tables: HashSet<ValueId>) -> Self {
        let mut assembly = Assembly { graph, tables, known: Vec::with_capacity(graph.values().len()), kept: 0 };
        for id in graph.value_ids() {
            let known = assembly.assemble(id);
            assembly.kept += known.as_ref().map_or(0, Vec::len);
            // Beyond the limit, a value is computed by its own operator.
            assembly.known.push(known.filter(|_| assembly.kept <= MOST_KEPT));
        }
        assembly
    }

    /// Whether a value becomes an [`EmbeddingBag`](crate::ops::EmbeddingBag) if it is needed.
    pub(super) fn is_bag(&self, id: ValueId) -> bool {
        let Some((op, _)) = operator(self.graph, id) else { return false };
        let Some(blocks) = &self.known[id.index()] else { return false };
        let relabels = matches!(op, Op::Reshape(_) | Op::BroadcastBatch(_) | Op::Cast(_));
        !relabels && (matches!(op, Op::Concatenate(_)) || blocks.iter().any(Columns::has_lookup))
    }

    /// By value: whether it is still read once embedding bags read their sources directly.
    pub(super) fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.graph.values().len()];
        for (_, id) in self.graph.outputs() {
            needed[id.index()] = true;
        }
        for id in self.graph.value_ids().rev().collect::<Vec<_>>() {
            if !needed[id.index()] {
                continue;
            }
            match &self.known[id.index()] {
                Some(blocks) if self.is_bag(id) => {
                    for part in blocks.iter().flat_map(|block| &block.parts) {
                        needed[part.source.index()] = true;
                    }
                }
                _ => self.graph.maker(id).inputs.iter().for_each(|input| needed[input.index()] = true),
            }
        }
        needed
    }

    /// The columns of a float32 value. A value that is not assembled is a single block. `None` for other dtypes.
    fn blocks(&self, id: ValueId) -> Option<Vec<Columns>> {
        let ty = self.graph.ty(id);
        if ty.dtype != DType::F32 || !ty.shape.is_batched() {
            return None;
        }
        self.known[id.index()].clone().or_else(|| {
            let part = Part { source: id, first: 0, steps: ty.shape.sample_len(), lookup: None };
            Some(vec![Columns::one(part.steps, part)])
        })
    }

    /// The columns of a float32 value that an embedding bag alone can compute.
    fn assemble(&self, id: ValueId) -> Option<Vec<Columns>> {
        let ty = self.graph.ty(id);
        if ty.dtype != DType::F32 || !ty.shape.is_batched() {
            return None;
        }
        let (op, inputs) = operator(self.graph, id)?;
        match op {
            Op::Reshape(_) | Op::BroadcastBatch(_) => self.blocks(inputs[0]),
            Op::Concatenate(concatenate) if self.is_outermost(inputs[0], concatenate.axis) => {
                let mut blocks = Vec::new();
                for part in inputs {
                    blocks.extend(self.blocks(*part)?);
                    if blocks.len() > MOST_BLOCKS {
                        return None;
                    }
                }
                Some(blocks)
            }
            Op::Cast(_) => {
                let source = self.input(inputs[0])?;
                let steps = self.graph.ty(source).shape.sample_len();
                Some(vec![Columns::one(steps, Part { source, first: 0, steps, lookup: None })])
            }
            Op::Embedding(_) => self.lookup(id, Pooling::Flatten),
            Op::Reduce(reduce) if reduce.axis == 1 && self.graph.ty(inputs[0]).shape.rank() == 3 => {
                let pooling = match reduce.reduction {
                    Reduction::Sum => Pooling::Sum,
                    Reduction::Mean => Pooling::Mean,
                    Reduction::Maximum => Pooling::Maximum,
                    _ => return None,
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

    /// Whether all dimensions of a sample before `axis` are 1, so that parts concatenated along it are contiguous.
    fn is_outermost(&self, part: ValueId, axis: usize) -> bool {
        self.graph.ty(part).shape.sample()[..axis - 1].iter().all(|&dim| dim == 1)
    }

    /// The model input whose elements `id` holds in order, possibly broadcast from one row.
    fn input(&self, mut id: ValueId) -> Option<ValueId> {
        loop {
            match operator(self.graph, id) {
                None => return self.graph.ty(id).shape.is_batched().then_some(id),
                Some((Op::Reshape(_) | Op::BroadcastBatch(_), inputs)) => id = inputs[0],
                Some(_) => return None,
            }
        }
    }

    /// The sources of a lookup's ids: model inputs, truncated if they are floats; computed values; or the parts of one
    /// concatenation of these.
    fn ids(&self, id: ValueId) -> Vec<Part> {
        let part = |source: ValueId| {
            let steps = self.graph.ty(source).shape.sample_len();
            vec![Part { source, first: 0, steps, lookup: None }]
        };
        match operator(self.graph, id) {
            Some((Op::Reshape(_) | Op::BroadcastBatch(_), inputs)) => self.ids(inputs[0]),
            Some((Op::Concatenate(concatenate), inputs))
                if inputs.len() <= MOST_BLOCKS && self.is_outermost(inputs[0], concatenate.axis) =>
            {
                inputs.iter().flat_map(|input| part(self.input(*input).unwrap_or(*input))).collect()
            }
            Some((Op::Cast(_), inputs)) => match self.input(inputs[0]) {
                Some(source) if self.graph.ty(source).dtype == DType::F32 => part(source),
                _ => part(id),
            },
            _ => part(id),
        }
    }

    /// The columns of an Embedding, pooled over its ids.
    fn lookup(&self, id: ValueId, pooling: Pooling) -> Option<Vec<Columns>> {
        let (Op::Embedding(embedding), inputs) = operator(self.graph, id)? else { return None };
        let (ids, table) = (inputs[0], inputs[1]);
        if !self.tables.contains(&table) {
            return None;
        }
        let dim = self.graph.ty(table).shape.sample()[1];
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
    fn mask_source(&self, mask: ValueId) -> Option<ValueId> {
        match operator(self.graph, mask)? {
            (Op::NotEqual(not_equal), inputs) if not_equal.value == 0.0 => self.input(inputs[0]),
            (Op::BroadcastBatch(_), inputs) => self.mask_source(inputs[0]),
            _ => None,
        }
    }

    /// The columns of a sum, product or factorisation machine of assembled values of the same shape.
    fn combined(&self, id: ValueId, function: BinaryFunction, inputs: &[ValueId]) -> Option<Vec<Columns>> {
        let shape = |id: ValueId| &self.graph.ty(id).shape;
        let (combine, values) = match function {
            BinaryFunction::Add => (Combine::Sum, inputs.to_vec()),
            BinaryFunction::Multiply => (Combine::Product, inputs.to_vec()),
            BinaryFunction::Subtract => (Combine::FactorizationMachine, self.machine(inputs)?),
            _ => return None,
        };
        let mut parts = Vec::new();
        for value in values {
            if shape(value).sample() != shape(id).sample() {
                return None;
            }
            let [columns] = <[Columns; 1]>::try_from(self.blocks(value)?).ok()?;
            if columns.parts.len() > 1 && (columns.combine != combine || combine == Combine::FactorizationMachine) {
                return None;
            }
            parts.extend(columns.parts);
        }
        let computed: HashSet<ValueId> =
            parts.iter().map(|part| part.source).filter(|source| operator(self.graph, *source).is_some()).collect();
        let columns = Columns { width: shape(id).sample_len(), combine, parts };
        let fits = columns.parts.len() <= MOST_FEATURES && columns.has_lookup() && computed.len() <= 1;
        fits.then(|| vec![columns])
    }

    /// The values `e` of `(Σ e)² − Σ e²`, given the two operands of the subtraction.
    fn machine(&self, inputs: &[ValueId]) -> Option<Vec<ValueId>> {
        let sum = self.squared(inputs[0])?;
        let mut values = self.terms(sum);
        let squares: Option<Vec<ValueId>> = self.terms(inputs[1]).into_iter().map(|term| self.squared(term)).collect();
        let mut squared = squares?;
        values.sort_unstable();
        squared.sort_unstable();
        (values == squared && values.len() > 1).then_some(values)
    }

    /// `x`, if the value is `x · x`.
    fn squared(&self, id: ValueId) -> Option<ValueId> {
        match operator(self.graph, id)? {
            (Op::Binary(binary), inputs) if binary.function == BinaryFunction::Multiply && inputs[0] == inputs[1] => {
                Some(inputs[0])
            }
            _ => None,
        }
    }

    /// The terms of a sum. Nested sums stop being expanded once there are more than `MOST_FEATURES` terms.
    fn terms(&self, id: ValueId) -> Vec<ValueId> {
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
