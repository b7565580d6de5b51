//! Functions of one and of two elements.

use super::{Arguments, Operation};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{BatchDot, BinaryFunction, Dense, Function, L2Normalize, Softmax};
use crate::tfjs::activations;
use crate::tfjs::lowering::LayerCall;
use BinaryFunction::{Add, Divide, Maximum, Minimum, Multiply, Subtract};

type Call<'c, 'l, 'm> = &'c mut LayerCall<'l, 'm>;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("Add", &["x1", "x2"], |call, given| two(call, given, Add)),
    Operation::new("Subtract", &["x1", "x2"], |call, given| two(call, given, Subtract)),
    Operation::new("Multiply", &["x1", "x2"], |call, given| two(call, given, Multiply)),
    Operation::new("Divide", &["x1", "x2"], |call, given| two(call, given, Divide)),
    Operation::new("TrueDivide", &["x1", "x2"], |call, given| two(call, given, Divide)),
    Operation::new("Maximum", &["x1", "x2"], |call, given| two(call, given, Maximum)),
    Operation::new("Minimum", &["x1", "x2"], |call, given| two(call, given, Minimum)),
    Operation::new("Power", &["x1", "x2"], power),
    Operation::new("Matmul", &["x1", "x2"], matmul),
    Operation::new("Einsum", &["x1", "x2"], einsum),
    Operation::new("Clip", &["x"], clip),
    Operation::new("Negative", &["x"], |call, given| one(call, given, negative)),
    Operation::new("Absolute", &["x"], |call, given| one(call, given, absolute)),
    Operation::new("Square", &["x"], |call, given| one(call, given, |call, x| call.binary(Multiply, x, x))),
    Operation::new("Reciprocal", &["x"], |call, given| one(call, given, reciprocal)),
    Operation::new("Sqrt", &["x"], |call, given| function(call, given, Function::SquareRoot)),
    Operation::new("Rsqrt", &["x"], |call, given| {
        one(call, given, |call, x| {
            let root = call.apply(Function::SquareRoot, x)?;
            reciprocal(call, root)
        })
    }),
    Operation::new("Exp", &["x"], |call, given| function(call, given, Function::Exponential)),
    Operation::new("Log", &["x"], |call, given| function(call, given, Function::Logarithm)),
    Operation::new("Log1p", &["x"], |call, given| function(call, given, Function::LogarithmPlusOne)),
    Operation::new("Relu", &["x"], |call, given| by_name(call, given, "relu")),
    Operation::new("Relu6", &["x"], |call, given| by_name(call, given, "relu6")),
    Operation::new("LeakyRelu", &["x"], leaky_relu),
    Operation::new("Elu", &["x"], elu),
    Operation::new("Celu", &["x"], celu),
    Operation::new("Selu", &["x"], |call, given| by_name(call, given, "selu")),
    Operation::new("Sigmoid", &["x"], |call, given| by_name(call, given, "sigmoid")),
    Operation::new("HardSigmoid", &["x"], |call, given| by_name(call, given, "hard_sigmoid")),
    Operation::new("SparseSigmoid", &["x"], |call, given| by_name(call, given, "sparse_sigmoid")),
    Operation::new("LogSigmoid", &["x"], |call, given| by_name(call, given, "log_sigmoid")),
    Operation::new("Softplus", &["x"], |call, given| by_name(call, given, "softplus")),
    Operation::new("Softsign", &["x"], |call, given| by_name(call, given, "softsign")),
    Operation::new("SparsePlus", &["x"], |call, given| by_name(call, given, "sparse_plus")),
    Operation::new("Tanh", &["x"], |call, given| by_name(call, given, "tanh")),
    Operation::new("HardTanh", &["x"], |call, given| by_name(call, given, "hard_tanh")),
    Operation::new("TanhShrink", &["x"], |call, given| by_name(call, given, "tanh_shrink")),
    Operation::new("Silu", &["x"], |call, given| by_name(call, given, "silu")),
    Operation::new("HardSilu", &["x"], |call, given| by_name(call, given, "hard_silu")),
    Operation::new("Mish", &["x"], |call, given| by_name(call, given, "mish")),
    Operation::new("Gelu", &["x"], gelu),
    Operation::new("Glu", &["x"], glu),
    Operation::new("Softmax", &["x"], |call, given| softmax(call, given, false)),
    Operation::new("LogSoftmax", &["x"], |call, given| softmax(call, given, true)),
    Operation::new("Normalize", &["x"], normalize),
];

/// A function of the only argument.
fn one(
    call: Call<'_, '_, '_>,
    given: &Arguments<'_>,
    function: impl FnOnce(&mut LayerCall<'_, '_>, ValueId) -> Result<ValueId>,
) -> Result<Vec<ValueId>> {
    let x = given.float(call, 0)?;
    Ok(vec![function(call, x)?])
}

fn function(call: Call<'_, '_, '_>, given: &Arguments<'_>, function: Function) -> Result<Vec<ValueId>> {
    one(call, given, |call, x| call.apply(function, x))
}

/// The activation called `name`.
fn by_name(call: Call<'_, '_, '_>, given: &Arguments<'_>, name: &'static str) -> Result<Vec<ValueId>> {
    one(call, given, |call, x| match activations::function(name, true) {
        Some(function) => call.apply(function, x),
        None => activations::composed(call, name, x)?
            .ok_or_else(|| Error::unsupported(format!("the function `{name}` is not supported"))),
    })
}

fn two(call: Call<'_, '_, '_>, given: &Arguments<'_>, function: BinaryFunction) -> Result<Vec<ValueId>> {
    let (left, right) = (given.float(call, 0)?, given.float(call, 1)?);
    Ok(vec![call.binary(function, left, right)?])
}

fn negative(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    call.with_number(Multiply, x, -1.0)
}

fn absolute(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    let negative = negative(call, x)?;
    call.binary(Maximum, x, negative)
}

fn reciprocal(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    let one = call.number(1.0)?;
    call.binary(Divide, one, x)
}

/// Whole exponents up to 8 as products, and a half as a root.
fn power(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let x = given.float(call, 0)?;
    let exponent = given.number(1);
    let id = match exponent {
        Some(0.5) => call.apply(Function::SquareRoot, x)?,
        Some(-1.0) => reciprocal(call, x)?,
        Some(whole) if whole.fract() == 0.0 && (1.0..=8.0).contains(&whole) => {
            let mut product = x;
            for _ in 1..whole as usize {
                product = call.binary(Multiply, product, x)?;
            }
            product
        }
        _ => {
            let exponent = exponent.map_or("a tensor".to_string(), |exponent| exponent.to_string());
            return Err(Error::unsupported(format!("powers with exponent {exponent} are not supported"))
                .hint("supported are the exponents -1, 0.5 and 1 to 8"));
        }
    };
    Ok(vec![id])
}

/// The last dimension of the left with the one before the last of the right, sample by sample. TensorFlow may transpose
/// either. What is the same for all samples is the kernel of a dense layer.
fn matmul(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let (left, right) = (given.float(call, 0)?, given.float(call, 1)?);
    let transposed = [call.config.boolean_or("transpose_a", false)?, call.config.boolean_or("transpose_b", false)?];
    let is_kernel = call.rank(right) == 2 && !call.shape(right).is_batched() && call.shape(left).is_batched();
    if is_kernel && call.rank(left) > 1 && transposed == [false, false] {
        let units = call.shape(right).resolve(1)[1];
        let bias = call.filled("no_bias", &[units], 0.0)?;
        return Ok(vec![call.op(Dense::default(), &[left, right, bias])?]);
    }
    if call.rank(left) != 3 || call.rank(right) != 3 {
        let (left, right) = (call.shape(left), call.shape(right));
        return Err(Error::unsupported(format!("multiplies {left} by {right}, which is not supported"))
            .hint("supported are rank 3 by rank 3, and any rank by numbers of rank 2"));
    }
    let axes = [if transposed[0] { 1 } else { 2 }, if transposed[1] { 2 } else { 1 }];
    Ok(vec![call.op(BatchDot::new(axes), &[left, right])?])
}

/// Products of two tensors summed over one dimension that the answer does not have: `bik,bjk->bij`.
fn einsum(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let subscripts = call.config.string("subscripts")?.unwrap_or_default();
    let (left, right) = (given.float(call, 0)?, given.float(call, 1)?);
    let not_supported = || {
        Error::unsupported(format!("sums of the kind `{subscripts}` are not supported")).hint(
            "supported are two tensors that share the batch and the one dimension that is summed, as in bik,bjk->bij",
        )
    };
    let letters: String = subscripts.split_whitespace().collect();
    let (operands, answer) = letters.split_once("->").ok_or_else(not_supported)?;
    let (x, y) = operands.split_once(',').ok_or_else(not_supported)?;
    let shared: Vec<char> = x.chars().skip(1).filter(|letter| y.contains(*letter)).collect();
    let (&[summed], Some(batch)) = (shared.as_slice(), x.chars().next()) else { return Err(not_supported()) };
    let axis = |letters: &str| letters.chars().position(|letter| letter == summed);
    let rest = |letters: &str| -> String { letters.chars().skip(1).filter(|letter| *letter != summed).collect() };
    let (Some(left_axis), Some(right_axis)) = (axis(x), axis(y)) else { return Err(not_supported()) };
    let fits = answer == format!("{batch}{}{}", rest(x), rest(y))
        && y.starts_with(batch)
        && [(x, left), (y, right)].iter().all(|(letters, id)| letters.chars().count() == call.rank(*id))
        && answer
            .chars()
            .enumerate()
            .all(|(index, letter)| answer.chars().skip(index + 1).all(|other| other != letter))
        && answer.chars().count() > 1
        && !answer.contains(summed);
    if !fits {
        return Err(not_supported());
    }
    Ok(vec![call.op(BatchDot::new([left_axis, right_axis]), &[left, right])?])
}

fn clip(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let (least, most) = (call.config.number("x_min")?, call.config.number("x_max")?);
    one(call, given, |call, x| {
        let x = least.map_or(Ok(x), |least| call.with_number(Maximum, x, least as f32))?;
        most.map_or(Ok(x), |most| call.with_number(Minimum, x, most as f32))
    })
}

fn leaky_relu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let slope = call.config.number_or("negative_slope", 0.2)? as f32;
    function(call, given, Function::relu(None, slope, 0.0))
}

fn elu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let alpha = call.config.number_or("alpha", 1.0)? as f32;
    function(call, given, Function::Elu { alpha })
}

/// `elu(x / alpha) · alpha`; `alpha` times the elu of alpha 1.
fn celu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let alpha = call.config.number_or("alpha", 1.0)? as f32;
    one(call, given, |call, x| {
        if alpha == 1.0 {
            return call.apply(Function::Elu { alpha }, x);
        }
        let scaled = call.with_number(Divide, x, alpha)?;
        let elu = call.apply(Function::Elu { alpha: 1.0 }, scaled)?;
        call.with_number(Multiply, elu, alpha)
    })
}

fn gelu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    let approximate = call.config.boolean_or("approximate", true)?;
    function(call, given, if approximate { Function::GeluTanh } else { Function::Gelu })
}

/// The option `axis` as a dimension of a sample of `x`.
fn axis(call: &LayerCall<'_, '_>, x: ValueId) -> Result<usize> {
    if call.config.is_null("axis") {
        return Err(Error::unsupported("goes over all elements, the batch too, which is not supported")
            .hint("give it an axis, build the model again and convert it"));
    }
    match call.config.integers("axis")?.as_deref() {
        None => call.sample_axis(x, -1),
        Some(&[axis]) => call.sample_axis(x, axis),
        Some(axes) => Err(Error::unsupported(format!("takes one axis, not {axes:?}"))),
    }
}

fn glu(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    one(call, given, |call, x| {
        let axis = axis(call, x)?;
        activations::glu(call, x, axis)
    })
}

fn softmax(call: Call<'_, '_, '_>, given: &Arguments<'_>, log: bool) -> Result<Vec<ValueId>> {
    one(call, given, |call, x| {
        let axis = axis(call, x)?;
        call.op(Softmax { axis, log }, &[x])
    })
}

/// To length 1 where it is more than `epsilon`.
fn normalize(call: Call<'_, '_, '_>, given: &Arguments<'_>) -> Result<Vec<ValueId>> {
    if call.config.number_or("order", 2.0)? != 2.0 {
        return Err(Error::unsupported("normalises by another norm than the second, which is not supported"));
    }
    let epsilon = call.config.number_or("epsilon", 1e-7)? as f32;
    one(call, given, |call, x| {
        let axis = axis(call, x)?;
        call.op(L2Normalize { axis, floor: epsilon * epsilon }, &[x])
    })
}
