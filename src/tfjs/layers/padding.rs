//! ZeroPadding1D to 3D, and Cropping1D to 3D, which take the same options.

use super::class::Class;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{Pad, Slice};
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use serde_json::Value as Json;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("Cropping1D", |call, inputs| cropping(call, inputs, 1), "–", ""),
    Class::new("Cropping3D", |call, inputs| cropping(call, inputs, 3), "–", ""),
    Class::new("ZeroPadding1D", |call, inputs| zero_padding(call, inputs, 1), "–", ""),
    Class::new("ZeroPadding3D", |call, inputs| zero_padding(call, inputs, 3), "–", ""),
    Class::new("Cropping2D", |call, inputs| cropping(call, inputs, 2), "✓", ""),
    Class::new("ZeroPadding2D", |call, inputs| zero_padding(call, inputs, 2), "✓", ""),
];

fn zero_padding(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize) -> Result<Vec<Value>> {
    let (x, around) = around(call, inputs, dims, "padding")?;
    if around.iter().flatten().all(|&count| count == 0) {
        return Ok(vec![Value::unmasked(x)]);
    }
    Ok(vec![Value::unmasked(call.op(Pad { around }, &[x])?)])
}

fn cropping(call: &mut LayerCall<'_, '_>, inputs: &[Value], dims: usize) -> Result<Vec<Value>> {
    let (mut x, around) = around(call, inputs, dims, "cropping")?;
    for (dim, [before, behind]) in around.into_iter().enumerate() {
        let size = call.shape(x).sample()[dim];
        let count = before.checked_add(behind).and_then(|cut| size.checked_sub(cut)).filter(|&count| count > 0);
        let Some(count) = count else {
            return Err(Error::format(format!(
                "`cropping` of {before} and {behind} leaves nothing of {size} positions"
            )));
        };
        x = crop(call, x, dim + 1, before, count)?;
    }
    Ok(vec![Value::unmasked(x)])
}

/// `count` positions of a dimension from `start` on.
pub(super) fn crop(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    axis: usize,
    start: usize,
    count: usize,
) -> Result<ValueId> {
    if call.shape(x).resolve(1)[axis] == count {
        return Ok(x);
    }
    call.op(Slice { axis, start, step: 1, count }, &[x])
}

/// The input, and for each dimension of a sample the two numbers of `key`: one for all, one for each dimension, or two.
fn around(
    call: &mut LayerCall<'_, '_>,
    inputs: &[Value],
    dims: usize,
    key: &'static str,
) -> Result<(ValueId, Vec<[usize; 2]>)> {
    let x = call.one(inputs)?.id;
    if call.rank(x) != dims + 2 {
        return Err(Error::format(format!("takes inputs of rank {}, not {}", dims + 2, call.shape(x))));
    }
    let one = Json::from(1);
    let given = call.config.get(key).unwrap_or(&one);
    let mut around = match given {
        // Of one dimension, two numbers are both of its ends.
        Json::Array(ends) if dims == 1 && ends.iter().all(Json::is_number) => vec![pair(key, given)?],
        Json::Array(items) => items.iter().map(|item| pair(key, item)).collect::<Result<_>>()?,
        number => vec![pair(key, number)?; dims],
    };
    if around.len() != dims {
        return Err(Error::format(format!(
            "`{key}` should be numbers for {dims} dimensions, not {}",
            json::show(given)
        )));
    }
    let channels = if dims > 1 && call.config.channels_first()? { 0 } else { dims };
    call.config.ignore(if dims == 1 { &["data_format"] } else { &[] });
    around.insert(channels, [0, 0]);
    Ok((x, around))
}

/// One number for both ends, or two.
fn pair(key: &str, value: &Json) -> Result<[usize; 2]> {
    match value {
        Json::Array(ends) => match ends.as_slice() {
            [before, behind] => Ok([json::size(key, before)?, json::size(key, behind)?]),
            _ => Err(Error::format(format!("`{key}` should have two ends, not {}", json::show(value)))),
        },
        number => Ok([json::size(key, number)?; 2]),
    }
}
