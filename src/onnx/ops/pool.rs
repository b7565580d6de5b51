//! Pools.
//!
//! | operators | versions that differ |
//! |---|---|
//! | MaxPool | 1, 8: indices; 10: `ceil_mode`, dilations |
//! | AveragePool | 1, 7: `count_include_pad`; 10: `ceil_mode`; 19: dilations |
//! | LpPool | 2; 18: `ceil_mode`, dilations |
//! | GlobalAveragePool, GlobalMaxPool, GlobalLpPool | 1 |

use super::elementwise::{apply, with_number};
use super::images::{Attributes, Images};
use super::operator::{Operator, Outputs};
use super::sample::Sample;
use super::shapes::product;
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::size::Size;
use crate::onnx::value::Value;
use crate::ops::{BinaryFunction, Function, Pool, Reduce, Reduction, Window};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("AveragePool", &[1, 7, 10, 19], average_pool),
    Operator::new("GlobalAveragePool", &[1], |call| global(call, Reduction::Mean)),
    Operator::new("GlobalLpPool", &[2], global_lp_pool),
    Operator::new("GlobalMaxPool", &[1], |call| global(call, Reduction::Maximum)),
    Operator::new("LpPool", &[2, 18], lp_pool),
    Operator::new("MaxPool", &[1, 8, 10], max_pool),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn ceil_mode(call: &Call<'_, '_, '_>) -> Result<bool> {
    Ok(call.int("ceil_mode")?.unwrap_or(0) != 0)
}

fn max_pool(call: Context<'_, '_, '_, '_>) -> Outputs {
    if call.node.outputs.get(1).is_some_and(|name| !name.is_empty()) {
        return Err(Error::unsupported("has the output Indices, which is not supported")
            .hint("export the model without `return_indices`"));
    }
    let x = Images::of(call, &call.input(0)?)?;
    let attributes = Attributes::of(call, None, x.positions.len())?;
    let (windows, _) = attributes.windows(&x.positions, ceil_mode(call)?)?;
    let pool = Pool { reduction: Reduction::Maximum, windows: x.windows(&windows) };
    let y = x.held.step(call, pool, &[])?;
    Ok(vec![x.back(call, &y)?])
}

fn average_pool(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = Images::of(call, &call.input(0)?)?;
    let attributes = Attributes::of(call, None, x.positions.len())?;
    let (mut windows, around) = attributes.windows(&x.positions, ceil_mode(call)?)?;
    let mut held = x.held.clone();
    if call.int("count_include_pad")?.unwrap_or(0) != 0 {
        // Padding that is counted is part of the input. What a last window has behind it is not.
        held = x.padded(call, &around)?;
        windows.iter_mut().for_each(|window| window.before = 0);
    }
    let pool = Pool { reduction: Reduction::Mean, windows: x.windows(&windows) };
    let y = held.step(call, pool, &[])?;
    Ok(vec![x.back(call, &y)?])
}

/// `(Σ abs(x)^p)^(1/p)`, the sum being the mean of a window that lies in the padded input times its taps.
fn lp_pool(call: Context<'_, '_, '_, '_>) -> Outputs {
    let exponent = exponent(call)?;
    let power = to_power(call, &call.input(0)?, exponent)?;
    let x = Images::of(call, &power)?;
    let attributes = Attributes::of(call, None, x.positions.len())?;
    let (mut windows, mut around) = attributes.windows(&x.positions, ceil_mode(call)?)?;
    for ((window, around), &input) in windows.iter_mut().zip(&mut around).zip(&x.positions) {
        let end = window.count.saturating_sub(1) * window.stride + (window.size - 1) * window.dilation + 1;
        around[1] = around[1].max(end.saturating_sub(input + around[0]));
        window.before = 0;
    }
    let held = x.padded(call, &around)?;
    let taps: usize = windows.iter().map(|window: &Window| window.size).product();
    let pool = Pool { reduction: Reduction::Mean, windows: x.windows(&windows) };
    let y = held.step(call, pool, &[])?;
    let mean = x.back(call, &y)?;
    let sum = with_number(call, BinaryFunction::Multiply, &mean, taps as f32)?;
    Ok(vec![root(call, &sum, exponent)?])
}

fn global_lp_pool(call: Context<'_, '_, '_, '_>) -> Outputs {
    let exponent = exponent(call)?;
    let power = to_power(call, &call.input(0)?, exponent)?;
    let sum = reduced(call, &power, Reduction::Sum)?;
    Ok(vec![root(call, &sum, exponent)?])
}

fn exponent(call: &Call<'_, '_, '_>) -> Result<f32> {
    Ok(call.int("p")?.unwrap_or(2) as f32)
}

fn to_power(call: Context<'_, '_, '_, '_>, x: &Value, exponent: f32) -> Result<Value> {
    let size = apply(call, Function::Absolute, x)?;
    if exponent == 1.0 { Ok(size) } else { with_number(call, BinaryFunction::Power, &size, exponent) }
}

fn root(call: Context<'_, '_, '_, '_>, sum: &Value, exponent: f32) -> Result<Value> {
    if exponent == 1.0 {
        return Ok(sum.clone());
    }
    with_number(call, BinaryFunction::Power, sum, exponent.recip())
}

fn global(call: Context<'_, '_, '_, '_>, reduction: Reduction) -> Outputs {
    let x = call.input(0)?;
    Ok(vec![reduced(call, &x, reduction)?])
}

/// Every channel reduced to one position.
fn reduced(call: Context<'_, '_, '_, '_>, x: &Value, reduction: Reduction) -> Result<Value> {
    let sizes = x.sizes()?;
    if sizes.len() < 2 {
        return Err(Error::shape("takes a value with channels"));
    }
    let flat = call.with_sizes(x, &[sizes[0], sizes[1], product(&sizes[2..])?])?;
    let sample = Sample::of(call, &flat)?;
    let axis = sample.stored(2)?;
    let held = sample.held.step(call, Reduce { reduction, axis }, &[])?;
    let reduced = Sample { held, dims: sample.dims[..2].to_vec() }.value()?;
    let ones = vec![Size::fixed(1); sizes.len() - 2];
    call.with_sizes(&reduced, &[&sizes[..2], ones.as_slice()].concat())
}
