//! Average and max pooling over one to three spatial dimensions: Keras MaxPooling1D to 3D and AveragePooling1D to 3D.
//!
//! `output[n, o, c]` is the mean or the maximum of `x[n, p(o, k), c]` over the taps `k` that lie in the input (see
//! [`Window`]); `x: [N, positions…, C]` float32. Padding is excluded, also from the divisor of the mean. The maximum
//! propagates NaN.

use super::operator::{
    ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, overflowing, word,
};
use super::reduce::Reduction;
use super::row_form::{RowForm, Work};
use super::view::AxisView;
use super::window::{self, WINDOW, Walk, Window, WindowParams};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Reduces windows of positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pool {
    /// Mean or maximum.
    pub reduction: Reduction,
    /// The window of each spatial dimension.
    pub windows: Vec<Window>,
}

params! {
    /// `Params` of `shaders/pool.wgsl`.
    PoolParams { window: WindowParams, count: u32, padding0: u32, padding1: u32, padding2: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("pool", PoolParams, fragments: [GRID, SPECIAL, WINDOW])];

/// Maximum number of positions in a pool, including padding: those of an image of 4096 by 4096. Without it, a small
/// file could demand any number.
const MOST_TAPS: usize = 1 << 24;

impl Pool {
    fn taps(&self) -> usize {
        self.windows.iter().map(|window| window.size).product()
    }
}

impl Operator for Pool {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32])?;
        let sample = window::expect_positions(&self.windows, x)?;
        if !matches!(self.reduction, Reduction::Mean | Reduction::Maximum) {
            return Err(Error::shape("takes the mean or the maximum"));
        }
        let taps = self.windows.iter().try_fold(1usize, |taps, window| taps.checked_mul(window.size));
        if taps.is_none_or(|taps| taps > MOST_TAPS) {
            return Err(Error::limit(format!("pools of more than {MOST_TAPS} positions are beyond reason")));
        }
        let (&channels, _) = sample.split_last().unwrap_or((&0, &[]));
        let output: Vec<usize> = self.windows.iter().map(|window| window.count).chain([channels]).collect();
        Ok(vec![TensorType::f32(x.shape.with_sample(&output))])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (x, shape) = (inputs[0].as_f32()?, inputs[0].shape());
        let (positions, channels) = (&shape[1..=self.windows.len()], shape[self.windows.len() + 1]);
        let (walk, sample) = (Walk::new(&self.windows, positions), positions.iter().product::<usize>() * channels);
        let counts: Vec<usize> = self.windows.iter().map(|window| window.count).collect();
        let keep_nan = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) };
        let mut output = Vec::new();
        for row in 0..shape[0] {
            for at in 0..walk.count() {
                let (mut read, mut sums) = (0, vec![0.0; channels]);
                let mut largest = vec![f64::NEG_INFINITY; channels];
                walk.for_each_tap(at, |_, from| {
                    read += 1;
                    for channel in 0..channels {
                        let value = f64::from(x[row * sample + from * channels + channel]);
                        sums[channel] += value;
                        largest[channel] = keep_nan(largest[channel], value);
                    }
                });
                match self.reduction {
                    Reduction::Maximum => output.extend(largest.iter().map(|&largest| largest as f32)),
                    _ => output.extend(sums.iter().map(|sum| (overflowing(*sum) / f64::from(read)) as f32)),
                }
            }
        }
        Ok(vec![Tensor::f32(&[&shape[..1], &counts, &[channels]].concat(), output)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        expect_loops(request, self.taps())?;
        word(request.inputs[0].len())?;
        let (count, channels) = (request.output().len(), request.output().shape[self.windows.len() + 1]);
        let window = window::params(&self.windows, &request.inputs[0].shape[1..], channels)?;
        let params = PoolParams { window, count: word(count)?, padding0: 0, padding1: 0, padding2: 0 };
        let entry_point = if self.reduction == Reduction::Maximum { "largest" } else { "mean" };
        let kernel = Kernel::new("pool", &params, 1, invocations(count)).entry_point(entry_point);
        Ok(vec![window::stretched(kernel, &self.windows)])
    }

    /// Over the positions of one dimension without padding.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let &[positions, channels] = form.row(0)? else { return None };
        let &[window] = self.windows.as_slice() else { return None };
        if window.stretch != 1 || !window.lies_within(positions) {
            return None;
        }
        let view = AxisView { outer: window.count, axis: window.size, inner: channels };
        form.along(Work::Reduce { reduction: self.reduction }, &view, false);
        form.overlap(window.before.unsigned_abs() * channels, window.stride * channels);
        form.sum_over(window.size, [window.dilation * channels, 0]);
        Some(())
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        match self.reduction {
            Reduction::Maximum => Tolerance::Exact,
            _ => Tolerance::Sum { terms: self.taps() },
        }
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len().saturating_mul(self.taps()) as u64
    }
}
