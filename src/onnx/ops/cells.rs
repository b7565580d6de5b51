//! Loops that are recurrent layers, as tf2onnx writes them where ONNX has no operator: masked ones, a GRU that resets before
//! its product, and activations other than the usual ones.
//!
//! The body is read as [terms](super::terms). If what it carries is the states of a cell, the loop becomes the operator of
//! the graph that runs all steps at once. Otherwise the loop is left to be unrolled.

use super::gates::Found;
use super::recurrent::is_zero;
use super::steps::{self, Inputs, Layer, Wanted};
use super::terms::{Term, Terms};
use crate::error::Result;
use crate::onnx::call::Call;
use crate::onnx::file::GraphProto;
use crate::onnx::size::Size;
use crate::onnx::value::{Computed, Integers, LogicalDim, Value};
use crate::ops::{MaskedOutput, Order, Slice};
use crate::tensor::{DType, Tensor};
use std::collections::HashMap;
use std::rc::Rc;

/// What a carried value of the loop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Same,
    Time,
    State,
}

/// What comes out of a loop that is a layer; `None` of one that is not.
pub(super) fn recognized<'f>(
    call: &mut Call<'_, 'f, '_>,
    body: &GraphProto<'f>,
    carried: &[Value],
) -> Result<Option<Vec<Value>>> {
    let roles = roles(body, carried);
    let inputs = body.inputs.iter().enumerate().filter_map(|(at, input)| {
        let term = match at.checked_sub(2) {
            None if at == 0 => Term::Time(0),
            None => return None,
            Some(index) => match roles[index] {
                Role::Same => Term::Known(carried[index].clone()),
                Role::Time => Term::Time(0),
                Role::State => Term::State(index),
            },
        };
        Some((input.name, term))
    });
    let Some(terms) = Terms::of(call, body, inputs) else { return Ok(None) };
    let outputs: Option<Vec<Rc<Term>>> = body.outputs.iter().map(|output| terms.get(call, output.name)).collect();
    let Some(outputs) = outputs else { return Ok(None) };
    let (next, scans) = outputs[1..].split_at(carried.len());
    let Some(steps) = step_count(call, &outputs[0]) else { return Ok(None) };
    let is_counted = roles.iter().zip(next).all(|(role, next)| *role != Role::Time || **next == Term::Time(1));
    let layer = Carried { roles: &roles, next, scans, values: carried, steps };
    match layer.found().filter(|_| is_counted) {
        Some(parts) => layer.lowered(call, &parts).map(Some),
        None => Ok(None),
    }
}

/// What the carried values are: put out as they came in, counters from 0, or others.
fn roles(body: &GraphProto<'_>, carried: &[Value]) -> Vec<Role> {
    let same: HashMap<&str, &str> = body
        .nodes
        .iter()
        .filter(|node| node.op_type == "Identity")
        .filter_map(|node| Some((*node.outputs.first()?, *node.inputs.first()?)))
        .collect();
    let role = |(index, value): (usize, &Value)| {
        let mut name = body.outputs[index + 1].name;
        // No chain is longer than there are names.
        for _ in 0..=same.len() {
            name = same.get(name).copied().unwrap_or(name);
        }
        match value {
            _ if name == body.inputs[index + 2].name => Role::Same,
            Value::Integers(integers) if integers.elements == [Size::fixed(0)] => Role::Time,
            _ => Role::State,
        }
    };
    carried.iter().enumerate().map(role).collect()
}

/// How often a loop is run whose condition is this after a step.
fn step_count(call: &Call<'_, '_, '_>, condition: &Term) -> Option<usize> {
    let is_true = |value: Value| value.known().ok().flatten().is_some_and(|tensor| tensor.to_f64() == [1.0]);
    if call.optional(1).is_some_and(|first| !is_true(first)) {
        return None;
    }
    let most = match call.optional(0) {
        Some(_) => Some(call.known_sizes(0).ok()?.first().copied()?),
        None => None,
    };
    let count = match (condition, most) {
        (Term::Continues(limit), None) => (*limit).max(1),
        (Term::Continues(limit), Some(most)) => (*limit).max(1).min(most),
        (Term::Known(value), Some(most)) if is_true(value.clone()) => most,
        _ => return None,
    };
    usize::try_from(count).ok().filter(|count| *count > 0)
}

/// A loop that may be a layer.
struct Carried<'t> {
    roles: &'t [Role],
    /// What is carried after a step.
    next: &'t [Rc<Term>],
    scans: &'t [Rc<Term>],
    values: &'t [Value],
    steps: usize,
}

/// The parts of a layer.
struct Parts<'t> {
    found: Found<'t>,
    sequence: &'t Computed,
    mask: Option<(&'t Computed, MaskedOutput)>,
    /// Carried values that are the output of the step.
    shown: Vec<usize>,
}

impl<'t> Carried<'t> {
    fn found(&self) -> Option<Parts<'t>> {
        let states = (0..self.values.len()).filter(|&index| self.roles[index] == Role::State);
        let (index, found) = states.clone().find_map(|index| {
            let (_, new) = self.unmasked(index);
            let found = Found::of(new)?;
            (found.states[0] == index).then_some((index, found))
        })?;
        let (mask, new) = self.unmasked(index);
        if let (Some(&cell), Some(new_cell)) = (found.states.get(1), found.new_cell) {
            let (own, next) = self.unmasked(cell);
            if self.roles[cell] != Role::State || next != new_cell || own != mask {
                return None;
            }
        }
        let sequence = self.sequence_of(&found)?;
        // Further states are outputs.
        let shown: Vec<usize> = states.filter(|index| !found.states.contains(index)).collect();
        let masked = match mask {
            None if self.scans.iter().all(|scan| scan.as_ref() == new) && shown.is_empty() => None,
            None => return None,
            Some(mask) => Some((mask, self.masked_output(mask, new, &found, &shown)?)),
        };
        if let Some((mask, _)) = masked {
            let fits = mask.dims == [LogicalDim::Fixed(self.steps), LogicalDim::Batch(1), LogicalDim::Fixed(1)];
            if !fits {
                return None;
            }
        }
        Some(Parts { found, sequence, mask: masked, shown })
    }

    /// What is put out at masked steps; the same by all outputs. Outputs of steps before begin with zeros.
    fn masked_output(&self, mask: &Computed, new: &Term, found: &Found<'_>, shown: &[usize]) -> Option<MaskedOutput> {
        let mut kind = None;
        for output in self.scans.iter().chain(shown.iter().map(|&index| &self.next[index])) {
            let Term::Choice { mask: own, on, off } = output.as_ref() else { return None };
            if own != mask || on.as_ref() != new {
                return None;
            }
            let own = match off.as_ref() {
                Term::State(index) if *index == found.states[0] => MaskedOutput::State,
                Term::State(index) if shown.contains(index) && is_zero(&self.values[*index]) => MaskedOutput::Previous,
                Term::Known(value) if is_zero(value) => MaskedOutput::Zero,
                _ => return None,
            };
            if *kind.get_or_insert(own) != own {
                return None;
            }
        }
        Some(kind.unwrap_or(MaskedOutput::State))
    }

    /// What a state becomes, and the mask of the steps at which it does.
    fn unmasked(&self, index: usize) -> (Option<&'t Computed>, &'t Term) {
        match self.next[index].as_ref() {
            Term::Choice { mask, on, off } if **off == Term::State(index) => (Some(mask), on.as_ref()),
            new => (None, new),
        }
    }

    /// The sequence that all gates read.
    fn sequence_of(&self, found: &Found<'t>) -> Option<&'t Computed> {
        let (sequence, _) = found.gates.first()?.step.as_ref()?;
        let is_same = found.gates.iter().all(|gate| gate.step.as_ref().is_some_and(|(own, _)| own == sequence));
        let &[LogicalDim::Fixed(steps), LogicalDim::Batch(1), LogicalDim::Fixed(depth)] = &sequence.dims[..] else {
            return None;
        };
        let reads = |(_, weights): &(Computed, Tensor)| weights.shape()[0] == depth;
        let is_read = found.gates.iter().all(|gate| gate.step.as_ref().is_some_and(reads));
        (is_same && is_read && steps == self.steps).then_some(sequence)
    }

    fn lowered(&self, call: &mut Call<'_, '_, '_>, parts: &Parts<'_>) -> Result<Vec<Value>> {
        let layer = layer(&parts.found)?;
        let units = layer.recurrent_kernel.shape()[0];
        let mask = match parts.mask {
            Some((mask, masked)) => {
                let mask = call.reshaped(mask.id, &[self.steps])?;
                Some((call.cast(mask, DType::F32)?, masked))
            }
            None => None,
        };
        let mut initial = Vec::new();
        if !parts.found.states.iter().all(|&index| is_zero(&self.values[index])) {
            for &index in &parts.found.states {
                let state = call.computed(&self.values[index])?;
                initial.push(call.reshaped(state.id, &[units])?);
            }
        }
        let wanted = Wanted { sequence: true, states: self.is_asked_for_states(call, parts) };
        let run = layer.run(call, &Inputs { x: parts.sequence.id, mask, initial }, wanted)?;
        let sample = |id| Value::Computed(Computed { id, dims: vec![LogicalDim::Batch(1), LogicalDim::Fixed(units)] });
        let zeros = Value::Repeated {
            tensor: std::sync::Arc::new(Tensor::f32(&[1, units], vec![0.0; units])?),
            axis: 0,
            times: 1,
        };
        let mut outputs = Vec::new();
        for (index, value) in self.values.iter().enumerate() {
            let state = parts.found.states.iter().position(|&state| state == index);
            outputs.push(match (self.roles[index], state, run.sequence) {
                (Role::Same, ..) => value.clone(),
                (Role::Time, ..) => counter(value, self.steps),
                // A state that nothing reads was not asked for.
                (_, Some(state), _) => run.states.get(state).map_or(zeros.clone(), |id| sample(*id)),
                (_, None, Some(sequence)) if parts.shown.contains(&index) => {
                    let last = Slice { axis: 1, start: self.steps - 1, step: 1, count: 1 };
                    let last = call.op(last, &[sequence])?;
                    sample(call.reshaped(last, &[units])?)
                }
                _ => zeros.clone(),
            });
        }
        let dims = vec![LogicalDim::Fixed(self.steps), LogicalDim::Batch(1), LogicalDim::Fixed(units)];
        let scanned = run.sequence.map(|id| Value::Computed(Computed { id, dims }));
        outputs.extend(self.scans.iter().filter_map(|_| scanned.clone()));
        Ok(outputs)
    }

    /// Whether a node reads the last states.
    fn is_asked_for_states(&self, call: &Call<'_, '_, '_>, parts: &Parts<'_>) -> bool {
        let is_named = |index: &usize| call.node.outputs.get(*index).is_some_and(|name| !name.is_empty());
        parts.found.states.iter().any(is_named)
    }
}

fn counter(start: &Value, steps: usize) -> Value {
    let shape = if let Value::Integers(integers) = start { integers.shape.clone() } else { Vec::new() };
    Value::Integers(Integers { shape, elements: vec![Size::fixed(steps as i64)] })
}

/// The layer of a cell.
fn layer(found: &Found<'_>) -> Result<Layer> {
    let width = found.gates[0].width;
    let none = Tensor::f32(&[width], vec![0.0; width])?;
    let mut kernels = Vec::new();
    let mut recurrent_kernels = Vec::new();
    let mut biases = Vec::new();
    for gate in &found.gates {
        kernels.extend(gate.step.as_ref().map(|(_, weights)| weights.clone()));
        let behind = found.candidate.filter(|_| gate.state.is_none());
        let state = gate.state.as_ref().or_else(|| behind.and_then(|linear| linear.state.as_ref()));
        recurrent_kernels.extend(state.map(|(_, weights)| weights.clone()));
        biases.push(gate.bias.clone().unwrap_or_else(|| none.clone()));
    }
    let recurrent_bias = match found.candidate.and_then(|linear| linear.bias.clone()) {
        Some(bias) => Some(steps::beside(&[none.clone(), none, bias])?),
        None => None,
    };
    Ok(Layer {
        cell: found.cell,
        activation: found.activation,
        recurrent_activation: found.recurrent_activation,
        kernel: steps::beside(&kernels)?,
        bias: steps::beside(&biases)?,
        recurrent_kernel: steps::beside(&recurrent_kernels)?,
        recurrent_bias,
        order: Order::Forwards,
    })
}
