//! Sums, means, extremes and spreads over dimensions of a sample.

use super::arguments::Arguments;
use super::axes::{one, several, size};
use super::dtypes::{as_option, numeric, pair};
use super::logic::compare;
use super::moves::{expanded, reshaped};
use super::operation::{Call, Operation, Outputs};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, Comparison, Function, Reduce, Reduction};
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;
use BinaryFunction::{Add, Divide, FloorDivide, FloorMod, Minimum, Multiply, Subtract};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Sum", &["x"], |call, given| of_numbers(call, given, Reduction::Sum)),
    Operation::new("Mean", &["x"], mean),
    Operation::new("Prod", &["x"], product),
    Operation::new("Max", &["x"], |call, given| extreme(call, given, Reduction::Maximum)),
    Operation::new("Ptp", &["x"], |call, given| {
        let x = given.value(call, 0)?;
        let (most, least) = (reduce(call, x, Reduction::Maximum)?, reduce(call, x, Reduction::Minimum)?);
        Ok(vec![call.binary(BinaryFunction::Subtract, most, least)?])
    }),
    Operation::new("Amax", &["x"], |call, given| extreme(call, given, Reduction::Maximum)),
    Operation::new("Min", &["x"], |call, given| extreme(call, given, Reduction::Minimum)),
    Operation::new("Amin", &["x"], |call, given| extreme(call, given, Reduction::Minimum)),
    Operation::new("Any", &["x"], |call, given| of_truths(call, given, Reduction::Maximum)),
    Operation::new("All", &["x"], |call, given| of_truths(call, given, Reduction::Minimum)),
    Operation::new("CountNonzero", &["x"], count),
    Operation::new("Logsumexp", &["x"], |call, given| {
        let x = given.float(call, 0)?;
        Ok(vec![reduce(call, x, Reduction::LogSumExp)?])
    }),
    Operation::new("Var", &["x"], |call, given| Ok(vec![variance(call, given)?])),
    Operation::new("Std", &["x"], |call, given| {
        let variance = variance(call, given)?;
        Ok(vec![call.apply(Function::SquareRoot, variance)?])
    }),
    Operation::new("Moments", &["x"], moments),
    Operation::new("Average", &["x", "weights?"], average),
];

/// Reduces over these dimensions, the last first.
pub(super) fn over(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    axes: &[usize],
    reduction: Reduction,
    keeps: bool,
) -> Result<ValueId> {
    let mut reduced = x;
    for &axis in axes.iter().rev() {
        reduced = call.op(Reduce { reduction, axis }, &[reduced])?;
    }
    for &axis in axes.iter().filter(|_| keeps) {
        reduced = expanded(call, reduced, axis)?;
    }
    Ok(reduced)
}

/// Reduces over the dimensions of the option `axis`.
pub(super) fn reduce(call: &mut LayerCall<'_, '_>, x: ValueId, reduction: Reduction) -> Result<ValueId> {
    let axes = several(call, x, "axis")?;
    let keeps = call.config.boolean_or("keepdims", false)?;
    over(call, x, &axes, reduction, keeps)
}

/// Of integers, integers that wrap.
fn of_numbers(call: Call<'_, '_, '_>, given: &Arguments<'_>, reduction: Reduction) -> Outputs {
    let x = numeric(call, given, 0)?;
    Ok(vec![reduce(call, x, reduction)?])
}

/// Keras leaves the dtype of a product as it is, whatever the option says.
fn product(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    call.config.ignore(&["dtype"]);
    of_numbers(call, given, Reduction::Product)
}

/// In Keras 3 of floats. TensorFlow divides a sum of integers toward zero.
fn mean(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    if call.is_keras_3() || call.dtype(x) == DType::F32 {
        let x = call.float(x)?;
        return Ok(vec![reduce(call, x, Reduction::Mean)?]);
    }
    Ok(vec![mean_of_integers(call, x)?])
}

/// `Σ ⌊x / K⌋ + ⌊Σ (x mod K) / K⌋`, in which nothing wraps, and one more if that is below 0 and something is left.
fn mean_of_integers(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    let x = call.cast(x, DType::I32)?;
    let count: usize = several(call, x, "axis")?.iter().map(|&axis| size(call, x, axis)).product();
    let count = call.integer(count as i32)?;
    let (parts, rests) = (call.binary(FloorDivide, x, count)?, call.binary(FloorMod, x, count)?);
    let (parts, rests) = (reduce(call, parts, Reduction::Sum)?, reduce(call, rests, Reduction::Sum)?);
    let of_rests = call.binary(FloorDivide, rests, count)?;
    let mean = call.binary(Add, parts, of_rests)?;
    let left = call.binary(FloorMod, rests, count)?;
    let (zero, one) = (call.integer(0)?, call.integer(1)?);
    let is_below = compare(call, Comparison::Less, mean, zero)?;
    let is_below = call.cast(is_below, DType::I32)?;
    let less_one = call.binary(Minimum, left, one)?;
    let correction = call.binary(Multiply, less_one, is_below)?;
    call.binary(Add, mean, correction)
}

/// Of any dtype; no less, or no more, than the option `initial`.
fn extreme(call: Call<'_, '_, '_>, given: &Arguments<'_>, reduction: Reduction) -> Outputs {
    let x = given.value(call, 0)?;
    let most = reduce(call, x, reduction)?;
    let Some(initial) = call.config.number("initial")? else { return Ok(vec![most]) };
    let function = if reduction == Reduction::Maximum { BinaryFunction::Maximum } else { BinaryFunction::Minimum };
    let initial =
        if call.dtype(x) == DType::F32 { call.number(initial as f32)? } else { call.integer(initial as i32)? };
    Ok(vec![call.binary(function, most, initial)?])
}

fn of_truths(call: Call<'_, '_, '_>, given: &Arguments<'_>, reduction: Reduction) -> Outputs {
    let x = given.get(0)?.in_dtype(call, DType::Bool)?;
    Ok(vec![reduce(call, x, reduction)?])
}

/// How many are not 0.
fn count(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.get(0)?.in_dtype(call, DType::Bool)?;
    let ones = call.cast(x, DType::I32)?;
    let count = reduce(call, ones, Reduction::Sum)?;
    Ok(vec![as_option(call, count)?])
}

/// The mean over `axes` as dimensions of 1, and the mean of the squared distances from it.
fn mean_and_variance(call: &mut LayerCall<'_, '_>, x: ValueId, axes: &[usize], keeps: bool) -> Result<[ValueId; 2]> {
    let mean = over(call, x, axes, Reduction::Mean, true)?;
    let distance = call.binary(Subtract, x, mean)?;
    let square = call.binary(Multiply, distance, distance)?;
    Ok([mean, over(call, square, axes, Reduction::Mean, keeps)?])
}

fn variance(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<ValueId> {
    let x = given.float(call, 0)?;
    let axes = several(call, x, "axis")?;
    let keeps = call.config.boolean_or("keepdims", false)?;
    Ok(mean_and_variance(call, x, &axes, keeps)?[1])
}

fn moments(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.float(call, 0)?;
    let axes = several(call, x, "axes")?;
    let keeps = call.config.boolean_or("keepdims", false)?;
    call.config.refuse_unless_off("synchronized")?;
    let [mean, variance] = mean_and_variance(call, x, &axes, keeps)?;
    let mean = if keeps { mean } else { over(call, x, &axes, Reduction::Mean, false)? };
    Ok(vec![mean, variance])
}

/// The mean, or one in which elements have weights: of the shape of `x`, or of its dimension.
fn average(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    if !given.has(1) {
        let x = given.float(call, 0)?;
        return Ok(vec![reduce(call, x, Reduction::Mean)?]);
    }
    let [x, mut weights] = pair(call, given, [0, 1], DType::F32)?;
    let axis = one(call, x)?;
    if call.rank(weights) != call.rank(x) {
        if call.rank(weights) != 1 || call.shape(weights).is_batched() {
            let (x, weights) = (call.shape(x), call.shape(weights));
            return Err(Error::unsupported(format!("averages {x} by weights of {weights}, which is not supported")));
        }
        let behind = vec![1; call.rank(x) - axis - 1];
        weights = reshaped(call, weights, &[call.shape(weights).sample(), behind].concat())?;
    }
    let weighted = call.binary(Multiply, x, weights)?;
    let sum = reduce(call, weighted, Reduction::Sum)?;
    let of_weights = if call.shape(weights).is_batched() { axis } else { 0 };
    let total = over(call, weights, &[of_weights], Reduction::Sum, false)?;
    // What is behind the only dimension of constant weights is one.
    let total = if call.shape(total).is_batched() { total } else { reshaped(call, total, &[1])? };
    Ok(vec![call.binary(Divide, sum, total)?])
}
