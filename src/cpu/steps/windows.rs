//! Convolution and Pool: windows over positions.
//!
//! The elements that the windows of some positions read are gathered into rows (im2col), which a packed matrix product
//! multiplies. Grouped convolutions, such as depthwise ones, have too few channels for that: there each tap is added to
//! all units at once.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::Apply;
use crate::cpu::matrix::{Finish, Matrix};
use crate::cpu::vector::vectorised;
use crate::error::Result;
use crate::ops::{self, Function, Reduction, Walk, Window};
use crate::tensor::Tensor;
use pulp::Arch;
use std::sync::Arc;

/// The number of floats in the rows that are multiplied at a time, chosen to roughly fit the first-level cache.
const ROWS: usize = 8 << 10;

/// Windows over the positions of a sample.
#[derive(Debug)]
struct Windows {
    walk: Walk,
    channels: usize,
}

impl Windows {
    fn new(windows: &[Window], request: &Request<'_>) -> Option<Windows> {
        let mut positions = request.types[0].shape.sample();
        let channels = positions.pop()?;
        Some(Windows { walk: Walk::new(windows, &positions), channels })
    }

    /// Calls `visit` with every tap that lies inside the input, and the channels that it reads.
    #[inline(always)]
    fn visit<'x>(&self, x: &'x [f32], at: usize, mut visit: impl FnMut(usize, &'x [f32])) {
        self.walk.for_each_tap(
            at,
            #[inline(always)]
            |tap, from| visit(tap, &x[from * self.channels..][..self.channels]),
        );
    }
}

/// A convolution with one group: gathered rows times a matrix.
#[derive(Debug)]
struct Product {
    x: Operand,
    windows: Windows,
    matrix: Matrix,
    bias: Operand,
    function: Option<Function>,
    /// The number of windows that are gathered at a time.
    rows: usize,
    scratch: Output,
    output: Output,
}

/// A convolution with several groups.
#[derive(Debug)]
struct Groups {
    x: Operand,
    windows: Windows,
    kernel: Arc<Tensor>,
    /// The number of channels and of units in a group.
    depth: usize,
    units: usize,
    bias: Operand,
    function: Option<Function>,
    output: Output,
    arch: Arch,
}

pub(super) fn convolution(operator: &ops::Convolution, request: &mut Request<'_>) -> Result<Fast> {
    let (Some(kernel), true) = (request.constant(1).cloned(), request.operands[2].once) else { return Ok(None) };
    // Gathered rows contain zeros for positions outside the input. Their product with an infinite weight would be NaN,
    // whereas the operator skips these positions.
    if kernel.count_floats(|weight| !weight.is_finite()) > 0 {
        return Ok(None);
    }
    let Some(windows) = Windows::new(&operator.windows, request) else { return Ok(None) };
    let (x, bias) = (request.operands[0].clone(), request.operands[2].clone());
    let (function, output, arch) = (operator.activation, request.output(), request.arch);
    let &[.., depth, units] = kernel.shape() else { return Ok(None) };
    if depth < windows.channels {
        let units = units / (windows.channels / depth);
        return Ok(Some(Box::new(Groups { x, windows, kernel, depth, units, bias, function, output, arch })));
    }
    let depth = windows.walk.taps() * depth;
    let matrix = Matrix::new(arch, kernel.as_f32()?, depth, units);
    let rows = (ROWS / depth.max(1)).clamp(1, windows.walk.count().max(1));
    let scratch = (request.scratch)(rows * depth, true);
    Ok(Some(Box::new(Product { x, windows, matrix, bias, function, rows, scratch, output })))
}

impl Step for Product {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<f32>(&self.scratch, |frame, mut scratch| {
            let read = scratch.row(0);
            frame.write::<f32>(&self.output, |frame, mut rows| {
                let (x, bias) = (frame.read::<f32>(&self.x)?, frame.read(&self.bias)?);
                let (depth, units) = (self.matrix.panels.depth(), self.matrix.panels.units());
                let finish = Finish { bias, function: self.function, ..Finish::default() };
                for (out, x) in rows.iter().zip(x.chunks(self.x.width.max(1))) {
                    for (part, out) in out.chunks_mut((self.rows * units).max(1)).enumerate() {
                        let count = out.len() / units;
                        for (row, read) in read.chunks_mut(depth).take(count).enumerate() {
                            self.lay_out(x, part * self.rows + row, read);
                        }
                        self.matrix.multiply(read, count, finish, out, units);
                    }
                }
                Ok(())
            })
        })
    }
}

impl Product {
    /// Gathers everything that one window reads, with zeros outside the input.
    fn lay_out(&self, x: &[f32], at: usize, read: &mut [f32]) {
        let (channels, mut next) = (self.windows.channels, 0);
        self.windows.visit(
            x,
            at,
            #[inline(always)]
            |tap, x| {
                read[next..tap * channels].fill(0.0);
                next = (tap + 1) * channels;
                read[tap * channels..next].copy_from_slice(x);
            },
        );
        read[next..].fill(0.0);
    }
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
            self.windows.visit(
                x,
                at,
                #[inline(always)]
                |tap, x| {
                    let kernel = &kernel[tap * self.depth * all_units..][..self.depth * all_units];
                    if self.depth == 1 && self.units == 1 {
                        let products = x.iter().zip(kernel).map(|(x, weight)| x * weight);
                        out.iter_mut().zip(products).for_each(|(out, product)| *out += product);
                        return;
                    }
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

/// Means or maxima over windows.
#[derive(Debug)]
struct Pool {
    x: Operand,
    windows: Windows,
    reduction: Reduction,
    output: Output,
    arch: Arch,
}

pub(super) fn pool(operator: &ops::Pool, request: &Request<'_>) -> Fast {
    let windows = Windows::new(&operator.windows, request)?;
    let (x, output, arch) = (request.operands[0].clone(), request.output(), request.arch);
    Some(Box::new(Pool { x, windows, reduction: operator.reduction, output, arch }))
}

impl Step for Pool {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<f32>(&self.output, |frame, mut rows| {
            let x = frame.read::<f32>(&self.x)?;
            for (out, x) in rows.iter().zip(x.chunks(self.x.width.max(1))) {
                vectorised!(self.arch, self.reduce(x, out));
            }
            Ok(())
        })
    }
}

impl Pool {
    #[inline(always)]
    fn reduce(&self, x: &[f32], out: &mut [f32]) {
        let largest = self.reduction == Reduction::Maximum;
        for (at, out) in out.chunks_mut(self.windows.channels.max(1)).enumerate() {
            let mut read = 0.0;
            out.fill(if largest { f32::NEG_INFINITY } else { 0.0 });
            self.windows.visit(
                x,
                at,
                #[inline(always)]
                |_, x| {
                    read += 1.0;
                    if largest {
                        // NaN on either side propagates.
                        let larger = |out: f32, x: f32| if out > x || out.is_nan() { out } else { x };
                        out.iter_mut().zip(x).for_each(|(out, &x)| *out = larger(*out, x));
                    } else {
                        out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
                    }
                },
            );
            if !largest {
                out.iter_mut().for_each(|out| *out /= read);
            }
        }
    }
}
