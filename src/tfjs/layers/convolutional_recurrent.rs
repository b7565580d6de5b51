//! ConvLSTM2D: an LSTM whose states are images and whose matrix products are convolutions.
//!
//! The images of all steps go through the input convolution of all four gates at once, as one convolution over steps and
//! positions whose kernel is one step deep. The rest is unrolled: a recurrent convolution for each step, or for each after
//! the first where states begin as zeros, and the gates. A mask is of steps, or of the positions of each.

use super::class::Class;
use super::convolutional::{bias, convolve, required};
use super::recurrent::{function, initial_states, warn_if_stateful};
use super::spatial::{Positions, convolution_padding};
use super::step_masks::by_semantics;
use super::wrappers::{joined_steps, step_of};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::BinaryFunction::{Add, Multiply};
use crate::ops::{Function, MaskedOutput, Padding, Permute, Slice, Window};
use crate::tensor::Tensor;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};
use crate::tfjs::training::InTfJs;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[Class::new("ConvLSTM2D", conv_lstm_2d, "not with initial states", "")];

/// Input, forget, candidate and output gate, side by side in all weights.
const GATES: usize = 4;

/// What a step has for the next one: the hidden state and the cell state.
type States = [ValueId; 2];

fn conv_lstm_2d(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let config = call.config;
    config.ignore(&["unroll", "unit_forget_bias", "implementation"]);
    call.refuse_random(config, &["dropout", "recurrent_dropout"], InTfJs::Yes)?;
    for key in ["time_major", "num_constants", "zero_output_for_mask"] {
        config.refuse_unless_off(key)?;
    }
    warn_if_stateful(call)?;
    let sequences = config.boolean_or("return_sequences", false)?;
    let keeps_states = config.boolean_or("return_state", false)?;
    let backwards = config.boolean_or("go_backwards", false)?;
    let input = inputs[0];
    let initial = initial_states(call, inputs, [2, 4])?;
    let images = Images::of(call, input)?;
    let cell = Cell::read(call, &images)?;
    let x = cell.input_convolution(call, &images)?;
    let mut states = images.states(call, &initial, x)?;
    let (mask, masked) = masking(call, input, &images, x, states.is_some())?;

    // What a masked step repeats, if that is not the state.
    let mut shown = states.map(|[h, _]| h).filter(|_| masked == MaskedOutput::State);
    let mut hidden = Vec::new();
    for at in 0..images.steps {
        call.lowering.count_call()?;
        let at = if backwards { images.steps - 1 - at } else { at };
        let image = step_of(call, x, at)?;
        let mut next = cell.step(call, image, states)?;
        let mut output = next[0];
        if let Some(mask) = mask {
            let counts = counts(call, mask, at)?;
            output = masked_by(call, counts, output, shown)?;
            for (index, state) in next.iter_mut().enumerate() {
                *state = masked_by(call, counts, *state, states.map(|states| states[index]))?;
            }
        }
        shown = Some(output);
        hidden.push(output);
        states = Some(next);
    }
    let (Some(states), Some(&last)) = (states, hidden.last()) else {
        return Err(Error::format("takes at least one step"));
    };
    let output = if sequences { images.sequence(call, &hidden)? } else { images.positions.back(call, last)? };
    let masks = if sequences { input.masks } else { Masks::NONE };
    let mut outputs = vec![Value::with(output, masks)];
    if keeps_states {
        for state in states {
            outputs.push(Value::unmasked(images.positions.back(call, state)?));
        }
    }
    Ok(outputs)
}

/// The mask to follow: of steps, or of the positions of what `x`, the input convolution, makes of each. TF.js computes with
/// the latter alone, and with whatever mask the calls before this one left behind; where it cannot, and where the layer has
/// `begun` with states that it is given, which TF.js refuses, Keras is followed.
fn masking(
    call: &mut LayerCall<'_, '_>,
    input: Value,
    images: &Images,
    x: ValueId,
    begun: bool,
) -> Result<(Option<ValueId>, MaskedOutput)> {
    let dims = call.shape(x).dims()[..4].to_vec();
    let of_positions =
        |call: &LayerCall<'_, '_>, mask| call.shape(mask).dims() == dims && !images.positions.channels_first;
    let keras = input.masks.keras;
    if let Some(mask) = keras.filter(|mask| call.shape(*mask).dims() != &dims[..2] && !of_positions(call, *mask)) {
        let shape = call.shape(mask);
        return Err(Error::format(format!("a mask of shape {shape} is neither of its steps nor of their positions")));
    }
    if begun {
        return Ok((keras, MaskedOutput::Previous));
    }
    let mut tfjs = call.lowering.lingering_mask.flatten();
    if tfjs.is_some_and(|mask| !of_positions(call, mask)) {
        tfjs = keras;
        call.differ("cannot be computed in TF.js, where the mask of an earlier layer reaches it and does not fit");
    }
    Ok(by_semantics(call, Masks { tfjs, keras }, [false; 2]))
}

/// The mask at a step, `[N, height, width, 1]` or `[N, 1, 1, 1]`.
fn counts(call: &mut LayerCall<'_, '_>, mask: ValueId, at: usize) -> Result<ValueId> {
    let sample = call.shape(mask).sample();
    let step = call.op(Slice { axis: 1, start: at, step: 1, count: 1 }, &[mask])?;
    let positions = if sample.len() == 1 { vec![1, 1, 1] } else { [&sample[1..], &[1]].concat() };
    call.reshape(step, &positions)
}

/// `next` where the step counts, and what was `before`, or zeros, elsewhere.
fn masked_by(call: &mut LayerCall<'_, '_>, counts: ValueId, next: ValueId, before: Option<ValueId>) -> Result<ValueId> {
    match before {
        Some(before) => call.choose(counts, next, before),
        None => call.kept(next, counts),
    }
}

/// The images of all steps, with their channels behind.
struct Images {
    /// `[N, T, height, width, C]`.
    x: ValueId,
    steps: usize,
    /// Those of one step, where `x` is of all.
    positions: Positions,
}

impl Images {
    fn of(call: &mut LayerCall<'_, '_>, input: Value) -> Result<Images> {
        let channels_first = call.config.channels_first()?;
        let mut x = call.float_operand(input.id)?;
        if call.rank(x) != 5 {
            return Err(Error::format(format!("takes inputs of rank 5, not {}", call.shape(x))));
        }
        if channels_first {
            x = call.op(Permute { order: vec![0, 1, 3, 4, 2] }, &[x])?;
        }
        let sample = call.shape(x).sample();
        let (steps, sizes, channels) = (sample[0], sample[1..3].to_vec(), sample[3]);
        Ok(Images { x, steps, positions: Positions { dims: 2, channels_first, x, sizes, channels } })
    }

    /// The initial states with their channels behind, if there are any; `x` is what the gates have from the images.
    fn states(&self, call: &mut LayerCall<'_, '_>, initial: &[ValueId], x: ValueId) -> Result<Option<States>> {
        let &[h, c] = initial else { return Ok(None) };
        let sample = call.shape(x).sample();
        let wanted = [sample[1], sample[2], sample[3] / GATES];
        let state = |call: &mut LayerCall<'_, '_>, given: ValueId| {
            let mut state = call.float_operand(given)?;
            if self.positions.channels_first {
                state = call.op(Permute { order: vec![0, 2, 3, 1] }, &[state])?;
            }
            if call.shape(state).sample() != wanted {
                return Err(Error::format(format!("an initial state has shape {}", call.shape(given))));
            }
            Ok(state)
        };
        Ok(Some([state(call, h)?, state(call, c)?]))
    }

    /// The hidden states one after the other, with channels where the layer has them.
    fn sequence(&self, call: &mut LayerCall<'_, '_>, hidden: &[ValueId]) -> Result<ValueId> {
        let all = joined_steps(call, hidden)?;
        if !self.positions.channels_first {
            return Ok(all);
        }
        call.op(Permute { order: vec![0, 1, 4, 2, 3] }, &[all])
    }
}

/// The cell as its configuration has it.
struct Cell {
    filters: usize,
    taps: Vec<usize>,
    /// Of the input convolution.
    windows: Vec<Window>,
    activation: Option<Function>,
    recurrent_activation: Option<Function>,
    /// `[taps…, C, gates · filters]`.
    kernel: Arc<Tensor>,
    /// `[taps…, filters, gates · filters]`.
    recurrent_kernel: Arc<Tensor>,
    bias: ValueId,
    /// Of the recurrent convolution.
    no_bias: ValueId,
}

impl Cell {
    fn read(call: &mut LayerCall<'_, '_>, images: &Images) -> Result<Cell> {
        let (config, positions) = (call.config, &images.positions);
        let filters = config.positive_size("filters")?;
        let units = filters.checked_mul(GATES);
        let units = units.ok_or_else(|| Error::limit(format!("{filters} filters are beyond reason")))?;
        let taps = required(positions.numbers(call, "kernel_size")?, "kernel_size")?;
        let strides = positions.numbers_or_1(call, "strides")?;
        let dilations = positions.numbers_or_1(call, "dilation_rate")?;
        let padding = convolution_padding(call, 2)?;
        let is_keras_3 = call.is_keras_3();
        Ok(Cell {
            filters,
            windows: positions.windows(call, &taps, &strides, &dilations, padding)?,
            activation: match config.get("activation") {
                Some(value) => function(call, value)?,
                None => Some(Function::Tanh),
            },
            recurrent_activation: match config.get("recurrent_activation") {
                Some(value) => function(call, value)?,
                None if is_keras_3 => Some(Function::Sigmoid),
                None => Some(Function::HardSigmoid { slope: 0.2 }),
            },
            kernel: call.weight_tensor("kernel", &[&taps[..], &[positions.channels, units]].concat())?,
            recurrent_kernel: call.weight_tensor("recurrent_kernel", &[&taps[..], &[filters, units]].concat())?,
            bias: bias(call, units)?,
            no_bias: call.filled("no_recurrent_bias", &[units], 0.0)?,
            taps,
        })
    }

    /// What the gates of all steps have from the images: `[N, T, positions…, gates · filters]`.
    fn input_convolution(&self, call: &mut LayerCall<'_, '_>, images: &Images) -> Result<ValueId> {
        let Positions { sizes, channels, .. } = &images.positions;
        let over_steps = Positions {
            dims: 3,
            channels_first: false,
            x: images.x,
            sizes: [&[images.steps], sizes.as_slice()].concat(),
            channels: *channels,
        };
        let one_by_one = Window::over(images.steps, 1, 1, 1, Padding::Valid);
        let one_by_one = one_by_one.ok_or_else(|| Error::format("takes at least one step"))?;
        let windows = [&[one_by_one], self.windows.as_slice()].concat();
        let kernel = (*self.kernel).clone().reshaped(&[&[1], self.kernel.shape()].concat())?;
        convolve(call, &over_steps, windows, ["", "kernel"], Arc::new(kernel), self.bias)
    }

    /// What the gates of a step have from the hidden state `h`, added to what they have from its image.
    fn add_recurrent(&self, call: &mut LayerCall<'_, '_>, image: ValueId, h: ValueId) -> Result<ValueId> {
        let sample = call.shape(h).sample();
        let positions =
            Positions { dims: 2, channels_first: false, x: h, sizes: sample[..2].to_vec(), channels: self.filters };
        let windows = positions.windows(call, &self.taps, &[1, 1], &[1, 1], Padding::Same)?;
        let kernel = Arc::clone(&self.recurrent_kernel);
        let recurrent = convolve(call, &positions, windows, ["recurrent_", "kernel"], kernel, self.no_bias)?;
        call.binary(Add, image, recurrent)
    }

    /// The states after a step, from what the gates have from its image and the states before, which are zeros at first.
    fn step(&self, call: &mut LayerCall<'_, '_>, image: ValueId, before: Option<States>) -> Result<States> {
        let gates = match before {
            Some([h, _]) => self.add_recurrent(call, image, h)?,
            None => image,
        };
        let gate = |call: &mut LayerCall<'_, '_>, index: usize, function: Option<Function>| {
            let slice = Slice { axis: 3, start: index * self.filters, step: 1, count: self.filters };
            let gate = call.op(slice, &[gates])?;
            activate(call, function, gate)
        };
        let input = gate(call, 0, self.recurrent_activation)?;
        let candidate = gate(call, 2, self.activation)?;
        let output = gate(call, 3, self.recurrent_activation)?;
        let mut c = call.binary(Multiply, input, candidate)?;
        if let Some([_, before]) = before {
            let forget = gate(call, 1, self.recurrent_activation)?;
            let kept = call.binary(Multiply, forget, before)?;
            c = call.binary(Add, kept, c)?;
        }
        let shown = activate(call, self.activation, c)?;
        Ok([call.binary(Multiply, output, shown)?, c])
    }
}

fn activate(call: &mut LayerCall<'_, '_>, function: Option<Function>, x: ValueId) -> Result<ValueId> {
    match function {
        Some(function) => call.apply(function, x),
        None => Ok(x),
    }
}
