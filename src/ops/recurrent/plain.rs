//! The reference implementation of [`Recurrent`]: each number carries the allowed difference of a computed one.
//!
//! Errors are independent roundings, so the error of a sum is the root of the sum of their squares. Gates and
//! activations attenuate errors as they attenuate the states, so the tolerance stays far below the effect of a wrong
//! gate.

use super::{Cell, Recurrent, RecurrentOutput, Sizes};
use crate::error::Result;
use crate::ops::Function;
use crate::ops::operator::overflowing;
use crate::tensor::{Tensor, Tolerance};

/// A number, and the allowed difference of a computed one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Approximate {
    pub(super) value: f64,
    pub(super) error: f64,
}

/// The relative error of rounding to float32.
const UNIT: f64 = f32::EPSILON as f64 / 2.0;

impl Approximate {
    fn exact(value: f32) -> Self {
        Approximate { value: f64::from(value), error: 0.0 }
    }

    fn plus(self, other: Approximate) -> Self {
        let value = overflowing(self.value + other.value);
        Approximate { value, error: self.error + other.error + UNIT * value.abs() }
    }

    fn times(self, other: Approximate) -> Self {
        let value = overflowing(self.value * other.value);
        let carried = self.error * other.value.abs() + other.error * self.value.abs() + self.error * other.error;
        Approximate { value, error: carried + UNIT * value.abs() }
    }

    fn complement(self) -> Self {
        Approximate { value: 1.0 - self.value, error: self.error + UNIT }
    }

    fn through(self, function: Option<Function>) -> Self {
        let Some(function) = function else { return self };
        let value = function.at(self.value);
        let own = function.tolerance().allowance(&[value], &[])[0];
        Approximate { value, error: function.change(self.value, self.error) + own }
    }
}

/// The states of a row.
#[derive(Debug, Clone)]
struct States {
    hidden: Vec<Approximate>,
    /// The cell state of an LSTM.
    carried: Vec<Approximate>,
}

/// One step of one row.
struct Step<'a> {
    operator: &'a Recurrent,
    sizes: Sizes,
    weights: &'a [f32],
    /// The projected input.
    x: &'a [f32],
}

impl Step<'_> {
    /// The recurrent sum of a gate's unit over `states`, with its bias.
    fn sum(&self, states: &[Approximate], gate: usize, unit: usize) -> Approximate {
        let bias = f64::from(self.weights[self.sizes.bias(gate, unit)]);
        let (mut value, mut magnitude, mut squares) = (bias, bias.abs(), 0.0);
        for (k, state) in states.iter().enumerate() {
            let weight = f64::from(self.weights[self.sizes.weight(k, gate, unit)]);
            value += weight * state.value;
            magnitude += (weight * state.value).abs();
            squares += (weight * state.error).powi(2);
        }
        let own = Tolerance::Sum { terms: states.len() }.allowance(&[value], &[magnitude])[0];
        Approximate { value: overflowing(value), error: own + squares.sqrt() }
    }

    fn input(&self, gate: usize, unit: usize) -> Approximate {
        Approximate::exact(self.x[gate * self.sizes.units + unit])
    }

    fn gate(&self, states: &States, gate: usize, unit: usize) -> Approximate {
        self.input(gate, unit).plus(self.sum(&states.hidden, gate, unit)).through(self.operator.recurrent_activation)
    }

    fn candidate(&self, sum: Approximate, gate: usize, unit: usize) -> Approximate {
        self.input(gate, unit).plus(sum).through(self.operator.activation)
    }

    fn next(&self, states: &States) -> States {
        let units = 0..self.sizes.units;
        match self.operator.cell {
            Cell::Simple => {
                let hidden = units.map(|unit| self.candidate(self.sum(&states.hidden, 0, unit), 0, unit));
                States { hidden: hidden.collect(), carried: Vec::new() }
            }
            Cell::Gru { reset_after } => {
                let resets: Vec<Approximate> = units.clone().map(|unit| self.gate(states, 1, unit)).collect();
                let after_reset: Vec<Approximate> =
                    resets.iter().zip(&states.hidden).map(|(reset, state)| reset.times(*state)).collect();
                let hidden = units.map(|unit| {
                    let sum = match reset_after {
                        true => resets[unit].times(self.sum(&states.hidden, 2, unit)),
                        false => self.sum(&after_reset, 2, unit),
                    };
                    let update = self.gate(states, 0, unit);
                    let new = update.complement().times(self.candidate(sum, 2, unit));
                    update.times(states.hidden[unit]).plus(new)
                });
                States { hidden: hidden.collect(), carried: Vec::new() }
            }
            Cell::Lstm => {
                let carried: Vec<Approximate> = units
                    .clone()
                    .map(|unit| {
                        let candidate = self.candidate(self.sum(&states.hidden, 2, unit), 2, unit);
                        let kept = self.gate(states, 1, unit).times(states.carried[unit]);
                        kept.plus(self.gate(states, 0, unit).times(candidate))
                    })
                    .collect();
                let shown = |unit: usize| carried[unit].through(self.operator.activation);
                let hidden = units.map(|unit| self.gate(states, 3, unit).times(shown(unit))).collect();
                States { hidden, carried }
            }
        }
    }
}

/// The outputs, element by element: the first output, and the states if they are outputs.
pub(super) fn answers(operator: &Recurrent, inputs: &[&Tensor]) -> Result<Vec<Vec<Approximate>>> {
    let sizes = Sizes::of(inputs[0].shape(), inputs[1].shape());
    let Sizes { rows, steps, units, gates } = sizes;
    let (x, weights) = (inputs[0].as_f32()?, inputs[1].as_f32()?);
    let beside = inputs.get(2).map(|beside| beside.as_f32()).transpose()?.unwrap_or_default();
    let [of_mask, of_states] = operator.beside(steps, units);
    let (mut outputs, mut hidden, mut carried_on) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let (mask, initial) = beside[row * (of_mask + of_states)..][..of_mask + of_states].split_at(of_mask);
        let mut initial: Vec<Approximate> = initial.iter().copied().map(Approximate::exact).collect();
        initial.resize(operator.cell.states() * units, Approximate::default());
        let carried = initial.split_off(units);
        let mut states = States { hidden: initial, carried };
        let mut shown = vec![vec![Approximate::default(); units]; steps];
        let (mut last, mut seen) = (0, false);
        for step in 0..steps {
            let from = operator.order.source(step, steps);
            let counts = mask.get(from).is_none_or(|&mask| mask != 0.0);
            seen |= counts;
            if counts {
                let x = &x[(row * steps + from) * gates * units..][..gates * units];
                states = Step { operator, sizes, weights, x }.next(&states);
            }
            last = operator.order.target(step, steps);
            if operator.shows_state(counts, seen) {
                shown[last].clone_from(&states.hidden);
            }
        }
        match operator.output {
            RecurrentOutput::Sequence => outputs.extend(shown.into_iter().flatten()),
            RecurrentOutput::Last => outputs.extend_from_slice(&shown[last]),
        }
        hidden.extend(states.hidden);
        carried_on.extend(states.carried);
    }
    let kept = if operator.states { operator.cell.states() } else { 0 };
    Ok(std::iter::once(outputs).chain([hidden, carried_on].into_iter().take(kept)).collect())
}
