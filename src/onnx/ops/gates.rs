//! The cells of recurrent layers among the terms of a loop's body.

use super::terms::{Linear, Term};
use crate::ops::{Cell, Function};

/// A cell whose gates are in the order of the operator.
pub(super) struct Found<'t> {
    pub(super) cell: Cell,
    pub(super) activation: Option<Function>,
    pub(super) recurrent_activation: Option<Function>,
    pub(super) gates: Vec<&'t Linear>,
    /// The product behind the reset gate.
    pub(super) candidate: Option<&'t Linear>,
    /// The positions of h and c among what is carried.
    pub(super) states: Vec<usize>,
    /// c after the step.
    pub(super) new_cell: Option<&'t Term>,
}

impl<'t> Found<'t> {
    /// The cell whose state h becomes this.
    pub(super) fn of(new: &'t Term) -> Option<Self> {
        lstm(new).or_else(|| gru(new)).or_else(|| simple(new))
    }
}

/// The function that a term is of another.
fn function(term: &Term) -> (Option<Function>, &Term) {
    match term {
        Term::Applied(function, x) => (Some(*function), x),
        Term::Limited { x, low: Some(0.0), high: Some(1.0) } => match x.as_ref() {
            Term::Line { x, factor, offset: 0.5 } => (Some(Function::HardSigmoid { slope: *factor }), x),
            _ => (Some(Function::Relu { max_value: Some(1.0), negative_slope: 0.0, threshold: 0.0 }), x),
        },
        Term::Limited { x, low: Some(0.0), high } => {
            (Some(Function::Relu { max_value: *high, negative_slope: 0.0, threshold: 0.0 }), x)
        }
        _ => (None, term),
    }
}

/// The function of sums of a step and of state `h`.
fn gate(term: &Term, h: usize) -> Option<(Option<Function>, &Linear)> {
    match function(term) {
        (function, Term::Linear(linear)) => {
            let (state, _) = linear.state.as_ref()?;
            (**state == Term::State(h) && linear.step.is_some() && is_square(linear)).then_some((function, linear))
        }
        _ => None,
    }
}

fn is_square(linear: &Linear) -> bool {
    linear.state.as_ref().is_some_and(|(_, weights)| weights.shape()[0] == linear.width)
}

/// The state of a gate.
fn state_of(term: &Term) -> Option<usize> {
    match function(term) {
        (_, Term::Linear(linear)) => match linear.state.as_ref()?.0.as_ref() {
            Term::State(index) => Some(*index),
            _ => None,
        },
        _ => None,
    }
}

/// The factors of a product in both orders.
fn factors(term: &Term) -> Vec<[&Term; 2]> {
    match term {
        Term::Product(left, right) => vec![[left, right], [right, left]],
        _ => Vec::new(),
    }
}

/// The terms of a sum in both orders.
fn summands(term: &Term) -> Vec<[&Term; 2]> {
    match term {
        Term::Sum(left, right) => vec![[left, right], [right, left]],
        _ => Vec::new(),
    }
}

/// `h′ = o · f(c′)`, `c′ = σ_f · c + i · f(x)`
fn lstm(new: &Term) -> Option<Found<'_>> {
    let out = |[o, shown]: [&'_ Term; 2]| state_of(o).is_some() && !summands(function(shown).1).is_empty();
    let [o, shown] = factors(new).into_iter().find(|pair| out(*pair))?;
    let h = state_of(o)?;
    let (sigma, output) = gate(o, h)?;
    let (activation, new_cell) = function(shown);
    for [kept, added] in summands(new_cell) {
        for [forget, cell] in factors(kept) {
            let (Term::State(c), Some((own, forget))) = (cell, gate(forget, h)) else { continue };
            for [input, candidate] in factors(added) {
                let (Some((of_input, input)), Some((of_candidate, candidate))) = (gate(input, h), gate(candidate, h))
                else {
                    continue;
                };
                if own == sigma && of_input == sigma && of_candidate == activation {
                    return Some(Found {
                        cell: Cell::Lstm,
                        activation,
                        recurrent_activation: sigma,
                        gates: same_width(vec![input, forget, candidate, output])?,
                        candidate: None,
                        states: vec![h, *c],
                        new_cell: Some(new_cell),
                    });
                }
            }
        }
    }
    None
}

/// `h′ = z · h + (1 − z) · f(x_h + …)`
fn gru(new: &Term) -> Option<Found<'_>> {
    for [kept, added] in summands(new) {
        for [z, state] in factors(kept) {
            let Term::State(h) = state else { continue };
            for [rest, candidate] in factors(added) {
                let Term::Rest(inner) = rest else { continue };
                if inner.as_ref() != z {
                    continue;
                }
                let (sigma, update) = gate(z, *h)?;
                let (activation, sums) = function(candidate);
                let (reset, of_step, behind) = reset(sums, *h, sigma)?;
                return Some(Found {
                    cell: Cell::Gru { reset_after: behind.is_some() },
                    activation,
                    recurrent_activation: sigma,
                    gates: same_width(vec![update, reset, of_step])?,
                    candidate: behind,
                    states: vec![*h],
                    new_cell: None,
                });
            }
        }
    }
    None
}

/// The reset gate, the candidate, and the product that is reset after it: `x + r · s` or `x + (r · h) · R`.
fn reset(sums: &Term, h: usize, sigma: Option<Function>) -> Option<(&Linear, &Linear, Option<&Linear>)> {
    if let Term::Linear(linear) = sums {
        let (state, _) = linear.state.as_ref().filter(|_| linear.step.is_some() && is_square(linear))?;
        let pair = factors(state).into_iter().find(|[_, own]| **own == Term::State(h))?;
        let (own, reset) = gate(pair[0], h)?;
        return (own == sigma).then_some((reset, linear, None));
    }
    for [of_step, product] in summands(sums) {
        let Term::Linear(of_step) = of_step else { continue };
        for [r, behind] in factors(product) {
            let (Some((own, reset)), Term::Linear(behind)) = (gate(r, h), behind) else { continue };
            let is_of_state = behind.step.is_none() && is_square(behind);
            let is_of_state = is_of_state && behind.state.as_ref().is_some_and(|(state, _)| **state == Term::State(h));
            if own == sigma && of_step.state.is_none() && is_of_state && behind.width == of_step.width {
                return Some((reset, of_step, Some(behind)));
            }
        }
    }
    None
}

/// `h′ = f(x + s)`
fn simple(new: &Term) -> Option<Found<'_>> {
    let h = state_of(new)?;
    let (activation, linear) = gate(new, h)?;
    Some(Found {
        cell: Cell::Simple,
        activation,
        recurrent_activation: None,
        gates: vec![linear],
        candidate: None,
        states: vec![h],
        new_cell: None,
    })
}

fn same_width(gates: Vec<&Linear>) -> Option<Vec<&Linear>> {
    let width = gates.first()?.width;
    gates.iter().all(|gate| gate.width == width && width > 0).then_some(gates)
}
