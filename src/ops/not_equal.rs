//! Comparison with a scalar: the masks of Keras Embedding (`mask_zero`, value 0) and Masking (`mask_value`).
//!
//! `output = (x ≠ value)`; `x` float32 or int32 of any shape, output bool. NaN is unequal to everything.

use super::operator::{ConcreteType, KernelRequest, Operator, equal_by_bits, expect_dtype, expect_inputs, word};
use super::row_form::{Pair, RowForm, RowValue, Work};
use crate::error::Result;
use crate::kernel::{GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Compares every element with one number.
#[derive(Debug, Clone)]
pub struct NotEqual {
    /// The number; on int32 inputs it is compared after conversion to float64.
    pub value: f32,
}

equal_by_bits!(NotEqual { value });

params! {
    /// `Params` of `shaders/not_equal.wgsl`.
    NotEqualParams { count: u32, value: f32, integer: i32, whole: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("not_equal", NotEqualParams, fragments: [GRID, SPECIAL])];

impl Operator for NotEqual {
    fn name(&self) -> &'static str {
        "not_equal"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32, DType::I32])?;
        Ok(vec![TensorType::new(x.shape.clone(), DType::Bool)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let different = inputs[0].to_f64().iter().map(|&x| x != f64::from(self.value)).collect();
        Ok(vec![Tensor::bool(inputs[0].shape(), different)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        // An id can equal the number only if the number is an int32.
        let integer = self.value as i32;
        let whole = u32::from(f64::from(integer) == f64::from(self.value));
        let params = NotEqualParams { count: word(count)?, value: self.value, integer, whole };
        let entry_point = if request.inputs[0].dtype == DType::I32 { "integers" } else { "floats" };
        Ok(vec![Kernel::new("not_equal", &params, 1, invocations(count)).entry_point(entry_point)])
    }

    /// Only with 0: no integer but 0 becomes the float 0, but others become the same float.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let count: usize = form.numbers(0)?.iter().product();
        if self.value != 0.0 {
            return None;
        }
        let work = Work::Elementwise { pair: Pair::IsNotZero, function: None };
        form.elementwise(work, &[count], &[(RowValue::Input(0), 0, vec![1]), (RowValue::Output, 0, vec![1])])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len() as u64
    }
}
