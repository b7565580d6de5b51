//! BatchDot: products of the lines of two samples.

use super::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::vector::{dot, vectorised};
use crate::error::Result;
use crate::ops;
use pulp::{Arch, Simd, WithSimd};

#[derive(Debug)]
struct BatchDot {
    left: Operand,
    right: Operand,
    depth: usize,
    /// Whether the lines of the right side are columns: its elements along the sum stand a row of columns apart.
    columns: Option<usize>,
    output: Output,
    arch: Arch,
}

/// For lines of the left side that follow each other, and lines or columns of one matrix on the right.
pub(super) fn build(operator: &ops::BatchDot, request: &Request<'_>) -> Fast {
    let [_, depth, left_after] = request.around(0, operator.axes[0]);
    let [right_before, _, right_after] = request.around(1, operator.axes[1]);
    let columns = match (right_before, right_after) {
        (_, 1) => None,
        (1, columns) => Some(columns),
        _ => return None,
    };
    let (left, right) = (request.operands[0].clone(), request.operands[1].clone());
    let (output, arch) = (request.output, request.arch);
    (left_after == 1 && depth > 0)
        .then(|| Box::new(BatchDot { left, right, depth, columns, output, arch }) as Box<dyn Step>)
}

impl Step for BatchDot {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let (left, right) = (frame.read::<f32>(&self.left)?, frame.read::<f32>(&self.right)?);
            let samples = left.chunks(self.left.width.max(1)).zip(right.chunks(self.right.width.max(1)));
            for (out, (left, right)) in rows.iter().zip(samples) {
                match self.columns {
                    None => self.arch.dispatch(Lines { left, right, depth: self.depth, out }),
                    Some(columns) => vectorised!(self.arch, self.columns(left, right, columns, out)),
                }
            }
            Ok(())
        })
    }
}

impl BatchDot {
    #[inline(always)]
    fn columns(&self, left: &[f32], right: &[f32], columns: usize, out: &mut [f32]) {
        for (out, left) in out.chunks_mut(columns.max(1)).zip(left.chunks(self.depth)) {
            out.fill(0.0);
            for (factor, right) in left.iter().zip(right.chunks(columns.max(1))) {
                out.iter_mut().zip(right).for_each(|(out, right)| *out += factor * right);
            }
        }
    }
}

/// Every line of the left side times every line of the right side.
struct Lines<'a> {
    left: &'a [f32],
    right: &'a [f32],
    depth: usize,
    out: &'a mut [f32],
}

impl WithSimd for Lines<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut out = self.out.iter_mut();
        for left in self.left.chunks(self.depth) {
            for (right, out) in self.right.chunks(self.depth).zip(&mut out) {
                *out = dot(simd, left, right);
            }
        }
    }
}
