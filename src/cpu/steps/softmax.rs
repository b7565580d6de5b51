//! Softmax along the last axis of a sample.

use super::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::exp;
use crate::cpu::vector::{add_up, map};
use crate::error::Result;
use crate::ops;
use pulp::{Arch, Simd, WithSimd};

#[derive(Debug)]
struct Softmax {
    x: Operand,
    length: usize,
    log: bool,
    output: Output,
    arch: Arch,
}

pub(super) fn build(operator: &ops::Softmax, request: &Request<'_>) -> Fast {
    let [_, length, after] = request.around(0, operator.axis);
    let (x, output, arch) = (request.operands[0].clone(), request.output, request.arch);
    (after == 1).then(|| Box::new(Softmax { x, length, log: operator.log, output, arch }) as Box<dyn Step>)
}

impl Step for Softmax {
    fn run(&self, frame: &mut Frame<'_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let x = frame.read::<f32>(&self.x)?;
            let length = self.length.max(1);
            for (out, x) in rows.iter().zip(x.chunks(self.x.width.max(1))) {
                for (out, x) in out.chunks_mut(length).zip(x.chunks(length)) {
                    out.copy_from_slice(x);
                    self.arch.dispatch(Line { values: out, log: self.log });
                }
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
        // What is not a number is not seen here, and makes the sum not a number.
        let largest = largest(simd, values);
        let shift = simd.splat_f32s(largest);
        if log {
            map!(simd, values, |x| simd.sub_f32s(x, shift));
            let sum = f64::from(add_up!(simd, values, |x| exp(simd, x)));
            let logarithm = simd.splat_f32s(sum.ln() as f32);
            map!(simd, values, |x| simd.sub_f32s(x, logarithm));
        } else {
            map!(simd, values, |x| exp(simd, simd.sub_f32s(x, shift)));
            let sum = simd.splat_f32s(add_up!(simd, values, |x| x));
            map!(simd, values, |x| simd.div_f32s(x, sum));
        }
    }
}

#[inline(always)]
fn largest<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(values);
    let lanes = vectors
        .iter()
        .fold(simd.splat_f32s(f32::NEG_INFINITY), |most, &x| simd.select_f32s(simd.less_than_f32s(most, x), x, most));
    rest.iter().fold(simd.reduce_max_f32s(lanes), |most, &x| if most < x { x } else { most })
}
