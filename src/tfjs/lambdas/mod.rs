//! TensorFlow functions among the layers of Keras 2: `x + y`, `x[:, 0]`, `tf.reduce_sum(x, axis=1)`.
//!
//! Keras 2 writes them as layers of class TFOpLambda and SlicingOpLambda, with all that the function is given in the call.
//! They are read as the operations of Keras 3 that do the same: [`table`] says which, and [`options`] what differs in their
//! options.

mod options;
mod table;

use super::calls::Call;
use super::json::{array, member, object, show, string};
use super::operations::LISTED;
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};
use table::{FUNCTIONS, Function};

/// The name in place of a layer's where an argument is a number or a list instead of a tensor.
const CONSTANT: &str = "_CONSTANT_VALUE";

/// An operation with what its config and its calls would be in Keras 3.
pub(super) struct Lambda {
    pub(super) operation: &'static str,
    pub(super) config: Map<String, Value>,
    pub(super) calls: Vec<Call>,
}

/// Whether layers of this class are TensorFlow functions.
pub(super) fn is_lambda(class: &str) -> bool {
    matches!(class, "TFOpLambda" | "SlicingOpLambda")
}

/// The operation of a layer of such a class.
pub(super) fn parse(config: &Map<String, Value>, calls: &Value) -> Result<Lambda> {
    let name = string("function", member(config, "function")?)?;
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
        return Err(Error::unsupported(format!("the TensorFlow function `tf.{name}` is not supported")).hint(LISTED));
    };
    let mut options: Option<Map<String, Value>> = None;
    let mut parsed = Vec::new();
    for call in array("inbound_nodes", calls)? {
        let (positional, own) = arguments(function, call)?;
        if options.as_ref().is_some_and(|options| *options != own) {
            return Err(Error::unsupported("is called with different options"));
        }
        options = Some(own);
        let call = json!({"args": positional, "kwargs": {}});
        let call = Call::parse_keras_3(object("inbound_nodes", &call)?, true)?;
        parsed.push(Call { is_keras_3: false, ..call });
    }
    Ok(Lambda { operation: function.operation, config: options.unwrap_or_default(), calls: parsed })
}

/// What the operation is given by position in one call, and its options.
fn arguments(function: &Function, call: &Value) -> Result<(Vec<Value>, Map<String, Value>)> {
    let mut given = Map::new();
    let first = first_argument(call, &mut given)?;
    let mut positional = vec![first];
    for &operand in function.operands {
        let (operand, is_optional) = operand.strip_suffix('?').map_or((operand, false), |operand| (operand, true));
        positional.push(match given.remove(operand) {
            Some(value) => operand_value(&value),
            None if is_optional => Value::Null,
            None => return Err(Error::format(format!("its `{operand}` is missing"))),
        });
    }
    Ok((positional, options::of_keras_3(function, given)?))
}

/// The first argument of a call: a tensor, a number, or lists of them. The other arguments stand by name with the first
/// tensor of all, and go to `given`.
fn first_argument(call: &Value, given: &mut Map<String, Value>) -> Result<Value> {
    let parts = array("inbound_nodes", call)?;
    match parts {
        [Value::String(_), _, _, named @ ..] => {
            if let (Some(Value::Object(named)), true) = (named.first(), given.is_empty()) {
                *given = named.clone();
            }
            Ok(operand_value(&parts[..3].iter().cloned().collect()))
        }
        [Value::String(_), ..] | [] => {
            Err(Error::format(format!("`inbound_nodes` holds {}, which is no call", show(call))))
        }
        parts => parts.iter().map(|part| first_argument(part, given)).collect(),
    }
}

/// An argument as Keras 3 writes it: tensors and slices as objects, also inside lists; numbers as they are.
fn operand_value(value: &Value) -> Value {
    let slice = |slice: &Map<String, Value>| -> Map<String, Value> {
        slice.iter().map(|(key, value)| (key.clone(), operand_value(value))).collect()
    };
    match value {
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(name), _, constant, ..] if name == CONSTANT => constant.clone(),
            [layer @ Value::String(_), call, output, ..] => json!({
                "class_name": "__keras_tensor__", "config": {"keras_history": [layer, call, output]},
            }),
            parts => parts.iter().map(operand_value).collect(),
        },
        Value::Object(parts) if parts.contains_key("start") => {
            json!({"class_name": "__slice__", "config": slice(parts)})
        }
        other => other.clone(),
    }
}
