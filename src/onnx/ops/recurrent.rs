//! Recurrent layers: RNN, GRU, LSTM.
//!
//! | operators | versions that differ |
//! |---|---|
//! | GRU, LSTM, RNN | 7; 14: `layout` |
//!
//! The inputs of a sequence are `[T, N, F]`, or with `layout` `[N, T, F]`: the same in memory, where the batch is in
//! front. W is `[D, G · H, F]`, R `[D, G · H, H]` and B `[D, 2 · G · H]` for D directions, with the gates i, o, f, c of an
//! LSTM, and z, r, h of a GRU. A model without a batch has a number of samples of its own, each of which is run through
//! the steps by itself.
//!
//! With `sequence_lens` the steps behind a sample's end are masked: their outputs are zeros, and states stay. So a reverse
//! direction begins at the last step that counts, as it should.

use super::operator::{Operator, Outputs};
use super::steps::{self, Inputs, Layer, Wanted};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::onnx::call::Call;
use crate::onnx::size::Size;
use crate::onnx::value::{Computed, LogicalDim, Value, format_sizes};
use crate::ops::{Cell, Compare, Comparison, Concatenate, Function, MaskedOutput, Order, Slice};
use crate::tensor::Tensor;
use std::sync::Arc;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("GRU", &[7, 14, 22], |call| {
        let reset_after = call.int("linear_before_reset")?.unwrap_or(0) != 0;
        recurrent(call, Cell::Gru { reset_after })
    }),
    Operator::new("LSTM", &[7, 14, 22], |call| recurrent(call, Cell::Lstm)),
    Operator::new("RNN", &[7, 14, 22], |call| recurrent(call, Cell::Simple)),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

/// Samples that are run by themselves.
#[derive(Debug, Clone, Copy)]
struct Samples {
    /// `[N, T, F]`, or with rows `[N, B, T, F]`.
    x: ValueId,
    /// How many of them there are, if not one for each of the batch.
    rows: Option<usize>,
    /// Their dimension in the file.
    first: LogicalDim,
    steps: usize,
}

fn recurrent(call: Context<'_, '_, '_, '_>, cell: Cell) -> Outputs {
    refuse_rare(call)?;
    let is_batch_first = call.int("layout")?.unwrap_or(0) == 1;
    let x = call.input(0)?;
    let samples = samples(call, &x, is_batch_first)?;
    let layers = layers(call, cell)?;
    let asked = |index: usize| call.node.outputs.get(index).is_some_and(|name| !name.is_empty());
    let wanted = Wanted { sequence: asked(0), states: asked(1) || asked(2) };
    let units = layers[0].recurrent_kernel.shape()[0];
    let mut rows = Vec::new();
    for row in 0..samples.rows.unwrap_or(1) {
        let x = row_of(call, samples.x, samples.rows, row)?;
        let mask = mask(call, &samples, row)?;
        let mut directions = Vec::new();
        for (direction, layer) in layers.iter().enumerate() {
            let initial = initial_states(call, cell, (is_batch_first, &samples), [row, direction, units])?;
            let mask = mask.map(|mask| (mask, MaskedOutput::Zero));
            directions.push(layer.run(call, &Inputs { x, mask, initial }, wanted)?);
        }
        rows.push(directions);
    }
    let mut outputs = Vec::new();
    for index in 0..=cell.states() {
        if !asked(index) {
            // A name that is empty is not defined.
            outputs.push(Value::Sequence(Vec::new()));
            continue;
        }
        let of = |direction: &steps::Computed| match index {
            0 => direction.sequence,
            index => direction.states.get(index - 1).copied(),
        };
        let parts = rows.iter().map(|row| row.iter().filter_map(of).collect::<Vec<_>>());
        let parts: Vec<Vec<ValueId>> = parts.collect();
        let between = if index == 0 { vec![samples.steps] } else { Vec::new() };
        let joined = joined(call, &samples, &parts, (&between, units))?;
        let order: &[usize] = if index == 0 { &[1, 2, 0, 3] } else { &[1, 0, 2] };
        outputs.push(if is_batch_first { joined } else { call.transposed(&joined, order)? });
    }
    Ok(outputs)
}

fn refuse_rare(call: &Call<'_, '_, '_>) -> Result<()> {
    let refused = |what: &str| {
        Err(Error::unsupported(format!("has {what}, which is not supported"))
            .cause("the recurrent layers of this engine are those of Keras")
            .hint("export the model with a layer of Keras or PyTorch"))
    };
    if call.float("clip")?.is_some() {
        return refused("`clip`");
    }
    if call.int("input_forget")?.unwrap_or(0) != 0 {
        return refused("`input_forget`");
    }
    let peepholes = call.optional(7).map(|value| value.known()).transpose()?;
    if peepholes.is_some_and(|tensor| tensor.is_none_or(|tensor| tensor.to_f64().iter().any(|&number| number != 0.0))) {
        return refused("peepholes, the input `P`");
    }
    Ok(())
}

/// The sequences with the batch in front.
fn samples(call: Context<'_, '_, '_, '_>, x: &Value, is_batch_first: bool) -> Result<Samples> {
    let sizes = x.sizes()?;
    if sizes.len() != 3 {
        return Err(Error::shape(format!("takes sequences of rank 3, not {}", format_sizes(&sizes))));
    }
    let x = if is_batch_first { x.clone() } else { call.transposed(x, &[1, 0, 2])? };
    let x = call.computed(&x)?;
    match x.dims[..] {
        [first, LogicalDim::Fixed(steps), LogicalDim::Fixed(_)] => {
            Ok(Samples { x: x.id, rows: stored_rows(first), first, steps })
        }
        _ => Err(Error::unsupported("runs from one sample of the batch to the next, which is not supported")
            .cause(format!("the sequences are {}", format_sizes(&sizes)))
            .hint("export the model with the steps and the batch in the dimensions of `layout`")),
    }
}

/// How many rows a first dimension has in memory behind the batch, if it has them.
fn stored_rows(first: LogicalDim) -> Option<usize> {
    match first {
        LogicalDim::Fixed(rows) => Some(rows),
        batch => batch.rows().filter(|rows| *rows > 1),
    }
}

/// One of the rows of a value `[N, B, …]`.
fn row_of(call: Context<'_, '_, '_, '_>, id: ValueId, rows: Option<usize>, row: usize) -> Result<ValueId> {
    let Some(rows) = rows else { return Ok(id) };
    let mut id = id;
    if rows > 1 {
        id = call.op(Slice { axis: 1, start: row, step: 1, count: 1 }, &[id])?;
    }
    let sample = call.lowering.builder.ty(id).shape.sample();
    call.reshaped(id, &sample[1..])
}

/// A layer for each direction.
fn layers(call: Context<'_, '_, '_, '_>, cell: Cell) -> Result<Vec<Layer>> {
    let orders: &[Order] = match call.string("direction")?.unwrap_or("forward") {
        "forward" => &[Order::Forwards],
        "reverse" => &[Order::BackwardsInPlace],
        "bidirectional" => &[Order::Forwards, Order::BackwardsInPlace],
        other => return Err(Error::format(format!("has the direction `{other}`"))),
    };
    let (kernels, recurrent_kernels) = (weight(call, 1, "W")?, weight(call, 2, "R")?);
    let (gates, count) = (cell.gates(), orders.len());
    let misfit = || {
        let [w, r] = [&kernels, &recurrent_kernels].map(|tensor| tensor.shape());
        Error::shape(format!("`W` {w:?} and `R` {r:?} are not of {count} directions and {gates} gates"))
    };
    let (&[_, columns, _], &[_, _, units]) = (kernels.shape(), recurrent_kernels.shape()) else { return Err(misfit()) };
    let fits = recurrent_kernels.shape() == [count, columns, units] && kernels.shape()[0] == count;
    if !fits || units.checked_mul(gates) != Some(columns) || units == 0 {
        return Err(misfit());
    }
    let biases = match call.optional(3) {
        Some(_) => weight(call, 3, "B")?,
        None => Arc::new(Tensor::f32(&[count, 2 * columns], vec![0.0; count * 2 * columns])?),
    };
    if biases.shape() != [count, 2 * columns] {
        return Err(misfit());
    }
    let functions = activations(call, cell, count)?;
    let order: &[usize] = match cell {
        Cell::Simple => &[0],
        Cell::Gru { .. } => &[0, 1, 2],
        // i, o, f, c become i, f, c, o.
        Cell::Lstm => &[0, 2, 3, 1],
    };
    let turned = |tensor: &Tensor, index: usize| steps::swapped(&steps::blocks(&steps::part(tensor, index)?, order)?);
    let layer = |(index, &direction): (usize, &Order)| {
        let both = steps::part(&biases, index)?;
        let [bias, own] = [0, columns].map(|start| steps::columns(&both, start, columns));
        let (bias, own) = (steps::blocks(&bias?, order)?, steps::blocks(&own?, order)?);
        let is_apart = cell == Cell::Gru { reset_after: true };
        Ok(Layer {
            cell,
            activation: functions[index][0],
            recurrent_activation: functions[index][1],
            kernel: turned(&kernels, index)?,
            bias: if is_apart { bias } else { steps::sum(&bias, &own)? },
            recurrent_kernel: turned(&recurrent_kernels, index)?,
            recurrent_bias: is_apart.then_some(own),
            order: direction,
        })
    };
    orders.iter().enumerate().map(layer).collect()
}

fn weight(call: &Call<'_, '_, '_>, index: usize, name: &str) -> Result<Arc<Tensor>> {
    match call.input(index)? {
        Value::Constant(tensor) if tensor.as_f32().is_ok() => Ok(tensor),
        _ => Err(Error::unsupported(format!("has weights `{name}` that are computed, which is not supported"))
            .hint("export the model with its weights as initializers")),
    }
}

/// The activations of each direction: of the candidate, and of the gates.
fn activations(call: &Call<'_, '_, '_>, cell: Cell, directions: usize) -> Result<Vec<[Option<Function>; 2]>> {
    let usual: &[&str] = match cell {
        Cell::Simple => &["Tanh"],
        Cell::Gru { .. } => &["Sigmoid", "Tanh"],
        Cell::Lstm => &["Sigmoid", "Tanh", "Tanh"],
    };
    let names = call.strings("activations")?.unwrap_or_else(|| usual.repeat(directions));
    if names.len() != usual.len() * directions {
        return Err(Error::format(format!("has {} activations, not {}", names.len(), usual.len() * directions)));
    }
    let mut alphas = call.floats("activation_alpha")?.unwrap_or_default().into_iter();
    let mut betas = call.floats("activation_beta")?.unwrap_or_default().into_iter();
    let functions = names.iter().map(|name| function(name, &mut alphas, &mut betas)).collect::<Result<Vec<_>>>()?;
    let of_direction = |functions: &[Option<Function>]| match functions {
        [candidate] => Ok([*candidate, None]),
        [gates, candidate] => Ok([*candidate, *gates]),
        [gates, candidate, cell] if candidate == cell => Ok([*candidate, *gates]),
        _ => Err(Error::unsupported("has two activations for the cell and for its output, which is not supported")
            .cause(names.join(", "))
            .hint("use the same for both")),
    };
    functions.chunks_exact(usual.len()).map(of_direction).collect()
}

/// An activation by its name; those with numbers take them from the lists in order.
fn function(
    name: &str,
    alphas: &mut impl Iterator<Item = f32>,
    betas: &mut impl Iterator<Item = f32>,
) -> Result<Option<Function>> {
    let mut alpha = |usual: f32| alphas.next().unwrap_or(usual);
    let mut beta = |usual: f32| betas.next().unwrap_or(usual);
    let refused = |why: String| {
        Error::unsupported(format!("has the activation {name}{why}, which is not supported in a recurrent layer"))
            .hint("use Sigmoid, Tanh, Relu, HardSigmoid, LeakyRelu, Elu, Softsign or Softplus")
    };
    Ok(Some(match name.to_ascii_lowercase().as_str() {
        "sigmoid" => Function::Sigmoid,
        "tanh" => Function::Tanh,
        "relu" => Function::RELU,
        "softsign" => Function::Softsign,
        "softplus" => Function::Softplus,
        "leakyrelu" => Function::Relu { max_value: None, negative_slope: alpha(0.01), threshold: 0.0 },
        "elu" => Function::Elu { alpha: alpha(1.0) },
        "hardsigmoid" => match (alpha(0.2), beta(0.5)) {
            (slope, 0.5) => Function::HardSigmoid { slope },
            (_, offset) => return Err(refused(format!(" with beta {offset}"))),
        },
        "affine" => match (alpha(1.0), beta(0.0)) {
            (1.0, 0.0) => return Ok(None),
            (factor, offset) => return Err(refused(format!(" with alpha {factor} and beta {offset}"))),
        },
        _ => return Err(refused(String::new())),
    }))
}

/// The mask of a row's steps, `[N, T]`, if not all of them count.
fn mask(call: Context<'_, '_, '_, '_>, samples: &Samples, row: usize) -> Result<Option<ValueId>> {
    let Some(lengths) = call.optional(4) else { return Ok(None) };
    let steps = samples.steps;
    let known = match &lengths {
        Value::Integers(integers) => integers.elements.get(row.min(integers.elements.len().saturating_sub(1))).copied(),
        Value::Repeated { tensor, .. } => tensor.to_f64().first().map(|&length| Size::fixed(length as i64)),
        _ => None,
    };
    if let Some(length) = known {
        let length = length.expect_known()?;
        if length >= steps as i64 {
            return Ok(None);
        }
        let counts = (0..steps).map(|step| if (step as i64) < length { 1.0 } else { 0.0 });
        let mask = Value::constant(Tensor::f32(&[steps], counts.collect())?)?;
        return Ok(Some(call.computed(&mask)?.id));
    }
    let lengths = call.computed(&lengths)?;
    let rows = samples.rows.unwrap_or(1);
    let length = call.reshaped(lengths.id, &[rows])?;
    let length = match rows {
        1 => length,
        _ => call.op(Slice { axis: 1, start: row, step: 1, count: 1 }, &[length])?,
    };
    let numbers = call.constant(Tensor::i32(&[steps], (0..steps as i32).collect())?)?;
    call.op(Compare { comparison: Comparison::Less }, &[numbers, length]).map(Some)
}

/// The initial states of a row and a direction; none if they are zeros.
fn initial_states(
    call: Context<'_, '_, '_, '_>,
    cell: Cell,
    (is_batch_first, samples): (bool, &Samples),
    [row, direction, units]: [usize; 3],
) -> Result<Vec<ValueId>> {
    let given: Vec<Option<Value>> = (0..cell.states()).map(|index| call.optional(5 + index)).collect();
    if given.iter().flatten().all(is_zero) {
        return Ok(Vec::new());
    }
    let zeros = Value::constant(Tensor::f32(&[units], vec![0.0; units])?)?;
    let mut states = Vec::new();
    for state in given {
        let Some(state) = state else {
            states.push(call.computed(&zeros)?.id);
            continue;
        };
        let state = if is_batch_first { state } else { call.transposed(&state, &[1, 0, 2])? };
        let state = call.computed(&state)?;
        let &[first, _, _] = &state.dims[..] else {
            return Err(Error::shape(format!("the initial state {state} is not of rank 3")));
        };
        // One row is that of all samples.
        let is_one = first == LogicalDim::Fixed(1);
        if first != samples.first && !is_one {
            return Err(Error::shape(format!("the initial state {state} does not fit the sequences")));
        }
        let (own_rows, own) = (stored_rows(first), if is_one { 0 } else { row });
        let state = row_of(call, state.id, own_rows, own)?;
        let state = call.op(Slice { axis: 1, start: direction, step: 1, count: 1 }, &[state])?;
        states.push(call.reshaped(state, &[units])?);
    }
    Ok(states)
}

/// Whether a value is known to be all zeros.
pub(super) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Constant(tensor) | Value::Repeated { tensor, .. } => tensor.to_f64().iter().all(|&number| number == 0.0),
        _ => false,
    }
}

/// What rows and their directions have computed, as one value: `[N, …, D, H]`.
fn joined(
    call: Context<'_, '_, '_, '_>,
    samples: &Samples,
    rows: &[Vec<ValueId>],
    (between, units): (&[usize], usize),
) -> Result<Value> {
    let count = rows.first().map_or(0, Vec::len);
    let mut parts = Vec::new();
    for row in rows {
        let one = [between, &[1, units]].concat();
        let directions = row.iter().map(|id| call.reshaped(*id, &one)).collect::<Result<Vec<_>>>()?;
        let row = super::shapes::joined(call, &directions, between.len() + 1)?;
        let one = samples.rows.map(|_| 1).into_iter().chain(between.iter().copied()).chain([count, units]);
        parts.push(call.reshaped(row, &one.collect::<Vec<_>>())?);
    }
    let id = if parts.len() == 1 { parts[0] } else { call.op(Concatenate { axis: 1 }, &parts)? };
    let rest = between.iter().copied().chain([count, units]).map(LogicalDim::Fixed);
    Ok(Value::Computed(Computed { id, dims: std::iter::once(samples.first).chain(rest).collect() }))
}
