//! Functions of one element.

use super::arguments::Arguments;
use super::dtypes::numeric;
use super::logic::{compare, select};
use super::operation::{Call, Operation, Outputs};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, Class, Comparison, FloatClass, Function};
use crate::tensor::DType;
use crate::tfjs::activations;
use crate::tfjs::lowering::LayerCall;
use BinaryFunction::{Divide, Maximum, Minimum, Multiply, Subtract};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Negative", &["x"], |call, given| exact(call, given, negative)),
    Operation::new("Absolute", &["x"], |call, given| exact(call, given, absolute)),
    Operation::new("Abs", &["x"], |call, given| exact(call, given, absolute)),
    Operation::new("Sign", &["x"], |call, given| exact(call, given, |call, x| call.apply(Function::Sign, x))),
    Operation::new("Square", &["x"], |call, given| exact(call, given, |call, x| call.binary(Multiply, x, x))),
    Operation::new("Round", &["x"], round),
    Operation::new("Trunc", &["x"], |call, given| exact(call, given, truncated)),
    Operation::new("Relu", &["x"], relu),
    Operation::new("NanToNum", &["x"], nan_to_num),
    Operation::new("BitwiseNot", &["x"], |call, given| exact(call, given, inverted)),
    Operation::new("BitwiseInvert", &["x"], |call, given| exact(call, given, inverted)),
    Operation::new("Reciprocal", &["x"], |call, given| one(call, given, reciprocal)),
    Operation::new("ReciprocalNoNan", &["x"], |call, given| {
        one(call, given, |call, x| {
            let reciprocal = reciprocal(call, x)?;
            call.binary(BinaryFunction::Keep, reciprocal, x)
        })
    }),
    Operation::new("Sqrt", &["x"], |call, given| function(call, given, Function::SquareRoot)),
    Operation::new("Rsqrt", &["x"], |call, given| function(call, given, Function::Rsqrt)),
    Operation::new("Exp", &["x"], |call, given| function(call, given, Function::Exponential)),
    Operation::new("Exp2", &["x"], exp2),
    Operation::new("Expm1", &["x"], |call, given| function(call, given, Function::Expm1)),
    Operation::new("Log", &["x"], |call, given| function(call, given, Function::Logarithm)),
    Operation::new("Log1p", &["x"], |call, given| function(call, given, Function::LogarithmPlusOne)),
    Operation::new("Log2", &["x"], |call, given| logarithm(call, given, std::f64::consts::LN_2)),
    Operation::new("Log10", &["x"], |call, given| logarithm(call, given, std::f64::consts::LN_10)),
    Operation::new("Floor", &["x"], |call, given| function(call, given, Function::Floor)),
    Operation::new("Ceil", &["x"], |call, given| function(call, given, Function::Ceil)),
    Operation::new("Erf", &["x"], |call, given| function(call, given, Function::Erf)),
    Operation::new("Erfc", &["x"], |call, given| {
        one(call, given, |call, x| {
            let erf = call.apply(Function::Erf, x)?;
            let one = call.number(1.0)?;
            call.binary(Subtract, one, erf)
        })
    }),
    Operation::new("Sin", &["x"], |call, given| function(call, given, Function::Sin)),
    Operation::new("Cos", &["x"], |call, given| function(call, given, Function::Cos)),
    Operation::new("Tan", &["x"], |call, given| function(call, given, Function::Tan)),
    Operation::new("Arcsin", &["x"], |call, given| function(call, given, Function::Asin)),
    Operation::new("Arccos", &["x"], |call, given| function(call, given, Function::Acos)),
    Operation::new("Arctan", &["x"], |call, given| function(call, given, Function::Atan)),
    Operation::new("Sinh", &["x"], |call, given| function(call, given, Function::Sinh)),
    Operation::new("Cosh", &["x"], |call, given| function(call, given, Function::Cosh)),
    Operation::new("Arcsinh", &["x"], |call, given| function(call, given, Function::Asinh)),
    Operation::new("Arccosh", &["x"], |call, given| function(call, given, Function::Acosh)),
    Operation::new("Arctanh", &["x"], |call, given| function(call, given, Function::Atanh)),
    Operation::new("Relu6", &["x"], |call, given| by_name(call, given, "relu6")),
    Operation::new("LeakyRelu", &["x"], leaky_relu),
    Operation::new("Elu", &["x"], elu),
    Operation::new("Celu", &["x"], celu),
    Operation::new("Selu", &["x"], |call, given| by_name(call, given, "selu")),
    Operation::new("Sigmoid", &["x"], |call, given| by_name(call, given, "sigmoid")),
    Operation::new("HardSigmoid", &["x"], |call, given| by_name(call, given, "hard_sigmoid")),
    Operation::new("SparseSigmoid", &["x"], |call, given| by_name(call, given, "sparse_sigmoid")),
    Operation::new("LogSigmoid", &["x"], |call, given| by_name(call, given, "log_sigmoid")),
    Operation::new("Softplus", &["x"], |call, given| by_name(call, given, "softplus")),
    Operation::new("Softsign", &["x"], |call, given| by_name(call, given, "softsign")),
    Operation::new("SparsePlus", &["x"], |call, given| by_name(call, given, "sparse_plus")),
    Operation::new("Tanh", &["x"], |call, given| by_name(call, given, "tanh")),
    Operation::new("HardTanh", &["x"], |call, given| by_name(call, given, "hard_tanh")),
    Operation::new("TanhShrink", &["x"], |call, given| by_name(call, given, "tanh_shrink")),
    Operation::new("Threshold", &["x"], threshold),
    Operation::new("SoftShrink", &["x"], soft_shrink),
    Operation::new("HardShrink", &["x"], hard_shrink),
    Operation::new("Squareplus", &["x"], squareplus),
    Operation::new("Silu", &["x"], |call, given| by_name(call, given, "silu")),
    Operation::new("HardSilu", &["x"], |call, given| by_name(call, given, "hard_silu")),
    Operation::new("Mish", &["x"], |call, given| by_name(call, given, "mish")),
    Operation::new("Gelu", &["x"], gelu),
];

/// A function of floats, whatever the argument was.
fn one(
    call: Call<'_, '_, '_>,
    given: &Arguments<'_>,
    function: impl FnOnce(&mut LayerCall<'_, '_>, ValueId) -> Result<ValueId>,
) -> Outputs {
    let x = given.float(call, 0)?;
    Ok(vec![function(call, x)?])
}

/// A function that is as good on integers, and leaves them so.
fn exact(
    call: Call<'_, '_, '_>,
    given: &Arguments<'_>,
    function: impl FnOnce(&mut LayerCall<'_, '_>, ValueId) -> Result<ValueId>,
) -> Outputs {
    let x = numeric(call, given, 0)?;
    Ok(vec![function(call, x)?])
}

fn function(call: Call<'_, '_, '_>, given: &Arguments<'_>, function: Function) -> Outputs {
    one(call, given, |call, x| call.apply(function, x))
}

/// The activation called `name`.
fn by_name(call: Call<'_, '_, '_>, given: &Arguments<'_>, name: &'static str) -> Outputs {
    one(call, given, |call, x| match activations::function(name, true) {
        Some(function) => call.apply(function, x),
        None => activations::composed(call, name, x)?
            .ok_or_else(|| Error::unsupported(format!("the function `{name}` is not supported"))),
    })
}

/// `x` above the threshold, else a number.
fn threshold(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let (least, other) = (call.config.number_or("threshold", 0.0)?, call.config.number_or("default_value", 0.0)?);
    one(call, given, |call, x| {
        let (least, other) = (call.number(least as f32)?, call.number(other as f32)?);
        let is_above = compare(call, Comparison::Greater, x, least)?;
        select(call, is_above, x, other)
    })
}

/// `x` by the threshold nearer to 0, which it does not cross: `max(x − t, 0) + min(x + t, 0)`.
fn soft_shrink(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let threshold = call.config.number_or("threshold", 0.5)? as f32;
    one(call, given, |call, x| {
        let (above, below) = (call.with_number(Subtract, x, threshold)?, call.with_number(Subtract, x, -threshold)?);
        let (above, below) = (call.with_number(Maximum, above, 0.0)?, call.with_number(Minimum, below, 0.0)?);
        call.binary(BinaryFunction::Add, above, below)
    })
}

/// `x` where it is farther from 0 than the threshold, else 0.
fn hard_shrink(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let threshold = call.config.number_or("threshold", 0.5)?;
    one(call, given, |call, x| {
        let (distance, threshold) = (call.apply(Function::Absolute, x)?, call.number(threshold as f32)?);
        let is_kept = compare(call, Comparison::Greater, distance, threshold)?;
        let zero = call.number(0.0)?;
        select(call, is_kept, x, zero)
    })
}

/// `(x + √(x² + b)) / 2`
fn squareplus(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let b = call.config.number_or("b", 4.0)? as f32;
    one(call, given, |call, x| {
        let square = call.binary(Multiply, x, x)?;
        let square = call.with_number(BinaryFunction::Add, square, b)?;
        let root = call.apply(Function::SquareRoot, square)?;
        let sum = call.binary(BinaryFunction::Add, x, root)?;
        call.with_number(Divide, sum, 2.0)
    })
}

fn negative(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    match call.dtype(x) {
        DType::F32 => call.with_number(Multiply, x, -1.0),
        _ => call.apply(Function::Negative, x),
    }
}

fn absolute(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    call.apply(Function::Absolute, x)
}

/// `~x`
fn inverted(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    let all_bits = call.integer(-1)?;
    call.binary(Subtract, all_bits, x)
}

fn reciprocal(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    let one = call.number(1.0)?;
    call.binary(Divide, one, x)
}

/// Toward zero.
fn truncated(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    if call.dtype(x) != DType::F32 {
        return Ok(x);
    }
    let magnitude = absolute(call, x)?;
    let whole = call.apply(Function::Floor, magnitude)?;
    let sign = call.apply(Function::Sign, x)?;
    call.binary(Multiply, whole, sign)
}

/// To a number of decimals, of which integers have none; of two that are as near, to the even one.
fn round(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let decimals = call.config.number_or("decimals", 0.0)?;
    exact(call, given, |call, x| {
        let dtype = call.dtype(x);
        if decimals == 0.0 || dtype == DType::I32 && decimals > 0.0 {
            return if dtype == DType::I32 { Ok(x) } else { call.apply(Function::Round, x) };
        }
        let factor = 10f64.powf(decimals) as f32;
        let x = call.float(x)?;
        let scaled = call.with_number(Multiply, x, factor)?;
        let whole = call.apply(Function::Round, scaled)?;
        let rounded = call.with_number(Divide, whole, factor)?;
        call.cast(rounded, dtype)
    })
}

fn relu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    exact(call, given, |call, x| match call.dtype(x) {
        DType::F32 => call.apply(Function::RELU, x),
        _ => {
            let zero = call.integer(0)?;
            call.binary(Maximum, x, zero)
        }
    })
}

/// NaN as a number, and infinities as the largest ones, unless the options have others.
fn nan_to_num(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let nan = call.config.number_or("nan", 0.0)? as f32;
    let most = call.config.number("posinf")?.map_or(f32::MAX, |most| most as f32);
    let least = call.config.number("neginf")?.map_or(f32::MIN, |least| least as f32);
    exact(call, given, |call, x| {
        if call.dtype(x) != DType::F32 {
            return Ok(x);
        }
        let finite = call.with_number(Maximum, x, f32::MIN)?;
        let finite = call.with_number(Minimum, finite, f32::MAX)?;
        let zero = call.number(0.0)?;
        let is_positive = compare(call, Comparison::Greater, x, zero)?;
        let (most, least, nan) = (call.number(most)?, call.number(least)?, call.number(nan)?);
        let far = select(call, is_positive, most, least)?;
        let is_infinite = call.op(FloatClass { class: Class::Infinite }, &[x])?;
        let number = select(call, is_infinite, far, finite)?;
        let is_nan = call.op(FloatClass { class: Class::Nan }, &[x])?;
        select(call, is_nan, nan, number)
    })
}

fn exp2(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    one(call, given, |call, x| {
        let two = call.number(2.0)?;
        call.binary(BinaryFunction::Power, two, x)
    })
}

/// The logarithm to a base by its natural logarithm.
fn logarithm(call: Call<'_, '_, '_>, given: &Arguments<'_>, base: f64) -> Outputs {
    one(call, given, |call, x| {
        let log = call.apply(Function::Logarithm, x)?;
        call.with_number(Divide, log, base as f32)
    })
}

fn leaky_relu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let slope = call.config.number_or("negative_slope", 0.2)? as f32;
    function(call, given, Function::relu(None, slope, 0.0))
}

fn elu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let alpha = call.config.number_or("alpha", 1.0)? as f32;
    function(call, given, Function::Elu { alpha })
}

/// `elu(x / alpha) · alpha`; `alpha` times the elu of alpha 1.
fn celu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let alpha = call.config.number_or("alpha", 1.0)? as f32;
    one(call, given, |call, x| {
        if alpha == 1.0 {
            return call.apply(Function::Elu { alpha }, x);
        }
        let scaled = call.with_number(Divide, x, alpha)?;
        let elu = call.apply(Function::Elu { alpha: 1.0 }, scaled)?;
        call.with_number(Multiply, elu, alpha)
    })
}

fn gelu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let approximate = call.config.boolean_or("approximate", true)?;
    function(call, given, if approximate { Function::GeluTanh } else { Function::Gelu })
}
