//! Convolution with groups of few units, such as a depthwise one with two units per channel: each tap is added to all
//! units of a window at once.

use super::step::{Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::Apply;
use crate::cpu::vector::vectorised;
use crate::error::Result;
use crate::ops::{self, Function, Walk};
use crate::tensor::Tensor;
use pulp::Arch;
use std::sync::Arc;

#[derive(Debug)]
struct Groups {
    x: Operand,
    walk: Walk,
    channels: usize,
    kernel: Arc<Tensor>,
    /// The number of channels and of units in a group.
    depth: usize,
    units: usize,
    bias: Operand,
    function: Option<Function>,
    output: Output,
    arch: Arch,
}

pub(super) fn build(
    operator: &ops::Convolution,
    kernel: &Arc<Tensor>,
    [channels, depth, units]: [usize; 3],
    positions: &[usize],
    request: &Request<'_>,
) -> Box<dyn Step> {
    Box::new(Groups {
        x: request.operands[0].clone(),
        walk: Walk::new(&operator.windows, positions),
        channels,
        kernel: Arc::clone(kernel),
        depth,
        units,
        bias: request.operands[2].clone(),
        function: operator.activation,
        output: request.output(),
        arch: request.arch,
    })
}

impl Step for Groups {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<f32>(&self.output, |frame, mut rows| {
            let (x, bias) = (frame.read::<f32>(&self.x)?, frame.read::<f32>(&self.bias)?);
            let kernel = self.kernel.as_f32()?;
            for (out, x) in rows.iter().zip(x.chunks(self.x.width.max(1))) {
                vectorised!(self.arch, self.convolve(x, kernel, bias, out));
                if let Some(function) = self.function {
                    self.arch.dispatch(Apply { function, values: out });
                }
            }
            Ok(())
        })
    }
}

impl Groups {
    #[inline(always)]
    fn convolve(&self, x: &[f32], kernel: &[f32], bias: &[f32], out: &mut [f32]) {
        let all_units = bias.len();
        for (at, out) in out.chunks_mut(all_units.max(1)).enumerate() {
            out.copy_from_slice(bias);
            self.walk.for_each_tap(
                at,
                #[inline(always)]
                |tap, from| {
                    let x = &x[from * self.channels..][..self.channels];
                    let kernel = &kernel[tap * self.depth * all_units..][..self.depth * all_units];
                    for (c, line) in kernel.chunks(all_units).enumerate() {
                        let groups = out.chunks_mut(self.units).zip(line.chunks(self.units)).zip(x.chunks(self.depth));
                        for ((out, weights), x) in groups {
                            out.iter_mut().zip(weights).for_each(|(out, weight)| *out += x[c] * weight);
                        }
                    }
                },
            );
        }
    }
}
