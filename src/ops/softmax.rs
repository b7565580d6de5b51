//! Softmax and log-softmax along one axis: Keras `softmax` and `log_softmax`, as activation or layer.
//!
//! `softmax = e^(x − m) / Σ e^(x − m)` and `log_softmax = x − m − log Σ e^(x − m)` with `m` the maximum of the line;
//! input and output have the same shape, float32. The axis of the Softmax layer defaults to −1 in Keras and to 1 in
//! TF.js. A line of equal values gives 1/K. A NaN makes its whole line NaN, and so does a line of −∞, as in Keras and
//! TF.js.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_sample_axis, word};
use super::row_form::{RowForm, Work};
use super::rows::Rows;
use super::view::AxisView;
use crate::error::Result;
use crate::kernel::{GRID, Kernel, REDUCE, SEGMENT, SPECIAL, Shader, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Normalises exponentials along an axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// The axis (0 is the batch).
    pub axis: usize,
    /// Whether to compute the log-softmax.
    pub log: bool,
}

params! {
    /// `Params` of `shaders/softmax.wgsl`.
    SoftmaxParams { lines: u32, length: u32, inner: u32, log: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("softmax", SoftmaxParams, fragments: [GRID, SEGMENT, SPECIAL, REDUCE])];

impl Operator for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32])?;
        expect_sample_axis(&x.shape, self.axis)?;
        Ok(vec![x.clone()])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let x = inputs[0].as_f32()?;
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let mut output = vec![0.0; x.len()];
        for line in 0..view.lines() {
            let at = |k: usize| view.start(line) + k * view.inner;
            let value = |k: usize| f64::from(x[at(k)]);
            let keep_nan = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) };
            let largest = (0..view.axis).map(value).fold(f64::NEG_INFINITY, keep_nan);
            let sum: f64 = (0..view.axis).map(|k| (value(k) - largest).exp()).sum();
            for k in 0..view.axis {
                let shifted = value(k) - largest;
                output[at(k)] = if self.log { shifted - sum.ln() } else { shifted.exp() / sum } as f32;
            }
        }
        Ok(vec![Tensor::f32(inputs[0].shape(), output)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let view = AxisView::new(&request.output().shape, self.axis);
        word(request.output().len())?;
        let params = SoftmaxParams {
            lines: word(view.lines())?,
            length: word(view.axis)?,
            inner: word(view.inner)?,
            log: u32::from(self.log),
        };
        let rows = Rows::elements(&view, 3, 2).or_quads(&view);
        Ok(vec![rows.kernel(request, "softmax", &params, 1)?])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let view = AxisView::new(form.row(0)?, form.axis(self.axis)?);
        form.along(Work::Softmax { log: self.log }, &view, true);
        Some(())
    }

    /// The rounding error of the exponent grows with its magnitude, but the result is then small: the absolute floor
    /// covers it.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        let terms = inputs[0].shape()[self.axis] as f32;
        Tolerance::Pointwise { ulps: 8.0 + terms.sqrt(), absolute: if self.log { 2e-6 } else { 2e-7 } }
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        4 * outputs[0].len() as u64
    }
}
