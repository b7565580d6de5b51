//! Sums, means and extremes over dimensions of a sample.

use super::{Arguments, Operation};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, Function, Reduce, Reduction};
use crate::tfjs::lowering::LayerCall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Sum", &["x"], |call, given| of_floats(call, given, Reduction::Sum)),
    Operation::new("Mean", &["x"], |call, given| of_floats(call, given, Reduction::Mean)),
    Operation::new("Max", &["x"], |call, given| of_floats(call, given, Reduction::Maximum)),
    Operation::new("Amax", &["x"], |call, given| of_floats(call, given, Reduction::Maximum)),
    Operation::new("Min", &["x"], minimum),
    Operation::new("Amin", &["x"], minimum),
    Operation::new("Any", &["x"], any),
    Operation::new("All", &["x"], all),
    Operation::new("Var", &["x"], |call, given| Ok(vec![variance(call, given)?])),
    Operation::new("Std", &["x"], |call, given| {
        let variance = variance(call, given)?;
        Ok(vec![call.apply(Function::SquareRoot, variance)?])
    }),
    Operation::new("Norm", &["x"], norm),
];

/// The dimensions that the option `axis` names, in ascending order.
fn axes(call: &LayerCall<'_, '_>, x: ValueId) -> Result<Vec<usize>> {
    let Some(axes) = call.config.integers("axis")? else {
        return Err(
            Error::unsupported("reduces over the batch too, which is not supported").cause("it names no `axis`")
        );
    };
    let mut axes: Vec<usize> = axes.iter().map(|&axis| call.sample_axis(x, axis)).collect::<Result<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// Reduces over the dimensions of the option `axis`, the last first.
fn reduce(call: &mut LayerCall<'_, '_>, x: ValueId, reduction: Reduction) -> Result<ValueId> {
    let axes = axes(call, x)?;
    let mut reduced = x;
    for &axis in axes.iter().rev() {
        reduced = call.op(Reduce { reduction, axis }, &[reduced])?;
    }
    if call.config.boolean_or("keepdims", false)? {
        for &axis in &axes {
            reduced = call.expand(reduced, axis)?;
        }
    }
    Ok(reduced)
}

fn of_floats(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>, reduction: Reduction) -> Result<Vec<ValueId>> {
    let x = given.float(call, 0)?;
    Ok(vec![reduce(call, x, reduction)?])
}

fn minimum(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.float(call, 0)?;
    let negative = call.with_number(BinaryFunction::Multiply, x, -1.0)?;
    let most = reduce(call, negative, Reduction::Maximum)?;
    Ok(vec![call.with_number(BinaryFunction::Multiply, most, -1.0)?])
}

fn any(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.operand(call, 0)?;
    let x = call.truth(x)?;
    Ok(vec![reduce(call, x, Reduction::Maximum)?])
}

/// Unless any is not.
fn all(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.operand(call, 0)?;
    let x = call.truth(x)?;
    let x = call.float(x)?;
    let one = call.number(1.0)?;
    let off = call.binary(BinaryFunction::Subtract, one, x)?;
    let any_off = reduce(call, off, Reduction::Maximum)?;
    let all_on = call.binary(BinaryFunction::Subtract, one, any_off)?;
    Ok(vec![call.truth(all_on)?])
}

/// The mean of the squared distances from the mean.
fn variance(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<ValueId> {
    let x = given.float(call, 0)?;
    let mut mean = x;
    let axes = axes(call, x)?;
    for &axis in axes.iter().rev() {
        mean = call.op(Reduce { reduction: Reduction::Mean, axis }, &[mean])?;
    }
    for &axis in &axes {
        mean = call.expand(mean, axis)?;
    }
    let distance = call.binary(BinaryFunction::Subtract, x, mean)?;
    let square = call.binary(BinaryFunction::Multiply, distance, distance)?;
    reduce(call, square, Reduction::Mean)
}

/// The Euclidean length.
fn norm(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.float(call, 0)?;
    match call.config.get("ord") {
        None => {}
        Some(order) if order == "euclidean" => {}
        Some(order) if order.as_f64() == Some(2.0) && axes(call, x)?.len() == 1 => {}
        Some(order) => return Err(Error::unsupported(format!("the norm `{order}` is not supported"))),
    }
    let square = call.binary(BinaryFunction::Multiply, x, x)?;
    let sum = reduce(call, square, Reduction::Sum)?;
    Ok(vec![call.apply(Function::SquareRoot, sum)?])
}
