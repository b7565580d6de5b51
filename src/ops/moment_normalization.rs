//! Batch normalization with the statistics of the current batch: Keras BatchNormalization called with `training=True`.
//!
//! `output = gamma · (x − mean) / √(variance + epsilon) + beta` per channel, with `mean = Σ w·x / Σ w` and `variance =
//! Σ w·(x − mean)² / Σ w` over all elements of that channel in all rows; all float32. `scale: [2, C]` has the rows
//! gamma (ones if the layer has none) and beta (zeros). `weights` has the shape of x, for a mask, or is a single number
//! for equal weights. If all weights are 0 the output is NaN (0/0), as in Keras. TF.js uses the moving statistics
//! instead: see `Semantics`.
//!
//! On the GPU the variance is the mean square of the differences, because E(x²) − E(x)² cancels. `ops/rows.rs` chooses
//! the number of invocations of a channel.

use super::operator::{
    ConcreteType, KernelRequest, Operator, equal_by_bits, expect_dtype, expect_inputs, expect_sample_axis, overflowing,
    word,
};
use super::rows::Rows;
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, REDUCE, SEGMENT, SPECIAL, Shader, params, shader};
use crate::tensor::{DType, Dim, Tensor, TensorType, Tolerance};

/// Normalizes with the statistics of the batch.
#[derive(Debug, Clone)]
pub struct MomentNormalization {
    /// The axis of the channels (0 is the batch).
    pub axis: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

equal_by_bits!(MomentNormalization { axis, epsilon });

params! {
    /// `Params` of `shaders/moment_normalization.wgsl`.
    MomentNormalizationParams {
        channels: u32,
        lines: u32,
        inner: u32,
        epsilon: f32,
/// The stride of the weights: 1, or 0 for a single weight.
        weight_step: u32,
        padding_0: u32,
        padding_1: u32,
        padding_2: u32,
    }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("moment_normalization", MomentNormalizationParams, fragments: [GRID, SEGMENT, SPECIAL, REDUCE])];

impl MomentNormalization {
    /// Applies `normalize(x, gamma, beta, mean, deviation)` to every element.
    fn map(&self, inputs: &[&Tensor], normalize: impl Fn(f64, f64, f64, f64, f64) -> f64) -> Result<Tensor> {
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let (x, scale, weights) = (inputs[0].as_f32()?, inputs[1].as_f32()?, inputs[2].as_f32()?);
        let weight_step = usize::from(weights.len() == x.len());
        let mut output = vec![0.0; x.len()];
        for channel in 0..view.axis {
            let at = |line: usize| view.start(line) + channel * view.inner;
            let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
                let weighted = |at: usize| f64::from(weights[at * weight_step]) * of(f64::from(x[at]));
                overflowing((0..view.lines()).map(|line| weighted(at(line))).sum())
            };
            let count = sum(&|_| 1.0);
            let mean = sum(&|x| x) / count;
            let variance = sum(&|x| (x - mean).powi(2)) / count;
            let deviation = (variance + f64::from(self.epsilon)).sqrt();
            let (gamma, beta) = (f64::from(scale[channel]), f64::from(scale[view.axis + channel]));
            for line in 0..view.lines() {
                output[at(line)] = normalize(f64::from(x[at(line)]), gamma, beta, mean, deviation) as f32;
            }
        }
        Tensor::f32(inputs[0].shape(), output)
    }
}

impl Operator for MomentNormalization {
    fn name(&self) -> &'static str {
        "moment_normalization"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x, scale, weights] = expect_inputs(inputs)?;
        for input in [x, scale, weights] {
            expect_dtype(input, &[DType::F32])?;
        }
        expect_sample_axis(&x.shape, self.axis)?;
        if scale.shape.dims() != [Dim::Fixed(2), x.shape.dims()[self.axis]] {
            return Err(Error::shape(format!("scale {scale} does not fit axis {} of {x}", self.axis)));
        }
        if weights.shape.dims() != [Dim::Fixed(1)] && weights.shape != x.shape {
            return Err(Error::shape(format!("weights {weights} are neither one number nor like {x}")));
        }
        Ok(vec![x.clone()])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![self.map(inputs, |x, gamma, beta, mean, deviation| gamma * (x - mean) / deviation + beta)?])
    }

    fn mixes_rows(&self) -> bool {
        true
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        let view = AxisView::new(&request.output().shape, self.axis);
        word(count)?;
        let params = MomentNormalizationParams {
            channels: word(view.axis)?,
            lines: word(view.lines())?,
            inner: word(view.inner)?,
            epsilon: self.epsilon,
            weight_step: u32::from(request.inputs[2].len() == count),
            padding_0: 0,
            padding_1: 0,
            padding_2: 0,
        };
        // The lines of a channel are its row. Channels are interleaved where they are last.
        let channels = if count == 0 { 0 } else { view.axis };
        let inner = if view.inner == 1 { channels } else { 1 };
        let row = AxisView { outer: channels / inner.max(1), axis: view.lines(), inner };
        let rows = Rows::elements(&row, 3, 3);
        let rows = if params.weight_step == 0 { rows.or_columns(inner, request.device) } else { rows };
        Ok(vec![rows.kernel(request, "moment_normalization", &params, 3)?])
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: AxisView::new(inputs[0].shape(), self.axis).lines() }
    }

    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![self.map(inputs, |x, gamma, beta, mean, deviation| {
            (gamma * (x.abs() + mean.abs())).abs() / deviation + beta.abs()
        })?])
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        10 * outputs[0].len() as u64
    }
}
