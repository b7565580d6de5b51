//! The reference implementation of [`EmbeddingBag`](super::EmbeddingBag), and its tolerance.

use super::super::embedding::BadId;
use super::{Block, Combine, EmbeddingBag, Feature, Lookup, Pooling};
use crate::error::Result;
use crate::ops::operator::overflowing;
use crate::tensor::{DType, Tensor, Tolerance};

pub(super) fn eval(bag: &EmbeddingBag, inputs: &[&Tensor]) -> Result<Tensor> {
    assemble(bag, inputs, |value| value, combine)
}

/// The sum of the magnitudes of the terms of every element.
pub(super) fn magnitude(bag: &EmbeddingBag, inputs: &[&Tensor]) -> Result<Tensor> {
    assemble(bag, inputs, f64::abs, |block, values| {
        let sum: f64 = values.iter().sum();
        match block.combine {
            Combine::FactorizationMachine => sum * sum + values.iter().map(|value| value * value).sum::<f64>(),
            _ => combine(block, values),
        }
    })
}

/// Zero for copied columns, otherwise the allowance of a sum.
pub(super) fn allowance(bag: &EmbeddingBag, inputs: &[&Tensor]) -> Result<Vec<f64>> {
    let magnitude = magnitude(bag, inputs)?.to_f64();
    let mut allowance = vec![0.0; magnitude.len()];
    for block in bag.blocks.iter().filter(|block| rounded_terms(block) > 0) {
        let class = Tolerance::Sum { terms: rounded_terms(block) };
        for row in 0..magnitude.len() / bag.width.max(1) {
            let columns = row * bag.width + block.column..row * bag.width + block.column + block.width;
            allowance[columns.clone()].copy_from_slice(&class.allowance(&[], &magnitude[columns]));
        }
    }
    Ok(allowance)
}

/// The number of terms in the sum or product of one element of a block; 0 if it is copied.
pub(super) fn rounded_terms(block: &Block) -> usize {
    let pooled = |feature: &Feature| match &feature.lookup {
        Some(Lookup { pooling: Pooling::Sum | Pooling::Mean | Pooling::MaskedMean, .. }) => feature.steps,
        _ => 0,
    };
    let pooled: usize = block.features.iter().map(pooled).sum();
    match (block.combine, block.features.len()) {
        (Combine::Sum | Combine::Product, 1) => pooled,
        (Combine::Sum | Combine::Product, features) => pooled + features,
        (Combine::FactorizationMachine, features) => pooled + 2 * features,
    }
}

fn combine(block: &Block, values: &[f64]) -> f64 {
    let sum = || values.iter().sum::<f64>();
    match block.combine {
        _ if values.len() == 1 && block.combine != Combine::FactorizationMachine => values[0],
        Combine::Sum => sum(),
        Combine::Product => values.iter().product(),
        Combine::FactorizationMachine => {
            let squares = values.iter().map(|value| value * value).sum();
            overflowing(sum() * sum()) - overflowing(squares)
        }
    }
}

/// Maps every element by `see` and combines the features of each block by `combine`.
fn assemble(
    bag: &EmbeddingBag,
    inputs: &[&Tensor],
    see: impl Fn(f64) -> f64,
    combine: impl Fn(&Block, &[f64]) -> f64,
) -> Result<Tensor> {
    let rows_of = |feature: &Feature| inputs[feature.source].shape()[0];
    // A source with one row is shared, unless all sources have one row.
    let rows = bag.features().map(rows_of).find(|&rows| rows != 1).unwrap_or(1);
    let sources: Vec<Source> = inputs.iter().map(|tensor| Source::of(tensor)).collect();
    let mut output = vec![0.0; rows * bag.width];
    for row in 0..rows {
        for block in &bag.blocks {
            for column in 0..block.width {
                let element = |feature: &Feature| see_element(feature, &sources, row, column, &see);
                let values: Vec<f64> = block.features.iter().map(element).collect();
                output[row * bag.width + block.column + column] = combine(block, &values) as f32;
            }
        }
    }
    Tensor::f32(&[rows, bag.width], output)
}

/// An input of the operator as numbers, whatever its dtype.
struct Source {
    values: Vec<f64>,
    /// The elements as ids.
    ids: Vec<i32>,
    rows: usize,
    /// The number of elements in a row.
    length: usize,
}

impl Source {
    fn of(tensor: &Tensor) -> Source {
        let rows = tensor.shape()[0];
        let ids = tensor.cast(DType::I32).as_i32().map(<[i32]>::to_vec).unwrap_or_default();
        Source { values: tensor.to_f64(), ids, rows, length: tensor.shape()[1..].iter().product() }
    }

    fn at(&self, row: usize, element: usize) -> usize {
        (if self.rows == 1 { 0 } else { row * self.length }) + element
    }
}

fn see_element(feature: &Feature, sources: &[Source], row: usize, column: usize, see: &impl Fn(f64) -> f64) -> f64 {
    let source = &sources[feature.source];
    let Some(lookup) = &feature.lookup else {
        return see(source.values[source.at(row, feature.first + column)]);
    };
    let table = &sources[lookup.table];
    let value = |step: usize, column: usize| {
        let id = source.ids[source.at(row, feature.first + step)];
        let kept = match lookup.bad_id {
            BadId::Zero => usize::try_from(id).ok().filter(|&id| id < table.rows),
            BadId::Clamp => Some((id.max(0) as usize).min(table.rows - 1)),
        };
        kept.map_or(0.0, |id| see(table.values[id * table.length + column]))
    };
    let steps = 0..feature.steps;
    let not_zero = |step: &usize| source.values[source.at(row, feature.first + step)] != 0.0;
    match lookup.pooling {
        Pooling::Flatten => value(column / table.length, column % table.length),
        Pooling::Sum => steps.map(|step| value(step, column)).sum(),
        Pooling::Mean => overflowing(steps.map(|step| value(step, column)).sum()) / feature.steps as f64,
        Pooling::Maximum => steps.map(|step| value(step, column)).fold(f64::NEG_INFINITY, keep_nan),
        Pooling::MaskedMean => {
            let kept: Vec<usize> = steps.filter(not_zero).collect();
            overflowing(kept.iter().map(|&step| value(step, column)).sum()) / kept.len() as f64
        }
    }
}

fn keep_nan(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.max(right) }
}
