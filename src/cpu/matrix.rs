//! The matrix product under Dense: rows of floats times a weight matrix that is packed once, when a model is opened.
//!
//! The weights stand in panels of as many columns as a tile of outputs has in registers, so that a pass over a panel
//! reads memory from front to back. A tile is [`TILE_ROWS`] rows high; a single row, which is bound by the reading of
//! the weights, is summed in [`PHASES`] parts so that no addition waits for the one before.
//!
//! The crates `gemm` and `matrixmultiply` pack the weights on every call. For one row that costs as much as the product
//! and more, for many rows it is no faster than this, and both would leave bias and activation to another pass.

use super::functions::Apply;
use crate::ops::Function;
use pulp::{Arch, Simd, WithSimd};

/// Rows of a tile. With 4 vectors of columns it needs 24 sums, 4 weights and a factor: of 32 registers. With 2 it
/// needs 12, 2 and 1: of 16.
const TILE_ROWS: usize = 6;

/// Independent sums for each output when there is one row.
const PHASES: usize = 4;

/// Weights that are multiplied with all rows before the next are looked at: they stay in the second level cache.
const GROUP_BYTES: usize = 192 << 10;

/// How the weights `[depth, units]` of a matrix stand in memory.
#[derive(Debug)]
pub(super) struct Panels {
    arch: Arch,
    depth: usize,
    units: usize,
    panels: Vec<Panel>,
    /// How many panels are multiplied with all rows at a time.
    group: usize,
    lanes: usize,
}

/// Neighbouring columns of a matrix.
#[derive(Debug, Clone, Copy)]
struct Panel {
    /// Where its weights start.
    start: usize,
    column: usize,
    columns: usize,
    /// Vectors that hold the columns; what is over is 0.
    vectors: usize,
}

/// A weight matrix, packed.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) panels: Panels,
    weights: Vec<f32>,
    /// The first weight at an address that is a multiple of the cache line.
    aligned: usize,
}

/// What is done with the sums of a product.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Finish<'a> {
    /// Added to every row; nothing if empty.
    pub(super) bias: &'a [f32],
    /// Applied to what is then there, while it is in the first level cache.
    pub(super) function: Option<Function>,
}

/// Lanes and vectors of a panel for a machine.
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
        // Without a meaning for the answer: where alignment is not known, reads may cross lines.
        let aligned = weights.as_ptr().align_offset(LINE).min(LINE / 4);
        panels.pack(kernel, [units, 1], &mut weights[aligned..]);
        Matrix { panels, weights, aligned }
    }

    /// The packed weights.
    pub(super) fn weights(&self) -> &[f32] {
        &self.weights[self.aligned..]
    }

    /// As [`Panels::multiply`].
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
        let Multiply { panels, weights, x, rows, finish: Finish { bias, function }, out, stride } = self;
        let depth = panels.depth;
        for group in panels.panels.chunks(panels.group) {
            let mut row = 0;
            while row < rows {
                let height = (rows - row).min(TILE_ROWS);
                let x = &x[row * depth..(row + height) * depth];
                for panel in group {
                    let weights = &weights[panel.start..panel.start + depth * panel.vectors * S::F32_LANES];
                    let bias = if bias.is_empty() { bias } else { &bias[panel.column..panel.column + panel.columns] };
                    let out = &mut out[row * stride + panel.column..];
                    let tile = Tile { x, depth, bias, out, stride, columns: panel.columns };
                    tile.compute(simd, weights, panel.vectors, height);
                }
                if let (Some(function), Some(first), Some(last)) = (function, group.first(), group.last()) {
                    for row in row..row + height {
                        let columns = row * stride + first.column..row * stride + last.column + last.columns;
                        simd.vectorize(Apply { function, values: &mut out[columns] });
                    }
                }
                row += height;
            }
        }
    }
}

/// Outputs that are summed in registers.
struct Tile<'a> {
    x: &'a [f32],
    depth: usize,
    bias: &'a [f32],
    out: &'a mut [f32],
    stride: usize,
    columns: usize,
}

impl Tile<'_> {
    #[inline(always)]
    fn compute<S: Simd>(self, simd: S, weights: &[f32], vectors: usize, height: usize) {
        let (weights, _) = S::as_simd_f32s(weights);
        match vectors {
            1 => self.of_width::<S, 1>(simd, weights, height),
            2 => self.of_width::<S, 2>(simd, weights, height),
            3 => self.of_width::<S, 3>(simd, weights, height),
            _ => self.of_width::<S, 4>(simd, weights, height),
        }
    }

    #[inline(always)]
    fn of_width<S: Simd, const VECTORS: usize>(self, simd: S, weights: &[S::f32s], height: usize) {
        let (weights, _) = weights.as_chunks::<VECTORS>();
        match height {
            1 => self.row::<S, VECTORS>(simd, weights),
            2 => self.rows::<S, VECTORS, 2>(simd, weights),
            3 => self.rows::<S, VECTORS, 3>(simd, weights),
            4 => self.rows::<S, VECTORS, 4>(simd, weights),
            5 => self.rows::<S, VECTORS, 5>(simd, weights),
            _ => self.rows::<S, VECTORS, TILE_ROWS>(simd, weights),
        }
    }

    #[inline(always)]
    fn start<S: Simd, const VECTORS: usize>(&self, simd: S) -> [S::f32s; VECTORS] {
        if self.bias.is_empty() {
            return [simd.splat_f32s(0.0); VECTORS];
        }
        std::array::from_fn(|vector| {
            let columns = vector * S::F32_LANES..((vector + 1) * S::F32_LANES).min(self.columns);
            simd.partial_load_f32s(&self.bias[columns])
        })
    }

    #[inline(always)]
    fn store<S: Simd, const VECTORS: usize>(&mut self, simd: S, row: usize, sums: [S::f32s; VECTORS]) {
        let out = &mut self.out[row * self.stride..row * self.stride + self.columns];
        let (whole, rest) = S::as_mut_simd_f32s(out);
        for (place, sum) in whole.iter_mut().zip(sums) {
            *place = sum;
        }
        if !rest.is_empty() {
            simd.partial_store_f32s(rest, sums[VECTORS - 1]);
        }
    }

    /// Several rows: every weight that is loaded is used for all of them.
    #[inline(always)]
    fn rows<S: Simd, const VECTORS: usize, const HEIGHT: usize>(mut self, simd: S, weights: &[[S::f32s; VECTORS]]) {
        let x: [&[f32]; HEIGHT] = std::array::from_fn(|row| &self.x[row * self.depth..][..weights.len()]);
        let mut sums = [self.start::<S, VECTORS>(simd); HEIGHT];
        for (k, weights) in weights.iter().enumerate() {
            for row in 0..HEIGHT {
                let factor = simd.splat_f32s(x[row][k]);
                for vector in 0..VECTORS {
                    sums[row][vector] = simd.mul_add_e_f32s(factor, weights[vector], sums[row][vector]);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            self.store(simd, row, sums);
        }
    }

    /// One row: bound by the reading of the weights, and by the latency of additions unless there are enough sums.
    #[inline(always)]
    fn row<S: Simd, const VECTORS: usize>(mut self, simd: S, weights: &[[S::f32s; VECTORS]]) {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; PHASES];
        sums[0] = self.start::<S, VECTORS>(simd);
        let (weights, weights_rest) = weights.as_chunks::<PHASES>();
        let (x, x_rest) = self.x[..self.depth].as_chunks::<PHASES>();
        for (weights, x) in weights.iter().zip(x) {
            for phase in 0..PHASES {
                let factor = simd.splat_f32s(x[phase]);
                for vector in 0..VECTORS {
                    sums[phase][vector] = simd.mul_add_e_f32s(factor, weights[phase][vector], sums[phase][vector]);
                }
            }
        }
        for (weights, x) in weights_rest.iter().zip(x_rest) {
            let factor = simd.splat_f32s(*x);
            for vector in 0..VECTORS {
                sums[0][vector] = simd.mul_add_e_f32s(factor, weights[vector], sums[0][vector]);
            }
        }
        let [mut total, rest @ ..] = sums;
        for sums in rest {
            for vector in 0..VECTORS {
                total[vector] = simd.add_f32s(total[vector], sums[vector]);
            }
        }
        self.store(simd, 0, total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::vector::machines;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * 7919 + 13) % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// Depths and units around the lanes, panels and phases of every machine, and rows around a tile.
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
                    let finish = Finish { bias: &bias, function: Some(Function::RELU) };
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
}
