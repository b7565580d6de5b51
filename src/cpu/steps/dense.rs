//! Dense: a packed matrix product with its bias and its activation.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::matrix::{Finish, Matrix};
use crate::cpu::tile::Order;
use crate::error::Result;
use crate::ops::{self, Function};

#[derive(Debug)]
struct Dense {
    x: Operand,
    matrix: Matrix,
    bias: Operand,
    function: Option<Function>,
    output: Output,
}

pub(super) fn build(operator: &ops::Dense, request: &Request<'_>) -> Result<Fast> {
    let (Some(kernel), true) = (request.constant(1), request.operands[2].once) else { return Ok(None) };
    let &[depth, units] = kernel.shape() else { return Ok(None) };
    Ok(Some(Box::new(Dense {
        x: request.operands[0].clone(),
        matrix: Matrix::new(request.arch, kernel.as_f32()?, depth, units),
        bias: request.operands[2].clone(),
        function: operator.activation,
        output: request.output(),
    })))
}

impl Step for Dense {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let (x, bias) = (frame.read(&self.x)?, frame.read(&self.bias)?);
            let order = Order::of(frame.is_alone);
            let (matrix, finish) = (&self.matrix, Finish { bias, function: self.function, order });
            let (depth, units) = (matrix.panels.depth(), matrix.panels.units());
            // Under TimeDistributed a sample has several consecutive rows.
            if self.output.width == units {
                let count = rows.count();
                let (out, stride) = rows.strided();
                matrix.multiply(x, count, finish, out, stride);
            } else if let Some(out) = rows.flat() {
                matrix.multiply(x, out.len() / units.max(1), finish, out, units);
            } else {
                let steps = self.output.width / units.max(1);
                for (row, x) in rows.iter().zip(x.chunks((steps * depth).max(1))) {
                    matrix.multiply(x, steps, finish, row, units);
                }
            }
            Ok(())
        })
    }
}
