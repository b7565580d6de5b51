//! Recurrent: for each time step, a packed matrix product over the rows of the block, then the cell, row by row.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::Apply;
use crate::cpu::matrix::{Finish, Matrix};
use crate::cpu::tile::Order;
use crate::cpu::vector::vectorised;
use crate::error::Result;
use crate::ops::recurrent::Sizes;
use crate::ops::{self, Cell, Function, RecurrentOutput};
use pulp::Arch;

#[derive(Debug)]
struct Recurrent {
    operator: ops::Recurrent,
    sizes: Sizes,
    x: Operand,
    beside: Option<Operand>,
    /// The weights of the gates that are sums over the states: all of them, except the candidate of a GRU that is a sum
    /// over the reset states.
    gates: Matrix,
    candidate: Option<Matrix>,
    bias: Vec<f32>,
    /// For each row: its states; its carried or reset states; its sums; and 1 once a time step has counted.
    scratch: Output,
    /// The visible states, then the states that are carried over.
    outputs: Vec<Output>,
    arch: Arch,
}

pub(super) fn build(operator: &ops::Recurrent, request: &mut Request<'_>) -> Result<Fast> {
    let Some(weights) = request.constant(1) else { return Ok(None) };
    let mut x = vec![0];
    x.extend(request.types[0].shape.sample());
    let sizes = Sizes::of(&x, weights.shape());
    let (weights, Sizes { units, gates, .. }) = (weights.as_f32()?, sizes);
    let matrix = |gates: std::ops::Range<usize>| {
        let columns = || gates.clone().flat_map(|gate| (0..units).map(move |unit| (gate, unit)));
        let rows = (0..units).flat_map(|k| columns().map(move |(gate, unit)| weights[sizes.weight(k, gate, unit)]));
        Matrix::new(request.arch, &rows.collect::<Vec<_>>(), units, gates.len() * units)
    };
    let resets_states = operator.cell == (Cell::Gru { reset_after: false });
    let before = if resets_states { 2 } else { gates };
    let (of_states, candidate) = (matrix(0..before), resets_states.then(|| matrix(2..3)));
    let bias = (0..gates * units).map(|at| weights[sizes.bias(at / units, at % units)]).collect();
    let once = request.output().once;
    let scratch = (request.scratch)((2 + gates) * units + 1, once);
    Ok(Some(Box::new(Recurrent {
        operator: operator.clone(),
        sizes,
        x: request.operands[0].clone(),
        beside: request.operands.get(2).cloned(),
        gates: of_states,
        candidate,
        bias,
        scratch,
        outputs: request.outputs.clone(),
        arch: request.arch,
    })))
}

impl Step for Recurrent {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<f32>(&self.scratch, |frame, mut scratch| {
            let (rows, units) = (scratch.count(), self.sizes.units);
            let Some(scratch) = scratch.flat() else { return Ok(()) };
            let (states, rest) = scratch.split_at_mut(rows * units);
            let (seconds, rest) = rest.split_at_mut(rows * units);
            let (sums, seen) = rest.split_at_mut(rows * self.sizes.gates * units);
            frame.write::<f32>(&self.outputs[0], |frame, mut output| {
                let (x, order) = (frame.read::<f32>(&self.x)?, Order::of(frame.is_alone));
                let beside = self.beside.as_ref().map(|beside| frame.read::<f32>(beside)).transpose()?;
                let beside = Beside::new(self, beside.unwrap_or_default());
                beside.begin(rows, units, states, seconds);
                seen.fill(0.0);
                for step in 0..self.sizes.steps {
                    self.step(step, rows, order, x, &beside, states, seconds, sums);
                    for (row, states) in states.chunks_exact(units).enumerate() {
                        let counts = beside.counts(row, self.operator.order.source(step, self.sizes.steps));
                        seen[row] = if counts { 1.0 } else { seen[row] };
                        let shows = self.operator.shows_state(counts, seen[row] != 0.0);
                        self.put_out(step, shows, states, output.row(row));
                    }
                }
                Ok(())
            })?;
            for (output, states) in self.outputs[1..].iter().zip([&*states, &*seconds]) {
                frame.write::<f32>(output, |_, mut rows| {
                    for (row, state) in rows.iter().zip(states.chunks_exact(units)) {
                        row.copy_from_slice(state);
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })
    }
}

/// The mask and the initial states of the rows in a block.
struct Beside<'f> {
    values: &'f [f32],
    of_mask: usize,
    of_states: usize,
}

impl<'f> Beside<'f> {
    fn new(step: &Recurrent, values: &'f [f32]) -> Self {
        let [of_mask, of_states] = step.operator.beside(step.sizes.steps, step.sizes.units);
        Beside { values, of_mask, of_states }
    }

    fn counts(&self, row: usize, step: usize) -> bool {
        self.of_mask == 0 || self.values[row * (self.of_mask + self.of_states) + step] != 0.0
    }

    /// Sets the states before the first time step.
    fn begin(&self, rows: usize, units: usize, states: &mut [f32], seconds: &mut [f32]) {
        states.fill(0.0);
        seconds.fill(0.0);
        for row in (0..rows).filter(|_| self.of_states > 0) {
            let given = &self.values[row * (self.of_mask + self.of_states) + self.of_mask..][..self.of_states];
            let (first, second) = given.split_at(units);
            states[row * units..][..units].copy_from_slice(first);
            seconds[row * units..][..second.len()].copy_from_slice(second);
        }
    }
}

impl Recurrent {
    /// Takes all rows through one time step.
    #[expect(clippy::too_many_arguments, reason = "the parts of one scratch buffer")]
    fn step(
        &self,
        step: usize,
        rows: usize,
        order: Order,
        x: &[f32],
        beside: &Beside<'_>,
        states: &mut [f32],
        seconds: &mut [f32],
        sums: &mut [f32],
    ) {
        let Sizes { steps, units, gates, .. } = self.sizes;
        let (from, width) = (self.operator.order.source(step, steps), gates * units);
        let finish = Finish { bias: &self.bias[..self.gates.panels.units()], function: None, order };
        self.gates.multiply(states, rows, finish, sums, width);
        let of_row = |row: usize| &x[(row * steps + from) * width..][..width];
        if let Some(candidate) = &self.candidate {
            for row in 0..rows {
                let sums = &mut sums[row * width..][..2 * units];
                self.open(sums, of_row(row));
                let reset = &sums[units..];
                let (states, seconds) = (&states[row * units..][..units], &mut seconds[row * units..][..units]);
                vectorised!(self.arch, multiply(seconds, reset, states));
            }
            let finish = Finish { bias: &self.bias[2 * units..], function: None, order };
            candidate.multiply(seconds, rows, finish, &mut sums[2 * units..], width);
        }
        for row in (0..rows).filter(|row| beside.counts(*row, from)) {
            let own = row * units..(row + 1) * units;
            self.cell(of_row(row), &mut sums[row * width..][..width], &mut states[own.clone()], &mut seconds[own]);
        }
    }

    /// Computes gates from their sums and inputs.
    fn open(&self, sums: &mut [f32], x: &[f32]) {
        vectorised!(self.arch, add(sums, x));
        self.apply(self.operator.recurrent_activation, sums);
    }

    fn apply(&self, function: Option<Function>, values: &mut [f32]) {
        if let Some(function) = function {
            self.arch.dispatch(Apply { function, values });
        }
    }

    /// The next state of a row from its recurrent sums.
    fn cell(&self, x: &[f32], sums: &mut [f32], state: &mut [f32], second: &mut [f32]) {
        let (units, activation) = (self.sizes.units, self.operator.activation);
        match self.operator.cell {
            Cell::Simple => {
                vectorised!(self.arch, add(sums, x));
                self.apply(activation, sums);
                state.copy_from_slice(sums);
            }
            Cell::Gru { reset_after } => {
                let (gates, candidate) = sums.split_at_mut(2 * units);
                if reset_after {
                    self.open(gates, &x[..2 * units]);
                    vectorised!(self.arch, scale(candidate, &gates[units..]));
                }
                vectorised!(self.arch, add(candidate, &x[2 * units..]));
                self.apply(activation, candidate);
                vectorised!(self.arch, blend(state, &gates[..units], candidate));
            }
            Cell::Lstm => {
                vectorised!(self.arch, add(sums, x));
                let (gates, rest) = sums.split_at_mut(2 * units);
                let (candidate, output) = rest.split_at_mut(units);
                self.apply(self.operator.recurrent_activation, gates);
                self.apply(self.operator.recurrent_activation, output);
                self.apply(activation, candidate);
                let (input, forget) = gates.split_at(units);
                vectorised!(self.arch, carry(second, forget, input, candidate));
                state.copy_from_slice(second);
                self.apply(activation, state);
                vectorised!(self.arch, scale(state, output));
            }
        }
    }

    /// Stores the visible state of a time step in the row of the output.
    fn put_out(&self, step: usize, shows: bool, state: &[f32], output: &mut [f32]) {
        let Sizes { steps, units, .. } = self.sizes;
        let place = match self.operator.output {
            RecurrentOutput::Sequence => self.operator.order.target(step, steps),
            RecurrentOutput::Last if step + 1 == steps => 0,
            RecurrentOutput::Last => return,
        };
        let place = &mut output[place * units..][..units];
        if shows { place.copy_from_slice(state) } else { place.fill(0.0) }
    }
}

#[inline(always)]
fn add(sums: &mut [f32], x: &[f32]) {
    sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
}

#[inline(always)]
fn scale(values: &mut [f32], by: &[f32]) {
    values.iter_mut().zip(by).for_each(|(value, by)| *value *= by);
}

#[inline(always)]
fn multiply(product: &mut [f32], left: &[f32], right: &[f32]) {
    product.iter_mut().zip(left.iter().zip(right)).for_each(|(product, (left, right))| *product = left * right);
}

/// `state = update · state + (1 − update) · candidate`.
#[inline(always)]
fn blend(state: &mut [f32], update: &[f32], candidate: &[f32]) {
    let parts = update.iter().zip(candidate);
    state.iter_mut().zip(parts).for_each(|(state, (update, new))| *state = update * *state + (1.0 - update) * new);
}

/// `carried = forget · carried + input · candidate`.
#[inline(always)]
fn carry(carried: &mut [f32], forget: &[f32], input: &[f32], candidate: &[f32]) {
    let parts = forget.iter().zip(input.iter().zip(candidate));
    carried
        .iter_mut()
        .zip(parts)
        .for_each(|(carried, (forget, (input, new)))| *carried = forget * *carried + input * new);
}
