//! How the kernels that reduce rows divide them among invocations. A row is a line along an axis.
//!
//! A kernel has up to three forms, its entry points. `elements` loads single numbers. `quads` loads four at once, where
//! a row is contiguous and a multiple of 4 long. `columns` loads the same element of four neighbouring rows at once; an
//! invocation reduces all four.
//!
//! In the first two, a segment of [`Rows::lanes`] invocations of a workgroup shares a row, and one of a single
//! invocation needs no barrier:
//!
//! | lanes | on software GPUs | on hardware, contiguous rows | on hardware, interleaved rows |
//! |---|---|---|---|
//! | 1 | all other rows | up to 4 loads a row | if they fill the device |
//! | 8 | from 1024 loads a row, if contiguous or fewer than 8 | up to 64 loads a row | if they fill the device |
//! | 64 | beyond the device's limit of loop steps | all other rows | all other rows |
//!
//! On software GPUs all lanes of a workgroup wait at a barrier in turn, which costs as much as hundreds of loads. One
//! lane a row needs none, but few rows then occupy few vectors and cores of the CPU, and long sums are less exact. On
//! hardware, lanes of a contiguous row load neighbouring words, so a row has as many lanes as keep them busy;
//! interleaved rows are neighbours in memory themselves. The choices for hardware are not measured.
//!
//! GB read and written per second of CPU time, each value counted once, before → after one lane a row, minimum of 7 on
//! two cores of an x86-64 server. A copy has 0.95 on llvmpipe (Mesa 22.3.6) and 1.0 to 1.6 on SwiftShader (Chromium
//! 156):
//!
//! | kernel | shape | llvmpipe | SwiftShader |
//! |---|---|---|---|
//! | softmax | `[12800, 64]` | 0.03 → 0.31 | 0.01 → 0.55 |
//! | softmax | `[12800, 50]` | 0.03 → 0.26 | 0.005 → 0.28 |
//! | softmax | `[256, 50, 64]`, axis 1 | 0.03 → 0.27 | 0.005 → 0.35 |
//! | layer_normalization | `[12800, 64]` | 0.04 → 0.23 | 0.01 → 0.50 |
//! | layer_normalization | `[12800, 50]` | 0.03 → 0.19 | 0.005 → 0.42 |
//! | l2_normalize | `[12800, 64]` | 0.07 → 0.48 | 0.01 → 1.20 |
//! | moment_normalization | `[12800, 64]`, axis 1 | 0.13 → 0.31 | 0.11 → 0.71 |
//! | reduce, mean | `[256, 50, 64]`, axis 1 | 0.46 → 0.52 | 0.83 → 1.43 |
//! | reduce, maximum | `[256, 50, 64]`, axis 1 | 0.52 → 0.54 | 0.50 → 1.06 |
//! | arg_reduce | `[256, 50, 64]`, axis 1 | 0.48 → 0.50 | 0.31 → 0.56 |
//! | cumulative | `[12800, 64]`, axis 1 | 0.49 → 0.54 | 0.39 → 0.47 |

use super::operator::{KernelRequest, expect_loops};
use super::view::AxisView;
use crate::error::Result;
use crate::kernel::{DeviceFacts, Kernel, WORKGROUP_SIZE, invocations, workgroups};

/// The lanes of a row that is too long for one, and too short for a workgroup.
const SOME: usize = 8;

/// Minimum number of loads in a row that several lanes share on a software GPU.
const LONG_ON_SOFTWARE: usize = 1024;

/// Maximum number of loads in a row of one lane, and of [`SOME`] lanes, on hardware.
const SHORT: usize = 4;
const MEDIUM: usize = 64;

/// The number of invocations that fill a GPU.
const MANY: usize = 8192;

/// The loop steps after which a lane starts another sum (`BLOCK` in `shaders/lib/segment.wgsl`).
const BLOCK: usize = 64;

/// The rows that a kernel reduces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    form: &'static str,
    count: usize,
    /// The loads of a row in each pass.
    loads: usize,
    /// Whether neighbouring elements belong to neighbouring rows.
    interleaved: bool,
    passes: usize,
    /// How often the lanes of a row combine their results.
    reductions: usize,
}

impl Rows {
    /// The lines of a view, element by element. A kernel reads each in `passes` passes, after some of which the lanes
    /// combine their results.
    pub(super) fn elements(view: &AxisView, passes: usize, reductions: usize) -> Self {
        let (count, interleaved) = (view.lines(), view.inner > 1);
        Rows { form: "elements", count, loads: view.axis, interleaved, passes, reductions }
    }

    /// The same rows where lanes load no neighbouring words, so that further lanes only fill the device.
    pub(super) fn in_pieces(self) -> Self {
        Rows { interleaved: true, ..self }
    }

    /// The same rows by quads, if the lines of `view` consist of contiguous quads.
    pub(super) fn or_quads(self, view: &AxisView) -> Self {
        if view.inner == 1 && self.loads > 0 && self.loads.is_multiple_of(4) {
            Rows { form: "quads", loads: self.loads / 4, ..self }
        } else {
            self
        }
    }

    /// The same rows by columns, if `neighbours` interleaved rows are a multiple of 4 and no row needs several lanes.
    pub(super) fn or_columns(self, neighbours: usize, device: &DeviceFacts) -> Self {
        let columns = Rows { form: "columns", count: self.count / 4, ..self };
        // The binding of an empty input is shorter than a quad.
        let whole = self.interleaved && self.loads > 0 && neighbours.is_multiple_of(4);
        if whole && columns.lanes(device) == 1 { columns } else { self }
    }

    /// The number of invocations that share a row: 1, 8 or 64.
    fn lanes(&self, device: &DeviceFacts) -> usize {
        let all = WORKGROUP_SIZE as usize;
        let lanes = if device.software {
            let share = self.loads >= LONG_ON_SOFTWARE && (!self.interleaved || self.count < SOME);
            if share { SOME } else { 1 }
        } else if self.interleaved {
            let fills = |lanes: &usize| self.count * lanes >= MANY || self.loads <= *lanes;
            [1, SOME].into_iter().find(fills).unwrap_or(all)
        } else if self.loads <= SHORT {
            1
        } else if self.loads <= MEDIUM {
            SOME
        } else {
            all
        };
        if self.loop_steps(lanes) > device.max_loop_steps { all } else { lanes }
    }

    /// The loop steps of an invocation.
    fn loop_steps(&self, lanes: usize) -> usize {
        let steps = self.loads.div_ceil(lanes);
        self.passes * (steps + steps.div_ceil(BLOCK)) + self.reductions * (lanes.ilog2() as usize + 1)
    }

    /// The kernel of `shader` in the form of these rows, which reads all of `inputs` inputs.
    pub(super) fn kernel<P: bytemuck::Pod>(
        &self,
        request: &KernelRequest<'_>,
        shader: &'static str,
        params: &P,
        inputs: usize,
    ) -> Result<Kernel> {
        let lanes = self.lanes(request.device);
        expect_loops(request, self.loop_steps(lanes))?;
        if self.form == "columns" {
            return Ok(Kernel::new(shader, params, inputs, invocations(self.count)).entry_point(self.form));
        }
        let grid = workgroups(self.count.div_ceil(WORKGROUP_SIZE as usize / lanes));
        Ok(Kernel::new(shader, params, inputs, grid).entry_point(self.form).constant("lanes", lanes as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_depend_on_rows_and_device() {
        let software = DeviceFacts { software: true, ..DeviceFacts::FLOOR };
        let short_loops = DeviceFacts { max_loop_steps: 65_535, ..software.clone() };
        let table = [
            // outer, axis, inner, on hardware, on software, with short loops
            (12_800, 3, 1, ("elements", 1), ("elements", 1), ("elements", 1)),
            (12_800, 8, 1, ("quads", 1), ("quads", 1), ("quads", 1)),
            (12_800, 50, 1, ("elements", 8), ("elements", 1), ("elements", 1)),
            (12_800, 64, 1, ("quads", 8), ("quads", 1), ("quads", 1)),
            (1, 257, 1, ("elements", 64), ("elements", 1), ("elements", 1)),
            (256, 4096, 1, ("quads", 64), ("quads", 8), ("quads", 8)),
            (1, 3_000_000, 1, ("quads", 64), ("quads", 8), ("quads", 64)),
            (1, 50, 64, ("elements", 64), ("columns", 1), ("columns", 1)),
            (256, 50, 33, ("elements", 1), ("elements", 1), ("elements", 1)),
            (256, 50, 64, ("elements", 1), ("columns", 1), ("columns", 1)),
            (1024, 50, 64, ("columns", 1), ("columns", 1), ("columns", 1)),
            (20, 300, 64, ("elements", 8), ("columns", 1), ("columns", 1)),
            (1, 5, 64, ("elements", 8), ("columns", 1), ("columns", 1)),
            (1, 100_000, 3, ("elements", 64), ("elements", 8), ("elements", 8)),
            (1, 100_000, 64, ("elements", 64), ("columns", 1), ("elements", 64)),
        ];
        for (outer, axis, inner, on_hardware, on_software, with_short_loops) in table {
            let view = AxisView { outer, axis, inner };
            let devices =
                [(&DeviceFacts::FLOOR, on_hardware), (&software, on_software), (&short_loops, with_short_loops)];
            for (device, expected) in devices {
                let rows = Rows::elements(&view, 2, 1).or_quads(&view).or_columns(inner, device);
                assert_eq!((rows.form, rows.lanes(device)), expected, "[{outer}, {axis}, {inner}] on {device:?}");
            }
        }
    }
}
