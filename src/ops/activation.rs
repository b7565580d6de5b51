//! Unary elementwise functions: the activations of Keras and TF.js except softmax, and the unary functions of
//! `keras.ops`.
//!
//! `output = f(x)`; `x` of any shape, float32, the output of the same type. `Absolute`, `Negative` and `Sign` also take
//! int32, and wrap: `abs(−2³¹)` is −2³¹.
//!
//! | function | formula | Keras / TF.js name |
//! |---|---|---|
//! | `Relu` | `x` for `x > threshold`, clipped to `0..=max`; else `slope · (x − threshold)` | `relu`, `relu6`, `ReLU`, `LeakyReLU`, `ThresholdedReLU` |
//! | `Elu` | `x` for `x > 0`, else `alpha · (e^x − 1)` | `elu`, `ELU` |
//! | `Selu` | `1.0507… ·` elu with alpha 1.6732… | `selu` |
//! | `Sigmoid` | `1 / (1 + e^−x)` | `sigmoid` |
//! | `HardSigmoid` | `clip(slope·x + 0.5, 0, 1)` | `hard_sigmoid`: slope 0.2 in Keras 2 and TF.js, 1/6 in Keras 3 |
//! | `Softplus` | `log(1 + e^x)` | `softplus` |
//! | `Softsign` | `x / (1 + abs(x))` | `softsign` |
//! | `Tanh` | `tanh(x)` | `tanh` |
//! | `Gelu` | `x/2 · (1 + erf(x/√2))` | `gelu`; TF.js computes erf to 1.5e-7 only |
//! | `GeluTanh` | `x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))` | `gelu_new` |
//! | `Mish` | `x · tanh(softplus(x))` | `mish` |
//! | `Swish` | `x · sigmoid(x)` | `swish` |
//! | `Exponential` | `e^x` | `exponential` of Keras |
//! | `Logarithm` | `log(x)`, NaN below 0 | `keras.ops.log` |
//! | `LogarithmPlusOne` | `log(1 + x)`, accurate near 0 | `keras.ops.log1p` |
//! | `SquareRoot` | `√x`, NaN below 0 | `keras.ops.sqrt` |
//! | `Rsqrt` | `1 / √x`, NaN below 0 | `keras.ops.rsqrt` |
//! | `Floor`, `Ceil` | `⌊x⌋`, `⌈x⌉` | `keras.ops.floor`, `ceil` |
//! | `Round` | the nearest integer, ties to even | `keras.ops.round` |
//! | `Sign` | −1, 0 or 1 | `keras.ops.sign` |
//! | `Absolute`, `Negative` | `abs(x)`, `−x` | `keras.ops.absolute`, `negative` |
//! | `Sin`, `Cos`, `Tan` | of radians; NaN at ±∞ | `keras.ops.sin`, … |
//! | `Asin`, `Acos`, `Atan` | in radians; NaN outside the domain | `keras.ops.arcsin`, … |
//! | `Sinh`, `Cosh` | `(e^x ∓ e^−x) / 2` | `keras.ops.sinh`, … |
//! | `Asinh`, `Acosh`, `Atanh` | the inverses of sinh, cosh and tanh; NaN outside the domain | `keras.ops.arcsinh`, … |
//! | `Erf` | `2/√π · ∫ e^−t² dt` from 0 to x | `keras.ops.erf` |
//! | `Expm1` | `e^x − 1`, accurate near 0 | `keras.ops.expm1` |
//! | `Half` | the nearest half-precision float, ties to even; ±∞ from 65 520 on | rounding in half-float textures |
//!
//! All functions propagate NaN. `Sin`, `Cos` and `Tan` keep their tolerance for every finite float: their range
//! reduction is exact.
//!
//! The kernels of layers fuse only the functions of `shaders/lib/activate.wgsl`: those of the table down to
//! `SquareRoot`, and `Half`. The others run as their own operator or as a step of [`Elementwise`](super::Elementwise).

mod function;

pub use function::Function;

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, word};
use super::row_form::{Pair, RowForm, RowValue, Work};
use crate::error::Result;
use crate::kernel::{ACTIVATE, ELEMENTARY, GRID, Kernel, SPECIAL, Shader, TRIGONOMETRY, invocations, params, shader};
use crate::tensor::{DType, Data, Tensor, TensorType, Tolerance};

/// Applies one function to every element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Activation {
    /// The function.
    pub function: Function,
}

params! {
    /// `Params` of `shaders/activation.wgsl`.
    ActivationParams { count: u32, a: f32, b: f32, c: f32 }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("activation", ActivationParams, fragments: [GRID, SPECIAL, TRIGONOMETRY, ACTIVATE, ELEMENTARY])];

impl Operator for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        let has_integers = self.function.of_integers().is_some();
        expect_dtype(x, if has_integers { &[DType::F32, DType::I32] } else { &[DType::F32] })?;
        Ok(vec![x.clone()])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let data = match (inputs[0].as_i32(), self.function.of_integers()) {
            (Ok(values), Some(function)) => Data::I32(values.iter().map(|&x| function(x)).collect()),
            _ => {
                let values = inputs[0].as_f32()?;
                Data::F32(values.iter().map(|&x| self.function.at(f64::from(x)) as f32).collect())
            }
        };
        Ok(vec![Tensor::new(inputs[0].shape(), data)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        let (selector, [a, b, c]) = Function::encode(Some(self.function));
        let params = ActivationParams { count: word(count)?, a, b, c };
        let entry_point = match request.output().dtype {
            DType::I32 => "integers",
            _ if self.function.is_rare() => "all_functions",
            _ => "main",
        };
        let kernel = Kernel::new("activation", &params, 1, invocations(count)).entry_point(entry_point);
        Ok(vec![kernel.constant("function", f64::from(selector))])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let count = form.row(0)?.iter().product();
        if self.function.is_rare() {
            return None;
        }
        let work = Work::Elementwise { pair: Pair::Left, function: Some(self.function) };
        form.elementwise(work, &[count], &[(RowValue::Input(0), 0, vec![1]), (RowValue::Output, 0, vec![1])])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        self.function.tolerance()
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len() as u64
    }
}
