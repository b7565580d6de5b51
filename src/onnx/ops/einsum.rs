//! Einsum.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Einsum | 12 |
//!
//! One operand is summed over what its result leaves out, and turned. Two are a product of matrices: labels that both
//! have and the result keeps count matrices, those that the result leaves out are summed over, the others are rows and
//! columns. Labels that only one operand has, and not the result, are summed over before.

use super::operator::{Operator, Outputs};
use super::sample::{Held, Sample, all, over_the_batch};
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::size::Size;
use crate::onnx::value::{LogicalDim, Value};
use crate::ops::{BatchMatmul, Dense, Heads, Reduce, Reduction};
use crate::tensor::{DType, Tensor};
use std::collections::BTreeMap;

pub(super) const OPERATORS: &[Operator] = &[Operator::new("Einsum", &[12], einsum)];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

/// A value and the label of each of its dimensions.
#[derive(Debug, Clone)]
struct Labelled {
    value: Value,
    labels: Vec<char>,
}

fn einsum(call: Context<'_, '_, '_, '_>) -> Outputs {
    let equation = call.string("equation")?.ok_or_else(|| Error::format("has no `equation`"))?;
    let mut values = Vec::new();
    for index in 0..call.input_count() {
        values.push(call.input(index)?);
    }
    if let Some(other) = values.iter().map(|value| call.dtype(value)).find(|dtype| *dtype != DType::F32) {
        return Err(Error::unsupported(format!("{equation:?} takes {other}, which is not supported")));
    }
    let (mut operands, result) = parsed(equation, values)?;
    for index in 0..operands.len() {
        let others = operands.iter().enumerate().filter(|(other, _)| *other != index);
        let kept: Vec<char> = others.flat_map(|(_, other)| other.labels.clone()).chain(result.clone()).collect();
        operands[index] = summed(call, operands[index].clone(), &kept)?;
    }
    let mut operands = operands.into_iter();
    let product = match (operands.next(), operands.next(), operands.next()) {
        (Some(one), None, None) => one,
        (Some(left), Some(right), None) => multiplied(call, left, right, &result)?,
        _ => {
            return Err(Error::unsupported(format!("{equation:?} takes more than two operands"))
                .hint("write it as several products of two"));
        }
    };
    Ok(vec![arranged(call, &product, &result)?])
}

/// The operands with their labels, and those of the result. Dimensions of `...` are labelled by digits.
fn parsed(equation: &str, values: Vec<Value>) -> Result<(Vec<Labelled>, Vec<char>)> {
    let text: String = equation.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left.to_string(), Some(right.to_string())),
        None => (text.clone(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != values.len() {
        return Err(Error::format(format!("{equation:?} does not fit {} operands", values.len())));
    }
    let mut operands = Vec::new();
    let mut most = 0;
    for (term, value) in terms.iter().zip(values) {
        let rank = value.rank()?;
        let letters = term.replace("...", "").len();
        let hidden = if term.contains("...") { rank.checked_sub(letters) } else { Some(0) };
        let hidden = hidden.filter(|hidden| hidden + letters == rank && *hidden < 10);
        let hidden = hidden.ok_or_else(|| Error::shape(format!("{term:?} does not fit a value of rank {rank}")))?;
        most = most.max(hidden);
        operands.push(Labelled { value, labels: spelled(term, hidden) });
    }
    let result = match right {
        Some(right) => spelled(&right, most),
        None => {
            let mut counts: BTreeMap<char, usize> = BTreeMap::new();
            operands
                .iter()
                .flat_map(|operand| &operand.labels)
                .for_each(|&label| *counts.entry(label).or_default() += 1);
            counts
                .into_iter()
                .filter(|(label, count)| *count == 1 || label.is_ascii_digit())
                .map(|(label, _)| label)
                .collect()
        }
    };
    for labels in operands.iter().map(|operand| &operand.labels).chain([&result]) {
        if labels.iter().enumerate().any(|(at, label)| labels[..at].contains(label)) {
            return Err(Error::unsupported(format!("{equation:?} takes a diagonal, which is not supported")));
        }
    }
    if result.iter().any(|label| !operands.iter().any(|operand| operand.labels.contains(label))) {
        return Err(Error::format(format!("{equation:?} has a label only in its result")));
    }
    Ok((operands, result))
}

/// The labels of a term whose `...` stands for so many dimensions, which are the last digits.
fn spelled(term: &str, hidden: usize) -> Vec<char> {
    let digits: String = (10 - hidden..10).filter_map(|digit| char::from_digit(digit as u32, 10)).collect();
    term.replace("...", &digits).chars().collect()
}

/// The sum over the dimensions whose labels are not among these.
fn summed(call: Context<'_, '_, '_, '_>, of: Labelled, kept: &[char]) -> Result<Labelled> {
    if of.labels.iter().all(|label| kept.contains(label)) {
        return Ok(of);
    }
    let mut x = Sample::of(call, &of.value)?;
    let mut labels = of.labels;
    while let Some(axis) = labels.iter().position(|label| !kept.contains(label)) {
        let sum = Reduce { reduction: Reduction::Sum, axis: x.stored(axis)? };
        x.held = x.held.step(call, sum, &[])?;
        x.dims.remove(axis);
        labels.remove(axis);
    }
    Ok(Labelled { value: x.value()?, labels })
}

/// The value with its dimensions in the order of these labels, which are all it has.
fn arranged(call: Context<'_, '_, '_, '_>, of: &Labelled, labels: &[char]) -> Result<Value> {
    let place = |label: &char| of.labels.iter().position(|own| own == label);
    let order = labels.iter().map(place).collect::<Option<Vec<usize>>>().filter(|order| order.len() == of.labels.len());
    let order = order.ok_or_else(|| Error::internal("labels are lost"))?;
    call.transposed(&of.value, &order)
}

/// What the labels of two operands are for.
struct Roles {
    /// Those that count matrices, without the batch.
    heads: Vec<char>,
    /// Those that are summed over.
    depth: Vec<char>,
    rows: Vec<char>,
    columns: Vec<char>,
}

fn multiplied(call: Context<'_, '_, '_, '_>, left: Labelled, right: Labelled, result: &[char]) -> Result<Labelled> {
    let batch = [batch_label(&left)?, batch_label(&right)?];
    let batch = match batch {
        [Some(one), Some(other)] if one != other => return Err(over_the_batch()),
        [one, other] => one.or(other),
    };
    if batch.is_some_and(|label| !result.contains(&label)) {
        return Err(over_the_batch());
    }
    let is_in = |labels: &[char], label: &char| labels.contains(label);
    let of = |from: &Labelled, wanted: &dyn Fn(&char) -> bool| -> Vec<char> {
        from.labels.iter().copied().filter(|label| Some(*label) != batch && wanted(label)).collect()
    };
    let roles = Roles {
        heads: of(&left, &|label| is_in(&right.labels, label) && is_in(result, label)),
        depth: of(&left, &|label| is_in(&right.labels, label) && !is_in(result, label)),
        rows: of(&left, &|label| !is_in(&right.labels, label)),
        columns: of(&right, &|label| !is_in(&left.labels, label)),
    };
    let sizes = sizes(&[&left, &right])?;
    let count =
        |labels: &[char]| labels.iter().map(|label| sizes.get(label).map_or(1, |size| size.plus as usize)).product();
    let [heads, depth, rows, columns]: [usize; 4] =
        [count(&roles.heads), count(&roles.depth), count(&roles.rows), count(&roles.columns)];
    let x =
        side(call, &left, batch, [&roles.heads, &roles.rows, &roles.depth])?.reshaped(call, &[heads, rows, depth])?;
    let y = side(call, &right, batch, [&roles.heads, &roles.columns, &roles.depth])?;
    let y = y.reshaped(call, &[heads, columns, depth])?;
    let held = product(call, x, y, [heads, rows, columns, depth])?;
    let labels: Vec<char> = batch.into_iter().chain(roles.heads).chain(roles.rows).chain(roles.columns).collect();
    let dim = |label: &char| match sizes.get(label) {
        Some(size) if size.times == 0 => LogicalDim::Fixed(size.plus as usize),
        _ => LogicalDim::Batch(1),
    };
    let dims: Vec<LogicalDim> = labels.iter().map(dim).collect();
    let held = held.reshaped(call, &super::sample::fixed(&dims))?;
    Ok(Labelled { value: Sample { held, dims }.value()?, labels })
}

/// The label of the dimension that is the batch.
fn batch_label(of: &Labelled) -> Result<Option<char>> {
    let sizes = of.value.sizes()?;
    let Some(axis) = sizes.iter().position(|size| size.times != 0) else { return Ok(None) };
    if sizes[axis] != Size::batch(1) {
        return Err(over_the_batch());
    }
    Ok(Some(of.labels[axis]))
}

fn sizes(operands: &[&Labelled]) -> Result<BTreeMap<char, Size>> {
    let mut sizes = BTreeMap::new();
    for operand in operands {
        for (&label, size) in operand.labels.iter().zip(operand.value.sizes()?) {
            let known = *sizes.entry(label).or_insert(size);
            if known != size {
                return Err(Error::unsupported(format!("label {label} is {known} and {size}, which is not supported"))
                    .hint("give the operands the same sizes"));
            }
        }
    }
    Ok(sizes)
}

/// An operand in memory with its dimensions in the order of these roles, after the batch if it has one.
fn side(call: Context<'_, '_, '_, '_>, of: &Labelled, batch: Option<char>, roles: [&[char]; 3]) -> Result<Held> {
    let batch = batch.filter(|label| of.labels.contains(label));
    let labels: Vec<char> = batch.into_iter().chain(roles.into_iter().flatten().copied()).collect();
    let value = arranged(call, of, &labels)?;
    Ok(Sample::of(call, &value)?.held)
}

/// `[heads, rows, depth]` and `[heads, columns, depth]` give `[heads, rows, columns]`.
fn product(call: Context<'_, '_, '_, '_>, x: Held, y: Held, sizes: [usize; 4]) -> Result<Held> {
    let [heads, rows, columns, depth] = sizes;
    if heads == 1 {
        if let Held::Known(_) = &y {
            let x = x.reshaped(call, &[rows, depth])?;
            return dense(call, &x, &y, columns, depth);
        }
        if let Held::Known(_) = &x {
            let y = y.reshaped(call, &[columns, depth])?;
            return dense(call, &y, &x, rows, depth)?.permuted(call, vec![0, 2, 1]);
        }
        let (x, y) = (x.reshaped(call, &[rows, depth])?, y.reshaped(call, &[columns, depth])?);
        return only(all(call, &BatchMatmul { axes: [2, 2], heads: None, scale: 1.0 }.into(), &[x, y])?);
    }
    let (x, y) = (repeated(call, x)?, repeated(call, y)?);
    let op = BatchMatmul { axes: [3, 3], heads: Some(Heads { inputs: [1, 1], output: 1 }), scale: 1.0 };
    only(all(call, &op.into(), &[x, y])?)
}

/// The product of computed rows with a constant `[1, 1, units, depth]`.
fn dense(call: Context<'_, '_, '_, '_>, x: &Held, constant: &Held, units: usize, depth: usize) -> Result<Held> {
    let kernel = constant.reshaped(call, &[units, depth])?.permuted(call, vec![0, 2, 1])?;
    let Held::Known(kernel) = kernel else { return Err(Error::internal("a constant is none")) };
    let kernel = Held::constant(kernel.as_ref().clone().reshaped(&[depth, units])?);
    let bias = Held::constant(Tensor::f32(&[units], vec![0.0; units])?);
    x.step(call, Dense::default(), &[kernel, bias])
}

/// A constant with one row for each sample.
fn repeated(call: Context<'_, '_, '_, '_>, held: Held) -> Result<Held> {
    let Held::Known(tensor) = &held else { return Ok(held) };
    let shape = held.shape(call);
    let value = Value::constant(tensor.as_ref().clone().reshaped(&shape)?)?;
    Ok(Held::Computed(call.computed(&value)?.id))
}

fn only(outputs: Vec<Held>) -> Result<Held> {
    super::indices::only(outputs)
}
