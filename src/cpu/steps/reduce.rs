//! Reduce and MaskedMean: sums, means and maxima along one axis of a sample.

use super::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::vector::{sum, vectorised};
use crate::error::Result;
use crate::ops::{self, Reduction};
use crate::tensor::DType;
use pulp::Arch;

#[derive(Debug)]
struct Reduce {
    reduction: Reduction,
    x: Operand,
    /// Elements along the axis and after it.
    along: usize,
    after: usize,
    output: Output,
    arch: Arch,
}

pub(super) fn build(operator: &ops::Reduce, request: &Request<'_>) -> Fast {
    let fast = matches!(operator.reduction, Reduction::Sum | Reduction::Mean | Reduction::Maximum);
    if request.output().dtype != DType::F32 || !fast {
        return None;
    }
    let [_, along, after] = request.around(0, operator.axis);
    let (x, output, arch) = (request.operands[0].clone(), request.output(), request.arch);
    Some(Box::new(Reduce { reduction: operator.reduction, x, along, after, output, arch }))
}

impl Step for Reduce {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let x = frame.read::<f32>(&self.x)?;
            let width = self.x.width;
            vectorised!(self.arch, {
                for (index, row) in rows.iter().enumerate() {
                    let x = &x[index * width..(index + 1) * width];
                    for (before, out) in row.chunks_mut(self.after.max(1)).enumerate() {
                        self.reduce(&x[before * self.along * self.after..][..self.along * self.after], out);
                    }
                }
            });
            Ok(())
        })
    }
}

impl Reduce {
    /// Lines of `after` elements to one.
    #[inline(always)]
    fn reduce(&self, x: &[f32], out: &mut [f32]) {
        let largest = self.reduction == Reduction::Maximum;
        if let (&mut [ref mut out], false) = (&mut *out, largest) {
            *out = sum(self.arch, x);
        } else {
            out.fill(if largest { f32::NEG_INFINITY } else { 0.0 });
            for x in x.chunks(self.after.max(1)) {
                if largest {
                    // NaN on either side is kept.
                    let larger = |out: f32, x: f32| if out > x || out.is_nan() { out } else { x };
                    out.iter_mut().zip(x).for_each(|(out, &x)| *out = larger(*out, x));
                } else {
                    out.iter_mut().zip(x).for_each(|(out, &x)| *out += x);
                }
            }
        }
        if self.reduction == Reduction::Mean {
            out.iter_mut().for_each(|out| *out /= self.along as f32);
        }
    }
}

#[derive(Debug)]
struct MaskedMean {
    x: Operand,
    mask: Operand,
    output: Output,
    arch: Arch,
}

pub(super) fn masked_mean(request: &Request<'_>) -> Fast {
    let (x, mask) = (request.operands[0].clone(), request.operands[1].clone());
    Some(Box::new(MaskedMean { x, mask, output: request.output(), arch: request.arch }))
}

impl Step for MaskedMean {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let (x, mask) = (frame.read::<f32>(&self.x)?, frame.read::<bool>(&self.mask)?);
            let steps = self.mask.width;
            vectorised!(self.arch, {
                for (index, out) in rows.iter().enumerate() {
                    let (width, mut count) = (out.len(), 0usize);
                    out.fill(0.0);
                    for step in index * steps..(index + 1) * steps {
                        if mask[step] {
                            count += 1;
                            let x = &x[step * width..(step + 1) * width];
                            out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
                        }
                    }
                    out.iter_mut().for_each(|out| *out /= count as f32);
                }
            });
            Ok(())
        })
    }
}
