//! The unary functions and their numbers in shaders. `activation.rs` has the formulas.

use crate::error::{Error, Result};
use crate::tensor::{Tensor, Tolerance};
use std::hash::{Hash, Hasher};

/// A unary function of a float.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    /// ReLU with Keras' options.
    Relu {
        /// The maximum of the output, if any.
        max_value: Option<f32>,
        /// Slope below the threshold.
        negative_slope: f32,
        /// The point where the slope changes. At this point the lower slope applies, as in Keras (`backend.relu`).
        threshold: f32,
    },
    /// Exponential linear unit.
    Elu {
        /// The limit at −∞ is −alpha.
        alpha: f32,
    },
    /// Scaled exponential linear unit.
    Selu,
    /// Logistic function.
    Sigmoid,
    /// Piecewise linear sigmoid.
    HardSigmoid {
        /// The slope of the linear part.
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

impl Function {
    /// The number of the function in shaders and the bits of its parameters. Functions are equal if and only if their
    /// keys are.
    fn key(self) -> (u32, [u32; 3], Option<u32>) {
        let (number, parameters) = Function::encode(Some(self));
        let max_value = match self {
            // `encode` clamps it to at least 0.
            Function::Relu { max_value, .. } => max_value.map(f32::to_bits),
            _ => None,
        };
        (number, parameters.map(f32::to_bits), max_value)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

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
                    // The product would be NaN at −∞.
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
            // Devices round to float32 first, and rounding twice differs from rounding once.
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

    /// The value at an integer, if the function is defined for int32.
    pub(crate) fn of_integers(self) -> Option<fn(i32) -> i32> {
        match self {
            Function::Sign => Some(i32::signum),
            Function::Absolute => Some(i32::wrapping_abs),
            Function::Negative => Some(i32::wrapping_neg),
            _ => None,
        }
    }

    /// Whether the function is in `shaders/lib/elementary.wgsl`, which only pipelines that need it include.
    pub(in crate::ops) fn is_rare(self) -> bool {
        Function::encode(Some(self)).0 >= 18
    }

    /// Whether kernels of layers, such as Dense, can fuse the function.
    pub(crate) fn is_of_layers(self) -> bool {
        !self.is_rare()
    }

    /// Returns an error if kernels of layers cannot fuse the function.
    pub(in crate::ops) fn expect_of_layers(function: Option<Function>) -> Result<()> {
        match function {
            Some(function) if function.is_rare() => {
                Err(Error::shape(format!("{function:?} cannot be the activation of a layer")))
            }
            _ => Ok(()),
        }
    }

    /// The maximum change of the value at `x` if the argument changes by at most `distance`.
    ///
    /// For a monotonic function this is the change at one of the ends. The slope of the other smooth functions is at
    /// most 1.2. The slope of a ReLU is at most its steeper slope; the ends include the jump at its threshold.
    pub(in crate::ops) fn change(self, x: f64, distance: f64) -> f64 {
        let ends = [x - distance, x + distance].map(|end| (self.at(end) - self.at(x)).abs());
        // f64::max would drop a NaN, which stands for an unbounded change.
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

    /// The allowed difference of the values `expected`, whose arguments `sums` may differ by `allowed`. It includes the
    /// tolerance of the function itself.
    pub(in crate::ops) fn carry(self, sums: &[f64], allowed: &[f64], expected: &Tensor) -> Vec<f64> {
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
            // exp may be off by 3 + 2|x| units (WGSL), and |x| < 104 wherever e^x is a finite float.
            Function::Exponential | Function::Expm1 => Tolerance::Pointwise { ulps: 211.0, absolute: 0.0 },
            // Half of e^x, with a larger range of x.
            Function::Sinh | Function::Cosh => Tolerance::Pointwise { ulps: 215.0, absolute: 0.0 },
            Function::Asinh | Function::Acosh | Function::Atanh => Tolerance::Pointwise { ulps: 6.0, absolute: 6e-7 },
            // WGSL allows the logarithm an error of 2^-21 around 1, where it is small; 1 + x is also rounded.
            Function::Logarithm | Function::LogarithmPlusOne => Tolerance::Pointwise { ulps: 6.0, absolute: 6e-7 },
            Function::SquareRoot | Function::Rsqrt => Tolerance::Pointwise { ulps: 6.0, absolute: 0.0 },
            _ => Tolerance::Pointwise { ulps: 8.0, absolute: 3e-7 },
        }
    }

    /// The number and the three parameters in `shaders/lib/activate.wgsl` or `shaders/lib/elementary.wgsl`. `None` is
    /// the identity.
    pub(in crate::ops) fn encode(function: Option<Function>) -> (u32, [f32; 3]) {
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
            // WGSL has no literals for NaN and infinity.
            Function::Logarithm => (14, [f32::NAN, f32::NEG_INFINITY, 0.0]),
            Function::LogarithmPlusOne => (15, [f32::NAN, f32::NEG_INFINITY, 0.0]),
            Function::SquareRoot => (16, [f32::NAN, 0.0, 0.0]),
            // WGSL has no literal for infinity.
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
