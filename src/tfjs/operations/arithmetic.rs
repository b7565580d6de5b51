//! Functions of two elements.

use super::arguments::Arguments;
use super::dtypes::{pair, together};
use super::operation::{Call, Operation, Outputs};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, Function};
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;
use BinaryFunction::{
    Add, Atan2, BitAnd, BitOr, BitXor, Divide, FloorDivide, FloorMod, Keep, LogAddExp, Maximum, Minimum, Multiply,
    Power, Remainder, Subtract,
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Add", &["x1", "x2"], |call, given| two(call, given, Add)),
    Operation::new("Subtract", &["x1", "x2"], |call, given| two(call, given, Subtract)),
    Operation::new("Multiply", &["x1", "x2"], |call, given| two(call, given, Multiply)),
    Operation::new("Divide", &["x1", "x2"], |call, given| floats(call, given, Divide)),
    Operation::new("TrueDivide", &["x1", "x2"], |call, given| floats(call, given, Divide)),
    Operation::new("FloorDivide", &["x1", "x2"], |call, given| two(call, given, FloorDivide)),
    Operation::new("TruncateDivide", &["x1", "x2"], truncate_divide),
    Operation::new("Mod", &["x1", "x2"], |call, given| two(call, given, FloorMod)),
    Operation::new("Fmod", &["x1", "x2"], fmod),
    Operation::new("TruncateMod", &["x1", "x2"], |call, given| two(call, given, Remainder)),
    Operation::new("Maximum", &["x1", "x2"], |call, given| extreme(call, given, Maximum)),
    Operation::new("Minimum", &["x1", "x2"], |call, given| extreme(call, given, Minimum)),
    Operation::new("Power", &["x1", "x2"], power),
    Operation::new("Arctan2", &["x1", "x2"], |call, given| floats(call, given, Atan2)),
    Operation::new("Logaddexp", &["x1", "x2"], |call, given| floats(call, given, LogAddExp)),
    Operation::new("Hypot", &["x1", "x2"], hypot),
    Operation::new("AddN", &["xs"], add_n),
    Operation::new("BiasAdd", &["x", "bias"], bias_add),
    Operation::new("SquaredDifference", &["x1", "x2"], squared_difference),
    Operation::new("DivideNoNan", &["x1", "x2"], |call, given| {
        unless_zero(call, given, 1, |call, x, y| call.binary(Divide, x, y))
    }),
    Operation::new("MultiplyNoNan", &["x1", "x2"], |call, given| {
        unless_zero(call, given, 1, |call, x, y| call.binary(Multiply, x, y))
    }),
    Operation::new("Xdivy", &["x1", "x2"], |call, given| {
        unless_zero(call, given, 0, |call, x, y| call.binary(Divide, x, y))
    }),
    Operation::new("Xlogy", &["x1", "x2"], |call, given| {
        unless_zero(call, given, 0, |call, x, y| {
            let log = call.apply(Function::Logarithm, y)?;
            call.binary(Multiply, x, log)
        })
    }),
    Operation::new("Xlog1py", &["x1", "x2"], |call, given| {
        unless_zero(call, given, 0, |call, x, y| {
            let log = call.apply(Function::LogarithmPlusOne, y)?;
            call.binary(Multiply, x, log)
        })
    }),
    Operation::new("BitwiseAnd", &["x1", "x2"], |call, given| two(call, given, BitAnd)),
    Operation::new("BitwiseOr", &["x1", "x2"], |call, given| two(call, given, BitOr)),
    Operation::new("BitwiseXor", &["x1", "x2"], |call, given| two(call, given, BitXor)),
    Operation::new("LeftShift", &["x1", "x2"], left_shift),
    Operation::new("BitwiseLeftShift", &["x1", "x2"], left_shift),
    Operation::new("RightShift", &["x1", "x2"], right_shift),
    Operation::new("BitwiseRightShift", &["x1", "x2"], right_shift),
    Operation::new("Clip", &["x", "x_min?", "x_max?"], clip),
];

/// Of integers if both are, or booleans; else of floats.
fn two(call: Call<'_, '_, '_>, given: &Arguments<'_>, function: BinaryFunction) -> Outputs {
    let [left, right] = pair(call, given, [0, 1], DType::I32)?;
    Ok(vec![call.binary(function, left, right)?])
}

/// Of floats, whatever they were: integers divided by integers are floats.
fn floats(call: Call<'_, '_, '_>, given: &Arguments<'_>, function: BinaryFunction) -> Outputs {
    let [left, right] = pair(call, given, [0, 1], DType::F32)?;
    Ok(vec![call.binary(function, left, right)?])
}

/// Of booleans too, where it is `and` or `or`.
fn extreme(call: Call<'_, '_, '_>, given: &Arguments<'_>, function: BinaryFunction) -> Outputs {
    let [left, right] = pair(call, given, [0, 1], DType::Bool)?;
    Ok(vec![call.binary(function, left, right)?])
}

/// Whole exponents up to 8 as products, and a half as a root.
fn power(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, exponent] = pair(call, given, [0, 1], DType::I32)?;
    let is_float = call.dtype(x) == DType::F32;
    let id = match given.number(1) {
        Some(0.5) if is_float => call.apply(Function::SquareRoot, x)?,
        Some(-1.0) if is_float => {
            let one = call.number(1.0)?;
            call.binary(Divide, one, x)?
        }
        Some(whole) if whole.fract() == 0.0 && (1.0..=8.0).contains(&whole) => {
            let mut product = x;
            for _ in 1..whole as usize {
                product = call.binary(Multiply, product, x)?;
            }
            product
        }
        _ => call.binary(Power, x, exponent)?,
    };
    Ok(vec![id])
}

/// Toward zero: what is left over goes first, which leaves a multiple.
fn truncate_divide(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, y] = pair(call, given, [0, 1], DType::I32)?;
    let rest = call.binary(Remainder, x, y)?;
    let multiple = call.binary(Subtract, x, rest)?;
    Ok(vec![call.binary(FloorDivide, multiple, y)?])
}

/// The sign of `x` times the rest of magnitudes, which for −2³¹ is another one than C's.
fn fmod(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, y] = pair(call, given, [0, 1], DType::I32)?;
    if call.dtype(x) == DType::F32 {
        return Ok(vec![call.binary(Remainder, x, y)?]);
    }
    let magnitudes = [call.apply(Function::Absolute, x)?, call.apply(Function::Absolute, y)?];
    let rest = call.binary(FloorMod, magnitudes[0], magnitudes[1])?;
    let sign = call.apply(Function::Sign, x)?;
    Ok(vec![call.binary(Multiply, sign, rest)?])
}

fn hypot(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, y] = pair(call, given, [0, 1], DType::F32)?;
    let squares = [call.binary(Multiply, x, x)?, call.binary(Multiply, y, y)?];
    let sum = call.binary(Add, squares[0], squares[1])?;
    Ok(vec![call.apply(Function::SquareRoot, sum)?])
}

fn add_n(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let terms = together(call, given.list(0)?, DType::I32)?;
    let Some((&first, rest)) = terms.split_first() else { return Err(Error::format("adds nothing")) };
    let mut sum = first;
    for &term in rest {
        sum = call.binary(Add, sum, term)?;
    }
    Ok(vec![sum])
}

/// A number for each channel, the last dimension or the first of a sample.
fn bias_add(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, mut bias] = pair(call, given, [0, 1], DType::I32)?;
    match call.config.string("data_format")? {
        None | Some("NHWC" | "N...C") => {}
        Some("NCHW" | "NC...") => {
            let channels = call.shape(bias).sample();
            let ones = vec![1; call.rank(x).saturating_sub(2)];
            bias = call.reshape(bias, &[channels, ones].concat())?;
        }
        Some(other) => return Err(Error::format(format!("`data_format` should not be `{other}`"))),
    }
    Ok(vec![call.binary(Add, x, bias)?])
}

fn squared_difference(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, y] = pair(call, given, [0, 1], DType::I32)?;
    let difference = call.binary(Subtract, x, y)?;
    Ok(vec![call.binary(Multiply, difference, difference)?])
}

/// A function of two floats, but 0 where one of them, `decisive`, is 0.
fn unless_zero(
    call: Call<'_, '_, '_>,
    given: &Arguments<'_>,
    decisive: usize,
    function: impl FnOnce(&mut LayerCall<'_, '_>, ValueId, ValueId) -> Result<ValueId>,
) -> Outputs {
    let operands = pair(call, given, [0, 1], DType::F32)?;
    let answer = function(call, operands[0], operands[1])?;
    Ok(vec![call.binary(Keep, answer, operands[decisive])?])
}

/// `x · 2^y`, which wraps.
fn left_shift(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, by] = pair(call, given, [0, 1], DType::I32)?;
    let two = call.integer(2)?;
    let factor = call.binary(Power, two, by)?;
    Ok(vec![call.binary(Multiply, x, factor)?])
}

/// `⌊x / 2^y⌋` in two steps, since 2^31 is no int32.
fn right_shift(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, by] = pair(call, given, [0, 1], DType::I32)?;
    let two = call.integer(2)?;
    let half = call.binary(FloorDivide, by, two)?;
    let rest = call.binary(Subtract, by, half)?;
    let divisors = [call.binary(Power, two, half)?, call.binary(Power, two, rest)?];
    let quotient = call.binary(FloorDivide, x, divisors[0])?;
    Ok(vec![call.binary(FloorDivide, quotient, divisors[1])?])
}

/// Between numbers, or tensors.
fn clip(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let mut x = given.value(call, 0)?;
    for (index, key, function) in [(1, "x_min", Maximum), (2, "x_max", Minimum)] {
        if given.has(index) {
            let bounds = together(call, [given.get(0)?, given.get(index)?], DType::I32)?;
            let inside = call.cast(x, call.dtype(bounds[1]))?;
            x = call.binary(function, inside, bounds[1])?;
        } else if let Some(bound) = call.config.number(key)? {
            let is_whole = call.dtype(x) != DType::F32 && bound.fract() == 0.0;
            let bound = if is_whole { call.integer(bound as i32)? } else { call.number(bound as f32)? };
            let inside = call.cast(x, call.dtype(bound))?;
            x = call.binary(function, inside, bound)?;
        }
    }
    Ok(vec![x])
}
