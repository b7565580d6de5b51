//! Activation, Binary and Elementwise: chains of functions of one and two elements.

use super::step::{Fast, MOST_MAPPED, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::Apply;
use crate::cpu::vector::vectorised;
use crate::error::Result;
use crate::ops::{self, BinaryFunction};
use crate::tensor::{DType, broadcast_strides};
use pulp::Arch;

/// How an operand's row is broadcast to a row of the output.
#[derive(Debug)]
enum Stretch {
    /// Repeated; read once if both are equally wide.
    Cycle,
    /// By element of the output: the index of the operand's element.
    Map(Vec<usize>),
}

#[derive(Debug)]
struct Chain {
    /// The value that the chain starts with, followed by the other operands.
    operands: Vec<(Operand, Stretch)>,
    steps: Vec<ops::Step>,
    output: Output,
    arch: Arch,
}

pub(super) fn activation(operator: &ops::Activation, request: &Request<'_>) -> Fast {
    build(vec![ops::Step::Apply(operator.function)], request)
}

/// For floats only. Booleans are rare enough for the reference implementation.
pub(super) fn binary(operator: &ops::Binary, request: &Request<'_>) -> Fast {
    let step = ops::Step::Combine { function: operator.function, input: 1, is_right: false };
    if request.output().dtype == DType::F32 { build(vec![step], request) } else { None }
}

pub(super) fn chain(operator: &ops::Elementwise, request: &Request<'_>) -> Fast {
    build(operator.steps.clone(), request)
}

fn build(steps: Vec<ops::Step>, request: &Request<'_>) -> Fast {
    if request.output().width > MOST_MAPPED {
        return None;
    }
    let sample = request.ty.shape.sample();
    let operand = |position: usize| {
        let own = own_dims(request, position);
        let trimmed = &own[own.iter().take_while(|&&size| size == 1).count()..];
        let stretch = if sample.ends_with(trimmed) { Stretch::Cycle } else { Stretch::Map(positions(&own, &sample)) };
        (request.operands[position].clone(), stretch)
    };
    let operands = (0..request.operands.len()).map(operand).collect();
    Some(Box::new(Chain { operands, steps, output: request.output(), arch: request.arch }))
}

/// The dimensions of an operand within a sample.
pub(super) fn own_dims(request: &Request<'_>, position: usize) -> Vec<usize> {
    let own = request.types[position].shape.sample();
    // A weight of higher rank than a sample has leading dimensions of 1.
    own[own.len().saturating_sub(request.ty.shape.sample().len())..].to_vec()
}

/// By element of a sample: the index of the element that is read from an operand with the dimensions `own`.
pub(super) fn positions(own: &[usize], sample: &[usize]) -> Vec<usize> {
    let strides = broadcast_strides(own, sample);
    let position = |index: usize| {
        let mut rest = index;
        let mut position = 0;
        for (stride, &size) in strides.iter().zip(sample).rev() {
            position += rest % size * stride;
            rest /= size;
        }
        position
    };
    (0..sample.iter().product()).map(position).collect()
}

impl Step for Chain {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let alike = |(operand, _): &(Operand, Stretch)| !operand.once && operand.width == self.output.width;
            if let (true, Some(out)) = (self.operands.iter().all(alike), rows.flat()) {
                return self.compute(frame, 0, true, out);
            }
            rows.iter().enumerate().try_for_each(|(row, out)| self.compute(frame, row, false, out))
        })
    }
}

impl Chain {
    /// Computes one row, or all of them if no operand is broadcast.
    fn compute(&self, frame: &Frame<'_, '_>, row: usize, all: bool, out: &mut [f32]) -> Result<()> {
        let operand = |position: usize| -> Result<(&[f32], &Stretch)> {
            let (operand, stretch) = &self.operands[position];
            let values = frame.read::<f32>(operand)?;
            let start = if operand.once { 0 } else { row * operand.width };
            Ok((if all { values } else { &values[start..start + operand.width] }, stretch))
        };
        let (first, stretch) = operand(0)?;
        match stretch {
            Stretch::Cycle => out.chunks_mut(first.len().max(1)).for_each(|out| out.copy_from_slice(first)),
            Stretch::Map(map) => out.iter_mut().zip(map).for_each(|(out, &from)| *out = first[from]),
        }
        for step in &self.steps {
            match *step {
                ops::Step::Apply(function) => self.arch.dispatch(Apply { function, values: &mut *out }),
                ops::Step::Combine { function, input, is_right } => {
                    let (other, stretch) = operand(input)?;
                    vectorised!(self.arch, combine(function, is_right, out, other, stretch));
                }
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn combine(function: BinaryFunction, is_right: bool, out: &mut [f32], other: &[f32], stretch: &Stretch) {
    match function {
        BinaryFunction::Add => apply(out, other, stretch, is_right, |l, r| l + r),
        BinaryFunction::Subtract => apply(out, other, stretch, is_right, |l, r| l - r),
        BinaryFunction::Multiply => apply(out, other, stretch, is_right, |l, r| l * r),
        BinaryFunction::Divide => apply(out, other, stretch, is_right, |l, r| l / r),
        // NaN on either side propagates.
        BinaryFunction::Maximum => {
            apply(out, other, stretch, is_right, |l, r| if l > r || l.is_nan() { l } else { r });
        }
        BinaryFunction::Minimum => {
            apply(out, other, stretch, is_right, |l, r| if l < r || l.is_nan() { l } else { r });
        }
        BinaryFunction::PRelu => apply(out, other, stretch, is_right, |l, r| if l < 0.0 { l * r } else { l }),
        BinaryFunction::Keep => apply(out, other, stretch, is_right, |l, r| if r == 0.0 { 0.0 } else { l }),
        BinaryFunction::Greater => apply(out, other, stretch, is_right, |l, r| if l > r { 1.0 } else { 0.0 }),
        BinaryFunction::AtLeast => apply(out, other, stretch, is_right, |l, r| if l >= r { 1.0 } else { 0.0 }),
        BinaryFunction::FloorDivide => apply(out, other, stretch, is_right, |l, r| (l / r).floor()),
        BinaryFunction::FloorMod
        | BinaryFunction::Remainder
        | BinaryFunction::Power
        | BinaryFunction::Atan2
        | BinaryFunction::LogAddExp
        | BinaryFunction::BitAnd
        | BinaryFunction::BitOr
        | BinaryFunction::BitXor => {
            let plain = |l: f32, r: f32| function.at(f64::from(l), f64::from(r)) as f32;
            apply(out, other, stretch, is_right, plain);
        }
    }
}

#[inline(always)]
fn apply(out: &mut [f32], other: &[f32], stretch: &Stretch, is_right: bool, function: impl Fn(f32, f32) -> f32) {
    if is_right {
        each(out, other, stretch, |value, other| function(other, value));
    } else {
        each(out, other, stretch, function);
    }
}

#[inline(always)]
fn each(out: &mut [f32], other: &[f32], stretch: &Stretch, function: impl Fn(f32, f32) -> f32) {
    match (stretch, other) {
        (Stretch::Cycle, &[other]) => out.iter_mut().for_each(|out| *out = function(*out, other)),
        (Stretch::Cycle, other) => {
            for out in out.chunks_mut(other.len().max(1)) {
                out.iter_mut().zip(other).for_each(|(out, &other)| *out = function(*out, other));
            }
        }
        (Stretch::Map(map), other) => {
            out.iter_mut().zip(map).for_each(|(out, &from)| *out = function(*out, other[from]));
        }
    }
}
