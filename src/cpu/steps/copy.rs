//! Concatenate, BroadcastBatch, Permute, RepeatVector, Slice and Split: copies of elements to other positions.

use super::step::{Fast, MOST_MAPPED, Request, Step};
use crate::cpu::frame::{Element, Frame, Operand, Output};
use crate::error::Result;
use crate::ops;
use crate::tensor::{DType, row_major_strides};

/// Which elements of an operand's row go where in a row of the output.
#[derive(Debug)]
enum Pattern {
    /// Pieces of `from` elements, placed every `to` elements from `first` on.
    Pieces { from: usize, first: usize, to: usize },
    /// Consecutive elements from this one on.
    Columns(usize),
    /// The whole row, repeated.
    RepeatVector,
    /// By element of the output: the index of the element that it is copied from.
    Map(Vec<usize>),
}

#[derive(Debug)]
struct Copy {
    parts: Vec<(Operand, Pattern)>,
    output: Output,
}

pub(super) fn concatenate(operator: &ops::Concatenate, request: &Request<'_>) -> Fast {
    let axis = operator.axis - usize::from(request.ty.shape.is_batched());
    let row: usize = request.ty.shape.sample()[axis..].iter().product();
    let mut first = 0;
    let mut parts = Vec::new();
    for (position, operand) in request.operands.iter().enumerate() {
        let [_, along, after] = request.around(position, operator.axis);
        if !request.placed[position] {
            parts.push((operand.clone(), Pattern::Pieces { from: along * after, first, to: row }));
        }
        first += along * after;
    }
    if parts.is_empty() { None } else { Some(Box::new(Copy { parts, output: request.output() })) }
}

/// Copies columns of `rows` from `first` on.
pub(in crate::cpu) fn columns(rows: Operand, first: usize, output: Output) -> Box<dyn Step> {
    Box::new(Copy { parts: vec![(rows, Pattern::Columns(first))], output })
}

pub(super) fn broadcast_batch(request: &Request<'_>) -> Box<dyn Step> {
    one(request, Pattern::RepeatVector)
}

pub(super) fn repeat_vector(_: &ops::RepeatVector, request: &Request<'_>) -> Box<dyn Step> {
    one(request, Pattern::RepeatVector)
}

pub(super) fn permute(operator: &ops::Permute, request: &Request<'_>) -> Fast {
    let batched = usize::from(request.types[0].shape.is_batched());
    let strides = row_major_strides(&request.types[0].shape.sample());
    let sample = request.ty.shape.sample();
    let from = |index: usize| {
        let mut rest = index;
        let mut from = 0;
        for (dim, &size) in sample.iter().enumerate().rev() {
            from += rest % size * strides[operator.order[dim + batched] - batched];
            rest /= size;
        }
        from
    };
    mapped(request, from)
}

pub(super) fn slice(operator: &ops::Slice, request: &Request<'_>) -> Fast {
    let [_, size, after] = request.around(0, operator.axis);
    let from = |index: usize| {
        let (before, along, after_index) =
            (index / (operator.count * after), index / after % operator.count, index % after);
        (before * size + operator.position(along)) * after + after_index
    };
    mapped(request, from)
}

/// One copy per part. A part that is too long for a list of positions is left to the reference implementation.
pub(super) fn split(operator: &ops::Split, request: &Request<'_>) -> Fast {
    let [_, size, after] = request.around(0, operator.axis);
    let mut copies = Vec::with_capacity(request.outputs.len());
    for ((start, count), output) in operator.starts().zip(&operator.sizes).zip(&request.outputs) {
        if output.width > MOST_MAPPED {
            return None;
        }
        let line = (count * after).max(1);
        let from = |index: usize| (index / line * size + start) * after + index % line;
        let pattern = Pattern::Map((0..output.width).map(from).collect());
        copies.push(Copy { parts: vec![(request.operands[0].clone(), pattern)], output: *output });
    }
    Some(Box::new(Copies(copies)))
}

fn mapped(request: &Request<'_>, from: impl Fn(usize) -> usize) -> Fast {
    let width = request.output().width;
    (width <= MOST_MAPPED).then(|| one(request, Pattern::Map((0..width).map(from).collect())))
}

fn one(request: &Request<'_>, pattern: Pattern) -> Box<dyn Step> {
    Box::new(Copy { parts: vec![(request.operands[0].clone(), pattern)], output: request.output() })
}

impl Copy {
    fn copy<T: Element>(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<T>(&self.output, |frame, mut rows| {
            for (operand, pattern) in &self.parts {
                let x = frame.read::<T>(operand)?;
                // A row that is shared by all is read again for each output row.
                let step = if operand.once { 0 } else { operand.width };
                for (index, row) in rows.iter().enumerate() {
                    pattern.copy(&x[index * step..index * step + operand.width], row);
                }
            }
            Ok(())
        })
    }
}

/// One copy for each of several outputs.
#[derive(Debug)]
struct Copies(Vec<Copy>);

impl Step for Copies {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        self.0.iter().try_for_each(|copy| copy.run(frame))
    }
}

impl Pattern {
    fn copy<T: Element>(&self, x: &[T], row: &mut [T]) {
        match self {
            Pattern::Pieces { from, first, to } => {
                let pieces = x.chunks((*from).max(1)).zip(row.chunks_mut((*to).max(1)));
                pieces.for_each(|(x, row)| row[*first..*first + *from].copy_from_slice(x));
            }
            Pattern::Columns(first) => row.copy_from_slice(&x[*first..*first + row.len()]),
            Pattern::RepeatVector => row.chunks_mut(x.len().max(1)).for_each(|row| row.copy_from_slice(x)),
            Pattern::Map(map) => row.iter_mut().zip(map).for_each(|(to, from)| *to = x[*from]),
        }
    }
}

impl Step for Copy {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        match self.output.dtype {
            DType::F32 => self.copy::<f32>(frame),
            DType::I32 => self.copy::<i32>(frame),
            DType::Bool => self.copy::<bool>(frame),
        }
    }
}
