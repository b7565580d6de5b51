//! Dense: the packed matrix product, its bias, and its activation.

use super::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::matrix::Matrix;
use crate::error::Result;
use crate::ops::Function;

#[derive(Debug)]
struct Dense {
    x: Operand,
    matrix: Matrix,
    bias: Operand,
    function: Option<Function>,
    output: Output,
}

pub(super) fn build(request: &Request<'_>) -> Result<Fast> {
    let (Some(kernel), true) = (request.constant(1), request.operands[2].once) else { return Ok(None) };
    let &[depth, units] = kernel.shape() else { return Ok(None) };
    Ok(Some(Box::new(Dense {
        x: request.operands[0].clone(),
        matrix: Matrix::new(request.arch, kernel.as_f32()?, depth, units),
        bias: request.operands[2].clone(),
        function: None,
        output: request.output,
    })))
}

impl Step for Dense {
    fn run(&self, frame: &mut Frame<'_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let (x, bias) = (frame.read(&self.x)?, frame.read(&self.bias)?);
            let Dense { matrix, function, .. } = self;
            // Under TimeDistributed a sample has several rows, which follow each other.
            if self.output.width == matrix.units() {
                let count = rows.count();
                let (out, stride) = rows.strided();
                matrix.multiply(x, count, bias, *function, out, stride);
            } else if let Some(out) = rows.flat() {
                matrix.multiply(x, out.len() / matrix.units().max(1), bias, *function, out, matrix.units());
            } else {
                let steps = self.output.width / matrix.units().max(1);
                for (row, x) in rows.iter().zip(x.chunks((steps * matrix.depth()).max(1))) {
                    matrix.multiply(x, steps, bias, *function, row, matrix.units());
                }
            }
            Ok(())
        })
    }
}
