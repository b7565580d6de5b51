//! Activation: a function of every element.

use super::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::Apply;
use crate::error::Result;
use crate::ops::{self, Function};
use pulp::Arch;

#[derive(Debug)]
struct Activation {
    x: Operand,
    function: Function,
    output: Output,
    arch: Arch,
}

pub(super) fn build(operator: &ops::Activation, request: &Request<'_>) -> Fast {
    let x = request.operands[0].clone();
    Some(Box::new(Activation { x, function: operator.function, output: request.output, arch: request.arch }))
}

impl Step for Activation {
    fn run(&self, frame: &mut Frame<'_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let x = frame.read(&self.x)?;
            let compute = |values: &mut [f32], x: &[f32]| {
                values.copy_from_slice(x);
                self.arch.dispatch(Apply { function: self.function, values });
            };
            if let Some(values) = rows.flat() {
                compute(values, x);
            } else {
                rows.iter().zip(x.chunks(self.x.width.max(1))).for_each(|(row, x)| compute(row, x));
            }
            Ok(())
        })
    }
}
