//! Matrix products.
//!
//! | operators | versions that differ |
//! |---|---|
//! | MatMul | 1; 9, 13: more types |
//! | Gemm | 7; 11: the third input is optional |
//!
//! A product by a constant is a dense layer. An added bias becomes its own (`Call::with_bias`), and what only changes the
//! dimensions before the last is moved before the layer (`Call::reshaped`).

use super::elementwise::{binary, with_number};
use super::operator::{Operator, Outputs};
use crate::error::{Error, Result};
use crate::onnx::along::mixes_samples;
use crate::onnx::call::Call;
use crate::onnx::known::transposed;
use crate::onnx::value::{Computed, LogicalDim, Value};
use crate::ops::{BatchMatmul, BinaryFunction, Dense, Heads, Op};
use crate::tensor::{Tensor, element_count};
use std::sync::Arc;

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("Gemm", &[7, 11], gemm), Operator::new("MatMul", &[1, 9, 13], matmul)];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn matmul(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (left, right) = (call.input(0)?, call.input(1)?);
    Ok(vec![product(call, &left, &right)?])
}

/// The matrix product of two values, as in NumPy.
pub(super) fn product(call: Context<'_, '_, '_, '_>, left: &Value, right: &Value) -> Result<Value> {
    let (left_rank, right_rank) = (left.rank()?, right.rank()?);
    if left_rank == 0 || right_rank == 0 {
        return Err(Error::shape("multiplies a single number as a matrix"));
    }
    // A vector is a matrix of one row or one column.
    if left_rank == 1 {
        let row = call.unsqueezed(left, &[0])?;
        let result = product(call, &row, right)?;
        let rank = result.rank()?;
        return call.squeezed(&result, &[if right_rank == 1 { rank - 1 } else { rank - 2 }]);
    }
    if right_rank == 1 {
        let column = call.unsqueezed(right, &[1])?;
        let result = product(call, left, &column)?;
        let rank = result.rank()?;
        return call.squeezed(&result, &[rank - 1]);
    }
    match (left.known()?, right.known()?) {
        (Some(left), Some(right)) => of_constants(call, &left, &right),
        (None, Some(weights)) if right_rank == 2 => {
            let left = call.computed(left)?;
            dense(call, &left, &weights, None)
        }
        // The transposed product of the transposed operands.
        (Some(weights), None) if left_rank == 2 => {
            let order: Vec<usize> = (0..right_rank - 2).chain([right_rank - 1, right_rank - 2]).collect();
            let right = call.transposed(right, &order)?;
            let right = call.computed(&right)?;
            let result = dense(call, &right, &Arc::new(transposed(&weights, &[1, 0])?), None)?;
            call.transposed(&result, &order)
        }
        _ => batched(call, left, right),
    }
}

fn of_constants(call: Context<'_, '_, '_, '_>, left: &Tensor, right: &Tensor) -> Result<Value> {
    let (&[rows, depth], &[inner, units]) = (left.shape(), right.shape()) else {
        return Err(Error::unsupported("multiplies constants of more than two dimensions"));
    };
    if depth != inner {
        return Err(Error::shape(format!("a matrix of {depth} columns and one of {inner} rows do not fit")));
    }
    call.lowering.make_room(&[rows, units])?;
    let (left, right) = (left.as_f32()?, right.as_f32()?);
    let element = |at: usize| {
        let (row, unit) = (at / units, at % units);
        (0..depth).map(|k| f64::from(left[row * depth + k]) * f64::from(right[k * units + unit])).sum::<f64>() as f32
    };
    Value::constant(Tensor::f32(&[rows, units], (0..rows * units).map(element).collect())?)
}

/// The product of the last dimension and a constant `[K, U]`, plus a bias `[U]`.
pub(super) fn dense(
    call: Context<'_, '_, '_, '_>,
    left: &Computed,
    weights: &Arc<Tensor>,
    bias: Option<Tensor>,
) -> Result<Value> {
    let &[depth, units] = weights.shape() else { return Err(Error::shape("the weights are not a matrix")) };
    match left.dims.last() {
        Some(LogicalDim::Fixed(size)) if *size == depth => {}
        Some(LogicalDim::Fixed(_)) => {
            return Err(Error::shape(format!("{left} and weights [{depth}, {units}] do not fit")));
        }
        _ => return Err(mixes_samples()),
    }
    let has_bias = bias.is_some();
    let bias = match bias {
        Some(bias) => bias,
        None => Tensor::f32(&[units], vec![0.0; units])?,
    };
    let (weights_id, bias) = (call.weight(weights)?, call.constant(bias)?);
    let id = call.op(Dense::default(), &[left.id, weights_id, bias])?;
    if !has_bias {
        call.lowering.products.insert(id, [left.id, weights_id]);
    }
    let mut dims = left.dims.clone();
    if let Some(last) = dims.last_mut() {
        *last = LogicalDim::Fixed(units);
    }
    Ok(Value::Computed(Computed { id, dims }))
}

/// The product of two values that are both computed, or of a constant of more than two dimensions.
fn batched(call: Context<'_, '_, '_, '_>, left: &Value, right: &Value) -> Result<Value> {
    let (left, right) = (as_batch(call, left, right)?, as_batch(call, right, left)?);
    let (left_lead, left_matrix) = left.dims.split_at(left.dims.len() - 2);
    let (right_lead, right_matrix) = right.dims.split_at(right.dims.len() - 2);
    let (&[LogicalDim::Fixed(rows), LogicalDim::Fixed(depth)], &[LogicalDim::Fixed(inner), LogicalDim::Fixed(units)]) =
        (left_matrix, right_matrix)
    else {
        return Err(mixes_samples());
    };
    if depth != inner {
        return Err(Error::shape(format!("{left} and {right} do not fit")));
    }
    let lead = crate::onnx::known::broadcast_sizes(
        &left_lead.iter().map(|dim| dim.size()).collect::<Vec<_>>(),
        &right_lead.iter().map(|dim| dim.size()).collect::<Vec<_>>(),
    )?;
    let mut sides = Vec::with_capacity(2);
    for (side, matrix) in [(&left, [rows, depth]), (&right, [inner, units])] {
        let sizes: Vec<_> =
            lead.iter().copied().chain(matrix.map(|size| crate::onnx::size::Size::fixed(size as i64))).collect();
        let wide = super::shapes::stretched(call, &Value::Computed(side.clone()), &sizes)?;
        sides.push(call.computed(&wide)?);
    }
    let fixed = sides[0].fixed();
    let heads = sides[0].rows() * element_count(&fixed[..fixed.len() - 2])?;
    let lead_of = |count: usize| (count > 1).then_some(count);
    let left_id = call.reshaped(sides[0].id, &lead_of(heads).into_iter().chain([rows, depth]).collect::<Vec<_>>())?;
    let right_id = call.reshaped(sides[1].id, &lead_of(heads).into_iter().chain([inner, units]).collect::<Vec<_>>())?;
    let op = match heads {
        1 => BatchMatmul { axes: [2, 1], heads: None, scale: 1.0 },
        _ => BatchMatmul { axes: [3, 2], heads: Some(Heads { inputs: [1, 1], output: 1 }), scale: 1.0 },
    };
    let id = call.op(Op::from(op), &[left_id, right_id])?;
    let mut dims = sides[0].dims.clone();
    if let Some(last) = dims.last_mut() {
        *last = LogicalDim::Fixed(units);
    }
    let new = Computed { id, dims };
    let sample: Vec<usize> = (new.leading() == 2).then_some(new.rows()).into_iter().chain(new.fixed()).collect();
    let id = call.reshaped(id, &sample)?;
    Ok(Value::Computed(Computed { id, ..new }))
}

/// An operand as a value of the graph with the batch of the other.
fn as_batch(call: Context<'_, '_, '_, '_>, value: &Value, other: &Value) -> Result<Computed> {
    if matches!(value, Value::Computed(_) | Value::Repeated { .. }) {
        return call.computed(value);
    }
    let sizes = other.sizes()?;
    let rank = value.rank()?;
    let lead = &sizes[..sizes.len() - 2];
    let own = value.sizes()?;
    let lead = crate::onnx::known::broadcast_sizes(lead, &own[..rank - 2])?;
    let all: Vec<_> = lead.into_iter().chain(own[rank - 2..].iter().copied()).collect();
    let wide = super::shapes::stretched(call, value, &all)?;
    call.computed(&wide)
}

fn gemm(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (mut left, mut right) = (call.input(0)?, call.input(1)?);
    let (alpha, beta) = (call.float("alpha")?.unwrap_or(1.0), call.float("beta")?.unwrap_or(1.0));
    for (value, name) in [(&mut left, "transA"), (&mut right, "transB")] {
        if call.int(name)?.unwrap_or(0) != 0 {
            *value = call.transposed(value, &[1, 0])?;
        }
    }
    if alpha != 1.0 {
        let is_constant = right.known()?.is_some();
        let scaled = if is_constant { &mut right } else { &mut left };
        *scaled = with_number(call, BinaryFunction::Multiply, scaled, alpha)?;
    }
    let sum = product(call, &left, &right)?;
    let Some(mut bias) = call.optional(2).filter(|_| beta != 0.0) else { return Ok(vec![sum]) };
    if beta != 1.0 {
        bias = with_number(call, BinaryFunction::Multiply, &bias, beta)?;
    }
    if let Some(value) = call.with_bias(&sum, &bias)? {
        return Ok(vec![value]);
    }
    Ok(vec![binary(call, BinaryFunction::Add, &sum, &bias)?])
}
