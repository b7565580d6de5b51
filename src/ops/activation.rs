//! A function of one element: the activations of Keras and TF.js but softmax, which needs a whole row, and what users
//! apply to features before a model.
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
//! | `LogarithmPlusOne` | `log(1 + x)`, with its digits near 0 | `keras.ops.log1p` |
//! | `SquareRoot` | `√x`, NaN below 0 | `keras.ops.sqrt` |
//! | `Rsqrt` | `1 / √x`, NaN below 0 | `keras.ops.rsqrt` |
//! | `Floor`, `Ceil` | the nearest integer that is no more, no less | `keras.ops.floor`, `ceil` |
//! | `Round` | the nearest integer, the even one of two | `keras.ops.round` |
//! | `Sign` | −1, 0 or 1 | `keras.ops.sign` |
//! | `Absolute`, `Negative` | `abs(x)`, `−x` | `keras.ops.absolute`, `negative` |
//! | `Sin`, `Cos`, `Tan` | of radians; NaN at ±∞ | `keras.ops.sin`, … |
//! | `Asin`, `Acos`, `Atan` | in radians; NaN outside the domain | `keras.ops.arcsin`, … |
//! | `Sinh`, `Cosh` | `(e^x ∓ e^−x) / 2` | `keras.ops.sinh`, … |
//! | `Asinh`, `Acosh`, `Atanh` | their inverses and that of tanh; NaN outside the domain | `keras.ops.arcsinh`, … |
//! | `Erf` | `2/√π · ∫ e^−t² dt` from 0 to x | `keras.ops.erf` |
//! | `Expm1` | `e^x − 1`, with its digits near 0 | `keras.ops.expm1` |
//! | `Half` | the nearest half-precision float, the even one of two; ±∞ from 65 520 on | what a half-float texture keeps |
//!
//! NaN gives NaN in all of them. `Absolute`, `Negative` and `Sign` take int32 too, and wrap: −2³¹ stays what it is. The sines are
//! as exact far from 0 as near it. Layers and what is fused with them have the functions of layers
//! (`shaders/lib/activate.wgsl`), down to `SquareRoot`, and `Half`; the others need this operator or Elementwise.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, word};
use crate::error::{Error, Result};
use crate::kernel::{ACTIVATE, ELEMENTARY, GRID, Kernel, SPECIAL, Shader, TRIGONOMETRY, invocations, params, shader};
use crate::tensor::{DType, Data, Tensor, TensorType, Tolerance};

/// Applies one function to every element.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// The function.
    pub function: Function,
}

/// A function of one float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// The rectifier in Keras' general form.
    Relu {
        /// Largest output, if any.
        max_value: Option<f32>,
        /// Slope below the threshold.
        negative_slope: f32,
        /// Where the slope changes; belongs to the lower part, as Keras has it (`backend.relu`).
        threshold: f32,
    },
    /// Exponential linear unit.
    Elu {
        /// Its limit at −∞ is −alpha.
        alpha: f32,
    },
    /// Scaled exponential linear unit.
    Selu,
    /// Logistic function.
    Sigmoid,
    /// Piecewise linear sigmoid.
    HardSigmoid {
        /// Between its ends.
        slope: f32,
    },
    /// Smooth rectifier.
    Softplus,
    /// Rational sigmoid.
    Softsign,
    /// Hyperbolic tangent.
    Tanh,
    /// Gaussian error linear unit.
    Gelu,
    /// Gaussian error linear unit through tanh.
    GeluTanh,
    /// Self-regularised rectifier.
    Mish,
    /// Sigmoid-weighted linear unit.
    Swish,
    /// Exponential.
    Exponential,
    /// Natural logarithm.
    Logarithm,
    /// Natural logarithm of one more.
    LogarithmPlusOne,
    /// Square root.
    SquareRoot,
    /// Rounding to half precision.
    Half,
    /// Reciprocal of the square root.
    Rsqrt,
    /// Rounding down.
    Floor,
    /// Rounding up.
    Ceil,
    /// Rounding to the nearest.
    Round,
    /// Sign.
    Sign,
    /// Magnitude.
    Absolute,
    /// The opposite number.
    Negative,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Tangent.
    Tan,
    /// Inverse sine.
    Asin,
    /// Inverse cosine.
    Acos,
    /// Inverse tangent.
    Atan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse hyperbolic cosine.
    Acosh,
    /// Inverse hyperbolic tangent.
    Atanh,
    /// Error function.
    Erf,
    /// Exponential, less one.
    Expm1,
}

params! {
    /// `Params` of `shaders/activation.wgsl`.
    ActivationParams { count: u32, a: f32, b: f32, c: f32 }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("activation", ActivationParams, fragments: [GRID, SPECIAL, TRIGONOMETRY, ACTIVATE, ELEMENTARY])];

/// The constants of SELU as Keras gives them (`keras/activations.py`).
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

impl Function {
    /// Plain ReLU.
    pub const RELU: Function = Function::relu(None, 0.0, 0.0);

    /// ReLU with Keras' options.
    pub const fn relu(max_value: Option<f32>, negative_slope: f32, threshold: f32) -> Self {
        Function::Relu { max_value, negative_slope, threshold }
    }

    /// The value at `x`.
    pub(crate) fn at(self, x: f64) -> f64 {
        match self {
            Function::Relu { max_value, negative_slope, threshold } => {
                let threshold = f64::from(threshold);
                if x.is_nan() {
                    x
                } else if x > threshold {
                    max_value.map_or(x, |max| x.clamp(0.0, f64::from(max).max(0.0)))
                } else if negative_slope == 0.0 {
                    // Not the product, which is NaN at −∞.
                    0.0
                } else {
                    f64::from(negative_slope) * (x - threshold)
                }
            }
            Function::Elu { alpha } => elu(x, f64::from(alpha)),
            Function::Selu => SELU_SCALE * elu(x, SELU_ALPHA),
            Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Function::HardSigmoid { slope } => (f64::from(slope) * x + 0.5).clamp(0.0, 1.0),
            Function::Softplus => softplus(x),
            Function::Softsign => x / (1.0 + x.abs()),
            Function::Tanh => x.tanh(),
            Function::Gelu => 0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)),
            Function::GeluTanh => {
                let scale = (2.0 / std::f64::consts::PI).sqrt();
                0.5 * x * (1.0 + (scale * (x + 0.044715 * x * x * x)).tanh())
            }
            Function::Mish => x * softplus(x).tanh(),
            Function::Swish => x / (1.0 + (-x).exp()),
            Function::Exponential => x.exp(),
            Function::Logarithm => x.ln(),
            Function::LogarithmPlusOne => x.ln_1p(),
            Function::SquareRoot => x.sqrt(),
            // A float first, as devices have it: rounding twice is not rounding once.
            Function::Half => f64::from(half::f16::from_f32(x as f32)),
            Function::Rsqrt => 1.0 / x.sqrt(),
            Function::Floor => x.floor(),
            Function::Ceil => x.ceil(),
            Function::Round => x.round_ties_even(),
            Function::Sign if x == 0.0 || x.is_nan() => x,
            Function::Sign => x.signum(),
            Function::Absolute => x.abs(),
            Function::Negative => -x,
            Function::Sin => x.sin(),
            Function::Cos => x.cos(),
            Function::Tan => x.tan(),
            Function::Asin => x.asin(),
            Function::Acos => x.acos(),
            Function::Atan => x.atan(),
            Function::Sinh => x.sinh(),
            Function::Cosh => x.cosh(),
            Function::Asinh => x.asinh(),
            Function::Acosh => x.acosh(),
            Function::Atanh => x.atanh(),
            Function::Erf => libm::erf(x),
            Function::Expm1 => x.exp_m1(),
        }
    }

    /// The value at an integer, if integers have the function.
    pub(crate) fn of_integers(self) -> Option<fn(i32) -> i32> {
        match self {
            Function::Sign => Some(i32::signum),
            Function::Absolute => Some(i32::wrapping_abs),
            Function::Negative => Some(i32::wrapping_neg),
            _ => None,
        }
    }

    /// Whether `shaders/lib/elementary.wgsl` has it, which only shaders hold that need it.
    pub(super) fn is_rare(self) -> bool {
        Function::encode(Some(self)).0 >= 18
    }

    /// Whether kernels of layers apply it to what they compute.
    pub(crate) fn is_of_layers(self) -> bool {
        !self.is_rare()
    }

    /// An error if it is none that kernels of layers apply.
    pub(super) fn expect_of_layers(function: Option<Function>) -> Result<()> {
        match function {
            Some(function) if function.is_rare() => {
                Err(Error::shape(format!("{function:?} is an operator of its own and no activation of a layer")))
            }
            _ => Ok(()),
        }
    }

    /// How far the value may be from that at `x` for an argument that is at most `distance` away.
    ///
    /// A function that never falls is farthest at the ends. The smooth ones that do are nowhere steeper than 1.2, and
    /// a rectifier not than its steeper slope, besides the jump at its threshold, which the ends show.
    pub(super) fn change(self, x: f64, distance: f64) -> f64 {
        let ends = [x - distance, x + distance].map(|end| (self.at(end) - self.at(x)).abs());
        // Not by f64::max, which drops NaN: where the function has no finite value, nothing is known.
        let ends = if ends[0] > ends[1] || ends[0].is_nan() { ends[0] } else { ends[1] };
        match self {
            Function::Relu { negative_slope: slope, threshold, .. } if slope < 0.0 || threshold < 0.0 => {
                ends + f64::from(slope.abs()).max(1.0) * distance
            }
            Function::Elu { alpha } if alpha < 0.0 => ends + f64::from(-alpha).max(1.0) * distance,
            Function::Gelu | Function::GeluTanh | Function::Mish | Function::Swish => 1.2 * distance,
            Function::Absolute | Function::Sin | Function::Cos => distance,
            _ => ends,
        }
    }

    /// The allowance of the values `expected` whose arguments are `sums`, each within `allowed`: what the function makes
    /// of those, and its own.
    pub(super) fn carry(self, sums: &[f64], allowed: &[f64], expected: &Tensor) -> Vec<f64> {
        let own = self.tolerance().allowance(&expected.to_f64(), &[]);
        let carried = sums.iter().zip(allowed).map(|(&sum, &distance)| self.change(sum, distance));
        carried.zip(own).map(|(carried, own)| carried + own).collect()
    }

    /// The tolerance class of the value at a given argument.
    pub(crate) fn tolerance(self) -> Tolerance {
        match self {
            Function::Relu { negative_slope: 0.0, .. }
            | Function::Half
            | Function::Floor
            | Function::Ceil
            | Function::Round
            | Function::Sign
            | Function::Absolute
            | Function::Negative => Tolerance::Exact,
            Function::Relu { .. } | Function::HardSigmoid { .. } | Function::Softsign => {
                Tolerance::Pointwise { ulps: 4.0, absolute: 1e-7 }
            }
            // exp may err by 3 + 2|x| units (WGSL), and |x| < 104 wherever e^x is a finite float.
            Function::Exponential | Function::Expm1 => Tolerance::Pointwise { ulps: 211.0, absolute: 0.0 },
            // Of halves of e^x, which reach beyond its largest.
            Function::Sinh | Function::Cosh => Tolerance::Pointwise { ulps: 215.0, absolute: 0.0 },
            Function::Asinh | Function::Acosh | Function::Atanh => Tolerance::Pointwise { ulps: 6.0, absolute: 6e-7 },
            // WGSL gives the logarithm 2^-21 around 1, where it is small; 1 + x rounds besides.
            Function::Logarithm | Function::LogarithmPlusOne => Tolerance::Pointwise { ulps: 6.0, absolute: 6e-7 },
            Function::SquareRoot | Function::Rsqrt => Tolerance::Pointwise { ulps: 6.0, absolute: 0.0 },
            _ => Tolerance::Pointwise { ulps: 8.0, absolute: 3e-7 },
        }
    }

    /// The number and the three parameters of `shaders/lib/activate.wgsl`, or of `shaders/lib/elementary.wgsl`; without a
    /// function, of the identity.
    pub(super) fn encode(function: Option<Function>) -> (u32, [f32; 3]) {
        let Some(function) = function else { return (13, [0.0; 3]) };
        match function {
            Function::Relu { max_value: Some(max), negative_slope, threshold } => {
                (0, [max.max(0.0), negative_slope, threshold])
            }
            Function::Relu { max_value: None, negative_slope, threshold } => (1, [0.0, negative_slope, threshold]),
            Function::Elu { alpha } => (2, [alpha, 1.0, 0.0]),
            Function::Selu => (2, [SELU_ALPHA as f32, SELU_SCALE as f32, 0.0]),
            Function::Sigmoid => (3, [0.0; 3]),
            Function::HardSigmoid { slope } => (4, [slope, 0.5, 0.0]),
            Function::Softplus => (5, [0.0; 3]),
            Function::Softsign => (6, [0.0; 3]),
            Function::Tanh => (7, [0.0; 3]),
            Function::Gelu => (8, [0.0; 3]),
            Function::GeluTanh => (9, [0.0; 3]),
            Function::Mish => (10, [0.0; 3]),
            Function::Swish => (11, [0.0; 3]),
            Function::Exponential => (12, [0.0; 3]),
            // WGSL has no literals for what they are outside their domain and at its end.
            Function::Logarithm => (14, [f32::NAN, f32::NEG_INFINITY, 0.0]),
            Function::LogarithmPlusOne => (15, [f32::NAN, f32::NEG_INFINITY, 0.0]),
            Function::SquareRoot => (16, [f32::NAN, 0.0, 0.0]),
            // Nor for infinity.
            Function::Half => (17, [f32::INFINITY, 0.0, 0.0]),
            Function::Rsqrt => (18, [f32::NAN, f32::INFINITY, 0.0]),
            Function::Floor => (19, [0.0; 3]),
            Function::Ceil => (20, [0.0; 3]),
            Function::Round => (21, [0.0; 3]),
            Function::Sign => (22, [0.0; 3]),
            Function::Absolute => (23, [0.0; 3]),
            Function::Negative => (24, [0.0; 3]),
            Function::Sin => (25, [f32::NAN, 0.0, 0.0]),
            Function::Cos => (26, [f32::NAN, 0.0, 0.0]),
            Function::Tan => (27, [f32::NAN, 0.0, 0.0]),
            Function::Asin => (28, [f32::NAN, 0.0, 0.0]),
            Function::Acos => (29, [f32::NAN, 0.0, 0.0]),
            Function::Atan => (30, [0.0; 3]),
            Function::Sinh => (31, [0.0; 3]),
            Function::Cosh => (32, [0.0; 3]),
            Function::Asinh => (33, [0.0; 3]),
            Function::Acosh => (34, [f32::NAN, 0.0, 0.0]),
            Function::Atanh => (35, [f32::NAN, f32::INFINITY, 0.0]),
            Function::Erf => (36, [0.0; 3]),
            Function::Expm1 => (37, [0.0; 3]),
        }
    }
}

fn elu(x: f64, alpha: f64) -> f64 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

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
        let entry_point = if request.output().dtype == DType::I32 { "integers" } else { "main" };
        let kernel = Kernel::new("activation", &params, 1, invocations(count)).entry_point(entry_point);
        Ok(vec![kernel.constant("function", f64::from(selector))])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        self.function.tolerance()
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len() as u64
    }
}
