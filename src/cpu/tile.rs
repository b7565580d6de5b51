//! A tile of a matrix product: the outputs of a few rows in the columns of one panel, summed in registers.

use pulp::Simd;

/// The number of rows in a tile. With 4 vectors of columns, it needs 24 sums, 4 weights and a factor: 29 of 32
/// registers. With 2 vectors, it needs 12, 2 and 1: 15 of 16 registers.
pub(super) const TILE_ROWS: usize = 6;

/// The number of independent sums per output of a single row.
const PHASES: usize = 4;

/// The order in which the products of a single row are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// In several independent sums, which is fastest.
    #[default]
    Phases,
    /// In one sum, as when there are several rows.
    InTurn,
}

impl Order {
    /// Rows of a larger batch are summed in one order, so that their results do not depend on the block they are in.
    pub(super) fn of(is_alone: bool) -> Order {
        if is_alone { Order::Phases } else { Order::InTurn }
    }
}

/// Outputs that are summed in registers.
pub(super) struct Tile<'a> {
    pub(super) x: &'a [f32],
    pub(super) depth: usize,
    pub(super) bias: &'a [f32],
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) columns: usize,
    pub(super) order: Order,
}

/// The height of the next tile if this many rows are left. Never leaves a single row for the end, because it would be
/// summed in another order.
pub(super) fn height(rows: usize) -> usize {
    if rows == TILE_ROWS + 1 { rows / 2 } else { rows.min(TILE_ROWS) }
}

impl Tile<'_> {
    #[inline(always)]
    pub(super) fn compute<S: Simd>(self, simd: S, weights: &[f32], vectors: usize, height: usize) {
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
            1 if self.order == Order::Phases => self.row::<S, VECTORS>(simd, weights),
            1 => self.rows::<S, VECTORS, 1>(simd, weights),
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

    /// Several rows: every loaded weight is used for all of them.
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

    /// One row: its speed is limited by reading the weights, and by the latency of additions unless there are enough
    /// independent sums.
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
