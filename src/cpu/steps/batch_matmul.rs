//! BatchMatmul: dot products of the lines of two samples.

use super::step::{Fast, MOST_MAPPED, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::vector::{dot, vectorised};
use crate::error::Result;
use crate::ops;
use crate::tensor::row_major_strides;
use pulp::{Arch, Simd, WithSimd};

#[derive(Debug)]
struct BatchMatmul {
    left: Operand,
    right: Operand,
    products: Products,
    /// Whether the elements of a right-hand line are contiguous; if not, those along the output's last dimension are.
    in_lines: bool,
    output: Output,
    arch: Arch,
}

/// The lines of both sides that make up the elements of a sample.
#[derive(Debug)]
struct Products {
    depth: usize,
    /// By run of elements along the output's last dimension: where its first lines start.
    starts: Vec<[usize; 2]>,
    /// The length of a run, and the distances between the lines of its elements.
    run: usize,
    steps: [usize; 2],
    /// The distance between the summed elements of the right side.
    right_step: usize,
    scale: f32,
}

/// Supports contiguous lines on the left side, and contiguous lines or columns on the right side.
pub(super) fn build(operator: &ops::BatchMatmul, request: &Request<'_>) -> Fast {
    let shapes = [0, 1].map(|side| request.types[side].shape.resolve(1));
    let [left_step, right_step] = [0, 1].map(|side| row_major_strides(&shapes[side])[operator.axes[side]]);
    let mut dims = operator.output_dims([&shapes[0], &shapes[1]]);
    dims.retain(|dim| dim.size != 1);
    let last = dims.pop();
    let (run, steps) = last.map_or((1, [0, 0]), |dim| (dim.size, dim.strides));
    let depth = shapes[0][operator.axes[0]];
    let in_lines = right_step == 1;
    let starts = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(dim.size));
    let too_many = starts.is_none_or(|starts| starts > MOST_MAPPED);
    if left_step != 1 || depth == 0 || run == 0 || too_many || !(in_lines || steps == [0, 1]) {
        return None;
    }
    let mut starts = vec![[0, 0]];
    for dim in &dims {
        let positions = |start: [usize; 2]| {
            (0..dim.size).map(move |at| [start[0] + at * dim.strides[0], start[1] + at * dim.strides[1]])
        };
        starts = starts.into_iter().flat_map(positions).collect();
    }
    let products = Products { depth, starts, run, steps, right_step, scale: operator.scale };
    let (left, right) = (request.operands[0].clone(), request.operands[1].clone());
    Some(Box::new(BatchMatmul { left, right, products, in_lines, output: request.output(), arch: request.arch }))
}

impl Step for BatchMatmul {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let (left, right) = (frame.read::<f32>(&self.left)?, frame.read::<f32>(&self.right)?);
            let samples = left.chunks(self.left.width.max(1)).zip(right.chunks(self.right.width.max(1)));
            for (out, (left, right)) in rows.iter().zip(samples) {
                if self.in_lines {
                    self.arch.dispatch(Lines { products: &self.products, left, right, out });
                } else {
                    vectorised!(self.arch, self.products.columns(left, right, out));
                }
            }
            Ok(())
        })
    }
}

impl Products {
    #[inline(always)]
    fn columns(&self, left: &[f32], right: &[f32], out: &mut [f32]) {
        for (out, start) in out.chunks_mut(self.run).zip(&self.starts) {
            out.fill(0.0);
            let rows = right[start[1]..].chunks(self.right_step);
            for (factor, right) in left[start[0]..][..self.depth].iter().zip(rows) {
                out.iter_mut().zip(right).for_each(|(out, right)| *out += factor * right);
            }
            if self.scale != 1.0 {
                out.iter_mut().for_each(|out| *out *= self.scale);
            }
        }
    }
}

/// Products of lines of the left side with lines of the right side.
struct Lines<'a> {
    products: &'a Products,
    left: &'a [f32],
    right: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Lines<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Products { depth, run, steps, scale, .. } = *self.products;
        for (out, start) in self.out.chunks_mut(run).zip(&self.products.starts) {
            let [mut left, mut right] = *start;
            for out in out {
                *out = scale * dot(simd, &self.left[left..left + depth], &self.right[right..right + depth]);
                left += steps[0];
                right += steps[1];
            }
        }
    }
}
