//! Dense and FusedMlp: packed matrix products, each with its bias and its activation.

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

/// Consecutive layers.
#[derive(Debug)]
struct FusedMlp(Vec<Dense>);

pub(super) fn fused_mlp(operator: &ops::FusedMlp, request: &mut Request<'_>) -> Result<Fast> {
    let once = request.output().once;
    let rows: usize = request.types[0].shape.sample().split_last().map_or(1, |(_, before)| before.iter().product());
    let mut x = request.operands[0].clone();
    let mut layers = Vec::new();
    for (layer, function) in operator.activations.iter().enumerate() {
        let (kernel, bias) = (request.constant(1 + 2 * layer), request.operands[2 + 2 * layer].clone());
        let (Some(kernel), true) = (kernel, bias.once) else { return Ok(None) };
        let &[depth, units] = kernel.shape() else { return Ok(None) };
        let matrix = Matrix::new(request.arch, kernel.as_f32()?, depth, units);
        let width = rows * units;
        let is_last = layer + 1 == operator.activations.len();
        let output = if is_last { request.output() } else { (request.scratch)(width, once) };
        let next = Operand { region: output.region(), dtype: output.dtype, width, once };
        layers.push(Dense { x: std::mem::replace(&mut x, next), matrix, bias, function: *function, output });
    }
    Ok(Some(Box::new(FusedMlp(layers))))
}

impl Step for FusedMlp {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        self.0.iter().try_for_each(|layer| layer.run(frame))
    }
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
