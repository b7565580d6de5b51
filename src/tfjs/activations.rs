//! Activations by the names that Keras and TF.js write.
//!
//! A name is one operator ([`parse`]) or, for some of Keras 3, a few ([`apply`]). Keras 2 and Keras 3 mean different functions
//! by `hard_sigmoid`.

use super::config::Config;
use super::json;
use super::lowering::LayerCall;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{Activation, BinaryFunction, Function, Op, Slice, Softmax};
use serde_json::Value;

/// The operator for the value of an `activation` key; none for linear.
pub(super) fn parse(call: &mut LayerCall<'_, '_>, value: Option<&Value>, rank: usize) -> Result<Option<Op>> {
    let Some(value) = value else { return Ok(None) };
    if let Some(function) = of_layer(call, value)? {
        return Ok(Some(Activation { function }.into()));
    }
    let name = name(value)?;
    if let "softmax" | "log_softmax" = name {
        return Ok(Some(Softmax { axis: rank - 1, log: name != "softmax" }.into()));
    }
    if call.is_keras_3() && name == "hard_sigmoid" {
        call.differ("has a hard_sigmoid of slope 0.2 in TF.js and 1/6 in Keras 3");
    }
    match function(name, call.answers_as_keras_3()) {
        _ if name == "linear" => Ok(None),
        Some(function) => Ok(Some(Activation { function }.into())),
        None => Err(Error::unsupported(format!("its activation `{name}` is not supported")).hint(
            "known are relu, relu6, leaky_relu, elu, selu, celu, sigmoid, hard_sigmoid, softplus, softsign, tanh, gelu, \
             gelu_new, mish, swish, silu, exponential, softmax, log_softmax, linear, and for most layers glu, hard_silu, \
             hard_shrink, hard_tanh, log_sigmoid, soft_shrink, sparse_plus, squareplus and tanh_shrink",
        )),
    }
}

/// The name of an activation. Keras wraps it as an object where the activation is registered as a class.
fn name(value: &Value) -> Result<&str> {
    match value.get("class_name") {
        // What Keras 3 makes of a function that is not its own.
        Some(class) if class == "function" => json::string("activation", value.get("config").unwrap_or(class)),
        Some(class) => json::string("activation", class),
        None => json::string("activation", value),
    }
}

/// The function of one element that is called `name`, with the parameters that it has by default.
pub(super) fn function(name: &str, is_keras_3: bool) -> Option<Function> {
    Some(match name {
        "relu" => Function::RELU,
        "relu6" => Function::relu(Some(6.0), 0.0, 0.0),
        // What tf.nn.leaky_relu means by the bare name.
        "leaky_relu" => Function::relu(None, 0.2, 0.0),
        "elu" | "celu" => Function::Elu { alpha: 1.0 },
        "selu" => Function::Selu,
        "sigmoid" => Function::Sigmoid,
        "hard_sigmoid" => Function::HardSigmoid { slope: if is_keras_3 { 1.0 / 6.0 } else { 0.2 } },
        "sparse_sigmoid" => Function::HardSigmoid { slope: 0.5 },
        "softplus" => Function::Softplus,
        "softsign" => Function::Softsign,
        "tanh" => Function::Tanh,
        "gelu" => Function::Gelu,
        "gelu_new" => Function::GeluTanh,
        "mish" => Function::Mish,
        "swish" | "silu" => Function::Swish,
        "exponential" => Function::Exponential,
        _ => return None,
    })
}

/// The function of an activation that is given as a layer, if it is: what that layer computes.
fn of_layer(call: &mut LayerCall<'_, '_>, value: &Value) -> Result<Option<Function>> {
    let Some(class) = value.get("class_name").and_then(Value::as_str) else { return Ok(None) };
    let empty = serde_json::Map::new();
    let config = Config::new(value.get("config").and_then(Value::as_object).unwrap_or(&empty));
    let function = match class {
        "ReLU" => relu(call, &config)?,
        "LeakyReLU" => leaky_relu(&config)?,
        "ELU" => Function::Elu { alpha: config.number_or("alpha", 1.0)? as f32 },
        _ => return Ok(None),
    };
    config.finish()?;
    Ok(Some(function))
}

/// The layer ReLU. TF.js reads `max_value` alone; Keras also `negative_slope` and `threshold`.
pub(super) fn relu(call: &mut LayerCall<'_, '_>, config: &Config<'_>) -> Result<Function> {
    let max_value = config.number("max_value")?.map(|max| max as f32);
    let slope = config.number_or("negative_slope", 0.0)? as f32;
    let threshold = config.number_or("threshold", 0.0)? as f32;
    if slope != 0.0 || threshold != 0.0 {
        call.differ("ignores negative_slope and threshold in TF.js, not in Keras");
        if call.semantics() == Semantics::TfJs {
            return Ok(Function::relu(max_value, 0.0, 0.0));
        }
    }
    Ok(Function::relu(max_value, slope, threshold))
}

/// LeakyReLU, whose slope is called `alpha` in Keras 2 and `negative_slope` in Keras 3.
pub(super) fn leaky_relu(config: &Config<'_>) -> Result<Function> {
    let slope = config.number("negative_slope")?;
    let slope = slope.map_or_else(|| config.number_or("alpha", 0.3), Ok)?;
    Ok(Function::relu(None, slope as f32, 0.0))
}

/// Applies the layer's `activation` to `x`.
pub(super) fn apply(call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<ValueId> {
    let value = call.config.get("activation");
    if let Some(value) = value
        && value.is_string()
        && call.is_keras_3()
        && let Some(applied) = composed(call, name(value)?, x)?
    {
        return Ok(applied);
    }
    let rank = call.rank(x);
    match parse(call, value, rank)? {
        Some(op) => call.op(op, &[x]),
        None => Ok(x),
    }
}

/// The activations of Keras 3 that take several operators, with the parameters that they have by default.
pub(super) fn composed(call: &mut LayerCall<'_, '_>, name: &str, x: ValueId) -> Result<Option<ValueId>> {
    use BinaryFunction::{Add, Divide, Multiply, Subtract};
    Ok(Some(match name {
        "hard_silu" | "hard_swish" => {
            let gate = call.apply(Function::HardSigmoid { slope: 1.0 / 6.0 }, x)?;
            call.binary(Multiply, x, gate)?
        }
        "hard_tanh" => clip(call, x, -1.0, 1.0)?,
        "log_sigmoid" => {
            let negative = call.with_number(Multiply, x, -1.0)?;
            let softplus = call.apply(Function::Softplus, negative)?;
            call.with_number(Multiply, softplus, -1.0)?
        }
        "tanh_shrink" => {
            let tanh = call.apply(Function::Tanh, x)?;
            call.binary(Subtract, x, tanh)?
        }
        "soft_shrink" => {
            let middle = clip(call, x, -0.5, 0.5)?;
            call.binary(Subtract, x, middle)?
        }
        "hard_shrink" => {
            let far = Function::relu(None, 0.0, 0.5);
            let above = call.apply(far, x)?;
            let negative = call.with_number(Multiply, x, -1.0)?;
            let below = call.apply(far, negative)?;
            call.binary(Subtract, above, below)?
        }
        // (x + √(x² + 4)) / 2
        "squareplus" => {
            let square = call.binary(Multiply, x, x)?;
            let sum = call.with_number(Add, square, 4.0)?;
            let root = call.apply(Function::SquareRoot, sum)?;
            let sum = call.binary(Add, x, root)?;
            call.with_number(Divide, sum, 2.0)?
        }
        // (x + 1)² / 4 from −1 to 1, and x above.
        "sparse_plus" => {
            let middle = clip(call, x, -1.0, 1.0)?;
            let above = call.binary(Subtract, x, middle)?;
            let above = call.apply(Function::RELU, above)?;
            let shifted = call.with_number(Add, middle, 1.0)?;
            let half = call.with_number(Divide, shifted, 2.0)?;
            let curve = call.binary(Multiply, half, half)?;
            call.binary(Add, curve, above)?
        }
        "glu" => {
            let axis = call.rank(x) - 1;
            glu(call, x, axis)?
        }
        _ => return Ok(None),
    }))
}

/// `x` held between two numbers.
pub(super) fn clip(call: &mut LayerCall<'_, '_>, x: ValueId, least: f32, most: f32) -> Result<ValueId> {
    let x = call.with_number(BinaryFunction::Maximum, x, least)?;
    call.with_number(BinaryFunction::Minimum, x, most)
}

/// The first half of a dimension times the sigmoid of the second.
pub(super) fn glu(call: &mut LayerCall<'_, '_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let size = if axis == 0 { 0 } else { call.shape(x).resolve(1)[axis] };
    if size == 0 || !size.is_multiple_of(2) {
        return Err(Error::format(format!("glu halves dimension {axis} of {}", call.shape(x))));
    }
    let half = |start| Slice { axis, start, step: 1, count: size / 2 };
    let value = call.op(half(0), &[x])?;
    let gate = call.op(half(size / 2), &[x])?;
    let gate = call.apply(Function::Sigmoid, gate)?;
    call.binary(BinaryFunction::Multiply, value, gate)
}
