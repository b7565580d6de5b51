//! Reduce and MaskedMean: sums, means, extremes, products and norms along one axis of a sample.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::vector::{sum, sum_of_squares, vectorised};
use crate::error::Result;
use crate::ops::{self, Reduction};
use crate::tensor::DType;
use pulp::Arch;

#[derive(Debug)]
struct Reduce {
    reduction: Reduction,
    x: Operand,
    /// The number of elements along the axis, and after it.
    along: usize,
    after: usize,
    output: Output,
    arch: Arch,
}

pub(super) fn build(operator: &ops::Reduce, request: &Request<'_>) -> Fast {
    if request.output().dtype != DType::F32 {
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

/// The number of independent partial results, which hide the latency of each operation.
const LANES: usize = 16;

impl Reduce {
    /// Reduces lines of `after` elements to one line.
    #[inline(always)]
    fn reduce(&self, x: &[f32], out: &mut [f32]) {
        // NaN on either side propagates.
        let larger = |out: f32, x: f32| if out > x || out.is_nan() { out } else { x };
        let smaller = |out: f32, x: f32| if out < x || out.is_nan() { out } else { x };
        match (self.reduction, &mut *out) {
            (Reduction::Sum | Reduction::Mean, [out]) => *out = sum(self.arch, x),
            (Reduction::L2, [out]) => *out = sum_of_squares(self.arch, x),
            (Reduction::Sum | Reduction::Mean, _) => self.fold(x, out, 0.0, |out, x| out + x, |out, x| out + x),
            (Reduction::Maximum, _) => self.fold(x, out, f32::NEG_INFINITY, larger, larger),
            (Reduction::Minimum, _) => self.fold(x, out, f32::INFINITY, smaller, smaller),
            (Reduction::Product, _) => self.fold(x, out, 1.0, |out, x| out * x, |out, x| out * x),
            (Reduction::L1, _) => self.fold(x, out, 0.0, |out, x| out + x.abs(), |out, x| out + x),
            (Reduction::L2, _) => self.fold(x, out, 0.0, |out, x| out + x * x, |out, x| out + x),
            (Reduction::LogSumExp, _) => {
                self.fold(x, out, f32::NEG_INFINITY, larger, larger);
                for (inner, largest) in out.iter_mut().enumerate().filter(|(_, largest)| largest.is_finite()) {
                    let line = x[inner..].iter().step_by(self.after);
                    *largest += line.map(|x| (x - *largest).exp()).sum::<f32>().ln();
                }
            }
        }
        match self.reduction {
            Reduction::Mean => out.iter_mut().for_each(|out| *out /= self.along as f32),
            Reduction::L2 => out.iter_mut().for_each(|out| *out = out.sqrt()),
            _ => (),
        }
    }

    /// Folds each line with `add`. A line whose elements are contiguous is folded into several partial results, which
    /// `join` combines.
    #[inline(always)]
    fn fold(
        &self,
        x: &[f32],
        out: &mut [f32],
        neutral: f32,
        add: impl Fn(f32, f32) -> f32,
        join: impl Fn(f32, f32) -> f32,
    ) {
        out.fill(neutral);
        if let [out] = out {
            let (chunks, rest) = x.as_chunks::<LANES>();
            let mut lanes = [neutral; LANES];
            for chunk in chunks {
                lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane = add(*lane, x));
            }
            let total = lanes.into_iter().fold(neutral, join);
            *out = rest.iter().fold(total, |total, &x| add(total, x));
        } else {
            for x in x.chunks(self.after.max(1)) {
                out.iter_mut().zip(x).for_each(|(out, &x)| *out = add(*out, x));
            }
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
