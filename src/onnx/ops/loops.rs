//! Graphs within a graph: loops whose number of steps is known, and branches whose condition is.
//!
//! | operators | versions that differ |
//! |---|---|
//! | If, Loop | 1, 11: shapes may differ |
//! | Scan | 9; 8 is not supported |
//!
//! The body of a loop is lowered once for each step. Counters and conditions are integers that are known when the model is
//! loaded; so are the positions at which a body reads a sequence.

use super::conditions::truth;
use super::operator::{Operator, Outputs};
use super::parts::{concatenated, gathered};
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::file::GraphProto;
use crate::onnx::size::Size;
use crate::onnx::value::{Integers, Value};
use crate::tensor::Tensor;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("If", &[1, 11], branch),
    Operator::new("Loop", &[1, 11], repeat),
    Operator::new("Scan", &[9], scan),
];

/// Maximum number of steps of a loop.
const MOST_STEPS: usize = 64;

/// Maximum number of nodes that the steps of a loop have together.
const MOST_NODES: usize = 20_000;

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

fn branch(call: Context<'_, '_, '_, '_>) -> Outputs {
    let condition = call.input(0)?;
    let Some(chosen) = truth(&condition)? else {
        return Err(Error::unsupported("has a condition that depends on the inputs, which is not supported")
            .cause("both branches would have to be computed for every sample")
            .hint("use `where` instead of a branch, and export the model again"));
    };
    let graph = call.graph(if chosen { "then_branch" } else { "else_branch" })?;
    call.lowering.inner(graph, Vec::new())
}

fn repeat(call: Context<'_, '_, '_, '_>) -> Outputs {
    let body = call.graph("body")?;
    let carried = (2..call.input_count()).map(|index| call.input(index)).collect::<Result<Vec<_>>>()?;
    let scans = body.outputs.len().checked_sub(carried.len() + 1);
    let scans = scans.ok_or_else(|| Error::format("its body does not put out what it carries"))?;
    if body.inputs.len() != carried.len() + 2 {
        return Err(Error::format("its body does not take what it carries"));
    }
    if let Some(outputs) = super::cells::recognized(call, body, &carried)? {
        return Ok(outputs);
    }
    if let Some(outputs) = super::samples::of_each(call, body, &carried)? {
        return Ok(outputs);
    }
    unrolled(call, body, carried, scans)
}

/// The steps one after the other.
fn unrolled<'f>(call: &mut Call<'_, 'f, '_>, body: &GraphProto<'f>, mut carried: Vec<Value>, scans: usize) -> Outputs {
    let most = match call.optional(0) {
        None => None,
        Some(_) => call.known_sizes(0).map_err(unknown)?.first().copied(),
    };
    let yes = Value::constant(Tensor::bool(&[], vec![true])?)?;
    let mut condition = call.optional(1).unwrap_or_else(|| yes.clone());
    let mut scanned: Vec<Vec<Value>> = vec![Vec::new(); scans];
    let mut step = 0;
    while most.is_none_or(|most| step < most) && truth(&condition)?.ok_or_else(|| unknown(on_inputs()))? {
        expect_few(step as usize + 1, body)?;
        let counter = Value::Integers(Integers::scalar(Size::fixed(step)));
        let inputs = [counter, condition].into_iter().chain(carried.iter().cloned()).collect();
        let mut outputs = call.lowering.inner(body, inputs)?.into_iter();
        condition = outputs.next().unwrap_or_else(|| yes.clone());
        carried = outputs.by_ref().take(carried.len()).collect();
        scanned.iter_mut().zip(outputs).for_each(|(list, value)| list.push(value));
        step += 1;
    }
    for list in scanned {
        carried.push(stacked(call, list)?);
    }
    Ok(carried)
}

fn on_inputs() -> Error {
    Error::unsupported("has a condition that depends on the inputs")
}

/// The error for a loop that cannot be taken apart.
fn unknown(error: Error) -> Error {
    Error::unsupported("is a loop this engine does not know: it is not a recurrent cell (matrix products of a step and a state, and activations)")
        .cause(error.to_string())
        .hint("export the model with a GRU or LSTM of its framework, or with a number of steps that is known")
}

fn expect_few(steps: usize, body: &GraphProto<'_>) -> Result<()> {
    if steps <= MOST_STEPS && steps.saturating_mul(body.nodes.len()) <= MOST_NODES {
        return Ok(());
    }
    let nodes = body.nodes.len();
    Err(unknown(Error::limit(format!("it has more than {MOST_STEPS} steps, or {steps} steps of {nodes} nodes"))))
}

/// Values of steps along a new first dimension.
fn stacked(call: Context<'_, '_, '_, '_>, values: Vec<Value>) -> Result<Value> {
    if values.is_empty() {
        return Err(Error::unsupported("is a loop of no steps, which is not supported")
            .hint("take the loop out of the model and export it again"));
    }
    let mut steps = Vec::with_capacity(values.len());
    for value in &values {
        steps.push(call.unsqueezed(value, &[0])?);
    }
    concatenated(call, &steps, 0)
}

fn scan(call: Context<'_, '_, '_, '_>) -> Outputs {
    for name in ["scan_input_axes", "scan_output_axes", "scan_input_directions", "scan_output_directions"] {
        if call.ints(name)?.is_some_and(|values| values.iter().any(|&value| value != 0)) {
            return Err(Error::unsupported(format!("has `{name}` other than 0, which is not supported"))
                .hint("transpose or reverse the sequences outside the loop"));
        }
    }
    let body = call.graph("body")?;
    let misfit = || Error::format("its body does not fit its inputs");
    let count = call.int("num_scan_inputs")?.and_then(|count| usize::try_from(count).ok());
    let states = count.and_then(|count| call.input_count().checked_sub(count)).ok_or_else(misfit)?;
    let scans = body.outputs.len().checked_sub(states).ok_or_else(misfit)?;
    let mut carried = (0..states).map(|index| call.input(index)).collect::<Result<Vec<_>>>()?;
    let sequences = (states..call.input_count()).map(|index| call.input(index)).collect::<Result<Vec<_>>>()?;
    let steps = sequences.first().ok_or_else(misfit)?.sizes()?.first().copied().ok_or_else(misfit)?;
    let mut scanned: Vec<Vec<Value>> = vec![Vec::new(); scans];
    for step in 0..steps.expect_known().map_err(unknown)? {
        expect_few(step as usize + 1, body)?;
        let mut inputs = carried;
        for sequence in &sequences {
            let at = Value::Integers(Integers::scalar(Size::fixed(step)));
            inputs.push(gathered(call, sequence, &at, 0)?);
        }
        let mut outputs = call.lowering.inner(body, inputs)?.into_iter();
        carried = outputs.by_ref().take(states).collect();
        scanned.iter_mut().zip(outputs).for_each(|(list, value)| list.push(value));
    }
    for list in scanned {
        carried.push(stacked(call, list)?);
    }
    Ok(carried)
}
