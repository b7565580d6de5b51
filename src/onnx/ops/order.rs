//! Order: the largest elements and their positions, sums up to a position, and triangles.
//!
//! | operators | versions that differ |
//! |---|---|
//! | TopK | 1: `k` is an attribute; 10: an input; 11: `largest`, `sorted`, negative axes |
//! | ArgMax, ArgMin | 1; 11: negative axes; 12: `select_last_index` |
//! | Hardmax | 1: flattens to two dimensions; 13: along one axis |
//! | OneHot | 9; 11: negative axes |
//! | CumSum | 11 |
//! | Trilu | 14 |
//!
//! Elements that are equal keep their order. A NaN is never an extreme unless there is nothing else.

use super::elementwise::{binary, converted};
use super::operator::{Operator, Outputs};
use super::sample::{Held, Sample, over_the_batch};
use super::shapes::product;
use crate::error::{Error, Result};
use crate::onnx::call::{Call, integers};
use crate::onnx::value::{LogicalDim, Value};
use crate::ops::{
    Accumulation, ArgReduce, Binary, BinaryFunction, Cast, Cumulative, OneHot, Select, Slice, TopK, Trilu,
};
use crate::tensor::{DType, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("ArgMax", &[1, 11, 12], |call| arg_reduce(call, true)),
    Operator::new("ArgMin", &[1, 11, 12], |call| arg_reduce(call, false)),
    Operator::new("CumSum", &[11], cumulative_sum),
    Operator::new("Hardmax", &[1, 13], hardmax),
    Operator::new("OneHot", &[9, 11], one_hot),
    Operator::new("TopK", &[1, 10, 11], top_k),
    Operator::new("Trilu", &[14], trilu),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn top_k(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = Sample::of(call, &call.input(0)?)?;
    let count = if call.opset() < 10 {
        call.int("k")?.ok_or_else(|| Error::format("has no `k`"))?
    } else {
        let counts = call.known_sizes(1)?;
        counts.first().copied().ok_or_else(|| Error::format("has no `k`"))?
    };
    let count = usize::try_from(count).map_err(|_| Error::shape(format!("asks for the top {count} elements")))?;
    let axis = call.axis(call.int("axis")?.unwrap_or(-1), x.dims.len())?;
    let largest = call.int("largest")?.unwrap_or(1) != 0;
    let outputs = x.held.outputs(call, TopK { axis: x.stored(axis)?, count, largest }, &[])?;
    outputs.into_iter().map(|held| x.with(held, axis, count).value()).collect()
}

/// The position of the extreme along a dimension, which stays with a size of 1.
fn position(call: Context<'_, '_, '_, '_>, x: &Sample, axis: usize, largest: bool, last: bool) -> Result<Sample> {
    let (stored, size) = (x.stored(axis)?, x.size(axis)?);
    let mut held = x.held.clone();
    if last {
        held = held.step(call, Slice::reverse(stored, size), &[])?;
    }
    let mut held = held.step(call, ArgReduce { axis: stored, largest }, &[])?;
    if last {
        let end = i32::try_from(size.saturating_sub(1)).map_err(|_| Error::limit("has positions beyond int32"))?;
        let sign = Held::constant(Tensor::i32(&[], vec![-1])?);
        held = held.step(call, Binary { function: BinaryFunction::Multiply }, &[sign])?;
        let end = Held::constant(Tensor::i32(&[], vec![end])?);
        held = held.step(call, Binary { function: BinaryFunction::Add }, &[end])?;
    }
    let mut shape = x.held.shape(call);
    shape[stored - 1] = 1;
    let held = held.reshaped(call, &shape)?;
    Ok(x.with(held, axis, 1))
}

fn arg_reduce(call: Context<'_, '_, '_, '_>, largest: bool) -> Outputs {
    let x = Sample::of(call, &call.input(0)?)?;
    let axis = call.axis(call.int("axis")?.unwrap_or(0), x.dims.len())?;
    let last = call.int("select_last_index")?.unwrap_or(0) != 0;
    let value = position(call, &x, axis, largest, last)?.value()?;
    if call.int("keepdims")?.unwrap_or(1) != 0 {
        return Ok(vec![value]);
    }
    Ok(vec![call.squeezed(&value, &[axis])?])
}

fn cumulative_sum(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = Sample::of(call, &call.input(0)?)?;
    let axes = call.known_sizes(1)?;
    let axis = axes.first().copied().ok_or_else(|| Error::format("has no axis"))?;
    let axis = call.axis(axis, x.dims.len())?;
    let sum = Cumulative {
        function: Accumulation::Sum,
        axis: x.stored(axis)?,
        exclusive: call.int("exclusive")?.unwrap_or(0) != 0,
        reverse: call.int("reverse")?.unwrap_or(0) != 0,
    };
    let held = x.held.step(call, sum, &[])?;
    Ok(vec![Sample { held, dims: x.dims }.value()?])
}

/// 1 at the first of the largest elements, 0 elsewhere.
fn hardmax(call: Context<'_, '_, '_, '_>) -> Outputs {
    let value = call.input(0)?;
    let sizes = value.sizes()?;
    let flattens = call.opset() < 13;
    let axis = call.axis(call.int("axis")?.unwrap_or(if flattens { 1 } else { -1 }), sizes.len())?;
    let (flat, axis) = if flattens {
        let [before, after] = [product(&sizes[..axis])?, product(&sizes[axis..])?];
        (call.with_sizes(&value, &[before, after])?, 1)
    } else {
        (value, axis)
    };
    let x = Sample::of(call, &flat)?;
    let (stored, depth) = (x.stored(axis)?, x.size(axis)?);
    let positions = x.held.step(call, ArgReduce { axis: stored, largest: true }, &[])?;
    let held = positions.step(call, OneHot { axis: stored, depth, on: 1.0, off: 0.0 }, &[])?;
    let marked = Sample { held, dims: x.dims }.value()?;
    Ok(vec![call.with_sizes(&marked, &sizes)?])
}

fn one_hot(call: Context<'_, '_, '_, '_>) -> Outputs {
    let ids = call.input(0)?;
    let depth = integers(&call.input(1)?)?.elements.first().map(|size| size.expect_known()).transpose()?;
    let depth = depth.and_then(|depth| usize::try_from(depth).ok()).filter(|depth| i32::try_from(*depth).is_ok());
    let depth = depth.ok_or_else(|| Error::shape("has no depth"))?;
    let (off, on, dtype) = marks(call)?;
    let ids = converted(call, &ids, DType::I32)?;
    let ids = from_end(call, &ids, depth as i32)?;
    let x = Sample::of(call, &ids)?;
    let axis = call.axis(call.int("axis")?.unwrap_or(-1), x.dims.len() + 1)?;
    // The batch stays in front in memory, wherever it is in the file.
    let before = super::sample::fixed(&x.dims[..axis]).len();
    let mut held = x.held.step(call, OneHot { axis: x.leading() + before, depth, on, off }, &[])?;
    if dtype != DType::F32 {
        held = held.step(call, Cast { to: dtype }, &[])?;
    }
    let mut dims = x.dims;
    dims.insert(axis, LogicalDim::Fixed(depth));
    Ok(vec![Sample { held, dims }.value()?])
}

/// The value elsewhere, the value at the id, and their dtype.
fn marks(call: &Call<'_, '_, '_>) -> Result<(f32, f32, DType)> {
    let values = call.input(2)?.known()?;
    let values = values.ok_or_else(|| {
        Error::unsupported("has values that are computed, which is not supported").hint("store them as an initializer")
    })?;
    let [off, on] = values.to_f64()[..] else {
        return Err(Error::shape(format!("has values of shape {:?}, not two", values.shape())));
    };
    let [narrow_off, narrow_on] = [off as f32, on as f32];
    if f64::from(narrow_off) != off || f64::from(narrow_on) != on {
        return Err(Error::unsupported(format!("marks by {off} and {on}, which float32 does not have")));
    }
    Ok((narrow_off, narrow_on, values.dtype()))
}

/// Ids of which the negative ones count from the end.
fn from_end(call: Context<'_, '_, '_, '_>, ids: &Value, depth: i32) -> Result<Value> {
    let scalar = |number: i32| Tensor::i32(&[], vec![number]).and_then(Value::constant);
    let is_counted =
        call.elementwise(crate::ops::Compare { comparison: crate::ops::Comparison::Less }, &[ids.clone(), scalar(0)?])?;
    let counted = binary(call, BinaryFunction::Add, ids, &scalar(depth)?)?;
    call.elementwise(Select, &[is_counted, counted, ids.clone()])
}

fn trilu(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = Sample::of(call, &call.input(0)?)?;
    let rank = x.dims.len();
    if rank < 2 {
        return Err(Error::shape(format!("takes matrices, not a value of rank {rank}")));
    }
    if x.batch_axis().is_some_and(|axis| axis + 2 >= rank) {
        return Err(over_the_batch());
    }
    let diagonal = match call.optional(1) {
        Some(_) => call.known_sizes(1)?.first().copied().unwrap_or(0),
        None => 0,
    };
    let upper = call.int("upper")?.unwrap_or(1) != 0;
    let held = x.held.step(call, Trilu { upper, diagonal }, &[])?;
    Ok(vec![Sample { held, dims: x.dims }.value()?])
}
