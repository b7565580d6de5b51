//! Masked mean over the steps of a sequence: Keras GlobalAveragePooling1D with a mask.
//!
//! `output[n, …] = Σₜ mask[n, t] · x[n, t, …] / Σₜ mask[n, t]`; `x: [N, T, …]` float32, `mask: [N, T]` bool, output
//! `[N, …]`. A row whose steps are all masked gives NaN (0/0), as in Keras. TF.js ignores the mask here and averages
//! over padding: see `Semantics`.

use super::binary::BinaryFunction;
use super::operator::{
    ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, overflowing, word,
};
use super::row_form::{Pair, RowForm, RowValue, Work};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Averages the steps that are not masked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MaskedMean;

params! {
    /// `Params` of `shaders/masked_mean.wgsl`.
    MaskedMeanParams { count: u32, steps: u32, width: u32, padding: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("masked_mean", MaskedMeanParams, fragments: [GRID])];

impl Operator for MaskedMean {
    fn name(&self) -> &'static str {
        "masked_mean"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x, mask] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32])?;
        expect_dtype(mask, &[DType::Bool])?;
        let sample = x.shape.sample();
        if !x.shape.is_batched() || sample.len() < 2 || mask.shape != x.shape.with_sample(&sample[..1]) {
            return Err(Error::shape(format!("mask {mask} does not cover the steps of {x}")));
        }
        Ok(vec![TensorType::f32(x.shape.with_sample(&sample[1..]))])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (x, mask) = (inputs[0].as_f32()?, inputs[1].as_bool()?);
        let (rows, steps) = (inputs[0].shape()[0], inputs[0].shape()[1]);
        let width: usize = inputs[0].shape()[2..].iter().product();
        let mut output = Vec::with_capacity(rows * width);
        for row in 0..rows {
            let kept: Vec<usize> = (0..steps).filter(|step| mask[row * steps + step]).collect();
            for column in 0..width {
                let value = |step: &usize| f64::from(x[(row * steps + step) * width + column]);
                output.push((overflowing(kept.iter().map(value).sum()) / kept.len() as f64) as f32);
            }
        }
        Ok(vec![Tensor::f32(&[&[rows], &inputs[0].shape()[2..]].concat(), output)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        expect_loops(request, request.inputs[0].shape[1])?;
        let count = request.output().len();
        let shape = &request.inputs[0].shape;
        word(request.inputs[0].len())?;
        let width: usize = shape[2..].iter().product();
        let params = MaskedMeanParams { count: word(count)?, steps: word(shape[1])?, width: word(width)?, padding: 0 };
        // The binding of an empty input is shorter than a quad.
        let (entry_point, outputs) =
            if width.is_multiple_of(4) && shape[1] > 0 { ("quads", 4) } else { ("elements", 1) };
        Ok(vec![Kernel::new("masked_mean", &params, 2, invocations(count / outputs)).entry_point(entry_point)])
    }

    /// The sum of what is kept, divided by the sum of the mask.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let (x, &[steps]) = (form.row(0)?, form.row(1)?) else { return None };
        let width: usize = x[1..].iter().product();
        let (kept, count) = (form.scratch(steps * width), form.scratch(1));
        let whole = vec![width as isize, 1];
        let keep = Work::Elementwise { pair: Pair::Of(BinaryFunction::Keep), function: None };
        let mask = (RowValue::Input(1), 0, vec![1, 0]);
        form.elementwise(keep, &[steps, width], &[(RowValue::Input(0), 0, whole.clone()), mask, (kept, 0, whole)])?;
        form.sum([width, steps], (kept, width), RowValue::Output);
        form.sum([1, steps], (RowValue::Input(1), 1), count);
        let divide = Work::Elementwise { pair: Pair::Of(BinaryFunction::Divide), function: None };
        let output = (RowValue::Output, 0, vec![1]);
        form.elementwise(divide, &[width], &[output.clone(), (count, 0, vec![0]), output])
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[0].shape()[1] }
    }

    fn flops(&self, inputs: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        2 * inputs[0].len() as u64
    }
}
