//! Functions of one element, and of elements of operands that broadcast.
//!
//! | operators | versions that differ |
//! |---|---|
//! | Add, Sub, Mul, Div, Pow, Mod, And, Or | 7: operands broadcast as in NumPy |
//! | Clip | 6: limits are attributes; 11: inputs |
//! | Max, Min, Sum, Mean | 8: operands broadcast |
//! | PRelu | 7: the slope broadcasts |
//! | Gelu, Swish | 20, 24 |
//! | all others | one meaning |
//!
//! Integer operands are int32 in the graph. Division of integers truncates toward zero.

use super::operator::{Operator, Outputs};
use crate::error::{Error, Result};
use crate::onnx::call::Call;
use crate::onnx::known::{broadcast_shapes, pairs};
use crate::onnx::size::Size;
use crate::onnx::value::{Integers, Value};
use crate::ops::{Activation, Binary, BinaryFunction, Cast, Class, FloatClass, Function};
use crate::tensor::{DType, Tensor};
use std::cmp::Ordering;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Abs", &[6], |call| unary(call, Function::Absolute)),
    Operator::new("Acos", &[7], |call| unary(call, Function::Acos)),
    Operator::new("Acosh", &[9], |call| unary(call, Function::Acosh)),
    Operator::new("Add", &[7], |call| arithmetic(call, BinaryFunction::Add)),
    Operator::new("And", &[7], |call| arithmetic(call, BinaryFunction::Minimum)),
    Operator::new("Asin", &[7], |call| unary(call, Function::Asin)),
    Operator::new("Asinh", &[9], |call| unary(call, Function::Asinh)),
    Operator::new("Atan", &[7], |call| unary(call, Function::Atan)),
    Operator::new("Atanh", &[9], |call| unary(call, Function::Atanh)),
    Operator::new("Ceil", &[6], |call| unary(call, Function::Ceil)),
    Operator::new("Celu", &[12], celu),
    Operator::new("Clip", &[6, 11], clip),
    Operator::new("Cos", &[7], |call| unary(call, Function::Cos)),
    Operator::new("Cosh", &[9], |call| unary(call, Function::Cosh)),
    Operator::new("Div", &[7], |call| arithmetic(call, BinaryFunction::Divide)),
    Operator::new("Elu", &[6], |call| {
        let alpha = call.float("alpha")?.unwrap_or(1.0);
        unary(call, Function::Elu { alpha })
    }),
    Operator::new("Erf", &[9], |call| unary(call, Function::Erf)),
    Operator::new("Exp", &[6], |call| unary(call, Function::Exponential)),
    Operator::new("Floor", &[6], |call| unary(call, Function::Floor)),
    Operator::new("Gelu", &[20], |call| match call.string("approximate")? {
        Some("tanh") => unary(call, Function::GeluTanh),
        _ => unary(call, Function::Gelu),
    }),
    Operator::new("HardSigmoid", &[6], hard_sigmoid),
    Operator::new("HardSwish", &[14], hard_swish),
    Operator::new("IsInf", &[10], |call| float_class(call, Class::Infinite)),
    Operator::new("IsNaN", &[9], |call| float_class(call, Class::Nan)),
    Operator::new("LeakyRelu", &[6], |call| {
        let negative_slope = call.float("alpha")?.unwrap_or(0.01);
        unary(call, Function::Relu { max_value: None, negative_slope, threshold: 0.0 })
    }),
    Operator::new("Log", &[6], |call| unary(call, Function::Logarithm)),
    Operator::new("Max", &[6, 8], |call| several(call, BinaryFunction::Maximum)),
    Operator::new("Mean", &[6, 8], mean),
    Operator::new("Min", &[6, 8], |call| several(call, BinaryFunction::Minimum)),
    Operator::new("Mish", &[18], |call| unary(call, Function::Mish)),
    Operator::new("Mod", &[10], modulo),
    Operator::new("Mul", &[7], |call| arithmetic(call, BinaryFunction::Multiply)),
    Operator::new("Neg", &[6], |call| unary(call, Function::Negative)),
    Operator::new("Or", &[7], |call| arithmetic(call, BinaryFunction::Maximum)),
    Operator::new("PRelu", &[7], prelu),
    Operator::new("Pow", &[7], power),
    Operator::new("Reciprocal", &[6], reciprocal),
    Operator::new("Relu", &[6], |call| unary(call, Function::RELU)),
    Operator::new("Round", &[11], |call| unary(call, Function::Round)),
    Operator::new("Selu", &[6], selu),
    Operator::new("Sigmoid", &[6], |call| unary(call, Function::Sigmoid)),
    Operator::new("Sign", &[9], |call| unary(call, Function::Sign)),
    Operator::new("Sin", &[7], |call| unary(call, Function::Sin)),
    Operator::new("Sinh", &[9], |call| unary(call, Function::Sinh)),
    Operator::new("Softplus", &[1], |call| unary(call, Function::Softplus)),
    Operator::new("Softsign", &[1], |call| unary(call, Function::Softsign)),
    Operator::new("Sqrt", &[6], |call| unary(call, Function::SquareRoot)),
    Operator::new("Sub", &[7], |call| arithmetic(call, BinaryFunction::Subtract)),
    Operator::new("Sum", &[6, 8], |call| several(call, BinaryFunction::Add)),
    Operator::new("Swish", &[24], swish),
    Operator::new("Tan", &[7], |call| unary(call, Function::Tan)),
    Operator::new("Tanh", &[6], |call| unary(call, Function::Tanh)),
    Operator::new("ThresholdedRelu", &[10], |call| {
        let threshold = call.float("alpha")?.unwrap_or(1.0);
        thresholded(call, threshold)
    }),
];

type Context<'c, 'l, 'f, 's> = &'c mut Call<'l, 'f, 's>;

/// The function of every element of a value.
pub(super) fn apply(call: Context<'_, '_, '_, '_>, function: Function, x: &Value) -> Result<Value> {
    call.elementwise(Activation { function }, std::slice::from_ref(x))
}

/// The function of pairs of elements.
pub(super) fn binary(
    call: Context<'_, '_, '_, '_>,
    function: BinaryFunction,
    left: &Value,
    right: &Value,
) -> Result<Value> {
    if let (Value::Integers(left), Value::Integers(right)) = (left, right)
        && let Some(integers) = of_integers(function, left, right)?
    {
        return Ok(Value::Integers(integers));
    }
    call.elementwise(Binary { function }, &[left.clone(), right.clone()])
}

/// The function of every element and a number.
pub(super) fn with_number(
    call: Context<'_, '_, '_, '_>,
    function: BinaryFunction,
    x: &Value,
    number: f32,
) -> Result<Value> {
    let number = Value::constant(Tensor::f32(&[], vec![number])?)?;
    binary(call, function, x, &number)
}

fn unary(call: Context<'_, '_, '_, '_>, function: Function) -> Outputs {
    let x = call.input(0)?;
    if let (Value::Integers(integers), Function::Negative) = (&x, function) {
        let elements = integers.elements.iter().map(|size| size.negated()).collect::<Option<Vec<_>>>();
        let elements = elements.ok_or_else(too_large)?;
        return Ok(vec![Value::Integers(Integers { shape: integers.shape.clone(), elements })]);
    }
    if function == Function::Negative && call.dtype(&x) == DType::F32 {
        return Ok(vec![with_number(call, BinaryFunction::Multiply, &x, -1.0)?]);
    }
    if let (Value::Integers(_), Function::Floor | Function::Ceil | Function::Round) = (&x, function) {
        return Ok(vec![x]);
    }
    Ok(vec![apply(call, function, &x)?])
}

/// Arithmetic on integers that may depend on the batch; `None` if a tensor is needed.
fn of_integers(function: BinaryFunction, left: &Integers, right: &Integers) -> Result<Option<Integers>> {
    let of = |left: Size, right: Size| match function {
        BinaryFunction::Add => left.add(right),
        BinaryFunction::Subtract => right.negated().and_then(|right| left.add(right)),
        BinaryFunction::Multiply => left.multiply(right),
        BinaryFunction::Divide => left.divide(right),
        BinaryFunction::Maximum => Some(if left.compare(right)? == Ordering::Less { right } else { left }),
        BinaryFunction::Minimum => Some(if left.compare(right)? == Ordering::Greater { right } else { left }),
        BinaryFunction::FloorMod => left.known()?.checked_rem_euclid(right.known()?.checked_abs()?).map(|rest| {
            let divisor = right.plus;
            Size::fixed(if rest != 0 && divisor < 0 { rest + divisor } else { rest })
        }),
        BinaryFunction::Remainder => left.known()?.checked_rem(right.known()?).map(Size::fixed),
        BinaryFunction::Power => left.known()?.checked_pow(u32::try_from(right.known()?).ok()?).map(Size::fixed),
        _ => None,
    };
    let shape = broadcast_shapes(&left.shape, &right.shape)?;
    let pairs = pairs(left, right, &shape);
    let elements = pairs.map(|(left, right)| of(left, right)).collect::<Option<Vec<_>>>();
    match elements {
        Some(elements) => Ok(Some(Integers { shape, elements })),
        None if left.elements.iter().chain(&right.elements).any(|size| size.times != 0) => {
            Err(crate::onnx::size::computes_with_the_batch())
        }
        None => Ok(None),
    }
}

fn too_large() -> Error {
    Error::unsupported("computes an integer beyond int64")
}

fn arithmetic(call: Context<'_, '_, '_, '_>, function: BinaryFunction) -> Outputs {
    let (left, right) = (call.input(0)?, call.input(1)?);
    if function == BinaryFunction::Divide && call.dtype(&left) == DType::I32 {
        if let (Value::Integers(left), Value::Integers(right)) = (&left, &right)
            && let Some(integers) = of_integers(function, left, right)?
        {
            return Ok(vec![Value::Integers(integers)]);
        }
        return divided(call, &left, &right).map(|quotient| vec![quotient]);
    }
    if function == BinaryFunction::Add {
        for (value, bias) in [(&left, &right), (&right, &left)] {
            if let Some(sum) = call.with_bias(value, bias)? {
                return Ok(vec![sum]);
            }
        }
    }
    Ok(vec![binary(call, function, &left, &right)?])
}

/// The quotient of integers, truncated toward zero: the dividend without its remainder, divided exactly.
fn divided(call: Context<'_, '_, '_, '_>, left: &Value, right: &Value) -> Result<Value> {
    let rest = binary(call, BinaryFunction::Remainder, left, right)?;
    let multiple = binary(call, BinaryFunction::Subtract, left, &rest)?;
    binary(call, BinaryFunction::FloorDivide, &multiple, right)
}

fn several(call: Context<'_, '_, '_, '_>, function: BinaryFunction) -> Outputs {
    let mut total = call.input(0)?;
    for index in 1..call.input_count() {
        let next = call.input(index)?;
        total = binary(call, function, &total, &next)?;
    }
    Ok(vec![total])
}

fn mean(call: Context<'_, '_, '_, '_>) -> Outputs {
    let total = several(call, BinaryFunction::Add)?.swap_remove(0);
    let count = call.input_count() as f32;
    Ok(vec![with_number(call, BinaryFunction::Divide, &total, count)?])
}

fn clip(call: Context<'_, '_, '_, '_>) -> Outputs {
    let mut x = call.input(0)?;
    let limits = if call.opset() < 11 {
        let scalar = |number: Option<f32>| {
            number.map(|number| Tensor::f32(&[], vec![number]).and_then(Value::constant)).transpose()
        };
        [scalar(call.float("min")?)?, scalar(call.float("max")?)?]
    } else {
        [call.optional(1), call.optional(2)]
    };
    if let [Some(Value::Constant(low)), Some(Value::Constant(high))] = &limits
        && low.to_f64() == [0.0]
        && high.to_f64() > vec![0.0]
        && call.dtype(&x) == DType::F32
    {
        let max_value = Some(high.to_f64()[0] as f32);
        return Ok(vec![apply(call, Function::Relu { max_value, negative_slope: 0.0, threshold: 0.0 }, &x)?]);
    }
    for (limit, function) in limits.into_iter().zip([BinaryFunction::Maximum, BinaryFunction::Minimum]) {
        if let Some(limit) = limit {
            x = binary(call, function, &x, &limit)?;
        }
    }
    Ok(vec![x])
}

/// `max(0, x) + min(0, α · (e^(x/α) − 1))`
fn celu(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (x, alpha) = (call.input(0)?, call.float("alpha")?.unwrap_or(1.0));
    let scaled = with_number(call, BinaryFunction::Divide, &x, alpha)?;
    let bent = apply(call, Function::Elu { alpha: 1.0 }, &scaled)?;
    let below = with_number(call, BinaryFunction::Minimum, &bent, 0.0)?;
    let below = with_number(call, BinaryFunction::Multiply, &below, alpha)?;
    let above = apply(call, Function::RELU, &x)?;
    Ok(vec![binary(call, BinaryFunction::Add, &above, &below)?])
}

fn hard_sigmoid(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (alpha, beta) = (call.float("alpha")?.unwrap_or(0.2), call.float("beta")?.unwrap_or(0.5));
    let x = call.input(0)?;
    let value = bounded_line(call, &x, alpha, beta)?;
    Ok(vec![value])
}

/// `clip(alpha · x + beta, 0, 1)`
fn bounded_line(call: Context<'_, '_, '_, '_>, x: &Value, alpha: f32, beta: f32) -> Result<Value> {
    if beta == 0.5 {
        return apply(call, Function::HardSigmoid { slope: alpha }, x);
    }
    let line = with_number(call, BinaryFunction::Multiply, x, alpha)?;
    let line = with_number(call, BinaryFunction::Add, &line, beta)?;
    apply(call, Function::Relu { max_value: Some(1.0), negative_slope: 0.0, threshold: 0.0 }, &line)
}

fn hard_swish(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let gate = bounded_line(call, &x, 1.0 / 6.0, 0.5)?;
    Ok(vec![binary(call, BinaryFunction::Multiply, &x, &gate)?])
}

fn selu(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (alpha, gamma) = (call.float("alpha")?, call.float("gamma")?);
    if alpha.is_none_or(|alpha| alpha == 1.673_263_2) && gamma.is_none_or(|gamma| gamma == 1.050_701) {
        return unary(call, Function::Selu);
    }
    let x = call.input(0)?;
    let bent = apply(call, Function::Elu { alpha: alpha.unwrap_or(1.673_263_2) }, &x)?;
    Ok(vec![with_number(call, BinaryFunction::Multiply, &bent, gamma.unwrap_or(1.050_701))?])
}

fn swish(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (x, alpha) = (call.input(0)?, call.float("alpha")?.unwrap_or(1.0));
    if alpha == 1.0 {
        return unary(call, Function::Swish);
    }
    let scaled = with_number(call, BinaryFunction::Multiply, &x, alpha)?;
    let gate = apply(call, Function::Sigmoid, &scaled)?;
    Ok(vec![binary(call, BinaryFunction::Multiply, &x, &gate)?])
}

/// `x` where it is above the threshold, else 0.
fn thresholded(call: Context<'_, '_, '_, '_>, threshold: f32) -> Outputs {
    let x = call.input(0)?;
    let number = Value::constant(Tensor::f32(&[], vec![threshold])?)?;
    let above = call.elementwise(Binary { function: BinaryFunction::Greater }, &[x.clone(), number])?;
    Ok(vec![binary(call, BinaryFunction::Keep, &x, &above)?])
}

fn reciprocal(call: Context<'_, '_, '_, '_>) -> Outputs {
    let x = call.input(0)?;
    let one = Value::constant(Tensor::f32(&[], vec![1.0])?)?;
    Ok(vec![binary(call, BinaryFunction::Divide, &one, &x)?])
}

fn prelu(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (x, slope) = (call.input(0)?, call.input(1)?);
    Ok(vec![call.elementwise(Binary { function: BinaryFunction::PRelu }, &[x, slope])?])
}

fn power(call: Context<'_, '_, '_, '_>) -> Outputs {
    let (base, exponent) = (call.input(0)?, call.input(1)?);
    let dtype = call.dtype(&base);
    if dtype == DType::F32
        && let Some(tensor) = exponent.known()?
    {
        let exponents = tensor.to_f64();
        match exponents[..] {
            [2.0] => return Ok(vec![binary(call, BinaryFunction::Multiply, &base, &base)?]),
            [0.5] => return Ok(vec![apply(call, Function::SquareRoot, &base)?]),
            _ => {}
        }
    }
    // The power of two types has that of the base.
    let wide = if call.dtype(&exponent) == dtype { dtype } else { DType::F32 };
    let (base, exponent) = (converted(call, &base, wide)?, converted(call, &exponent, wide)?);
    let power = binary(call, BinaryFunction::Power, &base, &exponent)?;
    Ok(vec![converted(call, &power, dtype)?])
}

/// The value in another dtype.
pub(super) fn converted(call: Context<'_, '_, '_, '_>, x: &Value, to: DType) -> Result<Value> {
    if call.dtype(x) == to {
        return Ok(x.clone());
    }
    call.elementwise(Cast { to }, std::slice::from_ref(x))
}

fn modulo(call: Context<'_, '_, '_, '_>) -> Outputs {
    let function = if call.int("fmod")? == Some(1) { BinaryFunction::Remainder } else { BinaryFunction::FloorMod };
    arithmetic(call, function)
}

fn float_class(call: Context<'_, '_, '_, '_>, class: Class) -> Outputs {
    let x = call.input(0)?;
    Ok(vec![call.elementwise(FloatClass { class }, &[x])?])
}
