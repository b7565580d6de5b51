//! Windows over the positions of a sample, divided into areas: all windows of an area read the same taps.
//!
//! Within an area no tap has to be compared with the borders of the input, so that inner loops go over taps and channels
//! alone, and nothing is multiplied by padding. Windows without padding are one area, those of a padded image usually
//! nine. Those of a transposed convolution are divided by the taps that meet an input position.

use super::tile::TILE_ROWS;
use crate::ops::Window;

/// The number of dimensions; missing ones have one position and one tap.
const DIMS: usize = 3;

/// Maximum number of runs of taps in all areas together. Without it, a small file could declare any number.
const MOST_RUNS: usize = 1 << 20;

/// All windows of a sample.
#[derive(Debug)]
pub(super) struct Areas {
    areas: Vec<Area>,
    /// The numbers of input positions, of windows and of taps.
    inputs: [usize; DIMS],
    windows: [usize; DIMS],
    taps: [usize; DIMS],
}

/// Windows along one dimension that read the same taps: `count` windows from `first` on, `step` apart, read `taps` taps
/// from `tap` on, `tap_step` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    first: usize,
    step: usize,
    count: usize,
    tap: usize,
    tap_step: usize,
    taps: usize,
    /// The input position of the first tap of the first window.
    from: usize,
    /// The distances of input positions from window to window, and from tap to tap.
    from_step: usize,
    read_step: usize,
}

/// An area: the windows that are in these lines, and all taps that they read, in order.
#[derive(Debug)]
pub(super) struct Area {
    lines: [Line; DIMS],
    pub(super) runs: Vec<Run>,
}

/// A window: where its first tap is read and where its result is written, as indices of elements.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The distances of elements: between positions of the input and of the output, and between samples of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spacing {
    pub(super) channels: usize,
    pub(super) units: usize,
    pub(super) samples: [usize; 2],
}

/// Adjacent taps whose input positions are adjacent too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) tap: usize,
    pub(super) taps: usize,
    /// The input position of the first one, counted from that of the window's first tap.
    pub(super) from: usize,
}

impl Areas {
    /// `None` if there are too many.
    pub(super) fn new(windows: &[Window], positions: &[usize]) -> Option<Areas> {
        const PLAIN: Window = Window { size: 1, stride: 1, dilation: 1, stretch: 1, before: 0, count: 1 };
        let window = |dim: usize| (dim + windows.len()).checked_sub(DIMS).map_or(&PLAIN, |dim| &windows[dim]);
        let input = |dim: usize| (dim + windows.len()).checked_sub(DIMS).map_or(1, |dim| positions[dim]);
        let lines: [Vec<Line>; DIMS] = std::array::from_fn(|dim| lines(window(dim), input(dim)));
        let runs = lines.iter().map(|lines| lines.iter().map(|line| line.taps.max(1)).sum::<usize>());
        let _ = runs.clone().try_fold(1usize, usize::checked_mul).filter(|runs| *runs <= MOST_RUNS)?;
        let inputs = std::array::from_fn(input);
        let taps: [usize; DIMS] = std::array::from_fn(|dim| window(dim).size);
        let [a, b, c] = &lines;
        let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
        let all = pairs.flat_map(|(a, b)| c.iter().map(move |c| [a, b, *c]));
        let areas = all.map(|lines| Area { lines, runs: runs_of(&lines, inputs, taps) }).collect();
        Some(Areas { areas, inputs, windows: std::array::from_fn(|dim| window(dim).count), taps })
    }

    /// The same areas with a run for each tap: the channels of one group of several are not adjacent from tap to tap.
    pub(super) fn tap_by_tap(mut self) -> Areas {
        let taps = |run: Run| (0..run.taps).map(move |tap| Run { tap: run.tap + tap, taps: 1, from: run.from + tap });
        for area in &mut self.areas {
            area.runs = area.runs.iter().copied().flat_map(taps).collect();
        }
        self
    }

    /// The number of taps of a window.
    pub(super) fn taps(&self) -> usize {
        self.taps.iter().product()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Area> {
        self.areas.iter()
    }

    /// Calls `visit` with the windows of an area in this many samples, a few at a time.
    #[inline(always)]
    pub(super) fn for_each_tile(&self, area: &Area, samples: usize, spacing: Spacing, mut visit: impl FnMut(&[Place])) {
        let ([a, b, c], [_, inner, innermost]) = (area.lines, self.inputs);
        let [_, rows, columns] = self.windows;
        let steps = (c.from_step * spacing.channels, c.step * spacing.units);
        let (mut tile, mut height) = ([Place::default(); TILE_ROWS], 0);
        let mut left = samples * a.count * b.count * c.count;
        for sample in 0..samples {
            for i in 0..a.count {
                for j in 0..b.count {
                    let position = (a.from + i * a.from_step) * inner + b.from + j * b.from_step;
                    let window = (a.first + i * a.step) * rows + b.first + j * b.step;
                    let mut place = Place {
                        from: sample * spacing.samples[0] + (position * innermost + c.from) * spacing.channels,
                        to: sample * spacing.samples[1] + (window * columns + c.first) * spacing.units,
                    };
                    for _ in 0..c.count {
                        tile[height] = place;
                        place = Place { from: place.from + steps.0, to: place.to + steps.1 };
                        (height, left) = (height + 1, left - 1);
                        if height == TILE_ROWS || left == 0 {
                            visit(&tile[..height]);
                            height = 0;
                        }
                    }
                }
            }
        }
    }
}

/// The taps of an area in order.
fn runs_of(
    &[a, b, c]: &[Line; DIMS],
    [_, inner, innermost]: [usize; DIMS],
    [_, rows, columns]: [usize; DIMS],
) -> Vec<Run> {
    let (count, taps) = if c.tap_step == 1 && c.read_step == 1 { (c.taps.min(1), c.taps) } else { (c.taps, 1) };
    let run = |i: usize, j: usize, k: usize| Run {
        tap: ((a.tap + i * a.tap_step) * rows + b.tap + j * b.tap_step) * columns + c.tap + k * c.tap_step,
        taps,
        from: (i * a.read_step * inner + j * b.read_step) * innermost + k * c.read_step,
    };
    let pairs = (0..a.taps).flat_map(|i| (0..b.taps).map(move |j| (i, j)));
    pairs.flat_map(|(i, j)| (0..count).map(move |k| run(i, j, k))).collect()
}

/// Divides the windows along one dimension.
fn lines(window: &Window, input: usize) -> Vec<Line> {
    let &Window { stride, dilation, stretch, count, .. } = window;
    // Windows this far apart, and taps this far apart, meet the positions of a stretched input in the same way.
    let (step, tap_step) = (stretch / common_divisor(stride, stretch), stretch / common_divisor(dilation, stretch));
    let (from_step, read_step) = (stride * step / stretch, dilation * tap_step / stretch);
    let mut lines: Vec<Line> = Vec::new();
    for start in 0..step.min(count) {
        let known = lines.len();
        for first in (start..count).step_by(step) {
            let (tap, taps, from) = taps_read(window, first, tap_step, input);
            match lines[known..].last_mut() {
                Some(line) if (line.tap, line.taps) == (tap, taps) => line.count += 1,
                _ => lines.push(Line { first, step, count: 1, tap, tap_step, taps, from, from_step, read_step }),
            }
        }
    }
    lines
}

/// The first tap that a window reads, the number of those it reads, and the input position of the first.
fn taps_read(window: &Window, at: usize, tap_step: usize, input: usize) -> (usize, usize, usize) {
    let start = (at * window.stride).checked_add_signed(-window.before);
    // The window may start before the input.
    let missing = if start.is_none() { window.before.unsigned_abs() - at * window.stride } else { 0 };
    let least = missing.div_ceil(window.dilation);
    let tries = (least..window.size).take(tap_step);
    let first = tries.filter_map(|tap| Some((tap, window.position(at, tap, input)?))).next();
    let Some((tap, from)) = first else { return (0, 0, 0) };
    let left = input - 1 - from;
    let fitting = left / (window.dilation * tap_step / window.stretch) + 1;
    (tap, fitting.min((window.size - 1 - tap) / tap_step + 1), from)
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

impl Area {
    /// The number of taps that a window reads.
    pub(super) fn taps(&self) -> usize {
        self.runs.iter().map(|run| run.taps).sum()
    }

    /// The input position of the last tap of a window, counted from that of its first one.
    pub(super) fn reach(&self) -> usize {
        self.runs.last().map_or(0, |run| run.from + run.taps - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Padding, Walk};

    /// Every window of two samples with the taps and positions that it reads, in the order of the output.
    fn read_in_areas(areas: &Areas, [inputs, outputs]: [usize; 2]) -> Vec<Vec<(usize, usize)>> {
        let mut windows = vec![Vec::new(); 2 * outputs];
        let spacing = Spacing { channels: 1, units: 1, samples: [inputs, outputs] };
        for area in areas.iter() {
            areas.for_each_tile(area, 2, spacing, |tile| {
                for place in tile {
                    for run in &area.runs {
                        let read = (0..run.taps).map(|tap| (run.tap + tap, place.from + run.from + tap));
                        windows[place.to].extend(read);
                    }
                    assert_eq!(windows[place.to].len(), area.taps(), "a window is visited once");
                    let last = windows[place.to].last();
                    assert!(last.is_none_or(|&(_, from)| from == place.from + area.reach()), "{last:?}");
                }
            });
        }
        windows
    }

    fn check(windows: &[Window], inputs: &[usize]) {
        let walk = Walk::new(windows, inputs);
        let sizes = [inputs.iter().product::<usize>(), walk.count()];
        let found = read_in_areas(&Areas::new(windows, inputs).expect("few runs"), sizes);
        for (index, found) in found.into_iter().enumerate() {
            let (sample, at) = (index / sizes[1], index % sizes[1]);
            let mut expected = Vec::new();
            walk.for_each_tap(at, |tap, from| expected.push((tap, sample * sizes[0] + from)));
            assert_eq!(found, expected, "window {index} of {windows:?} over {inputs:?}");
        }
    }

    #[test]
    fn areas_read_what_the_windows_read() {
        for padding in [Padding::Valid, Padding::Same, Padding::SameCentred, Padding::Causal] {
            for (input, size, stride, dilation) in
                [(7, 3, 1, 1), (8, 3, 2, 1), (9, 2, 3, 2), (5, 9, 1, 1), (4, 3, 1, 5), (5, 1, 3, 1), (6, 4, 2, 3)]
            {
                let Some(window) = Window::over(input, size, stride, dilation, padding) else { continue };
                check(&[window], &[input]);
                check(&[window, window], &[input, input]);
                let other = Window::over(4, 2, 1, 1, padding).expect("windows");
                check(&[other, window, other], &[4, input, 4]);
            }
            for (size, stride, dilation) in [(3, 2, 1), (1, 3, 1), (4, 1, 1), (5, 4, 2), (3, 2, 3), (4, 6, 4)] {
                for output in 0..40 {
                    if let Some(window) = Window::transposed(4, output, size, stride, dilation, padding) {
                        check(&[window, window], &[4, 4]);
                    }
                }
            }
        }
        let cropped = Window { size: 2, stride: 3, dilation: 2, stretch: 2, before: -1, count: 5 };
        check(&[cropped], &[6]);
    }

    #[test]
    fn a_padded_image_has_nine_areas() {
        let count = |padding, size| {
            let window = Window::over(size, 3, 1, 1, padding).expect("windows");
            Areas::new(&[window; 2], &[size; 2]).map(|areas| areas.iter().count())
        };
        assert_eq!(count(Padding::Valid, 40), Some(1));
        assert_eq!(count(Padding::Same, 40), Some(9));
        let far = Window { size: 1 << 20, stride: 1, dilation: 1, stretch: 1, before: 1 << 20, count: 1 << 20 };
        assert!(Areas::new(&[far], &[1 << 20]).is_none(), "each window is an area");
    }
}
