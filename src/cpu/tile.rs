//! A tile of a matrix product: the outputs of a few rows in the columns of one panel, summed in registers.

use super::functions::Clamp;
use super::vector::load;
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
    pub(super) fn compute<S: Simd>(
        self,
        simd: S,
        weights: &[f32],
        vectors: usize,
        height: usize,
        clamp: Option<Clamp<S>>,
    ) {
        let (weights, _) = S::as_simd_f32s(weights);
        match vectors {
            1 => self.of_width::<S, 1>(simd, weights, height, clamp),
            2 => self.of_width::<S, 2>(simd, weights, height, clamp),
            3 => self.of_width::<S, 3>(simd, weights, height, clamp),
            _ => self.of_width::<S, 4>(simd, weights, height, clamp),
        }
    }

    #[inline(always)]
    fn of_width<S: Simd, const VECTORS: usize>(
        self,
        simd: S,
        weights: &[S::f32s],
        height: usize,
        clamp: Option<Clamp<S>>,
    ) {
        let (weights, _) = weights.as_chunks::<VECTORS>();
        match height {
            1 if self.order == Order::Phases => self.row::<S, VECTORS>(simd, weights, clamp),
            1 => self.rows::<S, VECTORS, 1>(simd, weights, clamp),
            2 => self.rows::<S, VECTORS, 2>(simd, weights, clamp),
            3 => self.rows::<S, VECTORS, 3>(simd, weights, clamp),
            4 => self.rows::<S, VECTORS, 4>(simd, weights, clamp),
            5 => self.rows::<S, VECTORS, 5>(simd, weights, clamp),
            _ => self.rows::<S, VECTORS, TILE_ROWS>(simd, weights, clamp),
        }
    }

    /// Several rows: every loaded weight is used for all of them.
    #[expect(clippy::needless_range_loop, reason = "a loop over the sums themselves would move them to memory")]
    #[inline(always)]
    fn rows<S: Simd, const VECTORS: usize, const HEIGHT: usize>(
        self,
        simd: S,
        weights: &[[S::f32s; VECTORS]],
        clamp: Option<Clamp<S>>,
    ) {
        let x: [&[f32]; HEIGHT] = std::array::from_fn(|row| &self.x[row * self.depth..][..weights.len()]);
        let mut sums = [start::<S, VECTORS>(simd, self.bias); HEIGHT];
        for (k, weights) in weights.iter().enumerate() {
            for row in 0..HEIGHT {
                let factor = simd.splat_f32s(x[row][k]);
                for vector in 0..VECTORS {
                    sums[row][vector] = simd.mul_add_e_f32s(factor, weights[vector], sums[row][vector]);
                }
            }
        }
        for row in 0..HEIGHT {
            store(simd, sums[row], clamp, &mut self.out[row * self.stride..][..self.columns]);
        }
    }

    /// One row: its speed is limited by reading the weights, and by the latency of additions unless there are enough
    /// independent sums.
    #[inline(always)]
    fn row<S: Simd, const VECTORS: usize>(self, simd: S, weights: &[[S::f32s; VECTORS]], clamp: Option<Clamp<S>>) {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; PHASES];
        sums[0] = start::<S, VECTORS>(simd, self.bias);
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
        store(simd, total, clamp, &mut self.out[..self.columns]);
    }
}

/// The biases of a panel's columns, or zeros if there are none.
#[inline(always)]
pub(super) fn start<S: Simd, const VECTORS: usize>(simd: S, bias: &[f32]) -> [S::f32s; VECTORS] {
    if bias.is_empty() {
        return [simd.splat_f32s(0.0); VECTORS];
    }
    std::array::from_fn(|vector| load(simd, bias, vector * S::F32_LANES))
}

/// Stores sums to the columns `out`.
#[inline(always)]
pub(super) fn store<S: Simd, const VECTORS: usize>(
    simd: S,
    sums: [S::f32s; VECTORS],
    clamp: Option<Clamp<S>>,
    out: &mut [f32],
) {
    let mut sums = sums;
    if let Some(clamp) = clamp {
        for sum in &mut sums {
            *sum = clamp.at(simd, *sum);
        }
    }
    let (whole, rest) = S::as_mut_simd_f32s(out);
    for (place, sum) in whole.iter_mut().zip(sums) {
        *place = sum;
    }
    if !rest.is_empty() {
        simd.partial_store_f32s(rest, sums[VECTORS - 1]);
    }
}
