//! BatchNormalization, LayerNormalization and L2Normalize.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::vector::{sum, sum_of_squares, vectorised};
use crate::error::Result;
use crate::ops::{self, overflowing};
use pulp::Arch;

/// `(x − mean) · scale + beta`, with one value of each for every element of a sample.
#[derive(Debug)]
struct Batch {
    x: Operand,
    mean: Vec<f32>,
    scale: Vec<f32>,
    beta: Vec<f32>,
    output: Output,
    arch: Arch,
}

pub(super) fn batch(operator: &ops::BatchNormalization, request: &Request<'_>) -> Result<Fast> {
    let Some(statistics) = request.constant(1) else { return Ok(None) };
    let statistics = statistics.as_f32()?;
    let [_, channels, after] = request.around(0, operator.axis);
    let row = |row: usize| move |index: usize| statistics[row * channels + index / after % channels];
    let elements = 0..request.output().width;
    let scale = |index: usize| {
        let deviation = (f64::from(row(3)(index)) + f64::from(operator.epsilon)).sqrt();
        (f64::from(row(0)(index)) / deviation) as f32
    };
    Ok(Some(Box::new(Batch {
        x: request.operands[0].clone(),
        mean: elements.clone().map(row(2)).collect(),
        scale: elements.clone().map(scale).collect(),
        beta: elements.map(row(1)).collect(),
        output: request.output(),
        arch: request.arch,
    })))
}

impl Step for Batch {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let x = frame.read::<f32>(&self.x)?;
            vectorised!(self.arch, {
                for (out, x) in rows.iter().zip(x.chunks(self.x.width.max(1))) {
                    normalize(out, x, |index| self.mean[index], &self.scale, &self.beta);
                }
            });
            Ok(())
        })
    }
}

#[inline(always)]
fn normalize(out: &mut [f32], x: &[f32], mean: impl Fn(usize) -> f32, scale: &[f32], beta: &[f32]) {
    let count = out.len();
    let (x, scale, beta) = (&x[..count], &scale[..count], &beta[..count]);
    for index in 0..count {
        out[index] = (x[index] - mean(index)) * scale[index] + beta[index];
    }
}

#[derive(Debug)]
struct Layer {
    operands: [Operand; 3],
    epsilon: f32,
    mean: ops::Mean,
    output: Output,
    arch: Arch,
}

pub(super) fn layer(operator: &ops::LayerNormalization, request: &Request<'_>) -> Fast {
    let [x, gamma, beta] = &request.operands[..] else { return None };
    // Scales that differ between samples do not occur in layers and are left to the reference implementation.
    let shared = gamma.once && beta.once;
    let operands = [x.clone(), gamma.clone(), beta.clone()];
    let ops::LayerNormalization { epsilon, mean, .. } = *operator;
    let (output, arch) = (request.output(), request.arch);
    shared.then(|| Box::new(Layer { operands, epsilon, mean, output, arch }) as Box<dyn Step>)
}

impl Step for Layer {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let [x, gamma, beta] = &self.operands;
            let (values, gamma, beta) = (frame.read::<f32>(x)?, frame.read::<f32>(gamma)?, frame.read::<f32>(beta)?);
            let width = gamma.len().max(1);
            vectorised!(self.arch, {
                for (out, x) in rows.iter().zip(values.chunks(x.width.max(1))) {
                    for (out, x) in out.chunks_mut(width).zip(x.chunks(width)) {
                        self.line(out, x, gamma, beta);
                    }
                }
            });
            Ok(())
        })
    }
}

impl Layer {
    /// In two passes, because E(x²) − E(x)² suffers from cancellation.
    #[inline(always)]
    fn line(&self, out: &mut [f32], x: &[f32], gamma: &[f32], beta: &[f32]) {
        let count = x.len() as f64;
        let centre = match self.mean {
            ops::Mean::Nowhere => 0.0,
            _ => (f64::from(sum(self.arch, x)) / count) as f32,
        };
        out.iter_mut().zip(x).for_each(|(out, x)| *out = x - centre);
        let variance = f64::from(sum_of_squares(self.arch, out)) / count;
        if self.mean == ops::Mean::InVariance {
            out.copy_from_slice(x);
        }
        let deviation = (variance + f64::from(self.epsilon)).sqrt() as f32;
        let scales = gamma.iter().zip(beta);
        out.iter_mut().zip(scales).for_each(|(out, (gamma, beta))| *out = gamma * *out / deviation + beta);
    }
}

#[derive(Debug)]
struct Length {
    x: Operand,
    length: usize,
    floor: f32,
    output: Output,
}

/// For lines whose elements are contiguous.
pub(super) fn length(operator: &ops::L2Normalize, request: &Request<'_>) -> Fast {
    let [_, length, after] = request.around(0, operator.axis);
    let (x, output) = (request.operands[0].clone(), request.output());
    (after == 1).then(|| Box::new(Length { x, length, floor: operator.floor, output }) as Box<dyn Step>)
}

impl Step for Length {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write(&self.output, |frame, mut rows| {
            let x = frame.read::<f32>(&self.x)?;
            let length = self.length.max(1);
            for (out, x) in rows.iter().zip(x.chunks(self.x.width.max(1))) {
                for (out, x) in out.chunks_mut(length).zip(x.chunks(length)) {
                    // In f64 the square of a float cannot underflow. It overflows as it would in float32.
                    let squared = overflowing(x.iter().map(|&x| f64::from(x) * f64::from(x)).sum());
                    let floor = f64::from(self.floor);
                    let length = if squared < floor { floor.sqrt() } else { squared.sqrt() };
                    out.iter_mut().zip(x).for_each(|(out, &x)| *out = (f64::from(x) / length) as f32);
                }
            }
            Ok(())
        })
    }
}
