//! Comparisons, what is done with their answers, and dtypes.

use super::arguments::Arguments;
use super::dtypes::{as_option, cast, pair, together};
use super::operation::{Call, Operation, Outputs};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BinaryFunction, Class, Compare, Comparison, FloatClass, Function, NotEqual, Select};
use crate::tensor::{DType, Tensor};
use crate::tfjs::lowering::LayerCall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Equal", &["x1", "x2"], |call, given| compared(call, given, Comparison::Equal)),
    Operation::new("NotEqual", &["x1", "x2"], different),
    Operation::new("Greater", &["x1", "x2"], |call, given| compared(call, given, Comparison::Greater)),
    Operation::new("Less", &["x1", "x2"], |call, given| compared(call, given, Comparison::Less)),
    Operation::new("GreaterEqual", &["x1", "x2"], |call, given| compared(call, given, Comparison::GreaterEqual)),
    Operation::new("LessEqual", &["x1", "x2"], |call, given| compared(call, given, Comparison::LessEqual)),
    Operation::new("Isclose", &["x1", "x2", "rtol", "atol"], is_close),
    Operation::new("Isnan", &["x"], |call, given| classified(call, given, Class::Nan)),
    Operation::new("Isinf", &["x"], |call, given| classified(call, given, Class::Infinite)),
    Operation::new("Isfinite", &["x"], |call, given| classified(call, given, Class::Finite)),
    Operation::new("LogicalAnd", &["x1", "x2"], |call, given| {
        both(call, given, |call, x, y| call.binary(BinaryFunction::Minimum, x, y))
    }),
    Operation::new("LogicalOr", &["x1", "x2"], |call, given| {
        both(call, given, |call, x, y| call.binary(BinaryFunction::Maximum, x, y))
    }),
    Operation::new("LogicalXor", &["x1", "x2"], |call, given| {
        both(call, given, |call, x, y| compare(call, Comparison::NotEqual, x, y))
    }),
    Operation::new("LogicalNot", &["x"], |call, given| {
        let x = given.get(0)?.in_dtype(call, DType::Bool)?;
        Ok(vec![not(call, x)?])
    }),
    Operation::new("Where", &["condition", "x1", "x2"], choose),
    Operation::new("Select", &["conditions", "choices", "default"], first_of),
    Operation::new("ZerosLike", &["x"], |call, given| like(call, given, 0.0)),
    Operation::new("OnesLike", &["x"], |call, given| like(call, given, 1.0)),
    Operation::new("FullLike", &["x", "fill_value"], |call, given| {
        let value = given.number(1).ok_or_else(|| Error::unsupported("is filled with what is no number"))?;
        like(call, given, value)
    }),
    Operation::new("Cast", &["x"], |call, given| {
        let x = given.value(call, 0)?;
        let dtype = call.config.string("dtype")?.ok_or_else(|| Error::format("`dtype` is missing from its config"))?;
        Ok(vec![cast(call, x, dtype)?])
    }),
    Operation::new("StopGradient", &["variable"], |call, given| Ok(vec![given.value(call, 0)?])),
];

/// How two tensors of one dtype compare.
pub(super) fn compare(
    call: &mut LayerCall<'_, '_>,
    comparison: Comparison,
    left: ValueId,
    right: ValueId,
) -> Result<ValueId> {
    call.op(Compare { comparison }, &[left, right])
}

/// Elements of the one tensor or the other, both of one dtype.
pub(super) fn select(
    call: &mut LayerCall<'_, '_>,
    condition: ValueId,
    left: ValueId,
    right: ValueId,
) -> Result<ValueId> {
    call.op(Select, &[condition, left, right])
}

pub(super) fn not(call: &mut LayerCall<'_, '_>, truth: ValueId) -> Result<ValueId> {
    let no = call.literal(Tensor::bool(&[1], vec![false])?)?;
    compare(call, Comparison::Equal, truth, no)
}

fn compared(call: Call<'_, '_, '_>, given: &Arguments<'_>, comparison: Comparison) -> Outputs {
    let [left, right] = pair(call, given, [0, 1], DType::Bool)?;
    Ok(vec![compare(call, comparison, left, right)?])
}

/// With a number, what a mask is made by.
fn different(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let tensor = given.value(call, 0)?;
    if let Some(value) = given.number(1)
        && (call.dtype(tensor) == DType::F32 || value.fract() == 0.0 && value.abs() <= 16_777_216.0)
        && call.dtype(tensor) != DType::Bool
    {
        return Ok(vec![call.op(NotEqual { value: value as f32 }, &[tensor])?]);
    }
    compared(call, given, Comparison::NotEqual)
}

/// Whether two tensors differ by no more than a part of the second and a number.
fn is_close(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    call.config.refuse_unless_off("equal_nan")?;
    let [x, y] = pair(call, given, [0, 1], DType::F32)?;
    let (relative, absolute) = (given.float(call, 2)?, given.float(call, 3)?);
    let size = call.apply(Function::Absolute, y)?;
    let allowed = call.binary(BinaryFunction::Multiply, size, relative)?;
    let allowed = call.binary(BinaryFunction::Add, allowed, absolute)?;
    let difference = call.binary(BinaryFunction::Subtract, x, y)?;
    let distance = call.apply(Function::Absolute, difference)?;
    let near = compare(call, Comparison::LessEqual, distance, allowed)?;
    // An infinity is no distance from itself, and all others are near it by the rule above.
    let is_finite = call.op(FloatClass { class: Class::Finite }, &[y])?;
    let equal = compare(call, Comparison::Equal, x, y)?;
    let near = call.binary(BinaryFunction::Minimum, near, is_finite)?;
    Ok(vec![call.binary(BinaryFunction::Maximum, near, equal)?])
}

/// Integers are finite numbers.
fn classified(call: Call<'_, '_, '_>, given: &Arguments<'_>, class: Class) -> Outputs {
    let x = given.float(call, 0)?;
    Ok(vec![call.op(FloatClass { class }, &[x])?])
}

fn both(
    call: Call<'_, '_, '_>,
    given: &Arguments<'_>,
    function: impl FnOnce(&mut LayerCall<'_, '_>, ValueId, ValueId) -> Result<ValueId>,
) -> Outputs {
    let truths = [given.get(0)?.in_dtype(call, DType::Bool)?, given.get(1)?.in_dtype(call, DType::Bool)?];
    Ok(vec![function(call, truths[0], truths[1])?])
}

fn choose(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    if !given.has(1) || !given.has(2) {
        return Err(Error::unsupported("finds the places of what is true, whose number is not known"));
    }
    let condition = given.get(0)?.in_dtype(call, DType::Bool)?;
    let [x, y] = pair(call, given, [1, 2], DType::Bool)?;
    Ok(vec![select(call, condition, x, y)?])
}

/// The choice of the first condition that holds.
fn first_of(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let (conditions, choices) = (given.list(0)?, given.list(1)?);
    if conditions.len() != choices.len() {
        return Err(Error::format(format!("has {} choices for {} conditions", choices.len(), conditions.len())));
    }
    let operands: Vec<_> = choices.iter().chain([given.get(2)?]).collect();
    let operands = together(call, operands, DType::Bool)?;
    let mut chosen = operands[choices.len()];
    for (condition, &choice) in conditions.iter().zip(&operands).rev() {
        let condition = condition.in_dtype(call, DType::Bool)?;
        chosen = select(call, condition, choice, chosen)?;
    }
    Ok(vec![chosen])
}

/// A number in the shape and dtype of `x`.
fn like(call: Call<'_, '_, '_>, given: &Arguments<'_>, number: f64) -> Outputs {
    let x = given.value(call, 0)?;
    let dtype = call.dtype(x);
    let filled = call.filled_like(x, number)?;
    match call.config.string("dtype")? {
        Some(_) => Ok(vec![as_option(call, filled)?]),
        None if dtype == DType::Bool => Ok(vec![call.truth(filled)?]),
        None => Ok(vec![call.cast(filled, dtype)?]),
    }
}
