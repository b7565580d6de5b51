//! EmbeddingBag and Embedding: rows of tables, unchanged, pooled or combined, written to their columns.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output, Rows};
use crate::cpu::vector::vectorised;
use crate::error::Result;
use crate::ops::embedding_bag::{Block, Combine, Feature, Lookup, Pooling};
use crate::ops::{self, BadId};
use crate::tensor::{DType, Tensor};
use pulp::Arch;
use std::sync::Arc;

/// The number of columns that are combined at a time.
const CHUNK: usize = 32;

/// The number of columns whose sums fit one register on the machines with the widest.
const PIECE: usize = 16;

#[derive(Debug)]
struct EmbeddingBag {
    blocks: Vec<Block>,
    operands: Vec<Operand>,
    /// By operand: its tensor, if it is a table.
    tables: Vec<Option<Arc<Tensor>>>,
    output: Output,
    arch: Arch,
}

pub(super) fn bag(operator: &ops::EmbeddingBag, request: &Request<'_>) -> Fast {
    lookups(operator.blocks.clone(), request)
}

/// An embedding is a bag with one feature.
pub(super) fn embedding(operator: &ops::Embedding, request: &Request<'_>) -> Fast {
    let lookup = Lookup { table: 1, pooling: Pooling::Flatten, bad_id: operator.bad_id };
    let feature = Feature { source: 0, first: 0, steps: request.operands[0].width, lookup: Some(lookup) };
    let width = request.output().width;
    lookups(vec![Block { column: 0, width, combine: Combine::Sum, features: vec![feature] }], request)
}

fn lookups(blocks: Vec<Block>, request: &Request<'_>) -> Fast {
    let lookups = blocks.iter().flat_map(|block| &block.features).filter_map(|feature| feature.lookup.as_ref());
    let known = lookups.into_iter().all(|lookup| request.constant(lookup.table).is_some());
    let tables = (0..request.operands.len()).map(|position| request.constant(position).cloned()).collect();
    let (operands, output, arch) = (request.operands.clone(), request.output(), request.arch);
    known.then(|| Box::new(EmbeddingBag { blocks, operands, tables, output, arch }) as Box<dyn Step>)
}

impl Step for EmbeddingBag {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| vectorised!(self.arch, self.all(frame, &mut rows)))
    }
}

impl EmbeddingBag {
    /// In one function, so that the whole loop is compiled for the machine; closures called by iterators would not be.
    #[inline(always)]
    fn all(&self, frame: &Frame<'_, '_>, rows: &mut Rows<'_, f32>) -> Result<()> {
        for block in &self.blocks {
            self.block(block, frame, rows)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn block(&self, block: &Block, frame: &Frame<'_, '_>, rows: &mut Rows<'_, f32>) -> Result<()> {
        if let ([feature], true) = (&block.features[..], block.combine != Combine::FactorizationMachine) {
            let reader = self.reader(feature, frame)?;
            for row in 0..rows.count() {
                let out = &mut rows.row(row)[block.column..block.column + block.width];
                reader.read(row, 0, out);
            }
            return Ok(());
        }
        for row in 0..rows.count() {
            for start in (0..block.width).step_by(CHUNK) {
                let width = (block.width - start).min(CHUNK);
                let values = self.combined(block, frame, row, start, width)?;
                rows.row(row)[block.column + start..][..width].copy_from_slice(&values[..width]);
            }
        }
        Ok(())
    }

    /// A chunk of columns of a block with several features.
    #[inline(always)]
    fn combined(
        &self,
        block: &Block,
        frame: &Frame<'_, '_>,
        row: usize,
        start: usize,
        width: usize,
    ) -> Result<[f32; CHUNK]> {
        let mut total = [if block.combine == Combine::Product { 1.0 } else { 0.0f32 }; CHUNK];
        let mut squares = [0.0f32; CHUNK];
        for feature in &block.features {
            let mut values = [0.0f32; CHUNK];
            self.reader(feature, frame)?.read(row, start, &mut values[..width]);
            for (column, value) in values.into_iter().enumerate() {
                match block.combine {
                    Combine::Product => total[column] *= value,
                    Combine::Sum | Combine::FactorizationMachine => total[column] += value,
                }
                squares[column] += value * value;
            }
        }
        if block.combine == Combine::FactorizationMachine {
            total.iter_mut().zip(squares).for_each(|(total, squares)| *total = *total * *total - squares);
        }
        Ok(total)
    }

    #[inline(always)]
    fn reader<'r>(&'r self, feature: &'r Feature, frame: &'r Frame<'_, '_>) -> Result<Reader<'r>> {
        let operand = &self.operands[feature.source];
        let source = match operand.dtype {
            DType::F32 => Source::F32(frame.read(operand)?),
            DType::I32 => Source::I32(frame.read(operand)?),
            DType::Bool => Source::Bool(frame.read(operand)?),
        };
        let mut reader = Reader {
            feature,
            source,
            step: if operand.once { 0 } else { operand.width },
            table: &[],
            table_rows: 0,
            dim: 0,
        };
        if let Some(table) = feature.lookup.as_ref().and_then(|lookup| self.tables[lookup.table].as_ref()) {
            let &[rows, dim] = table.shape() else { return Ok(reader) };
            (reader.table, reader.table_rows, reader.dim) = (table.as_f32()?, rows, dim);
        }
        Ok(reader)
    }
}

/// The elements of a feature's source.
#[derive(Clone, Copy)]
enum Source<'a> {
    F32(&'a [f32]),
    I32(&'a [i32]),
    Bool(&'a [bool]),
}

/// A feature with its source and its table.
struct Reader<'a> {
    feature: &'a Feature,
    source: Source<'a>,
    /// The distance between the source's rows; 0 if all samples share one row.
    step: usize,
    table: &'a [f32],
    table_rows: usize,
    dim: usize,
}

impl Reader<'_> {
    /// Reads columns of the feature from `start` on, for one row.
    #[inline(always)]
    fn read(&self, row: usize, start: usize, out: &mut [f32]) {
        let first = row * self.step + self.feature.first;
        let Some(lookup) = &self.feature.lookup else {
            return match self.source {
                Source::F32(values) => out.copy_from_slice(&values[first + start..][..out.len()]),
                Source::I32(values) => {
                    out.iter_mut().zip(&values[first + start..]).for_each(|(out, value)| *out = *value as f32);
                }
                Source::Bool(values) => {
                    out.iter_mut().zip(&values[first + start..]).for_each(|(out, value)| *out = f32::from(*value));
                }
            };
        };
        let steps = first..first + self.feature.steps;
        match self.source {
            Source::F32(values) => self.look_up(lookup, &values[steps], |id| id as i32, |id| id != 0.0, start, out),
            Source::I32(values) => self.look_up(lookup, &values[steps], |id| id, |id| id != 0, start, out),
            // No operator accepts booleans as ids.
            Source::Bool(_) => {}
        }
    }

    #[inline(always)]
    fn look_up<T: Copy>(
        &self,
        lookup: &Lookup,
        ids: &[T],
        id: impl Fn(T) -> i32,
        not_zero: impl Fn(T) -> bool,
        start: usize,
        out: &mut [f32],
    ) {
        let found = |step: T| match (usize::try_from(id(step)), lookup.bad_id) {
            (Ok(row), _) if row < self.table_rows => Some(row),
            (_, BadId::Zero) => None,
            (Ok(_), BadId::Clamp) => Some(self.table_rows - 1),
            (Err(_), BadId::Clamp) => Some(0),
        };
        let columns = start..start + out.len();
        let line = |row: usize| &self.table[row * self.dim..][columns.clone()];
        match lookup.pooling {
            Pooling::Flatten => self.flatten(ids, found, start, out),
            Pooling::Maximum => {
                out.fill(f32::NEG_INFINITY);
                for step in ids {
                    match found(*step) {
                        Some(row) => out.iter_mut().zip(line(row)).for_each(|(out, value)| *out = larger(*out, *value)),
                        None => out.iter_mut().for_each(|out| *out = larger(*out, 0.0)),
                    }
                }
            }
            Pooling::Sum | Pooling::Mean | Pooling::MaskedMean => {
                let masked = lookup.pooling == Pooling::MaskedMean;
                let counts = |step: &&T| !masked || not_zero(**step);
                let found = ids.iter().filter(counts).filter_map(|step| found(*step));
                self.add_up(found, start, out);
                if lookup.pooling != Pooling::Sum {
                    let count = ids.iter().filter(counts).count() as f32;
                    out.iter_mut().for_each(|out| *out /= count);
                }
            }
        }
    }

    /// Sums rows of the table.
    #[inline(always)]
    fn add_up(&self, rows: impl Iterator<Item = usize> + Clone, start: usize, out: &mut [f32]) {
        let width = out.len();
        if width < PIECE {
            out.fill(0.0);
            for row in rows {
                let line = &self.table[row * self.dim + start..][..width];
                out.iter_mut().zip(line).for_each(|(out, value)| *out += value);
            }
            return;
        }
        // The last piece may overlap the one before it.
        let last = width - PIECE;
        for column in (0..width).step_by(2 * PIECE) {
            let columns = [column.min(last), (column + PIECE).min(last)];
            let mut sums = [[0.0f32; PIECE]; 2];
            for row in rows.clone() {
                let line = &self.table[row * self.dim + start..][..width];
                for (sums, column) in sums.iter_mut().zip(columns) {
                    sums.iter_mut().zip(&line[column..column + PIECE]).for_each(|(sum, value)| *sum += value);
                }
            }
            for (sums, column) in sums.iter().zip(columns) {
                out[column..column + PIECE].copy_from_slice(sums);
            }
        }
    }

    /// The rows of all steps, concatenated.
    #[inline(always)]
    fn flatten<T: Copy>(&self, ids: &[T], found: impl Fn(T) -> Option<usize>, start: usize, out: &mut [f32]) {
        let mut done = 0;
        while done < out.len() && self.dim > 0 {
            let (step, column) = ((start + done) / self.dim, (start + done) % self.dim);
            let width = (self.dim - column).min(out.len() - done);
            let out = &mut out[done..done + width];
            match found(ids[step]) {
                Some(row) => out.copy_from_slice(&self.table[row * self.dim + column..][..width]),
                None => out.fill(0.0),
            }
            done += width;
        }
    }
}

/// The larger value; NaN if either is NaN.
#[inline(always)]
fn larger(left: f32, right: f32) -> f32 {
    if left > right || left.is_nan() { left } else { right }
}
