//! Shapes as values: what `tf.shape(x)` says, and what is made in such a shape.

use super::arguments::Arguments;
use super::arguments::Size;
use super::numbers::dtype_called;
use super::operation::{Call, Operation, Outputs};
use crate::error::Error;
use crate::tensor::{DType, Dim, Tensor};
use crate::tfjs::folding::BATCH;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Shape", &["x"], shape),
    Operation::new("GetShape", &["x"], shape),
    Operation::new("Rank", &["x"], |call, given| {
        let x = given.value(call, 0)?;
        let rank = Tensor::i32(&[], vec![call.rank(x) as i32])?;
        Ok(vec![call.literal(rank)?])
    }),
    Operation::new("Arange", &["start", "stop?", "step?"], range),
    Operation::new("Zeros", &["shape"], |call, given| filled(call, given, 0.0)),
    Operation::new("Ones", &["shape"], |call, given| filled(call, given, 1.0)),
    Operation::new("Full", &["shape", "fill_value"], |call, given| {
        let value = given.number(1).ok_or_else(|| Error::unsupported("is filled with what is no number"))?;
        filled(call, given, value)
    }),
];

fn shape(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.value(call, 0)?;
    call.config.ignore(&["dtype"]);
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => i32::try_from(*size).ok(),
        Dim::Batch | Dim::Shared => Some(BATCH),
        Dim::Open => None,
    };
    let sizes: Option<Vec<i32>> = call.shape(x).dims().iter().map(size).collect();
    let sizes = sizes.ok_or_else(|| Error::limit(format!("the sizes of {} are no int32", call.shape(x))))?;
    Ok(vec![call.sizes(Tensor::i32(&[sizes.len()], sizes)?)?])
}

/// The numbers from a start to before a limit; up to the first argument, if it is alone.
fn range(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let number = |index: usize, default: i64| {
        if given.has(index) { given.get(index)?.integer(call) } else { Ok(default) }
    };
    let first = number(0, 0)?;
    let (start, limit) = if given.has(1) { (first, number(1, 0)?) } else { (0, first) };
    let step = number(2, 1)?;
    if step == 0 || start.abs().max(limit.abs()) > i64::from(i32::MAX) {
        return Err(Error::unsupported(format!("counts from {start} to {limit} by {step}")));
    }
    let count = ((limit - start).max(0) as u64).div_ceil(step.unsigned_abs());
    let count = if step > 0 { count } else { ((start - limit).max(0) as u64).div_ceil(step.unsigned_abs()) };
    let count = usize::try_from(count).map_err(|_| Error::limit(format!("counts from {start} to {limit}")))?;
    call.make_room(&[count])?;
    let numbers = (0..count as i64).map(|index| (start + index * step) as i32).collect();
    let id = call.literal(Tensor::i32(&[count], numbers)?)?;
    Ok(vec![super::dtypes::as_option(call, id)?])
}

/// A number in a shape, which may begin with the batch.
fn filled(call: Call<'_, '_, '_>, given: &Arguments<'_>, value: f64) -> Outputs {
    let dims = given.get(0)?.sizes(call)?;
    let (is_batched, sample) = match dims.split_first() {
        Some((Size::Batch, sample)) => (true, sample),
        _ => (false, dims.as_slice()),
    };
    let sizes = sample.iter().map(|size| if let Size::Of(size) = size { usize::try_from(*size).ok() } else { None });
    let sizes: Option<Vec<usize>> = sizes.collect();
    let sizes = sizes.ok_or_else(|| Error::unsupported("is of a shape that is not known"))?;
    call.make_room(&sizes)?;
    let count = sizes.iter().product();
    let dtype = match call.config.string("dtype")? {
        Some(name) => dtype_called(name).ok_or_else(|| Error::unsupported(format!("is of dtype {name}")))?,
        None => given.get(1).map_or(Ok(DType::F32), |value| value.dtype(call))?,
    };
    let constant = match dtype {
        DType::F32 => Tensor::f32(&sizes, vec![value as f32; count])?,
        DType::I32 => Tensor::i32(&sizes, vec![value as i32; count])?,
        DType::Bool => Tensor::bool(&sizes, vec![value != 0.0; count])?,
    };
    let constant = call.literal(constant)?;
    Ok(vec![if is_batched { call.for_every_sample(constant)? } else { constant }])
}
