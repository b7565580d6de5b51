//! Shapes: what asks for them, what changes them without changing elements, and constants that have them.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Reshape | 5; 14: `allowzero` |
//! | Squeeze, Unsqueeze | 1: axes are an attribute; 11: may be negative; 13: an input |
//! | Shape | 1; 15: `start` and `end` |
//! | Cast | 6, 9, 13, 19 |
//! | Dropout | 7, 12: the ratio is an input; never drops anything here |
//! | all others | one meaning |

use super::elementwise::converted;
use super::operator::{Operator, Outputs};
use crate::error::{Error, Result};
use crate::onnx::call::{Call, integers};
use crate::onnx::file::ElementType;
use crate::onnx::known::{broadcast_sizes, indices};
use crate::onnx::size::{Size, computes_with_the_batch};
use crate::onnx::value::{Computed, Counted, Integers, LogicalDim, Value};
use crate::ops::{Concatenate, Function};
use crate::tensor::{DType, Tensor, row_major_strides};
use std::sync::Arc;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Cast", &[6, 9, 13, 19], cast),
    Operator::new("CastLike", &[15], cast_like),
    Operator::new("Constant", &[1, 11, 12], constant),
    Operator::new("ConstantOfShape", &[9], constant_of_shape),
    Operator::new("Dropout", &[7, 12], dropout),
    Operator::new("Expand", &[8], expand),
    Operator::new("Flatten", &[1, 11], flatten),
    Operator::new("Identity", &[1], |call| Ok(vec![call.input(0)?])),
    Operator::new("Range", &[11], range),
    Operator::new("Reshape", &[5, 14], reshape),
    Operator::new("Shape", &[1, 15], shape),
    Operator::new("Size", &[1], size),
    Operator::new("Squeeze", &[1, 11, 13], squeeze),
    Operator::new("Tile", &[6], tile),
    Operator::new("Transpose", &[1], transpose),
    Operator::new("Unsqueeze", &[1, 11, 13], unsqueeze),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn cast(call: Context<'_, '_, '_, '_>) -> Outputs {
    let to = call.int("to")?.and_then(|number| i32::try_from(number).ok()).unwrap_or_default();
    let (x, to) = (call.input(0)?, ElementType::try_from(to)?);
    let dtype = match to {
        ElementType::Float | ElementType::Double | ElementType::Float16 => DType::F32,
        ElementType::Int32 | ElementType::Int64 => DType::I32,
        ElementType::Bool => DType::Bool,
        _ => return Err(Error::unsupported(format!("casts to {to}, which is not supported"))),
    };
    let value = cast_to(call, &x, dtype)?;
    if to == ElementType::Float16 {
        let rounded = super::elementwise::apply(call, Function::Half, &value)?;
        return Ok(vec![rounded]);
    }
    Ok(vec![value])
}

fn cast_like(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (x, like) = (call.input(0)?, call.input(1)?);
    let dtype = call.dtype(&like);
    Ok(vec![cast_to(call, &x, dtype)?])
}

fn cast_to(call: Context<'_, '_, '_, '_>, x: &Value, to: DType) -> Result<Value> {
    match x {
        Value::Integers(integers) if to == DType::Bool => {
            let is_true = |size: &Size| {
                size.compare(Size::fixed(0)).map(|order| order.is_ne()).ok_or_else(computes_with_the_batch)
            };
            let values = integers.elements.iter().map(is_true).collect::<Result<Vec<_>>>()?;
            Value::constant(Tensor::bool(&integers.shape, values)?)
        }
        Value::Integers(_) if to == DType::I32 => Ok(x.clone()),
        Value::Integers(integers) => {
            let number = |size: &Size| Ok(size.expect_known()? as f32);
            let numbers = integers.elements.iter().map(number).collect::<Result<Vec<_>>>()?;
            Value::constant(Tensor::f32(&integers.shape, numbers)?)
        }
        _ => converted(call, x, to),
    }
}

fn constant(call: Context<'_, '_, '_, '_>) -> Outputs {
    if let Some(tensor) = call.tensor("value")? {
        return Ok(vec![call.lowering.stored(tensor)?]);
    }
    if let Some(number) = call.float("value_float")? {
        return Ok(vec![Value::constant(Tensor::f32(&[], vec![number])?)?]);
    }
    if let Some(numbers) = call.floats("value_floats")? {
        return Ok(vec![Value::constant(Tensor::f32(&[numbers.len()], numbers)?)?]);
    }
    if let Some(number) = call.int("value_int")? {
        return Ok(vec![Value::Integers(Integers::scalar(Size::fixed(number)))]);
    }
    if let Some(numbers) = call.ints("value_ints")? {
        return Ok(vec![Value::Integers(Integers::list(numbers.into_iter().map(Size::fixed).collect()))]);
    }
    Err(Error::unsupported("has a value of a kind that is not supported"))
}

fn constant_of_shape(call: Context<'_, '_, '_, '_>) -> Outputs {
    let sizes = call.sizes(0)?;
    let one = match call.tensor("value")? {
        Some(tensor) => call.lowering.stored(tensor)?,
        None => Value::constant(Tensor::f32(&[1], vec![0.0])?)?,
    };
    let one = call.with_sizes(&one, &[])?;
    Ok(vec![stretched(call, &one, &sizes)?])
}

fn dropout(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    if let Some(training) = call.optional(2).map(|training| training.known()).transpose()?.flatten()
        && training.to_f64() == [1.0]
    {
        return Err(Error::unsupported("drops elements at random, which is not supported")
            .hint("export the model for inference"));
    }
    let kept = Value::constant(Tensor::bool(&[], vec![true])?)?;
    let mask = stretched(call, &kept, &x.sizes()?)?;
    Ok(vec![x, mask])
}

fn expand(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (x, sizes) = (call.input(0)?, call.sizes(1)?);
    let sizes = broadcast_sizes(&x.sizes()?, &sizes)?;
    Ok(vec![stretched(call, &x, &sizes)?])
}

/// The value repeated along its dimensions of 1 to these sizes.
pub(super) fn stretched(call: Context<'_, '_, '_, '_>, x: &Value, sizes: &[Size]) -> Result<Value> {
    if x.sizes()? == sizes {
        return Ok(x.clone());
    }
    if sizes.iter().any(|size| size.sample != 0) {
        return Err(computes_with_the_batch());
    }
    let missing = sizes.len() - x.rank()?;
    let x = &call.unsqueezed(x, &(0..missing).collect::<Vec<_>>())?;
    if let Value::Computed(computed) = x {
        let batch = computed.batch_axis();
        let grows = sizes.iter().enumerate().any(|(axis, size)| size.times != 0 && Some(axis) != batch);
        if grows {
            return Err(computes_with_the_batch());
        }
        let dims: Vec<LogicalDim> = computed
            .dims
            .iter()
            .zip(sizes)
            .map(|(dim, size)| match dim {
                LogicalDim::Batch(_) | LogicalDim::Interleaved(_) => *dim,
                LogicalDim::Fixed(_) => LogicalDim::Fixed(size.plus as usize),
            })
            .collect();
        let new = Computed { id: computed.id, dims };
        let rows = (new.leading() == 2).then_some(new.rows());
        let sample: Vec<usize> = rows.into_iter().chain(new.fixed()).collect();
        let id = call.expand(computed.id, &sample)?;
        return Ok(Value::Computed(Computed { id, ..new }));
    }
    let batches: Vec<usize> = (0..sizes.len()).filter(|&axis| sizes[axis].times != 0).collect();
    let shape: Vec<usize> = sizes
        .iter()
        .map(|size| if size.times == 0 { usize::try_from(size.plus) } else { Ok(1) })
        .collect::<Result<_, _>>()
        .map_err(|_| Error::shape("a size is negative"))?;
    call.lowering.make_room(&shape)?;
    if let Value::Integers(integers) = x
        && batches.is_empty()
    {
        let strides = row_major_strides(&integers.shape);
        let place = |index: Vec<usize>| {
            let own = index.iter().zip(&integers.shape).zip(&strides);
            own.map(|((&index, &size), stride)| if size == 1 { 0 } else { index * stride }).sum::<usize>()
        };
        let elements = indices(&shape).map(|index| integers.elements[place(index)]).collect();
        return Ok(Value::Integers(Integers { shape, elements }));
    }
    let tensor = match x {
        Value::Repeated { tensor, .. } => Arc::clone(tensor),
        known => known.known()?.ok_or_else(computes_with_the_batch)?,
    };
    let tensor = repeated(&tensor, &shape)?;
    match batches[..] {
        [] => Value::constant(tensor),
        [axis] if sizes[axis].plus == 0 => {
            Ok(Value::Repeated { tensor: Arc::new(tensor), axis, times: sizes[axis].times as usize })
        }
        _ => Err(computes_with_the_batch()),
    }
}

/// A tensor repeated along its dimensions of 1 to a shape of the same rank.
fn repeated(tensor: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if tensor.shape() == shape {
        return Ok(tensor.clone());
    }
    let strides = row_major_strides(tensor.shape());
    let words = tensor.to_words();
    let place = |index: Vec<usize>| {
        let own = index.iter().zip(tensor.shape()).zip(&strides);
        own.map(|((&index, &size), stride)| if size == 1 { 0 } else { index * stride }).sum::<usize>()
    };
    let stretched: Vec<u32> = indices(shape).map(|index| words[place(index)]).collect();
    Tensor::from_words(shape, tensor.dtype(), &stretched)
}

fn flatten(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let sizes = x.sizes()?;
    let axis = call.int("axis")?.unwrap_or(1);
    let axis = if axis == sizes.len() as i64 { sizes.len() } else { call.axis(axis, sizes.len())? };
    let [before, after] = [product(&sizes[..axis])?, product(&sizes[axis..])?];
    Ok(vec![call.with_sizes(&x, &[before, after])?])
}

/// The product of sizes.
pub(super) fn product(sizes: &[Size]) -> Result<Size> {
    let product = sizes.iter().try_fold(Size::fixed(1), |product, size| product.multiply(*size));
    product.ok_or_else(computes_with_the_batch)
}

fn range(call: Context<'_, '_, '_, '_>) -> Outputs {
    let values = [call.input(0)?, call.input(1)?, call.input(2)?];
    if let [Some(start), Some(limit), Some(delta)] = [values[0].known()?, values[1].known()?, values[2].known()?] {
        let numbers = [start, limit, delta].map(|tensor| tensor.to_f64().first().copied().unwrap_or_default());
        let [start, limit, delta] = numbers;
        let count = ((limit - start) / delta).ceil().max(0.0);
        if !count.is_finite() {
            return Err(Error::shape(format!("counts from {start} to {limit} in steps of {delta}")));
        }
        let count = count as usize;
        call.lowering.make_room(&[count])?;
        let numbers = (0..count).map(|index| start + index as f64 * delta);
        return Ok(vec![match &values[0] {
            Value::Integers(_) => {
                Value::Integers(Integers::list(numbers.map(|number| Size::fixed(number as i64)).collect()))
            }
            _ => Value::constant(Tensor::f32(&[count], numbers.map(|number| number as f32).collect())?)?,
        }]);
    }
    let bounds = values.iter().map(|value| integers(value)?.single()).collect::<Result<Vec<_>>>()?;
    let [start, limit, delta] = bounds[..] else { return Err(computes_with_the_batch()) };
    let distance = start.negated().and_then(|start| limit.add(start));
    let count = distance.and_then(|distance| distance.divide(delta)).filter(|count| count.times > 0);
    match (count, delta.known()) {
        (Some(count), Some(step)) => Ok(vec![Value::Counted(Counted { start, step, count })]),
        _ => Err(computes_with_the_batch()),
    }
}

fn reshape(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (x, target) = (call.input(0)?, call.sizes(1)?);
    let sizes = x.sizes()?;
    let copies_zero = call.int("allowzero")?.unwrap_or(0) == 0;
    let mut target: Vec<Size> = target
        .iter()
        .enumerate()
        .map(|(axis, size)| match sizes.get(axis) {
            Some(own) if copies_zero && *size == Size::fixed(0) => *own,
            _ => *size,
        })
        .collect();
    let unknown = target.iter().position(|size| *size == Size::fixed(-1));
    if let Some(unknown) = unknown {
        target[unknown] = Size::fixed(1);
        let (all, others) = (product(&sizes)?, product(&target)?);
        let rest = if others == Size::fixed(0) { Some(Size::fixed(0)) } else { all.divide(others) };
        target[unknown] = rest.filter(|rest| rest.multiply(others) == Some(all)).ok_or_else(|| {
            let text = crate::onnx::value::format_sizes;
            Error::shape(format!("cannot reshape {} to {} with one size left open", text(&sizes), text(&target)))
        })?;
    }
    Ok(vec![call.with_sizes(&x, &target)?])
}

fn shape(call: Context<'_, '_, '_, '_>) -> Outputs {
    let sizes = call.input(0)?.sizes()?;
    let rank = sizes.len() as i64;
    let bound = |bound: i64| (if bound < 0 { bound + rank } else { bound }).clamp(0, rank) as usize;
    let (start, end) = (bound(call.int("start")?.unwrap_or(0)), bound(call.int("end")?.unwrap_or(rank)));
    Ok(vec![Value::Integers(Integers::list(sizes[start..end.max(start)].to_vec()))])
}

fn size(call: Context<'_, '_, '_, '_>) -> Outputs {
    Ok(vec![Value::Integers(Integers::scalar(product(&call.input(0)?.sizes()?)?))])
}

fn axes_of(call: &Call<'_, '_, '_>, rank: usize) -> Result<Option<Vec<usize>>> {
    let axes = call.list("axes", 1, 13)?;
    axes.map(|axes| axes.into_iter().map(|axis| call.axis(axis, rank)).collect()).transpose()
}

fn squeeze(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let sizes = x.sizes()?;
    let axes = match axes_of(call, sizes.len())? {
        Some(axes) => axes,
        None => (0..sizes.len()).filter(|&axis| sizes[axis] == Size::fixed(1)).collect(),
    };
    Ok(vec![call.squeezed(&x, &axes)?])
}

fn unsqueeze(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let count = call.list("axes", 1, 13)?.map_or(0, |axes| axes.len());
    let axes = axes_of(call, x.rank()? + count)?.unwrap_or_default();
    Ok(vec![call.unsqueezed(&x, &axes)?])
}

fn tile(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (mut x, repeats) = (call.input(0)?, call.sizes(1)?);
    for (axis, repeat) in repeats.into_iter().enumerate() {
        let size = x.sizes()?[axis];
        if repeat == Size::fixed(1) {
            continue;
        }
        if size == Size::fixed(1) {
            let mut sizes = x.sizes()?;
            sizes[axis] = repeat;
            x = stretched(call, &x, &sizes)?;
            continue;
        }
        let repeat = repeat.expect_known()?;
        size.expect_known()?;
        let count = usize::try_from(repeat).map_err(|_| Error::shape(format!("repeats a value {repeat} times")))?;
        let sizes = x.sizes()?;
        // Repeated along a new dimension, which is then merged.
        let wide = call.unsqueezed(&x, &[axis])?;
        let mut stretched_sizes = wide.sizes()?;
        stretched_sizes[axis] = Size::fixed(count as i64);
        let wide = stretched(call, &wide, &stretched_sizes)?;
        let mut merged = sizes;
        merged[axis] = product(&[size, Size::fixed(count as i64)])?;
        x = call.with_sizes(&wide, &merged)?;
    }
    Ok(vec![x])
}

fn transpose(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let rank = x.rank()?;
    let order: Vec<usize> = match call.ints("perm")? {
        Some(order) => order.into_iter().map(|axis| call.axis(axis, rank)).collect::<Result<_>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(Error::shape(format!("`perm` {order:?} is no order of {rank} dimensions")));
    }
    Ok(vec![call.transposed(&x, &order)?])
}

/// Several values as one along an axis in memory.
pub(super) fn joined(
    call: Context<'_, '_, '_, '_>,
    parts: &[crate::graph::ValueId],
    axis: usize,
) -> Result<crate::graph::ValueId> {
    match parts {
        [part] => Ok(*part),
        parts => call.op(Concatenate { axis }, parts),
    }
}
