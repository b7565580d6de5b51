//! Layer normalization over trailing dimensions: Keras LayerNormalization and RMSNormalization, ONNX
//! LayerNormalization.
//!
//! `output = gamma · (x − mean) / √(variance + epsilon) + beta`, with mean and biased variance over the last `axes`
//! dimensions. `gamma` and `beta` have the shape of those dimensions (ones and zeros if the layer has none); all
//! float32. [`Mean`] says where the mean is subtracted: RMSNormalization divides by the root mean square. Front ends
//! transpose other axes to the back.
//!
//! On the GPU the variance is the mean square of the differences, because E(x²) − E(x)² cancels. `ops/rows.rs` chooses
//! the number of invocations of a row.

use super::operator::{
    ConcreteType, KernelRequest, Operator, equal_by_bits, expect_dtype, expect_inputs, overflowing, word,
};
use super::row_form::{RowForm, Work};
use super::rows::Rows;
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, REDUCE, SEGMENT, SPECIAL, Shader, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Normalises over the last dimensions.
#[derive(Debug, Clone)]
pub struct LayerNormalization {
    /// The number of trailing dimensions that are normalized together.
    pub axes: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Where the mean is subtracted.
    pub mean: Mean,
}

equal_by_bits!(LayerNormalization { axes, epsilon, mean });

/// Where the mean of a row is subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mean {
    /// From the normalized values and in the variance: LayerNormalization.
    #[default]
    Everywhere,
    /// In the variance only: LayerNormalization with `rms_scaling`.
    InVariance,
    /// Nowhere: the variance is the mean square. RMSNormalization.
    Nowhere,
}

params! {
    /// `Params` of `shaders/layer_normalization.wgsl`.
    LayerNormalizationParams { rows: u32, width: u32, epsilon: f32, mean: u32 }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("layer_normalization", LayerNormalizationParams, fragments: [GRID, SEGMENT, SPECIAL, REDUCE])];

impl LayerNormalization {
    /// LayerNormalization over the last `axes` dimensions.
    pub fn new(axes: usize, epsilon: f32) -> Self {
        LayerNormalization { axes, epsilon, mean: Mean::Everywhere }
    }

    /// The mean of a row that is subtracted, and the square root of variance + epsilon.
    fn statistics(&self, row: &[f32]) -> (f64, f64) {
        let count = row.len() as f64;
        let mean = overflowing(row.iter().map(|&x| f64::from(x)).sum()) / count;
        let centre = if self.mean == Mean::Nowhere { 0.0 } else { mean };
        let variance = overflowing(row.iter().map(|&x| (f64::from(x) - centre).powi(2)).sum()) / count;
        let subtracted = if self.mean == Mean::Everywhere { mean } else { 0.0 };
        (subtracted, (variance + f64::from(self.epsilon)).sqrt())
    }

    /// Applies `normalize(x, gamma, beta, mean, deviation)` to every element.
    fn map(&self, inputs: &[&Tensor], normalize: impl Fn(f64, f64, f64, f64, f64) -> f64) -> Result<Tensor> {
        let (x, gamma, beta) = (inputs[0].as_f32()?, inputs[1].as_f32()?, inputs[2].as_f32()?);
        let mut output = Vec::with_capacity(x.len());
        for row in x.chunks(gamma.len().max(1)) {
            let (mean, deviation) = self.statistics(row);
            for (&x, (&gamma, &beta)) in row.iter().zip(gamma.iter().zip(beta)) {
                output.push(normalize(f64::from(x), f64::from(gamma), f64::from(beta), mean, deviation) as f32);
            }
        }
        Tensor::f32(inputs[0].shape(), output)
    }
}

impl Operator for LayerNormalization {
    fn name(&self) -> &'static str {
        "layer_normalization"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x, gamma, beta] = expect_inputs(inputs)?;
        for input in [x, gamma, beta] {
            expect_dtype(input, &[DType::F32])?;
        }
        let sample = x.shape.sample();
        let fits = (1..=sample.len()).contains(&self.axes)
            && gamma.shape == beta.shape
            && gamma.shape.sample() == sample[sample.len() - self.axes..];
        if !fits {
            return Err(Error::shape(format!("input {x}, gamma {gamma} and beta {beta} do not fit")));
        }
        Ok(vec![x.clone()])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![self.map(inputs, |x, gamma, beta, mean, deviation| gamma * (x - mean) / deviation + beta)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let width = request.inputs[1].len();
        let view = AxisView { outer: request.output().len() / width.max(1), axis: width, inner: 1 };
        word(request.output().len())?;
        let mean = self.mean as u32;
        let params =
            LayerNormalizationParams { rows: word(view.lines())?, width: word(width)?, epsilon: self.epsilon, mean };
        let rows = Rows::elements(&view, 3, 2).or_quads(&view);
        Ok(vec![rows.kernel(request, "layer_normalization", &params, 3)?])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let (row, gamma) = (form.row(0)?, form.constant(1)?);
        form.constant(2)?;
        let width: usize = gamma.iter().product();
        let count: usize = row.iter().product();
        if gamma.len() > row.len() {
            return None;
        }
        let view = AxisView { outer: count.checked_div(width)?, axis: width, inner: 1 };
        let (epsilon, mean) = (self.epsilon, self.mean);
        form.along(Work::LayerNormalization { gamma: 1, beta: 2, epsilon, mean }, &view, true);
        Some(())
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[1].len() }
    }

    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![self.map(inputs, |x, gamma, beta, mean, deviation| {
            (gamma * (x.abs() + mean.abs())).abs() / deviation + beta.abs()
        })?])
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        8 * outputs[0].len() as u64
    }
}
