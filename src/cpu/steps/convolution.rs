//! Convolution as a direct sum over taps and channels.
//!
//! A few windows times the columns of a panel of packed weights are summed in registers, as in a matrix product. Each
//! window is read where it lies in the input; taps outside the input are skipped ([`Areas`]).

use super::step::{Fast, Request, Step};
use super::{channelwise, groups};
use crate::cpu::areas::{Area, Areas, Place, Spacing};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::{Apply, Clamp};
use crate::cpu::matrix::{Matrix, Panel};
use crate::cpu::tile::{self, TILE_ROWS};
use crate::error::Result;
use crate::ops::{self, Function};
use pulp::{Arch, Simd, WithSimd};

/// The least number of units in a group for which its weights are packed. With fewer, most lanes would be empty.
const FEWEST_UNITS: usize = 4;

#[derive(Debug)]
struct Convolution {
    x: Operand,
    areas: Areas,
    channels: usize,
    /// The weights of each group, `[taps · channels of the group, units of the group]`.
    groups: Vec<Matrix>,
    bias: Operand,
    function: Option<Function>,
    output: Output,
    arch: Arch,
}

pub(super) fn build(operator: &ops::Convolution, request: &Request<'_>) -> Result<Fast> {
    let (Some(kernel), true) = (request.constant(1), request.operands[2].once) else { return Ok(None) };
    let (&[.., depth, units], sample) = (kernel.shape(), request.types[0].shape.sample()) else { return Ok(None) };
    let Some((&channels, positions)) = sample.split_last() else { return Ok(None) };
    let count = (channels / depth.max(1)).max(1);
    let each = units / count;
    if depth == 1 && each == 1 && count > 1 {
        return Ok(channelwise::depthwise(operator, kernel.as_f32()?, positions, request));
    }
    if count > 1 && each < FEWEST_UNITS {
        return Ok(Some(groups::build(operator, kernel, [channels, depth, each], positions, request)));
    }
    let Some(areas) = Areas::new(&operator.windows, positions) else { return Ok(None) };
    let areas = if count > 1 { areas.tap_by_tap() } else { areas };
    let rows = areas.taps() * depth;
    let weights = kernel.as_f32()?;
    let group = |group: usize| match count {
        1 => Matrix::new(request.arch, weights, rows, units),
        _ => Matrix::new(request.arch, &columns(weights, units, group * each, each), rows, each),
    };
    Ok(Some(Box::new(Convolution {
        x: request.operands[0].clone(),
        areas,
        channels,
        groups: (0..count).map(group).collect(),
        bias: request.operands[2].clone(),
        function: operator.activation,
        output: request.output(),
        arch: request.arch,
    })))
}

/// Some columns of a matrix with this many.
fn columns(matrix: &[f32], all: usize, first: usize, count: usize) -> Vec<f32> {
    matrix.chunks(all.max(1)).flat_map(|row| &row[first..first + count]).copied().collect()
}

impl Step for Convolution {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<f32>(&self.output, |frame, mut rows| {
            let (x, bias) = (frame.read::<f32>(&self.x)?, frame.read::<f32>(&self.bias)?);
            let samples = rows.count();
            let (out, stride) = rows.strided();
            let spacing = Spacing { channels: self.channels, units: bias.len(), samples: [self.x.width, stride] };
            for (group, matrix) in self.groups.iter().enumerate() {
                let depth = matrix.panels.depth() / self.areas.taps().max(1);
                let first = group * matrix.panels.units();
                // Without windows there is no output.
                let start = first.min(out.len());
                self.arch.dispatch(Convolve {
                    areas: &self.areas,
                    matrix,
                    depth,
                    x: &x[(group * depth).min(x.len())..],
                    bias: &bias[first..first + matrix.panels.units()],
                    function: self.function,
                    out: &mut out[start..],
                    samples,
                    spacing,
                });
            }
            Ok(())
        })
    }
}

/// The convolution of one group.
struct Convolve<'a> {
    areas: &'a Areas,
    matrix: &'a Matrix,
    /// The number of channels of the group.
    depth: usize,
    /// From the first channel and to the first unit of the group on.
    x: &'a [f32],
    bias: &'a [f32],
    function: Option<Function>,
    out: &'a mut [f32],
    samples: usize,
    spacing: Spacing,
}

impl WithSimd for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Convolve { areas, matrix, depth, x, bias, function, out, samples, spacing } = self;
        let clamp = Clamp::<S>::new(simd, function);
        let rest = if clamp.is_some() { None } else { function };
        for panels in matrix.panels.groups() {
            for area in areas.iter() {
                areas.for_each_tile(
                    area,
                    samples,
                    spacing,
                    #[inline(always)]
                    |tile| {
                        for panel in panels {
                            let weights = matrix.panel::<S>(panel);
                            let windows = Windows { area, tile, x, channels: spacing.channels, depth, weights };
                            windows.compute(simd, &bias[panel.column..panel.end()], clamp, out, panel);
                        }
                        let (Some(function), [first, .., last] | [first @ last]) = (rest, panels) else { return };
                        for place in tile {
                            let values = &mut out[place.to + first.column..place.to + last.end()];
                            simd.vectorize(Apply { function, values });
                        }
                    },
                );
            }
        }
    }
}

/// The bias of a panel, what is applied to its sums, and its first column.
type Finish<'a, S> = (&'a [f32], Option<Clamp<S>>, usize);

/// A few windows of an area and the weights of a panel.
struct Windows<'a, S: Simd> {
    area: &'a Area,
    tile: &'a [Place],
    x: &'a [f32],
    channels: usize,
    depth: usize,
    weights: &'a [S::f32s],
}

impl<S: Simd> Windows<'_, S> {
    #[inline(always)]
    fn compute(self, simd: S, bias: &[f32], clamp: Option<Clamp<S>>, out: &mut [f32], panel: &Panel) {
        let finish = (bias, clamp, panel.column);
        match panel.vectors {
            1 => self.of_width::<1>(simd, finish, out),
            2 => self.of_width::<2>(simd, finish, out),
            3 => self.of_width::<3>(simd, finish, out),
            _ => self.of_width::<4>(simd, finish, out),
        }
    }

    #[inline(always)]
    fn of_width<const VECTORS: usize>(self, simd: S, finish: Finish<'_, S>, out: &mut [f32]) {
        match self.tile.len() {
            1 => self.of_size::<VECTORS, 1>(simd, finish, out),
            2 => self.of_size::<VECTORS, 2>(simd, finish, out),
            3 => self.of_size::<VECTORS, 3>(simd, finish, out),
            4 => self.of_size::<VECTORS, 4>(simd, finish, out),
            5 => self.of_size::<VECTORS, 5>(simd, finish, out),
            _ => self.of_size::<VECTORS, TILE_ROWS>(simd, finish, out),
        }
    }

    #[inline(always)]
    fn of_size<const VECTORS: usize, const HEIGHT: usize>(self, simd: S, finish: Finish<'_, S>, out: &mut [f32]) {
        let (bias, clamp, column) = finish;
        let Windows { area, tile, x, channels, depth, weights } = self;
        let (weights, _) = weights.as_chunks::<VECTORS>();
        let Some(tile) = tile.first_chunk::<HEIGHT>() else { return };
        let mut sums = [tile::start::<S, VECTORS>(simd, bias); HEIGHT];
        // Slices of one length, so that one comparison checks an index of all of them.
        let length = if area.runs.is_empty() { 0 } else { area.reach() * channels + depth };
        let mut rows: [&[f32]; HEIGHT] = [&[]; HEIGHT];
        for row in 0..HEIGHT {
            rows[row] = &x[tile[row].from.min(x.len())..][..length];
        }
        for run in &area.runs {
            let length = (run.taps - 1) * channels + depth;
            let weights = &weights[run.tap * depth..][..length];
            let mut x = rows;
            for x in &mut x {
                *x = &x[run.from * channels..][..length];
            }
            for (k, weights) in weights.iter().enumerate() {
                for row in 0..HEIGHT {
                    let factor = simd.splat_f32s(x[row][k]);
                    for vector in 0..VECTORS {
                        sums[row][vector] = simd.mul_add_e_f32s(factor, weights[vector], sums[row][vector]);
                    }
                }
            }
        }
        for row in 0..HEIGHT {
            tile::store(simd, sums[row], clamp, &mut out[tile[row].to + column..][..bias.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::vector::machines;
    use crate::ops::{Padding, Walk, Window};

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * 7919 + 13) % 101) as f32 / 50.0 - 1.0).collect()
    }

    #[test]
    fn convolutions_are_sums_over_taps_on_every_machine() {
        let window = |input, size, stride| Window::over(input, size, stride, 1, Padding::Same).expect("windows");
        for (windows, depth, units, arch) in machines().into_iter().flat_map(|arch| {
            let sizes = [(1, 5), (3, 33), (4, 16), (9, 70)];
            sizes.map(|(depth, units)| ([window(8, 3, 1), window(9, 3, 2)], depth, units, arch))
        }) {
            let (areas, walk) = (Areas::new(&windows, &[8, 9]).expect("few runs"), Walk::new(&windows, &[8, 9]));
            let (x, bias, kernel) = (numbers(2 * 72 * depth), numbers(units), numbers(9 * depth * units));
            let matrix = Matrix::new(arch, &kernel, 9 * depth, units);
            let stride = walk.count() * units + 3;
            let mut out = vec![f32::NAN; 2 * stride];
            arch.dispatch(Convolve {
                areas: &areas,
                matrix: &matrix,
                depth,
                x: &x,
                bias: &bias,
                function: Some(Function::RELU),
                out: &mut out,
                samples: 2,
                spacing: Spacing { channels: depth, units, samples: [72 * depth, stride] },
            });
            for (index, &value) in out.iter().enumerate() {
                let (sample, at, unit) = (index / stride, index % stride / units, index % stride % units);
                if at >= walk.count() {
                    assert!(value.is_nan(), "{arch:?} writes behind its output");
                    continue;
                }
                let mut sum = f64::from(bias[unit]);
                walk.for_each_tap(at, |tap, from| {
                    let product = |c: usize| {
                        let x = f64::from(x[(sample * 72 + from) * depth + c]);
                        x * f64::from(kernel[(tap * depth + c) * units + unit])
                    };
                    sum += (0..depth).map(product).sum::<f64>();
                });
                let place = format!("{arch:?}: {depth} channels, {units} units at {index}");
                assert!((f64::from(value) - sum.max(0.0)).abs() < 1e-5, "{place}: {value} and not {sum}");
            }
        }
    }
}
