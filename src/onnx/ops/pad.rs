//! Padding, and blocks of positions as channels.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Pad | 2: `pads` and `value` are attributes; 11: inputs; 18: `axes`; 19: `wrap` |
//! | DepthToSpace | 1; 11: `mode` |
//! | SpaceToDepth | 1 |

use super::operator::{Operator, Outputs};
use super::sample::{Held, Sample};
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::size::Size;
use crate::onnx::value::{LogicalDim, Value};
use crate::ops::{Pad, Select};
use crate::tensor::{DType, Tensor, element_count};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("DepthToSpace", &[1, 11], depth_to_space),
    Operator::new("Pad", &[2, 11, 18, 19], pad),
    Operator::new("SpaceToDepth", &[1], space_to_depth),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn pad(call: Context<'_, '_, '_, '_>) -> Outputs {
    let value = call.input(0)?;
    let around = around(call, value.rank()?)?;
    if around.iter().all(|&around| around == [0, 0]) {
        return Ok(vec![value]);
    }
    let x = Sample::of(call, &value)?;
    let padded = match call.string("mode")?.unwrap_or("constant") {
        "constant" => {
            let number = number(call, x.held.dtype(call))?;
            padded(call, x, &around, &number)?
        }
        "reflect" => continued(call, x, &around, reflected)?,
        "edge" => continued(call, x, &around, |at, size| at.clamp(0, size - 1))?,
        "wrap" => continued(call, x, &around, i64::rem_euclid)?,
        other => return Err(Error::unsupported(format!("pads in the mode {other:?}, which is not supported"))),
    };
    Ok(vec![padded.value()?])
}

/// The positions to add before and after every dimension; those to take away are negative.
fn around(call: &Call<'_, '_, '_>, rank: usize) -> Result<Vec<[i64; 2]>> {
    let pads = call.list("pads", 1, 11)?.ok_or_else(|| Error::format("has no `pads`"))?;
    let axes: Vec<usize> = match call.optional(3).filter(|_| call.opset() >= 18) {
        Some(_) => call.known_sizes(3)?.into_iter().map(|axis| call.axis(axis, rank)).collect::<Result<_>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(Error::shape(format!("has {} pads for {} dimensions", pads.len(), axes.len())));
    }
    let mut around = vec![[0, 0]; rank];
    for (index, &axis) in axes.iter().enumerate() {
        around[axis] = [pads[index], pads[index + axes.len()]];
    }
    Ok(around)
}

/// What is padded with, as a scalar of this dtype.
fn number(call: &Call<'_, '_, '_>, dtype: DType) -> Result<Tensor> {
    if call.opset() < 11 {
        return Ok(Tensor::f32(&[], vec![call.float("value")?.unwrap_or(0.0)])?.cast(dtype));
    }
    match call.optional(2) {
        None => Ok(Tensor::f32(&[], vec![0.0])?.cast(dtype)),
        Some(value) => match value.known()? {
            Some(number) if number.len() == 1 => Ok(number.as_ref().clone().reshaped(&[])?.cast(dtype)),
            Some(number) => Err(Error::shape(format!("pads with a value of shape {:?}", number.shape()))),
            None => Err(Error::unsupported("pads with a value that is computed, which is not supported")
                .hint("store it as an initializer")),
        },
    }
}

/// A number around the value: zeros, of which those that are padding become the number.
fn padded(call: Context<'_, '_, '_, '_>, x: Sample, around: &[[i64; 2]], number: &Tensor) -> Result<Sample> {
    let mut x = x;
    let mut sizes = vec![[0, 0]; x.leading() - 1];
    for (axis, &[before, after]) in around.iter().enumerate() {
        if let Some(LogicalDim::Batch(_)) = x.dims.get(axis) {
            if [before, after] != [0, 0] {
                return Err(super::sample::over_the_batch());
            }
            continue;
        }
        x = cropped(call, &x, axis, before.min(0), after.min(0))?;
        sizes.push([before, after].map(|size| usize::try_from(size.max(0)).unwrap_or(0)));
    }
    let before = x.held.shape(call);
    let mut held = x.held.step(call, Pad { around: sizes.clone() }, &[])?;
    if number.to_words().iter().any(|&word| word != 0) {
        let shape = held.shape(call);
        call.lowering.make_room(&shape)?;
        let mask = inside(&shape, &before, &sizes)?;
        held = Held::constant(mask).choose(call, &held, number)?;
    }
    let rest = &held.shape(call)[x.leading() - 1..];
    let mut rest = rest.iter();
    let dim = |dim: &LogicalDim| match dim {
        LogicalDim::Fixed(size) => LogicalDim::Fixed(*rest.next().unwrap_or(size)),
        batch => *batch,
    };
    let dims = x.dims.iter().map(dim).collect();
    Ok(Sample { held, dims })
}

impl Held {
    /// `held` where this mask is true, elsewhere a number.
    fn choose(self, call: Context<'_, '_, '_, '_>, held: &Held, number: &Tensor) -> Result<Held> {
        let outputs = super::sample::all(call, &Select.into(), &[self, held.clone(), Held::constant(number.clone())])?;
        outputs.into_iter().next().ok_or_else(|| Error::internal("an operator has no output"))
    }
}

/// Whether each position of a padded sample is one of the input.
fn inside(shape: &[usize], before: &[usize], around: &[[usize; 2]]) -> Result<Tensor> {
    let mut flags = Vec::with_capacity(element_count(shape)?);
    for index in crate::onnx::known::indices(shape) {
        let is_inside = |((&at, &size), around): ((&usize, &usize), &[usize; 2])| {
            at.checked_sub(around[0]).is_some_and(|at| at < size)
        };
        flags.push(index.iter().zip(before).zip(around).all(is_inside));
    }
    Tensor::bool(&[&[1], shape].concat(), flags)
}

/// Without positions at the ends of a dimension, whose numbers are negative.
fn cropped(call: Context<'_, '_, '_, '_>, x: &Sample, axis: usize, before: i64, after: i64) -> Result<Sample> {
    let size = x.size(axis)? as i64;
    let positions: Vec<usize> = (-before..size + after).filter_map(|at| usize::try_from(at).ok()).collect();
    let held = x.held.taken(call, x.stored(axis)?, &positions)?;
    Ok(x.with(held, axis, positions.len()))
}

/// Positions beyond the value that are others of it.
fn continued(
    call: Context<'_, '_, '_, '_>,
    x: Sample,
    around: &[[i64; 2]],
    position: impl Fn(i64, i64) -> i64,
) -> Result<Sample> {
    let mut x = x;
    for (axis, &[before, after]) in around.iter().enumerate().filter(|(_, around)| **around != [0, 0]) {
        let (size, stored) = (x.size(axis)? as i64, x.stored(axis)?);
        let end = size.checked_add(after).filter(|_| size > 0 && before.checked_neg().is_some());
        let end = end.ok_or_else(|| Error::shape(format!("pads {size} positions by {before} and {after}")))?;
        let count = usize::try_from(end.saturating_add(before)).unwrap_or(0);
        call.lowering.make_room(&[count])?;
        let positions: Vec<usize> = (-before..end).map(|at| position(at, size) as usize).collect();
        let held = x.held.taken(call, stored, &positions)?;
        x = x.with(held, axis, positions.len());
    }
    Ok(x)
}

/// The position that a mirror at the first and the last position shows.
fn reflected(at: i64, size: i64) -> i64 {
    if size == 1 {
        return 0;
    }
    let at = at.rem_euclid(2 * (size - 1));
    at.min(2 * (size - 1) - at)
}

/// The sizes `[N, C, H, W]` and the size of a block.
fn blocks(call: &Call<'_, '_, '_>, x: &Value) -> Result<([Size; 2], [i64; 2], i64)> {
    let block = call.int("blocksize")?.unwrap_or(0);
    let sizes = x.sizes()?;
    match sizes[..] {
        [n, c, h, w] if block > 0 && block < 1 << 16 => Ok(([n, c], [h.expect_known()?, w.expect_known()?], block)),
        _ => Err(Error::shape(format!("blocks of {block} do not divide {}", crate::onnx::value::format_sizes(&sizes)))),
    }
}

fn depth_to_space(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let ([n, channels], [h, w], block) = blocks(call, &x)?;
    let channels = channels.expect_known()?;
    if channels % (block * block) != 0 {
        return Err(Error::shape(format!("{channels} channels do not divide into blocks of {block} by {block}")));
    }
    let depth = channels / (block * block);
    let (apart, order) = match call.string("mode")?.unwrap_or("DCR") {
        "CRD" => ([depth, block, block], [0, 1, 4, 2, 5, 3]),
        _ => ([block, block, depth], [0, 3, 4, 1, 5, 2]),
    };
    let sizes: Vec<Size> = [n].into_iter().chain(apart.into_iter().chain([h, w]).map(Size::fixed)).collect();
    let apart = call.with_sizes(&x, &sizes)?;
    let turned = call.transposed(&apart, &order)?;
    let sizes = [n, Size::fixed(depth), Size::fixed(h * block), Size::fixed(w * block)];
    Ok(vec![call.with_sizes(&turned, &sizes)?])
}

fn space_to_depth(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let ([n, channels], [h, w], block) = blocks(call, &x)?;
    if h % block != 0 || w % block != 0 {
        return Err(Error::shape(format!("{h} by {w} positions do not divide into blocks of {block}")));
    }
    let depth = channels.expect_known()?;
    let apart = [depth, h / block, block, w / block, block];
    let sizes: Vec<Size> = [n].into_iter().chain(apart.map(Size::fixed)).collect();
    let apart = call.with_sizes(&x, &sizes)?;
    let turned = call.transposed(&apart, &[0, 3, 5, 1, 2, 4])?;
    let sizes = [n, Size::fixed(depth * block * block), Size::fixed(h / block), Size::fixed(w / block)];
    Ok(vec![call.with_sizes(&turned, &sizes)?])
}
