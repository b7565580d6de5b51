//! Batch normalization with moving statistics: Keras BatchNormalization at inference, ONNX BatchNormalization.
//!
//! `output = gamma · (x − mean) / √(variance + epsilon) + beta`, per channel; `x` and output have the same shape,
//! float32. The four vectors are one tensor `statistics: [4, C]`, because phones support only four storage buffers per
//! shader. Its rows are gamma (ones if the layer has none), beta (zeros if it has none), moving mean and moving
//! variance. TF.js takes ranks 2 to 4; this operator takes any rank.

use super::operator::{
    ConcreteType, KernelRequest, Operator, equal_by_bits, expect_dtype, expect_inputs, expect_sample_axis, word,
};
use super::row_form::{RowForm, Work};
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Dim, Tensor, TensorType, Tolerance};

/// Normalizes with moving statistics.
#[derive(Debug, Clone)]
pub struct BatchNormalization {
    /// The axis of the channels (0 is the batch).
    pub axis: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

equal_by_bits!(BatchNormalization { axis, epsilon });

params! {
    /// `Params` of `shaders/batch_normalization.wgsl`.
    BatchNormalizationParams { count: u32, channels: u32, inner: u32, epsilon: f32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("batch_normalization", BatchNormalizationParams, fragments: [GRID])];

impl BatchNormalization {
    /// Applies `normalize(x, gamma, beta, mean, variance)` to every element.
    fn map(&self, inputs: &[&Tensor], normalize: impl Fn(f64, [f64; 4]) -> f64) -> Result<Tensor> {
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let statistics = inputs[1].as_f32()?;
        let values = inputs[0].as_f32()?.iter().enumerate().map(|(index, &x)| {
            let channel = index / view.inner % view.axis;
            let row = |row: usize| f64::from(statistics[row * view.axis + channel]);
            normalize(f64::from(x), [row(0), row(1), row(2), row(3)]) as f32
        });
        Tensor::f32(inputs[0].shape(), values.collect())
    }
}

impl Operator for BatchNormalization {
    fn name(&self) -> &'static str {
        "batch_normalization"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x, statistics] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32])?;
        expect_dtype(statistics, &[DType::F32])?;
        expect_sample_axis(&x.shape, self.axis)?;
        if statistics.shape.dims() != [Dim::Fixed(4), x.shape.dims()[self.axis]] {
            return Err(Error::shape(format!("statistics {statistics} do not fit axis {} of {x}", self.axis)));
        }
        Ok(vec![x.clone()])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let epsilon = f64::from(self.epsilon);
        Ok(vec![
            self.map(inputs, |x, [gamma, beta, mean, variance]| {
                gamma * (x - mean) / (variance + epsilon).sqrt() + beta
            })?,
        ])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        let view = AxisView::new(&request.output().shape, self.axis);
        let params = BatchNormalizationParams {
            count: word(count)?,
            channels: word(view.axis)?,
            inner: word(view.inner)?,
            epsilon: self.epsilon,
        };
        Ok(vec![Kernel::new("batch_normalization", &params, 2, invocations(count))])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let view = AxisView::new(form.row(0)?, form.axis(self.axis)?);
        form.constant(1)?;
        form.normalize_channels(Work::ChannelNormalization { statistics: 1, epsilon: self.epsilon }, &view);
        Some(())
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: 3 }
    }

    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let epsilon = f64::from(self.epsilon);
        Ok(vec![self.map(inputs, |x, [gamma, beta, mean, variance]| {
            (gamma * (x.abs() + mean.abs())).abs() / (variance + epsilon).sqrt() + beta.abs()
        })?])
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        2 * outputs[0].len() as u64
    }
}
