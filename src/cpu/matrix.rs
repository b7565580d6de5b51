//! The matrix product of Dense: rows of floats times a weight matrix, which is packed when a model is opened.
//!
//! The weights are packed in panels. A panel has as many columns as a tile of outputs has in registers, so that it is
//! read sequentially. A tile has [`TILE_ROWS`](super::tile::TILE_ROWS) rows. The speed of a single row is limited by
//! reading the weights; it is summed in several independent parts. All other rows are summed in one order, so that
//! results do not depend on how a batch is divided into blocks.
//!
//! The crates `gemm` and `matrixmultiply` pack the weights in every call. For one row that costs more than the product
//! itself. For many rows they are no faster than this, and bias and activation would need another pass.

use super::functions::{Apply, Clamp};
use super::tile::{Order, Tile, height};
use crate::ops::Function;
use pulp::{Arch, Simd, WithSimd};

/// Size in bytes of a group of weights that is multiplied with all rows before the next group, so that it stays in the
/// second-level cache.
const GROUP_BYTES: usize = 192 << 10;

/// The layout of the packed weights `[depth, units]` of a matrix.
#[derive(Debug)]
pub(super) struct Panels {
    arch: Arch,
    depth: usize,
    units: usize,
    panels: Vec<Panel>,
    /// The number of panels in a group that is multiplied with all rows at a time.
    group: usize,
    lanes: usize,
}

/// Adjacent columns of a matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel {
    /// The index of its first weight.
    start: usize,
    pub(super) column: usize,
    columns: usize,
    /// The number of vectors that hold the columns. Surplus lanes are 0.
    pub(super) vectors: usize,
}

impl Panel {
    /// The column behind the last one.
    pub(super) fn end(&self) -> usize {
        self.column + self.columns
    }
}

/// A packed weight matrix.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) panels: Panels,
    weights: Vec<f32>,
    /// The index of the first weight, at an address that is a multiple of the cache line size.
    aligned: usize,
}

/// How the sums of a product are completed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Finish<'a> {
    /// Added to every row, unless it is empty.
    pub(super) bias: &'a [f32],
    /// Applied after the bias, while the values are in the first-level cache.
    pub(super) function: Option<Function>,
    /// The order of summation for a single row.
    pub(super) order: Order,
}

/// Determines the number of lanes and of vectors per panel on a machine.
struct Measures;

impl WithSimd for Measures {
    type Output = (usize, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (usize, usize) {
        (S::F32_LANES, if S::REGISTER_COUNT >= 32 { 4 } else { 2 })
    }
}

impl Panels {
    pub(super) fn new(arch: Arch, depth: usize, units: usize) -> Panels {
        let (lanes, most) = arch.dispatch(Measures);
        let mut panels = Vec::new();
        let mut start = 0;
        for column in (0..units).step_by(lanes * most) {
            let columns = (units - column).min(lanes * most);
            let vectors = columns.div_ceil(lanes);
            panels.push(Panel { start, column, columns, vectors });
            start += depth * vectors * lanes;
        }
        let group = (GROUP_BYTES / (4 * depth * lanes * most).max(1)).max(1);
        Panels { arch, depth, units, panels, group, lanes }
    }

    /// The number of packed weights.
    pub(super) fn len(&self) -> usize {
        self.panels.last().map_or(0, |panel| panel.start + self.depth * panel.vectors * self.lanes)
    }

    /// Packs the matrix whose element `[k, u]` is `kernel[k · strides[0] + u · strides[1]]`.
    pub(super) fn pack(&self, kernel: &[f32], strides: [usize; 2], weights: &mut [f32]) {
        for panel in &self.panels {
            let width = panel.vectors * self.lanes;
            for k in 0..self.depth {
                let line = &mut weights[panel.start + k * width..][..width];
                let first = k * strides[0] + panel.column * strides[1];
                if strides[1] == 1 {
                    line[..panel.columns].copy_from_slice(&kernel[first..first + panel.columns]);
                } else {
                    let from = kernel[first..].iter().step_by(strides[1]);
                    line[..panel.columns].iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
                line[panel.columns..].fill(0.0);
            }
        }
    }

    /// Calls `visit` for every line of packed weights, with its position along the depth.
    pub(super) fn for_each_line(
        &self,
        weights: &mut [f32],
        mut visit: impl FnMut(usize, std::ops::Range<usize>, &mut [f32]),
    ) {
        for panel in &self.panels {
            let width = panel.vectors * self.lanes;
            for k in 0..self.depth {
                let range = panel.start + k * width..panel.start + (k + 1) * width;
                visit(k, range.clone(), &mut weights[range]);
            }
        }
    }

    /// `out[r, u] = f(bias[u] + Σₖ x[r, k] · weights[k, u])` for `rows` rows; rows of `out` are `stride` apart.
    pub(super) fn multiply(
        &self,
        weights: &[f32],
        x: &[f32],
        rows: usize,
        finish: Finish<'_>,
        out: &mut [f32],
        stride: usize,
    ) {
        if rows > 0 && self.units > 0 {
            let x = &x[..rows * self.depth];
            self.arch.dispatch(Multiply { panels: self, weights, x, rows, finish, out, stride });
        }
    }

    /// The panels in groups, each of which is multiplied with all rows before the next one.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[Panel]> {
        self.panels.chunks(self.group)
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn units(&self) -> usize {
        self.units
    }
}

impl Matrix {
    /// Packs `kernel`, row-major `[depth, units]`.
    pub(super) fn new(arch: Arch, kernel: &[f32], depth: usize, units: usize) -> Matrix {
        const LINE: usize = 64;
        let panels = Panels::new(arch, depth, units);
        let mut weights = vec![0.0; panels.len() + LINE / 4];
        // Alignment affects only speed: without it, reads may cross cache lines.
        let aligned = weights.as_ptr().align_offset(LINE).min(LINE / 4);
        panels.pack(kernel, [units, 1], &mut weights[aligned..]);
        Matrix { panels, weights, aligned }
    }

    /// The packed weights.
    pub(super) fn weights(&self) -> &[f32] {
        &self.weights[self.aligned..]
    }

    /// The packed weights of a panel.
    #[inline(always)]
    pub(super) fn panel<S: Simd>(&self, panel: &Panel) -> &[S::f32s] {
        let length = self.panels.depth * panel.vectors * S::F32_LANES;
        S::as_simd_f32s(&self.weights()[panel.start..panel.start + length]).0
    }

    /// See [`Panels::multiply`].
    pub(super) fn multiply(&self, x: &[f32], rows: usize, finish: Finish<'_>, out: &mut [f32], stride: usize) {
        self.panels.multiply(self.weights(), x, rows, finish, out, stride);
    }
}

struct Multiply<'a> {
    panels: &'a Panels,
    weights: &'a [f32],
    x: &'a [f32],
    rows: usize,
    finish: Finish<'a>,
    out: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Multiply { panels, weights, x, rows, finish: Finish { bias, function, order }, out, stride } = self;
        let depth = panels.depth;
        let clamp = Clamp::<S>::new(simd, function);
        let function = if clamp.is_some() { None } else { function };
        for group in panels.groups() {
            let mut row = 0;
            while row < rows {
                let height = height(rows - row);
                let x = &x[row * depth..(row + height) * depth];
                for panel in group {
                    let weights = &weights[panel.start..panel.start + depth * panel.vectors * S::F32_LANES];
                    let bias = if bias.is_empty() { bias } else { &bias[panel.column..panel.end()] };
                    let out = &mut out[row * stride + panel.column..];
                    let tile = Tile { x, depth, bias, out, stride, columns: panel.columns, order };
                    tile.compute(simd, weights, panel.vectors, height, clamp);
                }
                if let (Some(function), Some(first), Some(last)) = (function, group.first(), group.last()) {
                    for row in row..row + height {
                        let columns = row * stride + first.column..row * stride + last.end();
                        simd.vectorize(Apply { function, values: &mut out[columns] });
                    }
                }
                row += height;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::vector::machines;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * 7919 + 13) % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// Depths and units close to multiples of the lanes, panels and phases of every machine, and numbers of rows close
    /// to the height of a tile.
    #[test]
    fn products_are_sums_of_products_on_every_machine() {
        for arch in machines() {
            for (depth, units) in
                [(0, 5), (1, 1), (3, 7), (4, 8), (5, 16), (17, 33), (30, 64), (31, 65), (9, 200), (7, 0)]
            {
                let (kernel, bias) = (numbers(depth * units), numbers(units));
                let matrix = Matrix::new(arch, &kernel, depth, units);
                for rows in [0, 1, 2, 3, 4, 5, 6, 7, 13] {
                    let (x, stride) = (numbers(rows * depth), units + 3);
                    let mut out = vec![f32::NAN; rows * stride];
                    let finish = Finish { bias: &bias, function: Some(Function::RELU), ..Finish::default() };
                    matrix.multiply(&x, rows, finish, &mut out, stride);
                    for (index, &value) in out.iter().enumerate() {
                        let (row, unit) = (index / stride, index % stride);
                        if unit >= units {
                            assert!(value.is_nan(), "{arch:?} writes beside its columns");
                            continue;
                        }
                        let product = |k: usize| f64::from(x[row * depth + k]) * f64::from(kernel[k * units + unit]);
                        let sum = f64::from(bias[unit]) + (0..depth).map(product).sum::<f64>();
                        let place = format!("{arch:?}: {rows} × {depth} × {units} at {row}, {unit}");
                        assert!((f64::from(value) - sum.max(0.0)).abs() < 1e-5, "{place}: {value} and not {sum}");
                    }
                }
            }
        }
    }

    /// The result of a row depends neither on the other rows nor on their number.
    #[test]
    fn rows_of_a_batch_are_summed_in_one_order() {
        for arch in machines() {
            for (depth, units) in [(31, 65), (300, 7)] {
                let (kernel, bias) = (numbers(depth * units), numbers(units));
                let matrix = Matrix::new(arch, &kernel, depth, units);
                let finish = Finish { bias: &bias, function: None, order: Order::InTurn };
                let product = |x: &[f32], rows: usize| {
                    let mut out = vec![0.0; rows * units];
                    matrix.multiply(x, rows, finish, &mut out, units);
                    out
                };
                let x = numbers(20 * depth);
                let whole = product(&x, 20);
                for rows in 1..20 {
                    let parts = x.chunks(rows * depth).map(|x| product(x, x.len() / depth));
                    assert!(parts.collect::<Vec<_>>().concat() == whole, "{arch:?}: {rows} rows at a time");
                }
            }
        }
    }
}
