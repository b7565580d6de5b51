//! Binary of integers, Compare and Select: functions of elements of any type, with broadcasting.

use super::elementwise::{own_dims, positions};
use super::step::{Fast, MOST_MAPPED, Request, Step};
use crate::cpu::frame::{Element, Frame, Operand, Output};
use crate::error::Result;
use crate::ops::{self, BinaryFunction, integers};
use crate::tensor::DType;

/// How an operand's row is broadcast to a row of the output.
#[derive(Debug)]
enum Stretch {
    /// Element by element.
    Whole,
    /// The same single element each time.
    One,
    /// By element of the output: the index of the operand's element.
    Map(Vec<usize>),
}

impl Stretch {
    #[inline(always)]
    fn at(&self, index: usize) -> usize {
        match self {
            Stretch::Whole => index,
            Stretch::One => 0,
            Stretch::Map(map) => map[index],
        }
    }
}

#[derive(Debug)]
struct Source {
    operand: Operand,
    stretch: Stretch,
}

impl Source {
    fn new(request: &Request<'_>, position: usize) -> Source {
        let operand = request.operands[position].clone();
        // Broadcasting can only add elements, so an operand of the same width is not broadcast within a row.
        let stretch = if operand.width == request.output().width && (operand.width != 1 || !operand.once) {
            Stretch::Whole
        } else if operand.width == 1 {
            Stretch::One
        } else {
            Stretch::Map(positions(&own_dims(request, position), &request.ty.shape.sample()))
        };
        Source { operand, stretch }
    }

    /// Whether all rows of a block can be processed as one: each row has its own elements, or all share a single
    /// element.
    fn is_flat(&self) -> bool {
        match self.stretch {
            Stretch::Whole => !self.operand.once,
            Stretch::One => self.operand.once,
            Stretch::Map(_) => false,
        }
    }

    /// The elements of one row.
    fn row<'v, T>(&self, values: &'v [T], row: usize) -> &'v [T] {
        if self.operand.once { values } else { &values[row * self.operand.width..][..self.operand.width] }
    }
}

/// Applies `function` to pairs of elements.
struct Pairs<From, To, F> {
    left: Source,
    right: Source,
    output: Output,
    function: F,
    types: std::marker::PhantomData<fn(From) -> To>,
}

impl<From, To, F> std::fmt::Debug for Pairs<From, To, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Pairs { left, right, output, .. } = self;
        f.debug_struct("Pairs")
            .field("left", left)
            .field("right", right)
            .field("output", output)
            .finish_non_exhaustive()
    }
}

fn pairs<From: Element, To: Element>(
    request: &Request<'_>,
    function: impl Fn(From, From) -> To + Send + Sync + 'static,
) -> Fast {
    if request.output().width > MOST_MAPPED {
        return None;
    }
    let (left, right) = (Source::new(request, 0), Source::new(request, 1));
    Some(Box::new(Pairs { left, right, output: request.output(), function, types: std::marker::PhantomData }))
}

impl<From: Element, To: Element, F: Fn(From, From) -> To + Send + Sync> Step for Pairs<From, To, F> {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let left = frame.read::<From>(&self.left.operand)?;
            let right = frame.read::<From>(&self.right.operand)?;
            if let (true, Some(out)) = (self.left.is_flat() && self.right.is_flat(), rows.flat()) {
                self.compute(left, right, out);
                return Ok(());
            }
            for (row, out) in rows.iter().enumerate() {
                self.compute(self.left.row(left, row), self.right.row(right, row), out);
            }
            Ok(())
        })
    }
}

impl<From: Element, To: Element, F: Fn(From, From) -> To> Pairs<From, To, F> {
    fn compute(&self, left: &[From], right: &[From], out: &mut [To]) {
        let function = &self.function;
        match (&self.left.stretch, &self.right.stretch) {
            (Stretch::Whole, Stretch::Whole) => {
                let pairs = left.iter().zip(right);
                out.iter_mut().zip(pairs).for_each(|(out, (&left, &right))| *out = function(left, right));
            }
            (Stretch::Whole, Stretch::One) => {
                let right = right[0];
                out.iter_mut().zip(left).for_each(|(out, &left)| *out = function(left, right));
            }
            (Stretch::One, Stretch::Whole) => {
                let left = left[0];
                out.iter_mut().zip(right).for_each(|(out, &right)| *out = function(left, right));
            }
            (l, r) => {
                let indices = out.iter_mut().enumerate();
                indices.for_each(|(index, out)| *out = function(left[l.at(index)], right[r.at(index)]));
            }
        }
    }
}

pub(super) fn integers(operator: &ops::Binary, request: &Request<'_>) -> Fast {
    // The common functions are separate, so that the compiler can vectorise them.
    match operator.function {
        BinaryFunction::Add => pairs(request, i32::wrapping_add),
        BinaryFunction::Subtract => pairs(request, i32::wrapping_sub),
        BinaryFunction::Multiply => pairs(request, i32::wrapping_mul),
        BinaryFunction::Maximum => pairs(request, |left: i32, right: i32| left.max(right)),
        BinaryFunction::Minimum => pairs(request, |left: i32, right: i32| left.min(right)),
        function => pairs(request, integers::function(function)?),
    }
}

pub(super) fn compare(operator: &ops::Compare, request: &Request<'_>) -> Fast {
    let comparison = operator.comparison;
    match request.operands[0].dtype {
        DType::F32 => pairs(request, move |left: f32, right: f32| comparison.holds(left, right)),
        DType::I32 => pairs(request, move |left: i32, right: i32| comparison.holds(left, right)),
        DType::Bool => pairs(request, move |left: bool, right: bool| comparison.holds(left, right)),
    }
}

/// Selects between elements of one type.
#[derive(Debug)]
struct Choice<T> {
    condition: Source,
    left: Source,
    right: Source,
    output: Output,
    ty: std::marker::PhantomData<fn() -> T>,
}

pub(super) fn select(request: &Request<'_>) -> Fast {
    if request.output().width > MOST_MAPPED {
        return None;
    }
    Some(match request.output().dtype {
        DType::F32 => choice::<f32>(request),
        DType::I32 => choice::<i32>(request),
        DType::Bool => choice::<bool>(request),
    })
}

fn choice<T: Element + std::fmt::Debug>(request: &Request<'_>) -> Box<dyn Step> {
    let [condition, left, right] = [0, 1, 2].map(|position| Source::new(request, position));
    Box::new(Choice::<T> { condition, left, right, output: request.output(), ty: std::marker::PhantomData })
}

impl<T: Element + std::fmt::Debug> Step for Choice<T> {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let condition = frame.read::<bool>(&self.condition.operand)?;
            let left = frame.read::<T>(&self.left.operand)?;
            let right = frame.read::<T>(&self.right.operand)?;
            let is_flat = [&self.condition, &self.left, &self.right].iter().all(|source| source.is_flat());
            if let (true, Some(out)) = (is_flat, rows.flat()) {
                self.choose(condition, left, right, out);
                return Ok(());
            }
            for (row, out) in rows.iter().enumerate() {
                let condition = self.condition.row(condition, row);
                self.choose(condition, self.left.row(left, row), self.right.row(right, row), out);
            }
            Ok(())
        })
    }
}

impl<T: Copy> Choice<T> {
    fn choose(&self, condition: &[bool], left: &[T], right: &[T], out: &mut [T]) {
        let [c, l, r] = [&self.condition.stretch, &self.left.stretch, &self.right.stretch];
        for (index, out) in out.iter_mut().enumerate() {
            *out = if condition[c.at(index)] { left[l.at(index)] } else { right[r.at(index)] };
        }
    }
}
