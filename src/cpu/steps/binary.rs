//! Binary: a function of two elements, the operands stretched to the row of the output.

use super::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::vector::vectorised;
use crate::error::Result;
use crate::ops::{self, BinaryFunction};
use crate::tensor::{DType, broadcast_strides};
use pulp::Arch;

/// How an operand's row is read as a row of the output.
#[derive(Debug)]
enum Stretch {
    /// Again and again; once where they are equally wide.
    Cycle,
    /// By the position of each element.
    Map(Vec<usize>),
}

#[derive(Debug)]
struct Binary {
    function: BinaryFunction,
    operands: [(Operand, Stretch); 2],
    output: Output,
    arch: Arch,
}

pub(super) fn build(operator: &ops::Binary, request: &Request<'_>) -> Fast {
    if request.output.dtype != DType::F32 {
        return None;
    }
    let sample = request.ty.shape.sample();
    let side = |position: usize| {
        let ty = request.types[position];
        let own = ty.shape.sample();
        // A weight of higher rank than a sample has ones in front.
        let own = &own[own.len().saturating_sub(sample.len())..];
        let trimmed = &own[own.iter().take_while(|&&size| size == 1).count()..];
        let stretch = if sample.ends_with(trimmed) {
            Stretch::Cycle
        } else {
            Stretch::Map(positions(&broadcast_strides(own, &sample), &sample))
        };
        (request.operands[position].clone(), stretch)
    };
    let (function, output, arch) = (operator.function, request.output, request.arch);
    Some(Box::new(Binary { function, operands: [side(0), side(1)], output, arch }))
}

/// For each element of a sample the element that is read for it.
fn positions(strides: &[usize], sample: &[usize]) -> Vec<usize> {
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

impl Step for Binary {
    fn run(&self, frame: &mut Frame<'_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let [(left, left_stretch), (right, right_stretch)] = &self.operands;
            let (l, r) = (frame.read::<f32>(left)?, frame.read::<f32>(right)?);
            let plain = |operand: &Operand| !operand.once && operand.width == self.output.width;
            if let (true, true, Some(out)) = (plain(left), plain(right), rows.flat()) {
                vectorised(self.arch, || self.row(l, &Stretch::Cycle, r, &Stretch::Cycle, out));
                return Ok(());
            }
            let step = |operand: &Operand| if operand.once { 0 } else { operand.width };
            vectorised(self.arch, || {
                for (index, row) in rows.iter().enumerate() {
                    let l = &l[index * step(left)..][..left.width];
                    let r = &r[index * step(right)..][..right.width];
                    self.row(l, left_stretch, r, right_stretch, row);
                }
            });
            Ok(())
        })
    }
}

impl Binary {
    #[inline(always)]
    fn row(&self, left: &[f32], left_stretch: &Stretch, right: &[f32], right_stretch: &Stretch, out: &mut [f32]) {
        match left_stretch {
            Stretch::Cycle => out.chunks_mut(left.len().max(1)).for_each(|out| out.copy_from_slice(&left[..out.len()])),
            Stretch::Map(map) => out.iter_mut().zip(map).for_each(|(out, &from)| *out = left[from]),
        }
        match self.function {
            BinaryFunction::Add => apply(out, right, right_stretch, |l, r| l + r),
            BinaryFunction::Subtract => apply(out, right, right_stretch, |l, r| l - r),
            BinaryFunction::Multiply => apply(out, right, right_stretch, |l, r| l * r),
            BinaryFunction::Divide => apply(out, right, right_stretch, |l, r| l / r),
            // NaN on either side is kept.
            BinaryFunction::Maximum => {
                apply(out, right, right_stretch, |l, r| if l > r || l.is_nan() { l } else { r });
            }
            BinaryFunction::Minimum => {
                apply(out, right, right_stretch, |l, r| if l < r || l.is_nan() { l } else { r });
            }
            BinaryFunction::PRelu => apply(out, right, right_stretch, |l, r| if l < 0.0 { l * r } else { l }),
        }
    }
}

#[inline(always)]
fn apply(out: &mut [f32], right: &[f32], stretch: &Stretch, function: impl Fn(f32, f32) -> f32) {
    match (stretch, right) {
        (Stretch::Cycle, &[right]) => out.iter_mut().for_each(|out| *out = function(*out, right)),
        (Stretch::Cycle, right) => {
            for out in out.chunks_mut(right.len().max(1)) {
                out.iter_mut().zip(right).for_each(|(out, &right)| *out = function(*out, right));
            }
        }
        (Stretch::Map(map), right) => {
            out.iter_mut().zip(map).for_each(|(out, &from)| *out = function(*out, right[from]));
        }
    }
}
