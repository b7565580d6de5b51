//! Softmax along the last axis of a sample.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::exp_of_negative;
use crate::cpu::vector::{add_up, largest, map, map_and_add_up};
use crate::error::Result;
use crate::ops;
use pulp::{Arch, Simd, WithSimd};

#[derive(Debug)]
struct Softmax {
    x: Operand,
    length: usize,
    log: bool,
    /// Whether the operand is already in the output's memory.
    in_place: bool,
    output: Output,
    arch: Arch,
}

pub(super) fn build(operator: &ops::Softmax, request: &Request<'_>) -> Fast {
    let [_, length, after] = request.around(0, operator.axis);
    let (x, output, arch) = (request.operands[0].clone(), request.output(), request.arch);
    let in_place = request.placed[0];
    (after == 1).then(|| Box::new(Softmax { x, length, log: operator.log, in_place, output, arch }) as Box<dyn Step>)
}

impl Step for Softmax {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            if !self.in_place {
                let x = frame.read::<f32>(&self.x)?;
                rows.iter().zip(x.chunks(self.x.width.max(1))).for_each(|(row, x)| row.copy_from_slice(x));
            }
            for line in rows.iter().flat_map(|row| row.chunks_mut(self.length.max(1))) {
                self.arch.dispatch(Line { values: line, log: self.log });
            }
            Ok(())
        })
    }
}

struct Line<'v> {
    values: &'v mut [f32],
    log: bool,
}

impl WithSimd for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Line { values, log } = self;
        // NaN makes the sum NaN, whether or not the maximum ignores it.
        let shift = simd.splat_f32s(largest(simd, values));
        if log {
            map!(simd, values, |x| simd.sub_f32s(x, shift));
            let sum = f64::from(add_up!(simd, values, |x| exp_of_negative(simd, x)));
            let logarithm = simd.splat_f32s(sum.ln() as f32);
            map!(simd, values, |x| simd.sub_f32s(x, logarithm));
        } else {
            let sum = map_and_add_up!(simd, values, |x| exp_of_negative(simd, simd.sub_f32s(x, shift)));
            let scale = simd.splat_f32s(1.0 / sum);
            map!(simd, values, |x| simd.mul_f32s(x, scale));
        }
    }
}
