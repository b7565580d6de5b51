//! The dimensions that an operation works along, none of which may be the batch.

use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::tfjs::lowering::LayerCall;

/// What an operation is told that would make the answer for a sample depend on the samples beside it.
pub(super) fn mixes_samples(what: impl std::fmt::Display) -> Error {
    Error::unsupported(format!("{what}, which is not supported"))
        .cause("every sample is answered by itself here, whatever stands beside it in the batch")
        .hint("give it a dimension of a sample, or do it after the model")
}

/// Dimension `axis` of `x`, counted from the end if negative.
pub(super) fn axis_of(call: &LayerCall<'_, '_>, x: ValueId, axis: i64) -> Result<usize> {
    let shape = call.shape(x);
    match shape.axis(axis) {
        Some(0) if shape.is_batched() => Err(mixes_samples(format!("works along the batch, axis {axis} of {shape}"))),
        Some(axis) => Ok(axis),
        None => Err(Error::format(format!("axis {axis} is not a dimension of {shape}"))),
    }
}

/// What is said where no axis is given.
pub(super) fn goes_over_all() -> Error {
    mixes_samples("goes over all elements, those of the whole batch, because it has no axis")
}

/// The option `key` as one dimension; `default` where it is missing, none where it is null.
pub(super) fn one_or(call: &LayerCall<'_, '_>, x: ValueId, key: &'static str, default: Option<i64>) -> Result<usize> {
    match (call.config.integers(key)?.as_deref(), default) {
        (Some(&[axis]), _) => axis_of(call, x, axis),
        (None, Some(default)) if !call.config.is_null(key) => axis_of(call, x, default),
        (None, _) => Err(goes_over_all()),
        (Some(axes), _) => Err(Error::unsupported(format!("`{key}` = {axes:?} is not one dimension"))),
    }
}

/// The option `axis` as one dimension.
pub(super) fn one(call: &LayerCall<'_, '_>, x: ValueId) -> Result<usize> {
    one_or(call, x, "axis", None)
}

/// The dimensions that the option `key` names, in ascending order.
pub(super) fn several(call: &LayerCall<'_, '_>, x: ValueId, key: &'static str) -> Result<Vec<usize>> {
    let axes = call.config.integers(key)?.ok_or_else(goes_over_all)?;
    let mut axes: Vec<usize> = axes.iter().map(|&axis| axis_of(call, x, axis)).collect::<Result<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// A place for a new dimension of `x`.
pub(super) fn place_of(call: &LayerCall<'_, '_>, x: ValueId, axis: i64) -> Result<usize> {
    let (shape, rank) = (call.shape(x), call.rank(x));
    let place = if axis < 0 { axis + rank as i64 + 1 } else { axis };
    match usize::try_from(place).ok().filter(|place| *place <= rank) {
        Some(0) if shape.is_batched() => Err(mixes_samples(format!("puts a dimension before the batch of {shape}"))),
        Some(place) => Ok(place),
        None => Err(Error::format(format!("{shape} has no place {axis} for a dimension"))),
    }
}

/// The size of dimension `axis`, which is not the batch.
pub(super) fn size(call: &LayerCall<'_, '_>, x: ValueId, axis: usize) -> usize {
    call.shape(x).resolve(1)[axis]
}

/// All sizes of `x`, with 1 for the batch.
pub(super) fn sizes(call: &LayerCall<'_, '_>, x: ValueId) -> Vec<usize> {
    call.shape(x).resolve(1)
}
