//! Binary elementwise functions with broadcasting: arithmetic, Keras' merge layers, PReLU, masks and bitwise functions.
//!
//! `output[i] = f(left[i], right[i])`; both operands broadcast as in NumPy. They have one dtype, which is the output's.
//! Keras: Add, Subtract, Multiply, Average (a sum, then a product), Maximum, Minimum, PReLU (`max(0, x) + alpha ·
//! min(0, x)`). TF.js has no Subtract layer. Maximum and Minimum propagate NaN, as in Keras; on booleans they are `or`
//! and `and`. Keep applies a mask: a selection between two tensors is the sum of two Keeps.
//!
//! On int32 there are Add, Subtract, Multiply, Maximum, Minimum, FloorDivide, FloorMod, Remainder and Power. BitAnd,
//! BitOr and BitXor exist on int32 only. `binary/integers.rs` defines them. On float32
//!
//! * FloorDivide rounds the quotient to float32, then down to an integer, as TensorFlow does: `1 // 0.1` is 10;
//! * Remainder is exact (C's `fmod`). FloorMod adds the divisor to it where the signs differ: `−1 mod ∞` is ∞;
//! * Power is the `pow` of IEEE 754: 1 for an exponent of 0 and for a base of 1, even of NaN; NaN for a negative base
//!   and a fractional exponent. A GPU is accurate to 1 or 2 ulps where the power is near 1, and to 128 ulps at the ends
//!   of float32.

pub(crate) mod integers;

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops};
use super::row_form::RowForm;
use super::strided::{STRIDED, Strided, StridedParams};
use crate::error::{Error, Result};
use crate::kernel::{ARITHMETIC, COMBINE, GRID, Kernel, SPECIAL, Shader, TRIGONOMETRY, params, shader};
use crate::tensor::{DType, Data, Tensor, TensorType, Tolerance, broadcast, broadcast_positions};

/// Applies one function to pairs of elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binary {
    /// The function.
    pub function: BinaryFunction,
}

/// A binary function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryFunction {
    /// `left + right`
    Add,
    /// `left − right`
    Subtract,
    /// `left · right`
    Multiply,
    /// `left / right`
    Divide,
    /// The larger operand; NaN if either is NaN.
    Maximum,
    /// The smaller operand; NaN if either is NaN.
    Minimum,
    /// `left` if it is positive, else `left · right`.
    PRelu,
    /// `left` if `right` is not 0, else 0, even if `left` is NaN.
    Keep,
    /// 1 if `left > right`, else 0; 0 if either is NaN.
    Greater,
    /// 1 if `left ≥ right`, else 0; 0 if either is NaN.
    AtLeast,
    /// `⌊left / right⌋`
    FloorDivide,
    /// The remainder of floor division: 0, or with the sign of `right`.
    FloorMod,
    /// The remainder of truncating division: 0, or with the sign of `left`.
    Remainder,
    /// `left` to the power of `right`.
    Power,
    /// The angle of the point `(right, left)`, from −π to π.
    Atan2,
    /// `log(e^left + e^right)`
    LogAddExp,
    /// Bitwise and.
    BitAnd,
    /// Bitwise or.
    BitOr,
    /// Bitwise exclusive or.
    BitXor,
}

params! {
    /// `Params` of `shaders/binary.wgsl` and `shaders/compare.wgsl`.
    PairParams { strided: StridedParams }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("binary", PairParams, fragments: [GRID, STRIDED, SPECIAL, TRIGONOMETRY, COMBINE, ARITHMETIC])];

/// The kernel of `shader` that broadcasts two inputs to the output.
pub(super) fn pair_kernel(shader: &'static str, request: &KernelRequest<'_>) -> Result<Kernel> {
    let operands = [request.inputs[0].shape.as_slice(), request.inputs[1].shape.as_slice()];
    let strided = Strided::broadcast(&request.output().shape, &operands, request.device)?;
    expect_loops(request, strided.loop_steps())?;
    Ok(Kernel::new(shader, &PairParams { strided: strided.params()? }, 2, strided.grid()))
}

impl BinaryFunction {
    /// The value for two numbers.
    pub(crate) fn at(self, left: f64, right: f64) -> f64 {
        match self {
            BinaryFunction::Add => left + right,
            BinaryFunction::Subtract => left - right,
            BinaryFunction::Multiply => left * right,
            BinaryFunction::Divide => left / right,
            BinaryFunction::Maximum if left.is_nan() || right.is_nan() => f64::NAN,
            BinaryFunction::Maximum => left.max(right),
            BinaryFunction::Minimum if left.is_nan() || right.is_nan() => f64::NAN,
            BinaryFunction::Minimum => left.min(right),
            BinaryFunction::PRelu if left < 0.0 => left * right,
            BinaryFunction::PRelu => left,
            BinaryFunction::Keep if right == 0.0 => 0.0,
            BinaryFunction::Keep => left,
            BinaryFunction::Greater => f64::from(left > right),
            BinaryFunction::AtLeast => f64::from(left >= right),
            BinaryFunction::FloorDivide => f64::from((left / right) as f32).floor(),
            BinaryFunction::FloorMod => {
                let rest = left % right;
                if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest }
            }
            BinaryFunction::Remainder => left % right,
            BinaryFunction::Power => left.powf(right),
            BinaryFunction::Atan2 => left.atan2(right),
            BinaryFunction::LogAddExp => log_add_exp(left, right),
            BinaryFunction::BitAnd => f64::from(left as i32 & right as i32),
            BinaryFunction::BitOr => f64::from(left as i32 | right as i32),
            BinaryFunction::BitXor => f64::from(left as i32 ^ right as i32),
        }
    }

    /// The maximum change of the value if one operand (`right` if `is_right`) changes by at most `distance`.
    pub(super) fn change(self, left: f64, right: f64, is_right: bool, distance: f64) -> f64 {
        let at = |end: f64| if is_right { self.at(left, right + end) } else { self.at(left + end, right) };
        let answer = self.at(left, right);
        let ends = [at(-distance), at(distance)].map(|end| (end - answer).abs());
        let ends = if ends[0] > ends[1] || ends[0].is_nan() { ends[0] } else { ends[1] };
        match self {
            // Sawtooth functions: they drop by the divisor where the quotient passes an integer.
            BinaryFunction::FloorMod | BinaryFunction::Remainder if ends > 0.0 => ends + right.abs() + distance,
            // Monotonic in each operand, except for a divisor whose range contains zero.
            _ => ends,
        }
    }

    /// The tolerance class of the value for two given numbers.
    pub(super) fn tolerance(self) -> Tolerance {
        match self {
            BinaryFunction::Keep | BinaryFunction::Greater | BinaryFunction::AtLeast => Tolerance::Exact,
            function if function.decides() => Tolerance::Exact,
            // WGSL allows 2.5 units for division; the others are correctly rounded.
            BinaryFunction::Divide => Tolerance::Pointwise { ulps: 3.0, absolute: 0.0 },
            BinaryFunction::FloorDivide => Tolerance::Exact,
            // A device may flush subnormal numbers to zero.
            BinaryFunction::Remainder => Tolerance::Pointwise { ulps: 0.0, absolute: f32::MIN_POSITIVE },
            // The error of the logarithm is a few units, and the exponent multiplies it by up to 128.
            BinaryFunction::Power => Tolerance::Pointwise { ulps: 128.0, absolute: f32::MIN_POSITIVE },
            BinaryFunction::Atan2 => Tolerance::Pointwise { ulps: 8.0, absolute: 3e-7 },
            // As for the logarithm of 1 + x.
            BinaryFunction::LogAddExp => Tolerance::Pointwise { ulps: 6.0, absolute: 6e-7 },
            _ => Tolerance::Pointwise { ulps: 1.0, absolute: f32::MIN_POSITIVE },
        }
    }

    fn decides(self) -> bool {
        matches!(self, BinaryFunction::Maximum | BinaryFunction::Minimum)
    }

    fn dtypes(self) -> &'static [DType] {
        match self {
            function if function.decides() => &[DType::F32, DType::I32, DType::Bool],
            BinaryFunction::BitAnd | BinaryFunction::BitOr | BinaryFunction::BitXor => &[DType::I32],
            function if integers::function(function).is_some() => &[DType::F32, DType::I32],
            _ => &[DType::F32],
        }
    }

    /// Whether the function is in `shaders/lib/arithmetic.wgsl`, which only pipelines that need it include.
    pub(super) fn is_rare(self) -> bool {
        self.code() >= 10
    }

    /// The function's number in `shaders/lib/combine.wgsl` or `shaders/lib/arithmetic.wgsl`.
    pub(super) fn code(self) -> u32 {
        match self {
            BinaryFunction::Add => 0,
            BinaryFunction::Subtract => 1,
            BinaryFunction::Multiply => 2,
            BinaryFunction::Divide => 3,
            BinaryFunction::Maximum => 4,
            BinaryFunction::Minimum => 5,
            BinaryFunction::PRelu => 6,
            BinaryFunction::Keep => 7,
            BinaryFunction::Greater => 8,
            BinaryFunction::AtLeast => 9,
            BinaryFunction::FloorDivide => 10,
            BinaryFunction::FloorMod => 11,
            BinaryFunction::Remainder => 12,
            BinaryFunction::Power => 13,
            BinaryFunction::Atan2 => 14,
            BinaryFunction::LogAddExp => 15,
            BinaryFunction::BitAnd => 16,
            BinaryFunction::BitOr => 17,
            BinaryFunction::BitXor => 18,
        }
    }
}

fn log_add_exp(left: f64, right: f64) -> f64 {
    let distance = (left - right).abs();
    // The difference of two equal infinities would be NaN.
    if left == right {
        left + std::f64::consts::LN_2
    } else {
        BinaryFunction::Maximum.at(left, right) + (-distance).exp().ln_1p()
    }
}

impl Operator for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [left, right] = expect_inputs(inputs)?;
        expect_dtype(left, self.function.dtypes())?;
        if left.dtype != right.dtype {
            return Err(Error::shape(format!("{left} and {right} have different dtypes")));
        }
        Ok(vec![TensorType::new(broadcast(&left.shape, &right.shape)?, left.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (shape, [left, right]) = broadcast_positions([inputs[0].shape(), inputs[1].shape()]);
        let pairs = left.into_iter().zip(right);
        let data = if let (Ok(left), Some(function)) = (inputs[0].as_i32(), integers::function(self.function)) {
            let right = inputs[1].as_i32()?;
            Data::I32(pairs.map(|(l, r)| function(left[l], right[r])).collect())
        } else {
            let (left, right) = (inputs[0].to_f64(), inputs[1].to_f64());
            let values = pairs.map(|(l, r)| self.function.at(left[l], right[r]));
            match inputs[0].dtype() {
                DType::Bool => Data::Bool(values.map(|value| value != 0.0).collect()),
                _ => Data::F32(values.map(|value| value as f32).collect()),
            }
        };
        Ok(vec![Tensor::new(&shape, data)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let entry_point = match request.output().dtype {
            DType::I32 => "integers",
            _ if self.function.is_rare() => "all_functions",
            _ => "main",
        };
        let kernel = pair_kernel("binary", request)?;
        Ok(vec![kernel.entry_point(entry_point).constant("function", f64::from(self.function.code()))])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        if self.function.is_rare() { None } else { form.combine(self.function, 0, 1) }
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        if inputs[0].dtype() == DType::F32 { self.function.tolerance() } else { Tolerance::Exact }
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len() as u64
    }
}
