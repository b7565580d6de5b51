//! L2 normalization along one axis: the `normalize` option of Keras Dot, `tf.math.l2_normalize`.
//!
//! `output = x / √(max(Σ x², floor))`; input and output have the same shape, float32. The floor is 1e-12 in Keras
//! (`l2_normalize`) and 1e-7 in TF.js (its float32 epsilon; 1e-4 with half-float textures), so they differ for vectors
//! shorter than 3.2e-4.

use super::operator::{
    ConcreteType, KernelRequest, Operator, equal_by_bits, expect_dtype, expect_inputs, expect_sample_axis, overflowing,
    word,
};
use super::row_form::{RowForm, Work};
use super::rows::Rows;
use super::view::AxisView;
use crate::error::Result;
use crate::kernel::{GRID, Kernel, REDUCE, SEGMENT, SPECIAL, Shader, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Scales lines to length one.
#[derive(Debug, Clone)]
pub struct L2Normalize {
    /// The axis (0 is the batch).
    pub axis: usize,
    /// The minimum of the squared length.
    pub floor: f32,
}

equal_by_bits!(L2Normalize { axis, floor });

impl L2Normalize {
    /// The floor of TF.js: its epsilon.
    pub const TFJS_FLOOR: f32 = 1e-7;
    /// The floor of TF.js with half-float textures.
    pub const TFJS_HALF_FLOOR: f32 = 1e-4;
}

params! {
    /// `Params` of `shaders/l2_normalize.wgsl`.
    L2NormalizeParams { lines: u32, length: u32, inner: u32, floor_squared: f32 }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("l2_normalize", L2NormalizeParams, fragments: [GRID, SEGMENT, SPECIAL, REDUCE])];

impl Operator for L2Normalize {
    fn name(&self) -> &'static str {
        "l2_normalize"
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
            let squared = overflowing((0..view.axis).map(|k| f64::from(x[at(k)]).powi(2)).sum());
            // f64::max would drop a NaN.
            let floor = f64::from(self.floor);
            let length = if squared < floor { floor.sqrt() } else { squared.sqrt() };
            for k in 0..view.axis {
                output[at(k)] = (f64::from(x[at(k)]) / length) as f32;
            }
        }
        Ok(vec![Tensor::f32(inputs[0].shape(), output)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let view = AxisView::new(&request.output().shape, self.axis);
        word(request.output().len())?;
        let params = L2NormalizeParams {
            lines: word(view.lines())?,
            length: word(view.axis)?,
            inner: word(view.inner)?,
            floor_squared: self.floor,
        };
        let rows = Rows::elements(&view, 2, 1).or_quads(&view);
        Ok(vec![rows.kernel(request, "l2_normalize", &params, 1)?])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let view = AxisView::new(form.row(0)?, form.axis(self.axis)?);
        form.along(Work::L2Normalize { floor: self.floor }, &view, true);
        Some(())
    }

    /// All terms of the sum are non-negative, so its relative error is small.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        let terms = inputs[0].shape()[self.axis] as f32;
        Tolerance::Pointwise { ulps: 6.0 + terms.sqrt(), absolute: f32::MIN_POSITIVE }
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        3 * outputs[0].len() as u64
    }
}
