//! Sorting, the largest and where they stand, running sums, places among others.

use super::arguments::Arguments;
use super::axes::{axis_of, one_or, several, size};
use super::dtypes::{as_option, numeric, pair};
use super::logic::compare;
use super::moves::{batch_dims, expanded, merged, permuted, positions};
use super::operation::{Call, Operation, Outputs};
use super::reductions::over;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{
    Accumulation, ArgReduce, BadId, BinaryFunction, Comparison, Cumulative, GatherElements, OneHot, Reduction, TopK,
};
use crate::tensor::{DType, Tensor};
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Sort", &["x"], |call, given| Ok(vec![sorted(call, given)?[0]])),
    Operation::new("Argsort", &["x"], |call, given| Ok(vec![sorted(call, given)?[1]])),
    Operation::new("TopK", &["x"], top_k),
    Operation::new("Argmax", &["x"], |call, given| place(call, given, true)),
    Operation::new("Argmin", &["x"], |call, given| place(call, given, false)),
    Operation::new("InTopK", &["targets", "predictions"], |call, given| in_top_k(call, given, [0, 1])),
    Operation::new("TargetsInTopK", &["predictions", "targets"], |call, given| in_top_k(call, given, [1, 0])),
    Operation::new("Cumsum", &["x"], |call, given| cumulated(call, given, Accumulation::Sum)),
    Operation::new("Cumprod", &["x"], |call, given| cumulated(call, given, Accumulation::Product)),
    Operation::new("CumulativeLogsumexp", &["x"], cumulative_logsumexp),
    Operation::new("SearchSorted", &["sorted", "values"], search_sorted),
    Operation::new("Digitize", &["x", "bins"], digitize),
    Operation::new("Bincount", &["x", "weights?"], bincount),
    Operation::new("Median", &["x"], |call, given| quantile(call, given, Some(0.5))),
    Operation::new("Quantile", &["x", "q"], |call, given| quantile(call, given, None)),
];

/// All elements in order, and where they stood; equal ones stay in order.
fn sorted(call: &mut LayerCall<'_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = numeric(call, given, 0)?;
    let axis = one_or(call, x, "axis", Some(-1))?;
    call.config.ignore(&["stable"]);
    let largest = match call.config.string("direction")? {
        None | Some("ASCENDING") => false,
        Some("DESCENDING") => true,
        Some(other) => return Err(Error::format(format!("`direction` should not be `{other}`"))),
    };
    call.outputs_of(TopK { axis, count: size(call, x, axis), largest }, &[x])
}

fn top_k(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = numeric(call, given, 0)?;
    let axis = axis_of(call, x, -1)?;
    call.config.ignore(&["sorted"]);
    let count = call.config.get("k").map_or(Ok(1), |count| json::size("k", count))?;
    let outputs = call.outputs_of(TopK { axis, count, largest: true }, &[x])?;
    Ok(vec![outputs[0], as_option(call, outputs[1])?])
}

/// Where the largest or smallest is, the first of equal ones.
fn place(call: Call<'_, '_, '_>, given: &Arguments<'_>, largest: bool) -> Outputs {
    let x = numeric(call, given, 0)?;
    let axis = one_or(call, x, "axis", None)?;
    let mut place = call.op(ArgReduce { axis, largest }, &[x])?;
    if call.config.boolean_or("keepdims", false)? {
        place = expanded(call, place, axis)?;
    }
    call.config.ignore(&["dtype"]);
    Ok(vec![place])
}

/// Whether fewer than `k` others are larger than the target's.
fn in_top_k(call: Call<'_, '_, '_>, given: &Arguments<'_>, [targets, predictions]: [usize; 2]) -> Outputs {
    let predictions = given.float(call, predictions)?;
    let targets = given.get(targets)?.in_dtype(call, DType::I32)?;
    let axis = axis_of(call, predictions, -1)?;
    let targets = expanded(call, targets, call.rank(targets))?;
    let own = call.op(GatherElements { axis, bad_id: BadId::Zero }, &[predictions, targets])?;
    let is_larger = compare(call, Comparison::Greater, predictions, own)?;
    let ones = call.cast(is_larger, DType::I32)?;
    let larger = over(call, ones, &[axis], Reduction::Sum, false)?;
    let count = call.integer(call.config.size("k")? as i32)?;
    Ok(vec![compare(call, Comparison::Less, larger, count)?])
}

/// What elements up to each add up to, or their product.
fn cumulated(call: Call<'_, '_, '_>, given: &Arguments<'_>, function: Accumulation) -> Outputs {
    let x = numeric(call, given, 0)?;
    let x = as_option(call, x)?;
    let axis = one_or(call, x, "axis", None)?;
    let exclusive = call.config.boolean_or("exclusive", false)?;
    let reverse = call.config.boolean_or("reverse", false)?;
    Ok(vec![call.op(Cumulative { function, axis, exclusive, reverse }, &[x])?])
}

/// Of each element and those before it: of a matrix in which all others are −∞.
fn cumulative_logsumexp(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let x = given.float(call, 0)?;
    let axis = one_or(call, x, "axis", None)?;
    call.config.refuse_unless_off("exclusive")?;
    let reverse = call.config.boolean_or("reverse", false)?;
    let last = call.rank(x) - 1;
    let order: Vec<usize> = (0..=last).filter(|other| *other != axis).chain([axis]).collect();
    let x = permuted(call, x, &order)?;
    let rows = expanded(call, x, last)?;
    let size = size(call, x, last);
    call.make_room(&[size, size])?;
    let counts = |index: usize| {
        let (of, element) = (index / size, index % size);
        if reverse { element >= of } else { element <= of }
    };
    let others = (0..size * size).map(|index| if counts(index) { 0.0 } else { f32::NEG_INFINITY }).collect();
    let others = call.literal(Tensor::f32(&[size, size], others)?)?;
    let matrix = call.binary(BinaryFunction::Add, rows, others)?;
    let sums = over(call, matrix, &[last + 1], Reduction::LogSumExp, false)?;
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, &axis)| back[axis] = place);
    Ok(vec![permuted(call, sums, &back)?])
}

/// How many of `sorted` stand before each value, along the last dimension.
fn before(call: &mut LayerCall<'_, '_>, sorted: ValueId, values: ValueId, comparison: Comparison) -> Result<ValueId> {
    let batch = batch_dims(call, sorted);
    if call.rank(sorted) != batch + 1 {
        return Err(Error::unsupported(format!("looks for places in {}, not in one row", call.shape(sorted))));
    }
    let values = expanded(call, values, call.rank(values))?;
    let sorted = if call.shape(sorted).is_batched() { expanded(call, sorted, call.rank(sorted) - 1)? } else { sorted };
    let is_before = compare(call, comparison, sorted, values)?;
    let ones = call.cast(is_before, DType::I32)?;
    let last = call.rank(ones) - 1;
    over(call, ones, &[last], Reduction::Sum, false)
}

fn search_sorted(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [sorted, values] = pair(call, given, [0, 1], DType::I32)?;
    let comparison = match call.config.string("side")? {
        None | Some("left") => Comparison::Less,
        Some("right") => Comparison::LessEqual,
        Some(other) => return Err(Error::format(format!("`side` should not be `{other}`"))),
    };
    Ok(vec![before(call, sorted, values, comparison)?])
}

/// The bucket between edges that each element falls into; an edge is in the bucket above it.
fn digitize(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let [x, edges] = pair(call, given, [0, 1], DType::I32)?;
    Ok(vec![before(call, edges, x, Comparison::LessEqual)?])
}

/// How often each id below a given number occurs in a row, or what the weights of its places add up to.
fn bincount(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Outputs {
    let ids = given.get(0)?.in_dtype(call, DType::I32)?;
    call.config.ignore(&["minlength", "axis"]);
    call.config.refuse_unless_off("sparse")?;
    let Some(depth) = call.config.get("maxlength") else {
        return Err(Error::unsupported(
            "has as many counts as the largest id in the whole batch, which is not supported",
        ));
    };
    let depth = json::size("maxlength", depth)?;
    if call.config.get("minlength").map(|least| json::size("minlength", least)).transpose()? != Some(depth) {
        return Err(Error::unsupported(
            "has as many counts as the largest id in the whole batch, which is not supported",
        )
        .hint("give it a minlength and the same maxlength"));
    }
    let axis = axis_of(call, ids, -1)?;
    let places = call.op(OneHot { axis: axis + 1, depth, on: 1.0, off: 0.0 }, &[ids])?;
    if call.config.boolean_or("binary_output", false)? {
        let any = over(call, places, &[axis], Reduction::Maximum, false)?;
        return Ok(vec![call.cast(any, DType::I32)?]);
    }
    if !given.has(1) {
        let places = call.cast(places, DType::I32)?;
        return Ok(vec![over(call, places, &[axis], Reduction::Sum, false)?]);
    }
    let weights = given.float(call, 1)?;
    let weights = expanded(call, weights, call.rank(weights))?;
    let weighted = call.binary(BinaryFunction::Multiply, places, weights)?;
    Ok(vec![over(call, weighted, &[axis], Reduction::Sum, false)?])
}

/// What a part of the elements is no larger than, between two of them in proportion: a saved model of Keras forgets that it
/// was asked for another `method`.
fn quantile(call: Call<'_, '_, '_>, given: &Arguments<'_>, part: Option<f64>) -> Outputs {
    let x = given.float(call, 0)?;
    let part = match part.or_else(|| given.number(1)) {
        Some(part) if (0.0..=1.0).contains(&part) => part,
        _ => {
            return Err(Error::unsupported("computes several quantiles, which come before the batch")
                .hint("compute one at a time, and stack them"));
        }
    };
    call.config.ignore(&["method"]);
    let axes = several(call, x, "axis")?;
    let rest = (0..call.rank(x)).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = rest.chain(axes.iter().copied()).collect();
    let moved = permuted(call, x, &order)?;
    let axis = call.rank(x) - axes.len();
    let flat = merged(call, moved, axis, call.rank(x))?;
    let count = size(call, flat, axis);
    let sorted = call.outputs_of(TopK { axis, count, largest: false }, &[flat])?[0];
    let place = part * count.saturating_sub(1) as f64;
    let element = |call: &mut LayerCall<'_, '_>, place: f64| positions(call, sorted, axis, &[place as usize]);
    let (low, high) = (place.floor(), place.ceil());
    let mut found = element(call, low)?;
    if low != high {
        let share = (place - low) as f32;
        let high = element(call, high)?;
        let high = call.with_number(BinaryFunction::Multiply, high, share)?;
        let low = call.with_number(BinaryFunction::Multiply, found, 1.0 - share)?;
        found = call.binary(BinaryFunction::Add, low, high)?;
    }
    let mut answer = super::moves::without(call, found, &[axis])?;
    if call.config.boolean_or("keepdims", false)? {
        for axis in axes {
            answer = expanded(call, answer, axis)?;
        }
    }
    Ok(vec![answer])
}
