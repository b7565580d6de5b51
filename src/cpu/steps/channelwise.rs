//! Depthwise convolution and Pool: windows over each channel by itself.
//!
//! A few windows times a few vectors of channels are summed in registers. Vectors are loaded whole even where fewer
//! channels are left: the surplus lanes hold the next position and are not stored.

use super::step::{Fast, Request, Step};
use crate::cpu::areas::{Area, Areas, Place, Spacing};
use crate::cpu::frame::{Frame, Operand, Output};
use crate::cpu::functions::{Apply, Clamp};
use crate::cpu::tile::{self, TILE_ROWS};
use crate::cpu::vector::load;
use crate::error::Result;
use crate::ops::{self, Function, Reduction};
use pulp::{Arch, Simd, WithSimd};

#[derive(Debug)]
struct Channelwise {
    x: Operand,
    areas: Areas,
    channels: usize,
    kind: Kind,
    output: Output,
    arch: Arch,
}

#[derive(Debug)]
enum Kind {
    /// With the weights `[taps, channels]`.
    Depthwise {
        weights: Vec<f32>,
        bias: Operand,
        function: Option<Function>,
    },
    Mean,
    Maximum,
}

/// A convolution of as many units as channels, each of one channel.
pub(super) fn depthwise(
    operator: &ops::Convolution,
    weights: &[f32],
    positions: &[usize],
    request: &Request<'_>,
) -> Fast {
    // More than the longest vector, so that the weights of the last channels are loaded whole.
    const PADDING: usize = 64;
    let weights = [weights, &[0.0; PADDING]].concat();
    let kind = Kind::Depthwise { weights, bias: request.operands[2].clone(), function: operator.activation };
    let (x, output, arch) = (request.operands[0].clone(), request.output(), request.arch);
    let channels = request.operands[2].width;
    let areas = Areas::new(&operator.windows, positions)?;
    Some(Box::new(Channelwise { x, areas, channels, kind, output, arch }))
}

pub(super) fn pool(operator: &ops::Pool, request: &Request<'_>) -> Fast {
    let mut positions = request.types[0].shape.sample();
    let channels = positions.pop()?;
    let kind = if operator.reduction == Reduction::Maximum { Kind::Maximum } else { Kind::Mean };
    let (x, output, arch) = (request.operands[0].clone(), request.output(), request.arch);
    let areas = Areas::new(&operator.windows, &positions)?;
    Some(Box::new(Channelwise { x, areas, channels, kind, output, arch }))
}

impl Step for Channelwise {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<f32>(&self.output, |frame, mut rows| {
            let x = frame.read::<f32>(&self.x)?;
            let bias = match &self.kind {
                Kind::Depthwise { bias, .. } => frame.read::<f32>(bias)?,
                Kind::Mean | Kind::Maximum => &[],
            };
            let samples = rows.count();
            let (out, stride) = rows.strided();
            let samples_apart = [self.x.width, stride];
            let spacing = Spacing { channels: self.channels, units: self.channels, samples: samples_apart };
            self.arch.dispatch(Fill { step: self, x, bias, out, samples, spacing });
            Ok(())
        })
    }
}

/// Computes the windows of all samples.
struct Fill<'a> {
    step: &'a Channelwise,
    x: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
    samples: usize,
    spacing: Spacing,
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (step, bias) = (self.step, self.bias);
        for area in step.areas.iter() {
            match &step.kind {
                Kind::Depthwise { weights, function, .. } => {
                    let fold = Products { weights, bias };
                    self.area(simd, area, fold, *function);
                }
                Kind::Mean => self.area(simd, area, Mean { taps: area.taps() as f32 }, None),
                Kind::Maximum => self.area(simd, area, Maximum, None),
            }
        }
    }
}

impl Fill<'_> {
    #[inline(always)]
    fn area<S: Simd>(&mut self, simd: S, area: &Area, fold: impl Fold<S>, function: Option<Function>) {
        let (x, channels) = (self.x, self.spacing.channels);
        let clamp = Clamp::<S>::new(simd, function);
        let rest = if clamp.is_some() { None } else { function };
        self.step.areas.for_each_tile(
            area,
            self.samples,
            self.spacing,
            #[inline(always)]
            |tile| {
                let tile = Tile { area, tile, x, channels, fold, clamp };
                tile.compute(simd, self.out);
                if let Some(function) = rest {
                    for place in tile.tile {
                        let values = &mut self.out[place.to..place.to + channels];
                        simd.vectorize(Apply { function, values });
                    }
                }
            },
        );
    }
}

/// How the taps of a window are combined, by vector of channels.
trait Fold<S: Simd>: Copy {
    /// What a window starts with.
    fn start(self, simd: S, channel: usize) -> S::f32s;
    /// The weights from an index on.
    fn weight(self, simd: S, at: usize) -> S::f32s;
    fn add(self, simd: S, sum: S::f32s, x: S::f32s, weight: S::f32s) -> S::f32s;
    fn finish(self, simd: S, sum: S::f32s) -> S::f32s;
}

#[derive(Clone, Copy)]
struct Products<'a> {
    weights: &'a [f32],
    bias: &'a [f32],
}

impl<S: Simd> Fold<S> for Products<'_> {
    #[inline(always)]
    fn start(self, simd: S, channel: usize) -> S::f32s {
        load(simd, self.bias, channel)
    }

    #[inline(always)]
    fn weight(self, _: S, at: usize) -> S::f32s {
        whole::<S>(self.weights, at)
    }

    #[inline(always)]
    fn add(self, simd: S, sum: S::f32s, x: S::f32s, weight: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(x, weight, sum)
    }

    #[inline(always)]
    fn finish(self, _: S, sum: S::f32s) -> S::f32s {
        sum
    }
}

#[derive(Clone, Copy)]
struct Mean {
    /// The number of taps.
    taps: f32,
}

impl<S: Simd> Fold<S> for Mean {
    #[inline(always)]
    fn start(self, simd: S, _: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn weight(self, simd: S, _: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn add(self, simd: S, sum: S::f32s, x: S::f32s, _: S::f32s) -> S::f32s {
        simd.add_f32s(sum, x)
    }

    #[inline(always)]
    fn finish(self, simd: S, sum: S::f32s) -> S::f32s {
        simd.div_f32s(sum, simd.splat_f32s(self.taps))
    }
}

#[derive(Clone, Copy)]
struct Maximum;

impl<S: Simd> Fold<S> for Maximum {
    #[inline(always)]
    fn start(self, simd: S, _: usize) -> S::f32s {
        simd.splat_f32s(f32::NEG_INFINITY)
    }

    #[inline(always)]
    fn weight(self, simd: S, _: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn add(self, simd: S, most: S::f32s, x: S::f32s, _: S::f32s) -> S::f32s {
        // NaN on either side propagates.
        let larger = simd.select_f32s(simd.less_than_f32s(x, most), most, x);
        simd.select_f32s(simd.equal_f32s(most, most), larger, most)
    }

    #[inline(always)]
    fn finish(self, _: S, most: S::f32s) -> S::f32s {
        most
    }
}

/// A few windows of an area.
#[derive(Clone, Copy)]
struct Tile<'a, S: Simd, F> {
    area: &'a Area,
    tile: &'a [Place],
    x: &'a [f32],
    channels: usize,
    fold: F,
    clamp: Option<Clamp<S>>,
}

impl<S: Simd, F: Fold<S>> Tile<'_, S, F> {
    #[inline(always)]
    fn compute(&self, simd: S, out: &mut [f32]) {
        // The last window reads farthest.
        let last = self.tile.last().map_or(0, |place| place.from) + self.area.reach() * self.channels;
        let is_inside = last + self.channels.next_multiple_of(S::F32_LANES) <= self.x.len();
        let mut channel = 0;
        while channel < self.channels {
            let vectors = if self.channels - channel >= 2 * S::F32_LANES { 2 } else { 1 };
            match (is_inside, vectors) {
                (true, 2) => self.of_width::<2>(simd, channel, out),
                (true, _) => self.of_width::<1>(simd, channel, out),
                (false, 2) => self.one_by_one::<2>(simd, channel, out),
                (false, _) => self.one_by_one::<1>(simd, channel, out),
            }
            channel += vectors * S::F32_LANES;
        }
    }

    #[inline(always)]
    fn of_width<const VECTORS: usize>(&self, simd: S, channel: usize, out: &mut [f32]) {
        if let Some(tile) = self.tile.first_chunk::<TILE_ROWS>() {
            return self.of_size::<VECTORS, TILE_ROWS, true>(simd, tile, channel, out);
        }
        let (pairs, last) = self.tile.as_chunks::<2>();
        for pair in pairs {
            self.of_size::<VECTORS, 2, true>(simd, pair, channel, out);
        }
        if let [last] = last {
            self.of_size::<VECTORS, 1, true>(simd, &[*last], channel, out);
        }
    }

    /// For windows at the end of the input, whose last vector would be loaded from behind it.
    #[inline(always)]
    fn one_by_one<const VECTORS: usize>(&self, simd: S, channel: usize, out: &mut [f32]) {
        for place in self.tile {
            self.of_size::<VECTORS, 1, false>(simd, &[*place], channel, out);
        }
    }

    #[expect(clippy::needless_range_loop, reason = "a loop over the sums themselves would move them to memory")]
    #[inline(always)]
    fn of_size<const VECTORS: usize, const HEIGHT: usize, const IS_INSIDE: bool>(
        &self,
        simd: S,
        tile: &[Place; HEIGHT],
        channel: usize,
        out: &mut [f32],
    ) {
        let &Tile { area, x, channels, fold, .. } = self;
        let start: [S::f32s; VECTORS] = std::array::from_fn(|v| fold.start(simd, channel + v * S::F32_LANES));
        let mut sums = [start; HEIGHT];
        // Slices of one length, so that one comparison checks an index of all of them.
        let length = area.reach() * channels + VECTORS * S::F32_LANES;
        let mut rows: [&[f32]; HEIGHT] = [&[]; HEIGHT];
        for row in 0..HEIGHT {
            let x = &x[(tile[row].from + channel).min(x.len())..];
            rows[row] = if IS_INSIDE { &x[..length] } else { x };
        }
        for run in &area.runs {
            for tap in 0..run.taps {
                let (at, weights) = ((run.from + tap) * channels, (run.tap + tap) * channels + channel);
                for vector in 0..VECTORS {
                    let offset = vector * S::F32_LANES;
                    let weight = fold.weight(simd, weights + offset);
                    for row in 0..HEIGHT {
                        let x = &rows[row];
                        let x = if IS_INSIDE { whole::<S>(x, at + offset) } else { load(simd, x, at + offset) };
                        sums[row][vector] = fold.add(simd, sums[row][vector], x, weight);
                    }
                }
            }
        }
        let width = if VECTORS > 1 { VECTORS * S::F32_LANES } else { (channels - channel).min(S::F32_LANES) };
        for row in 0..HEIGHT {
            let sums: [S::f32s; VECTORS] = std::array::from_fn(
                #[inline(always)]
                |v| fold.finish(simd, sums[row][v]),
            );
            tile::store(simd, sums, self.clamp, &mut out[tile[row].to + channel..][..width]);
        }
    }
}

/// The vector from index `at` on. The partial load in [`load`] is a call on some machines, around which sums would leave
/// their registers.
#[inline(always)]
fn whole<S: Simd>(values: &[f32], at: usize) -> S::f32s {
    S::as_simd_f32s(&values[at..at + S::F32_LANES]).0[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::frame::{Region, Target};
    use crate::cpu::vector::machines;
    use crate::ops::{Padding, Walk, Window};
    use crate::tensor::DType;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * 7919 + 13) % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// The result of a window, from its taps and their weights.
    fn expected(kind: &Kind, bias: f32, taps: &[(f64, f64)]) -> f64 {
        let values = taps.iter().map(|(x, _)| *x);
        match kind {
            Kind::Depthwise { .. } => {
                (f64::from(bias) + taps.iter().map(|(x, weight)| x * weight).sum::<f64>()).clamp(0.0, 1.0)
            }
            Kind::Mean => values.sum::<f64>() / taps.len() as f64,
            Kind::Maximum => values.fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn check(arch: Arch, channels: usize, kind: Kind) {
        let window = |input, stride| Window::over(input, 3, stride, 1, Padding::Same).expect("windows");
        let windows = [window(8, 1), window(9, 2)];
        let (areas, walk) = (Areas::new(&windows, &[8, 9]).expect("few runs"), Walk::new(&windows, &[8, 9]));
        let (x, bias, weights) = (numbers(2 * 72 * channels), numbers(channels), numbers(9 * channels));
        let width = walk.count() * channels;
        let (target, dtype) = (Target::Slot(0), DType::F32);
        let output = Output { target, dtype, once: false, offset: 0, stride: width, width };
        let operand = Operand { region: Region::Input(0), dtype, width: 72 * channels, once: false };
        let mut out = vec![f32::NAN; 2 * width];
        let spacing = Spacing { channels, units: channels, samples: [72 * channels, width] };
        let step = Channelwise { x: operand, areas, channels, kind, output, arch };
        arch.dispatch(Fill { step: &step, x: &x, bias: &bias, out: &mut out, samples: 2, spacing });
        for (index, &value) in out.iter().enumerate() {
            let (sample, at, channel) = (index / width, index % width / channels, index % channels);
            let mut taps = Vec::new();
            walk.for_each_tap(at, |tap, from| {
                let x = x[(sample * 72 + from) * channels + channel];
                taps.push((f64::from(x), f64::from(weights[tap * channels + channel])));
            });
            let expected = expected(&step.kind, bias[channel], &taps);
            let place = format!("{arch:?}: {:?} of {channels} channels at {index}", step.kind);
            assert!((f64::from(value) - expected).abs() < 1e-5, "{place}: {value} and not {expected}");
        }
    }

    #[test]
    fn windows_of_each_channel_are_right_on_every_machine() {
        for arch in machines() {
            for channels in [1, 3, 8, 16, 17, 33, 40] {
                let operand = Operand { region: Region::Input(1), dtype: DType::F32, width: channels, once: true };
                let weights = [numbers(9 * channels), vec![0.0; 64]].concat();
                let function = Some(Function::relu(Some(1.0), 0.0, 0.0));
                check(arch, channels, Kind::Depthwise { weights, bias: operand, function });
                check(arch, channels, Kind::Mean);
                check(arch, channels, Kind::Maximum);
            }
        }
    }
}
