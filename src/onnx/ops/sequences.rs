//! Lists of tensors whose length is known.
//!
//! | operators | versions that differ |
//! |---|---|
//! | ConcatFromSequence, SequenceAt, SequenceConstruct, SequenceEmpty, SequenceErase, SequenceInsert, SequenceLength | 11 |

use super::operator::{Operator, Outputs};
use super::parts::concatenated;
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::size::Size;
use crate::onnx::value::{Integers, Value};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("ConcatFromSequence", &[11], concatenate),
    Operator::new("SequenceAt", &[11], |call| {
        let (list, index) = position(call, 1, 0)?;
        list.get(index).cloned().map(|value| vec![value]).ok_or_else(outside)
    }),
    Operator::new("SequenceConstruct", &[11], |call| {
        let values = (0..call.input_count()).map(|index| call.input(index)).collect::<Result<_>>()?;
        Ok(vec![Value::Sequence(values)])
    }),
    Operator::new("SequenceEmpty", &[11], |_| Ok(vec![Value::Sequence(Vec::new())])),
    Operator::new("SequenceErase", &[11], |call| {
        let (mut list, index) = position(call, 1, 0)?;
        if index >= list.len() {
            return Err(outside());
        }
        list.remove(index);
        Ok(vec![Value::Sequence(list)])
    }),
    Operator::new("SequenceInsert", &[11], |call| {
        let (mut list, index) = position(call, 2, 1)?;
        if index > list.len() {
            return Err(outside());
        }
        list.insert(index, call.input(1)?);
        Ok(vec![Value::Sequence(list)])
    }),
    Operator::new("SequenceLength", &[11], |call| {
        let length = list(call)?.len();
        Ok(vec![Value::Integers(Integers::scalar(Size::fixed(length as i64)))])
    }),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn list(call: &Call<'_, '_, '_>) -> Result<Vec<Value>> {
    match call.input(0)? {
        Value::Sequence(values) => Ok(values),
        _ => Err(Error::format("takes a list of tensors, and not a tensor")),
    }
}

/// The list, and a position in it that is counted from the end if negative; without one the last, or behind it.
fn position(call: &Call<'_, '_, '_>, input: usize, behind: usize) -> Result<(Vec<Value>, usize)> {
    let values = list(call)?;
    let index = match call.optional(input) {
        None => (values.len() + behind).checked_sub(1),
        Some(_) => match call.known_sizes(input)?[..] {
            [index] if index < 0 => usize::try_from(values.len() as i64 + index).ok(),
            [index] => usize::try_from(index).ok(),
            _ => None,
        },
    };
    Ok((values, index.ok_or_else(outside)?))
}

fn outside() -> Error {
    Error::shape("a position is not in the list of tensors")
}

fn concatenate(call: Context<'_, '_, '_, '_>) -> Outputs {
    let axis = call.int("axis")?.ok_or_else(|| Error::format("has no `axis`"))?;
    let is_new = call.int("new_axis")?.unwrap_or(0) == 1;
    if let Value::EachSample(value) = call.input(0)? {
        return Ok(vec![super::samples::joined(call, &value, axis, is_new)?]);
    }
    let mut values = list(call)?;
    if is_new {
        for value in &mut values {
            let rank = value.rank()? + 1;
            *value = call.unsqueezed(value, &[call.axis(axis, rank)?])?;
        }
    }
    let rank = values.first().map_or(Ok(0), Value::rank)?;
    let axis = call.axis(axis, rank)?;
    Ok(vec![concatenated(call, &values, axis)?])
}
