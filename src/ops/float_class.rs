//! Classification of floats: `keras.ops.isnan`, `isinf` and `isfinite`; ONNX IsNaN and IsInf.
//!
//! `output = (x is …)`; `x` float32 of any shape, output bool. Every float is exactly one of NaN, infinite (of either
//! sign) and finite.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, word};
use crate::error::Result;
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Tests floats for one class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FloatClass {
    /// The class.
    pub class: Class,
}

/// A class of floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Not a number.
    Nan,
    /// ∞ or −∞.
    Infinite,
    /// A finite number.
    Finite,
}

params! {
    /// `Params` of `shaders/float_class.wgsl`.
    FloatClassParams { count: u32, padding0: u32, padding1: u32, padding2: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("float_class", FloatClassParams, fragments: [GRID])];

impl Class {
    /// Whether `x` belongs to the class.
    #[inline(always)]
    pub(crate) fn holds(self, x: f32) -> bool {
        match self {
            Class::Nan => x.is_nan(),
            Class::Infinite => x.is_infinite(),
            Class::Finite => x.is_finite(),
        }
    }
}

impl Operator for FloatClass {
    fn name(&self) -> &'static str {
        "float_class"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32])?;
        Ok(vec![TensorType::new(x.shape.clone(), DType::Bool)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let answers = inputs[0].as_f32()?.iter().map(|&x| self.class.holds(x)).collect();
        Ok(vec![Tensor::bool(inputs[0].shape(), answers)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        let params = FloatClassParams { count: word(count)?, padding0: 0, padding1: 0, padding2: 0 };
        // The number of the class in the shader; classes are in the order of their bits.
        let class = match self.class {
            Class::Finite => 0,
            Class::Infinite => 1,
            Class::Nan => 2,
        };
        Ok(vec![
            Kernel::new("float_class", &params, 1, invocations(count)).constant("class_of_floats", f64::from(class)),
        ])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len() as u64
    }
}
