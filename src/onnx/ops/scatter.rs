//! Elements that replace others, by constant indices.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Scatter | 9: ScatterElements under its old name |
//! | ScatterElements, ScatterND | 11; 16: `reduction`; 18: `max`, `min` |
//!
//! Every element of the result is one of the data or an update, which a constant mask chooses. An element with several
//! updates takes as many rounds, in their order.

use super::indices::{only, place};
use super::operator::{Operator, Outputs};
use super::sample::{Held, Sample, all, fixed, over_the_batch};
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::known::indices;
use crate::onnx::value::Value;
use crate::ops::{Binary, BinaryFunction, Select};
use crate::tensor::{Tensor, row_major_strides};
use std::sync::Arc;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Scatter", &[9], scatter_elements),
    Operator::new("ScatterElements", &[11, 16, 18], scatter_elements),
    Operator::new("ScatterND", &[11, 16, 18], scatter_nd),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

/// Maximum number of updates of one element.
const MOST_ROUNDS: usize = 64;

/// How an update changes an element; `None` replaces it.
fn reduction(call: &Call<'_, '_, '_>) -> Result<Option<BinaryFunction>> {
    Ok(match call.string("reduction")?.unwrap_or("none") {
        "none" => None,
        "add" => Some(BinaryFunction::Add),
        "mul" => Some(BinaryFunction::Multiply),
        "max" => Some(BinaryFunction::Maximum),
        "min" => Some(BinaryFunction::Minimum),
        other => return Err(Error::unsupported(format!("updates by {other:?}, which is not supported"))),
    })
}

/// The constant indices as a tensor, in which the batch has a size of 1.
fn known_indices(call: &Call<'_, '_, '_>) -> Result<Arc<Tensor>> {
    let value = call.input(1)?;
    let known = match &value {
        Value::Repeated { tensor, times: 1, .. } => Some(Arc::clone(tensor)),
        known => known.known()?,
    };
    known.ok_or_else(|| {
        Error::unsupported("replaces elements by computed indices, which is not supported")
            .cause("which elements change must be known when the model is loaded")
            .hint("store the indices as an initializer")
    })
}

fn scatter_nd(call: Context<'_, '_, '_, '_>) -> Outputs {
    let known = known_indices(call)?;
    let (data, updates) = operands(call)?;
    let Some((&width, counted)) = known.shape().split_last().filter(|(width, _)| **width <= data.dims.len()) else {
        return Err(Error::shape(format!("indices of {:?} do not fit the data", known.shape())));
    };
    let sizes = (0..width).map(|axis| data.size(axis)).collect::<Result<Vec<_>>>()?;
    let strides = row_major_strides(&sizes);
    let inner: usize = fixed(&data.dims[width..]).iter().product();
    let mut targets = Vec::new();
    call.lowering.make_room(&[counted.iter().product(), inner])?;
    for tuple in known.to_f64().chunks(width.max(1)) {
        let mut at = 0;
        for ((&index, &size), stride) in tuple.iter().zip(&sizes).zip(&strides) {
            at += place(index, size)? * stride;
        }
        targets.extend(at * inner..(at + 1) * inner);
    }
    scattered(call, data, &updates, &targets)
}

fn scatter_elements(call: Context<'_, '_, '_, '_>) -> Outputs {
    let known = known_indices(call)?;
    let (data, updates) = operands(call)?;
    let rank = data.dims.len();
    let axis = call.axis(call.int("axis")?.unwrap_or(0), rank)?;
    let size = data.size(axis)?;
    if known.shape().len() != rank {
        return Err(Error::shape("the indices do not have as many dimensions as the data"));
    }
    let (own, mut shape) = (fixed(&data.dims), known.shape().to_vec());
    let mut axis = axis;
    if let Some(batch) = data.batch_axis() {
        if shape.remove(batch) != 1 || updates.batch_axis() != Some(batch) {
            return Err(over_the_batch());
        }
        axis -= usize::from(batch < axis);
    }
    if shape.iter().zip(&own).enumerate().any(|(at, (count, size))| at != axis && count > size) {
        return Err(Error::shape(format!("indices of {:?} do not fit the data", known.shape())));
    }
    let strides = row_major_strides(&own);
    let numbers = known.to_f64();
    call.lowering.make_room(&shape)?;
    let target = |(at, index): (usize, Vec<usize>)| {
        let others = index.iter().zip(&strides).enumerate().filter(|(dim, _)| *dim != axis);
        let others: usize = others.map(|(_, (&index, stride))| index * stride).sum();
        Ok(others + place(numbers[at], size)? * strides[axis])
    };
    let targets = indices(&shape).enumerate().map(target).collect::<Result<Vec<_>>>()?;
    scattered(call, data, &updates, &targets)
}

fn operands(call: Context<'_, '_, '_, '_>) -> Result<(Sample, Sample)> {
    let (data, updates) = (call.input(0)?, call.input(2)?);
    let (data, updates) = (Sample::of(call, &data)?, Sample::of(call, &updates)?);
    let same_batch = data.batch_axis().is_some() == updates.batch_axis().is_some();
    if !same_batch || data.rows() != 1 || updates.rows() != 1 {
        return Err(over_the_batch());
    }
    Ok((data, updates))
}

/// The data in which update `i` changes the element at `targets[i]` of a sample.
fn scattered(call: Context<'_, '_, '_, '_>, data: Sample, updates: &Sample, targets: &[usize]) -> Outputs {
    let shape = data.held.shape(call);
    let count: usize = shape.iter().product();
    let of_updates: usize = updates.held.shape(call).iter().product();
    if of_updates != targets.len() {
        return Err(Error::shape(format!("has {of_updates} updates for {} indices", targets.len())));
    }
    let reduction = reduction(call)?;
    let rounds = rounds(count, targets, reduction.is_none());
    if rounds.len() > MOST_ROUNDS {
        return Err(Error::unsupported(format!("updates an element {} times", rounds.len()))
            .cause(format!("an element is updated at most {MOST_ROUNDS} times")));
    }
    let mut held = data.held.reshaped(call, &[count])?;
    let updates = updates.held.reshaped(call, &[of_updates])?;
    for round in rounds {
        call.lowering.make_room(&[count, 2])?;
        let positions: Vec<usize> = round.iter().map(|update| update.unwrap_or(0)).collect();
        let mask = Tensor::bool(&[1, count], round.iter().map(Option::is_some).collect())?;
        let mut changed = updates.taken(call, 1, &positions)?;
        if let Some(function) = reduction {
            changed = only(all(call, &Binary { function }.into(), &[held.clone(), changed])?)?;
        }
        held = only(all(call, &Select.into(), &[Held::constant(mask), changed, held])?)?;
    }
    let held = held.reshaped(call, &shape)?;
    Ok(vec![Sample { held, dims: data.dims }.value()?])
}

/// The update of every element in each round. Where updates replace, the last is the only one.
fn rounds(count: usize, targets: &[usize], replaces: bool) -> Vec<Vec<Option<usize>>> {
    let mut rounds: Vec<Vec<Option<usize>>> = Vec::new();
    let mut seen = vec![0; count];
    for (update, &target) in targets.iter().enumerate() {
        let round = if replaces { 0 } else { seen[target] };
        seen[target] += 1;
        if round > MOST_ROUNDS {
            continue;
        }
        if rounds.len() <= round {
            rounds.push(vec![None; count]);
        }
        rounds[round][target] = Some(update);
    }
    rounds
}
