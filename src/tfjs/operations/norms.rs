//! Norms, and what is divided by them.

use super::arguments::Arguments;
use super::axes::{axis_of, goes_over_all, one_or, several};
use super::dtypes::numeric;
use super::operation::{Call, Operation, Outputs};
use super::reductions::over;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, Function, L2Normalize, Reduction, Softmax};
use crate::tensor::DType;
use crate::tfjs::activations;
use crate::tfjs::lowering::LayerCall;
use BinaryFunction::{Divide, Maximum, Multiply, Power};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Norm", &["x"], |call, given| {
        let x = given.float(call, 0)?;
        let keeps = call.config.boolean_or("keepdims", false)?;
        Ok(vec![norm(call, x, keeps)?])
    }),
    Operation::new("EuclideanNorm", &["x"], euclidean),
    Operation::new("Normalize", &["x"], normalize),
    Operation::new("NormalizeAndNorm", &["x"], |call, given| {
        let x = given.float(call, 0)?;
        let norm = norm(call, x, true)?;
        Ok(vec![call.binary(Divide, x, norm)?, norm])
    }),
    Operation::new("Softmax", &["x"], |call, given| softmax(call, given, false)),
    Operation::new("LogSoftmax", &["x"], |call, given| softmax(call, given, true)),
    Operation::new("Glu", &["x"], |call, given| {
        let x = given.float(call, 0)?;
        let axis = one_or(call, x, "axis", Some(-1))?;
        Ok(vec![activations::glu(call, x, axis)?])
    }),
];

/// What the option `ord` names.
enum Order {
    Euclidean,
    /// The `p` of `(Σ|x|^p)^(1/p)`.
    Power(f64),
}

fn order(call: &LayerCall<'_, '_>) -> Result<Order> {
    match call.config.get("ord") {
        None => Ok(Order::Euclidean),
        Some(order) if order == "euclidean" || order == "fro" => Ok(Order::Euclidean),
        Some(order) => match order.as_f64() {
            Some(order) => Ok(Order::Power(order)),
            None => Err(Error::unsupported(format!("the norm `{order}` is not supported"))),
        },
    }
}

/// The norm over the option `axis`: of vectors, or with two axes of matrices.
fn norm(call: &mut LayerCall<'_, '_>, x: ValueId, keeps: bool) -> Result<ValueId> {
    let given = call.config.integers("axis")?.ok_or_else(goes_over_all)?;
    let axes: Vec<usize> = given.iter().map(|&axis| axis_of(call, x, axis)).collect::<Result<_>>()?;
    match (order(call)?, axes.as_slice()) {
        (Order::Euclidean, _) | (Order::Power(2.0), [_]) => root_of_squares(call, x, keeps),
        (Order::Power(power), &[axis]) => of_vectors(call, x, axis, power, keeps),
        (Order::Power(power), &[rows, columns]) if power.abs() == 1.0 => {
            let magnitude = call.apply(Function::Absolute, x)?;
            let sums = over(call, magnitude, &[rows], Reduction::Sum, true)?;
            let extreme = if power > 0.0 { Reduction::Maximum } else { Reduction::Minimum };
            let extremes = over(call, sums, &[columns], extreme, true)?;
            if keeps { Ok(extremes) } else { super::moves::without(call, extremes, &[rows, columns]) }
        }
        (Order::Power(power), axes) => {
            Err(Error::unsupported(format!("the norm {power} over {} axes is not supported", axes.len())))
        }
    }
}

fn root_of_squares(call: &mut LayerCall<'_, '_>, x: ValueId, keeps: bool) -> Result<ValueId> {
    let axes = several(call, x, "axis")?;
    let square = call.binary(Multiply, x, x)?;
    let sum = over(call, square, &axes, Reduction::Sum, keeps)?;
    call.apply(Function::SquareRoot, sum)
}

fn of_vectors(call: &mut LayerCall<'_, '_>, x: ValueId, axis: usize, power: f64, keeps: bool) -> Result<ValueId> {
    if power == 0.0 {
        let truth = call.truth(x)?;
        let ones = call.float(truth)?;
        return over(call, ones, &[axis], Reduction::Sum, keeps);
    }
    let magnitude = call.apply(Function::Absolute, x)?;
    if power == 1.0 {
        return over(call, magnitude, &[axis], Reduction::Sum, keeps);
    }
    let powers = call.with_number(Power, magnitude, power as f32)?;
    let sum = over(call, powers, &[axis], Reduction::Sum, keeps)?;
    call.with_number(Power, sum, (1.0 / power) as f32)
}

/// Of integers the whole number below the root of a sum that wraps.
fn euclidean(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = numeric(call, given, 0)?;
    let keeps = call.config.boolean_or("keepdims", false)?;
    if call.dtype(x) == DType::F32 {
        return Ok(vec![root_of_squares(call, x, keeps)?]);
    }
    let axes = several(call, x, "axis")?;
    let square = call.binary(Multiply, x, x)?;
    let sum = over(call, square, &axes, Reduction::Sum, keeps)?;
    let sum = call.float(sum)?;
    let root = call.apply(Function::SquareRoot, sum)?;
    Ok(vec![call.cast(root, DType::I32)?])
}

/// To length 1 where it is more than `epsilon`.
fn normalize(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.float(call, 0)?;
    let epsilon = call.config.number_or("epsilon", 1e-7)? as f32;
    let order = call.config.number_or("order", 2.0)?;
    let axes = match call.config.get("axis") {
        None if !call.config.is_null("axis") => vec![axis_of(call, x, -1)?],
        _ => several(call, x, "axis")?,
    };
    if let (2.0, &[axis]) = (order, axes.as_slice()) {
        return Ok(vec![call.op(L2Normalize { axis, floor: epsilon * epsilon }, &[x])?]);
    }
    let length = match axes.as_slice() {
        _ if order == 2.0 => {
            let square = call.binary(Multiply, x, x)?;
            let sum = over(call, square, &axes, Reduction::Sum, true)?;
            call.apply(Function::SquareRoot, sum)?
        }
        &[axis] => of_vectors(call, x, axis, order, true)?,
        _ => return Err(Error::unsupported(format!("normalises several axes by the norm {order}"))),
    };
    let length = call.with_number(Maximum, length, epsilon)?;
    Ok(vec![call.binary(Divide, x, length)?])
}

fn softmax(call: Call<'_, '_, '_>, given: &Arguments<'_>, log: bool) -> Outputs {
    let x = given.float(call, 0)?;
    let axis = one_or(call, x, "axis", Some(-1))?;
    Ok(vec![call.op(Softmax { axis, log }, &[x])?])
}
