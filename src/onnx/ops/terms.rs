//! The body of a loop over the steps of a sequence as terms: what each value is of a step, of a state and of constants.
//!
//! Matrix products by constants and what is added to them are one [`Linear`], whose columns a Split takes apart. Converters
//! write a choice by a mask as arithmetic, `m · a + (1 − m) · b`, and a hard sigmoid as limits of a line; they come out as
//! [`Term::Choice`] and [`Term::Limited`]. A value that is no such term is left out, and with it all that reads it.

use super::steps;
use crate::onnx::call::Call;
use crate::onnx::file::{GraphProto, NodeProto, ValueInfoProto, ValueType};
use crate::onnx::value::{Computed, Value};
use crate::ops::Function;
use crate::tensor::{DType, Tensor};
use std::collections::HashMap;
use std::rc::Rc;

/// Maximum number of nodes of a body that is a recurrent cell. Terms are as deep as there are nodes.
const MOST_NODES: usize = 200;

/// A value of the body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// The same at all steps.
    Known(Value),
    /// The number of the step, plus this.
    Time(i64),
    /// Whether the number of the next step is below a limit.
    Continues(i64),
    /// A value that the loop carries, by its position.
    State(usize),
    /// The element of a sequence at the step. A negated one is of booleans.
    Step {
        sequence: Computed,
        negated: bool,
    },
    /// Sums of products by constants.
    Linear(Box<Linear>),
    Applied(Function, Rc<Term>),
    /// `factor · x + offset`
    Line {
        x: Rc<Term>,
        factor: f32,
        offset: f32,
    },
    /// At least the first and at most the second.
    Limited {
        x: Rc<Term>,
        low: Option<f32>,
        high: Option<f32>,
    },
    /// `1 − x`
    Rest(Rc<Term>),
    Product(Rc<Term>, Rc<Term>),
    Sum(Rc<Term>, Rc<Term>),
    /// The value where the mask is true, or false if it is negated, else zeros.
    Kept {
        mask: Computed,
        negated: bool,
        x: Rc<Term>,
    },
    /// The first where the mask is true, else the second.
    Choice {
        mask: Computed,
        on: Rc<Term>,
        off: Rc<Term>,
    },
}

/// `step · W + x · R + b`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    pub(super) width: usize,
    pub(super) step: Option<(Computed, Tensor)>,
    pub(super) state: Option<(Rc<Term>, Tensor)>,
    pub(super) bias: Option<Tensor>,
}

/// The terms of a body's values by name.
pub(super) struct Terms<'f> {
    terms: HashMap<&'f str, Rc<Term>>,
}

impl<'f> Terms<'f> {
    /// The terms of a body whose inputs have these; `None` of a body that is too large.
    pub(super) fn of(
        call: &mut Call<'_, 'f, '_>,
        body: &GraphProto<'f>,
        inputs: impl Iterator<Item = (&'f str, Term)>,
    ) -> Option<Terms<'f>> {
        if body.nodes.len() > MOST_NODES {
            return None;
        }
        let mut terms: HashMap<&'f str, Rc<Term>> = inputs.map(|(name, term)| (name, Rc::new(term))).collect();
        for initializer in &body.initializers {
            terms.insert(initializer.name, Rc::new(Term::Known(call.lowering.stored(initializer).ok()?)));
        }
        let mut all = Terms { terms };
        for node in &body.nodes {
            let inputs: Vec<Option<Rc<Term>>> = node.inputs.iter().map(|name| all.get(call, name)).collect();
            for (name, term) in node.outputs.iter().zip(made(call, node, &inputs).unwrap_or_default()) {
                all.terms.insert(name, Rc::new(term));
            }
        }
        Some(all)
    }

    /// The term of a name, which may be one of an enclosing graph.
    pub(super) fn get(&self, call: &Call<'_, 'f, '_>, name: &str) -> Option<Rc<Term>> {
        let outer = || call.lowering.find(name).ok().map(|value| Rc::new(Term::Known(value.clone())));
        self.terms.get(name).cloned().or_else(outer)
    }
}

/// What a node makes of terms.
fn made<'f>(call: &mut Call<'_, 'f, '_>, node: &NodeProto<'f>, inputs: &[Option<Rc<Term>>]) -> Option<Vec<Term>> {
    if let Some(known) = folded(call, node, inputs) {
        return Some(known.into_iter().map(Term::Known).collect());
    }
    let input = |index: usize| inputs.get(index).cloned().flatten();
    let one = |function: Function| Some(Term::Applied(function, input(0)?));
    let call = &mut Call::new(call.lowering, node, Vec::new());
    let term = match node.op_type {
        "Identity" => input(0)?.as_ref().clone(),
        "Cast" => cast(call, input(0)?.as_ref())?,
        "Not" => match input(0)?.as_ref() {
            Term::Step { sequence, negated } if is_bool(call, sequence) => {
                Term::Step { sequence: sequence.clone(), negated: !negated }
            }
            _ => return None,
        },
        "Gather" if call.int("axis").ok()?.unwrap_or(0) == 0 => match (input(0)?.as_ref(), input(1)?.as_ref()) {
            (Term::Known(Value::Computed(sequence)), Term::Time(0)) => {
                Term::Step { sequence: sequence.clone(), negated: false }
            }
            _ => return None,
        },
        "MatMul" => product(&input(0)?, input(1)?.as_ref())?,
        "Add" => sum(&input(0)?, &input(1)?)?,
        "Sub" => match (number(input(0)?.as_ref()), input(1)?) {
            (Some(1.0), x) => Term::Rest(x),
            _ => return None,
        },
        "Mul" => times(call, &input(0)?, &input(1)?),
        "Less" => match (input(0)?.as_ref(), number(input(1)?.as_ref())) {
            (Term::Time(1), Some(limit)) => Term::Continues(limit as i64),
            _ => return None,
        },
        "Where" => match input(0)?.as_ref() {
            Term::Step { sequence, negated } => choice(sequence, *negated, input(1)?, input(2)?),
            _ => return None,
        },
        "Max" => limited(&input(0)?, &input(1)?, |limit| [Some(limit), None])?,
        "Min" => limited(&input(0)?, &input(1)?, |limit| [None, Some(limit)])?,
        "Clip" => {
            let limit = |index: usize, name: &str| match call.opset() < 11 {
                true => call.float(name).ok().flatten(),
                false => number(input(index)?.as_ref()),
            };
            Term::Limited { x: input(0)?, low: limit(1, "min"), high: limit(2, "max") }
        }
        "Split" => return split(call, input(0)?.as_ref(), inputs.get(1)),
        "Sigmoid" => one(Function::Sigmoid)?,
        "Tanh" => one(Function::Tanh)?,
        "Relu" => one(Function::RELU)?,
        "Softsign" => one(Function::Softsign)?,
        "Softplus" => one(Function::Softplus)?,
        "Elu" => one(Function::Elu { alpha: call.float("alpha").ok()?.unwrap_or(1.0) })?,
        "HardSigmoid" if call.float("beta").ok()?.unwrap_or(0.5) == 0.5 => {
            one(Function::HardSigmoid { slope: call.float("alpha").ok()?.unwrap_or(0.2) })?
        }
        _ => return None,
    };
    Some(vec![term])
}

/// The values of a node whose inputs are constants.
fn folded<'f>(call: &mut Call<'_, 'f, '_>, node: &NodeProto<'f>, inputs: &[Option<Rc<Term>>]) -> Option<Vec<Value>> {
    let info = |name: &&'f str| ValueInfoProto { name, value: ValueType::Unset };
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (name, input) in node.inputs.iter().zip(inputs).filter(|(name, _)| !name.is_empty()) {
        match input.as_deref() {
            Some(Term::Known(value @ (Value::Constant(_) | Value::Integers(_)))) => values.push(value.clone()),
            _ => return None,
        }
        names.push(info(name));
    }
    let outputs = node.outputs.iter().filter(|name| !name.is_empty()).map(info).collect();
    let graph = GraphProto { nodes: vec![node.clone()], inputs: names, outputs, ..GraphProto::default() };
    call.lowering.inner(&graph, values).ok()
}

/// A number that is known.
pub(super) fn number(term: &Term) -> Option<f32> {
    let Term::Known(value) = term else { return None };
    match value.known().ok()??.to_f64()[..] {
        [number] => Some(number as f32),
        _ => None,
    }
}

fn constant(term: &Term) -> Option<&Tensor> {
    match term {
        Term::Known(Value::Constant(tensor)) if tensor.dtype() == DType::F32 => Some(tensor),
        _ => None,
    }
}

fn is_bool(call: &Call<'_, '_, '_>, sequence: &Computed) -> bool {
    call.lowering.builder.ty(sequence.id).dtype == DType::Bool
}

/// Numbers of steps stay what they are, and masks are numbers.
fn cast(call: &Call<'_, '_, '_>, x: &Term) -> Option<Term> {
    match x {
        Term::Time(_) => Some(x.clone()),
        Term::Step { sequence, .. } if is_bool(call, sequence) => Some(x.clone()),
        _ => None,
    }
}

fn product(left: &Rc<Term>, right: &Term) -> Option<Term> {
    let weights = constant(right)?;
    let &[_, width] = weights.shape() else { return None };
    let mut linear = Linear { width, step: None, state: None, bias: None };
    match left.as_ref() {
        Term::Step { sequence, negated: false } => linear.step = Some((sequence.clone(), weights.clone())),
        _ => linear.state = Some((Rc::clone(left), weights.clone())),
    }
    Some(Term::Linear(Box::new(linear)))
}

fn sum(left: &Rc<Term>, right: &Rc<Term>) -> Option<Term> {
    if let (Term::Linear(left), Term::Linear(right)) = (left.as_ref(), right.as_ref()) {
        return merged(left, right).map(|linear| Term::Linear(Box::new(linear)));
    }
    for (left, right) in [(left, right), (right, left)] {
        match (left.as_ref(), right.as_ref()) {
            (Term::Time(time), other) => return Some(Term::Time(time + number(other)? as i64)),
            (Term::Linear(linear), other) => {
                if let Some(bias) = constant(other).filter(|bias| bias.len() == linear.width) {
                    let bias = bias.clone().reshaped(&[linear.width]).ok()?;
                    let right = Linear { width: linear.width, step: None, state: None, bias: Some(bias) };
                    return merged(linear, &right).map(|linear| Term::Linear(Box::new(linear)));
                }
            }
            (Term::Kept { mask, negated: false, x }, Term::Kept { mask: other, negated: true, x: off })
                if mask == other =>
            {
                return Some(Term::Choice { mask: mask.clone(), on: Rc::clone(x), off: Rc::clone(off) });
            }
            (Term::Line { x, factor, offset }, other) => {
                if let Some(more) = number(other) {
                    return Some(Term::Line { x: Rc::clone(x), factor: *factor, offset: offset + more });
                }
            }
            _ => {}
        }
    }
    Some(Term::Sum(Rc::clone(left), Rc::clone(right)))
}

fn merged(left: &Linear, right: &Linear) -> Option<Linear> {
    let is_twice = (left.step.is_some() && right.step.is_some()) || (left.state.is_some() && right.state.is_some());
    if is_twice || left.width != right.width {
        return None;
    }
    let bias = match (&left.bias, &right.bias) {
        (Some(left), Some(right)) => Some(steps::sum(left, right).ok()?),
        (one, other) => one.clone().or_else(|| other.clone()),
    };
    let step = left.step.clone().or_else(|| right.step.clone());
    Some(Linear { width: left.width, step, state: left.state.clone().or_else(|| right.state.clone()), bias })
}

fn times(call: &Call<'_, '_, '_>, left: &Rc<Term>, right: &Rc<Term>) -> Term {
    for (left, right) in [(left, right), (right, left)] {
        if let Term::Step { sequence, negated } = left.as_ref()
            && is_bool(call, sequence)
        {
            return Term::Kept { mask: sequence.clone(), negated: *negated, x: Rc::clone(right) };
        }
        if let Some(factor) = number(left) {
            return Term::Line { x: Rc::clone(right), factor, offset: 0.0 };
        }
    }
    Term::Product(Rc::clone(left), Rc::clone(right))
}

fn choice(mask: &Computed, negated: bool, on: Rc<Term>, off: Rc<Term>) -> Term {
    let (on, off) = if negated { (off, on) } else { (on, off) };
    Term::Choice { mask: mask.clone(), on, off }
}

fn limited(left: &Rc<Term>, right: &Rc<Term>, limits: impl Fn(f32) -> [Option<f32>; 2]) -> Option<Term> {
    let (x, limit) = match (number(left), number(right)) {
        (Some(limit), _) => (right, limit),
        (_, Some(limit)) => (left, limit),
        _ => return None,
    };
    let [low, high] = limits(limit);
    Some(match x.as_ref() {
        // The limits do not cross, so their order does not matter.
        Term::Limited { x, low: own_low, high: own_high }
            if (own_low.is_none() || low.is_none()) && (own_high.is_none() || high.is_none()) =>
        {
            Term::Limited { x: Rc::clone(x), low: own_low.or(low), high: own_high.or(high) }
        }
        _ => Term::Limited { x: Rc::clone(x), low, high },
    })
}

/// The parts of sums along their columns.
fn split(call: &Call<'_, '_, '_>, x: &Term, sizes: Option<&Option<Rc<Term>>>) -> Option<Vec<Term>> {
    let Term::Linear(linear) = x else { return None };
    if !matches!(call.int("axis").ok()?.unwrap_or(0), 1 | -1) {
        return None;
    }
    let count = call.node.outputs.len();
    let sizes: Vec<usize> = match (call.ints("split").ok()?, sizes.cloned().flatten().as_deref()) {
        (Some(sizes), _) => sizes.into_iter().map(|size| usize::try_from(size).ok()).collect::<Option<_>>()?,
        (None, Some(Term::Known(sizes))) => {
            sizes.known().ok()??.to_f64().into_iter().map(|size| size.max(0.0) as usize).collect()
        }
        (None, Some(_)) => return None,
        (None, None) => vec![linear.width.is_multiple_of(count).then_some(linear.width / count)?; count],
    };
    let mut start = 0;
    let mut parts = Vec::with_capacity(count);
    for width in sizes {
        let columns = |tensor: &Tensor| steps::columns(tensor, start, width).ok();
        let part = Linear {
            width,
            step: match &linear.step {
                Some((sequence, weights)) => Some((sequence.clone(), columns(weights)?)),
                None => None,
            },
            state: match &linear.state {
                Some((state, weights)) => Some((Rc::clone(state), columns(weights)?)),
                None => None,
            },
            bias: match &linear.bias {
                Some(bias) => Some(columns(bias)?),
                None => None,
            },
        };
        parts.push(Term::Linear(Box::new(part)));
        start += width;
    }
    Some(parts)
}
