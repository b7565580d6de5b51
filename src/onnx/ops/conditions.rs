//! Conditions: comparisons, negation and selection, of values and of integers that are known.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Equal, Greater, Less | 7: operands broadcast as in NumPy; 9, 11: more types |
//! | GreaterOrEqual, LessOrEqual | 12 |
//! | Not, Xor, Where | one meaning |
//!
//! A mask that Keras writes as `!(ids = 0)` is one operator, as in the other front end.

use super::operator::{Operator, Outputs};
use crate::error::Result;
use crate::onnx::call::Call;
use crate::onnx::known::{broadcast_shapes, pairs};
use crate::onnx::size::{Size, computes_with_the_batch};
use crate::onnx::value::{Computed, Integers, Value};
use crate::ops::{Compare, Comparison, NotEqual, Op, Select};
use crate::tensor::{DType, Tensor};
use std::cmp::Ordering;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Equal", &[7], |call| compare(call, Comparison::Equal)),
    Operator::new("Greater", &[7], |call| compare(call, Comparison::Greater)),
    Operator::new("GreaterOrEqual", &[12], |call| compare(call, Comparison::GreaterEqual)),
    Operator::new("Less", &[7], |call| compare(call, Comparison::Less)),
    Operator::new("LessOrEqual", &[12], |call| compare(call, Comparison::LessEqual)),
    Operator::new("Not", &[1], not),
    Operator::new("Where", &[9], choose),
    Operator::new("Xor", &[7], |call| compare(call, Comparison::NotEqual)),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn compare(call: Context<'_, '_, '_, '_>, comparison: Comparison) -> Outputs {
    let (left, right) = (call.input(0)?, call.input(1)?);
    if let (Value::Integers(left), Value::Integers(right)) = (&left, &right) {
        let shape = broadcast_shapes(&left.shape, &right.shape)?;
        let of = |(left, right): (Size, Size)| {
            let order = left.compare(right).ok_or_else(computes_with_the_batch)?;
            Ok(match comparison {
                Comparison::Equal => order == Ordering::Equal,
                Comparison::NotEqual => order != Ordering::Equal,
                Comparison::Greater => order == Ordering::Greater,
                Comparison::GreaterEqual => order != Ordering::Less,
                Comparison::Less => order == Ordering::Less,
                Comparison::LessEqual => order != Ordering::Greater,
            })
        };
        let values = pairs(left, right, &shape).map(of).collect::<Result<Vec<bool>>>()?;
        return Ok(vec![Value::constant(Tensor::bool(&shape, values)?)?]);
    }
    Ok(vec![call.elementwise(Compare { comparison }, &[left, right])?])
}

fn not(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    if let Some(other) = opposite_of_equal(call, &x)? {
        return Ok(vec![other]);
    }
    // False is the smaller: one step of a row program.
    let no = Value::constant(Tensor::bool(&[], vec![false])?)?;
    Ok(vec![call.elementwise(Compare { comparison: Comparison::LessEqual }, &[x, no])?])
}

/// Whether a value differs from a number, if `x` is whether it equals the number: a mask, as Keras writes it.
fn opposite_of_equal(call: Context<'_, '_, '_, '_>, x: &Value) -> Result<Option<Value>> {
    let Value::Computed(computed) = x else { return Ok(None) };
    let builder = &call.lowering.builder;
    let Some((Op::Compare(compare), &[left, right])) = builder.operator(computed.id) else { return Ok(None) };
    if compare.comparison != Comparison::Equal {
        return Ok(None);
    }
    for (value, number) in [(left, right), (right, left)] {
        let Some(number) = builder.constant_at(number).filter(|number| number.len() == 1) else { continue };
        let ty = builder.ty(value);
        let number = number.to_f64()[0];
        if ty.dtype != DType::Bool && f64::from(number as f32) == number && ty.shape == builder.ty(computed.id).shape {
            let id = call.op(NotEqual { value: number as f32 }, &[value])?;
            return Ok(Some(Value::Computed(Computed { id, dims: computed.dims.clone() })));
        }
    }
    Ok(None)
}

fn choose(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (condition, left, right) = (call.input(0)?, call.input(1)?, call.input(2)?);
    if let (Some(condition), Value::Integers(left), Value::Integers(right)) = (condition.known()?, &left, &right) {
        let shape = broadcast_shapes(&broadcast_shapes(condition.shape(), &left.shape)?, &right.shape)?;
        let flags = Integers {
            shape: condition.shape().to_vec(),
            elements: condition.to_f64().into_iter().map(|flag| Size::fixed(flag as i64)).collect(),
        };
        let of_left = pairs(&flags, left, &shape);
        let elements = of_left.zip(pairs(&flags, right, &shape)).map(
            |((flag, left), (_, right))| {
                if flag == Size::fixed(0) { right } else { left }
            },
        );
        let elements = elements.collect();
        return Ok(vec![Value::Integers(Integers { shape, elements })]);
    }
    Ok(vec![call.elementwise(Op::from(Select), &[condition, left, right])?])
}

/// A condition that is known.
pub(super) fn truth(condition: &Value) -> Result<Option<bool>> {
    let known = condition.known()?;
    Ok(known.and_then(|tensor| if let [flag] = tensor.to_f64()[..] { Some(flag != 0.0) } else { None }))
}
