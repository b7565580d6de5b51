//! Comparisons, what is done with their answers, and dtypes.

use super::{Arguments, Operation};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, NotEqual};
use crate::tensor::DType;
use crate::tfjs::lowering::LayerCall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Equal", &["x1", "x2"], |call, given| {
        let different = different(call, given)?;
        Ok(vec![not(call, different)?])
    }),
    Operation::new("NotEqual", &["x1", "x2"], |call, given| Ok(vec![different(call, given)?])),
    Operation::new("Greater", &["x1", "x2"], |call, given| ordered(call, given, BinaryFunction::Greater, [0, 1])),
    Operation::new("Less", &["x1", "x2"], |call, given| ordered(call, given, BinaryFunction::Greater, [1, 0])),
    Operation::new("GreaterEqual", &["x1", "x2"], |call, given| ordered(call, given, BinaryFunction::AtLeast, [0, 1])),
    Operation::new("LessEqual", &["x1", "x2"], |call, given| ordered(call, given, BinaryFunction::AtLeast, [1, 0])),
    Operation::new("LogicalAnd", &["x1", "x2"], |call, given| both(call, given, BinaryFunction::Minimum)),
    Operation::new("LogicalOr", &["x1", "x2"], |call, given| both(call, given, BinaryFunction::Maximum)),
    Operation::new("LogicalNot", &["x"], |call, given| {
        let x = given.operand(call, 0)?;
        let x = call.truth(x)?;
        Ok(vec![not(call, x)?])
    }),
    Operation::new("Where", &["condition", "x1", "x2"], choose),
    Operation::new("ZerosLike", &["x"], |call, given| like(call, given, 0.0)),
    Operation::new("OnesLike", &["x"], |call, given| like(call, given, 1.0)),
    Operation::new("Cast", &["x"], |call, given| {
        let x = given.tensor(0)?;
        Ok(vec![to_dtype(call, x)?])
    }),
    Operation::new("StopGradient", &["variable"], |_, given| Ok(vec![given.tensor(0)?])),
];

/// Two operands of one comparison. Ids up to 2^24 are themselves as floats, and larger ones on the same side of those.
fn comparable(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>, order: [usize; 2]) -> Result<[ValueId; 2]> {
    let operands = [given.operand(call, order[0])?, given.operand(call, order[1])?];
    if operands.iter().all(|&operand| call.dtype(operand) == DType::I32) {
        return Err(Error::unsupported("compares two int32 tensors, which is not supported"));
    }
    let far = |index: &usize| given.number(*index).is_some_and(|number| number.abs() > 16_777_216.0);
    let has_ids = operands.iter().any(|&operand| call.dtype(operand) == DType::I32);
    if has_ids && order.iter().any(far) {
        return Err(Error::unsupported("compares int32 with a number beyond 2^24, which is not supported"));
    }
    Ok([call.float(operands[0])?, call.float(operands[1])?])
}

/// How the operand `order[0]` compares with the operand `order[1]`.
fn ordered(
    call: &mut LayerCall<'_, '_>,
    given: &Arguments<'_>,
    function: BinaryFunction,
    order: [usize; 2],
) -> Result<Vec<ValueId>> {
    let [left, right] = comparable(call, given, order)?;
    let answer = call.binary(function, left, right)?;
    Ok(vec![call.truth(answer)?])
}

fn different(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<ValueId> {
    let tensor = given.operand(call, 0)?;
    if let Some(value) = given.number(1)
        && call.dtype(tensor) != DType::Bool
        && (call.dtype(tensor) != DType::I32 || f64::from(value as f32) == value)
    {
        return call.op(NotEqual { value: value as f32 }, &[tensor]);
    }
    let [left, right] = comparable(call, given, [0, 1])?;
    let no_less = call.binary(BinaryFunction::AtLeast, left, right)?;
    let no_more = call.binary(BinaryFunction::AtLeast, right, left)?;
    let equal = call.binary(BinaryFunction::Minimum, no_less, no_more)?;
    let equal = call.truth(equal)?;
    not(call, equal)
}

fn not(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    let x = call.float(x)?;
    let one = call.number(1.0)?;
    let off = call.binary(BinaryFunction::Subtract, one, x)?;
    call.truth(off)
}

fn both(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>, function: BinaryFunction) -> Result<Vec<ValueId>> {
    let mut truths = [given.operand(call, 0)?, given.operand(call, 1)?];
    for truth in &mut truths {
        *truth = call.truth(*truth)?;
    }
    Ok(vec![call.binary(function, truths[0], truths[1])?])
}

fn choose(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let condition = given.operand(call, 0)?;
    let condition = call.truth(condition)?;
    let (x, y) = (given.float(call, 1)?, given.float(call, 2)?);
    Ok(vec![call.choose(condition, x, y)?])
}

/// A number in the shape of `x`.
fn like(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>, number: f32) -> Result<Vec<ValueId>> {
    let x = given.tensor(0)?;
    let dtype = call.dtype(x);
    let x = call.float(x)?;
    let none = call.number(0.0)?;
    let zeros = call.binary(BinaryFunction::Keep, x, none)?;
    let filled = if number == 0.0 { zeros } else { call.with_number(BinaryFunction::Add, zeros, number)? };
    match (call.config.string("dtype")?, dtype) {
        (Some(_), _) => Ok(vec![to_dtype(call, filled)?]),
        (None, DType::Bool) => Ok(vec![call.truth(filled)?]),
        (None, dtype) => Ok(vec![call.cast(filled, dtype)?]),
    }
}

/// `x` in the dtype of the option `dtype`.
fn to_dtype(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    match call.config.string("dtype")? {
        Some("float32" | "float64") => call.float(x),
        Some("int32" | "int64") => call.cast(x, DType::I32),
        Some("bool") => call.truth(x),
        other => Err(Error::unsupported(format!("casts to {} are not supported", other.unwrap_or("no dtype")))),
    }
}
