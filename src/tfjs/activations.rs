//! Activations by the names that Keras 2 and TF.js write.

use super::json;
use super::lowering::LayerCall;
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::ops::{Activation, Function, Op, Softmax};
use serde_json::Value;

/// The operator for the value of an `activation` key; none for linear.
pub(super) fn parse(value: Option<&Value>, rank: usize) -> Result<Option<Op>> {
    let Some(value) = value else { return Ok(None) };
    // Keras wraps the name as an object where the activation is registered as a class.
    let name = match value.get("class_name") {
        Some(class) => json::string("activation", class)?,
        None => json::string("activation", value)?,
    };
    let function = match name {
        "linear" => return Ok(None),
        "relu" => Function::RELU,
        "relu6" => Function::relu(Some(6.0), 0.0, 0.0),
        // What tf.nn.leaky_relu means by the bare name.
        "leaky_relu" => Function::relu(None, 0.2, 0.0),
        "elu" => Function::Elu { alpha: 1.0 },
        "selu" => Function::Selu,
        "sigmoid" => Function::Sigmoid,
        "hard_sigmoid" | "hardSigmoid" => Function::HardSigmoid,
        "softplus" => Function::Softplus,
        "softsign" => Function::Softsign,
        "tanh" => Function::Tanh,
        "gelu" => Function::Gelu,
        "gelu_new" | "geluNew" => Function::GeluTanh,
        "mish" => Function::Mish,
        "swish" | "silu" => Function::Swish,
        "exponential" => Function::Exponential,
        "softmax" | "log_softmax" | "logSoftmax" => {
            return Ok(Some(Softmax { axis: rank - 1, log: name != "softmax" }.into()));
        }
        other => {
            return Err(Error::unsupported(format!("its activation `{other}` is not supported")).hint(
                "known are relu, relu6, leaky_relu, elu, selu, sigmoid, hard_sigmoid, softplus, softsign, tanh, gelu, \
                 gelu_new, mish, swish, silu, exponential, softmax, log_softmax and linear",
            ));
        }
    };
    Ok(Some(Activation { function }.into()))
}

/// Applies the layer's `activation` to `x`.
pub(super) fn apply(call: &mut LayerCall<'_, '_>, x: NodeId) -> Result<NodeId> {
    let rank = call.rank(x);
    match parse(call.config.get("activation"), rank)? {
        Some(op) => call.op(op, &[x]),
        None => Ok(x),
    }
}
