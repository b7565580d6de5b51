//! TensorFlow functions among the layers of Keras 2: `x + y`, `x[:, 0]`, `tf.reduce_sum(x, axis=1)`.
//!
//! Keras 2 writes them as layers of class TFOpLambda and SlicingOpLambda, with all that the function is given in the call.
//! They are read as the operations of Keras 3 that do the same.

use super::calls::Call;
use super::json::{array, member, object, show, string};
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};

/// A function: its name, the operation that it is, the arguments besides the first that are operands, and what the options
/// of the operation are called.
struct Function {
    name: &'static str,
    operation: &'static str,
    operands: &'static [&'static str],
    options: &'static [(&'static str, &'static str)],
}

const fn function(name: &'static str, operation: &'static str, operands: &'static [&'static str]) -> Function {
    Function { name, operation, operands, options: &[] }
}

impl Function {
    const fn with(mut self, options: &'static [(&'static str, &'static str)]) -> Function {
        self.options = options;
        self
    }
}

const AXIS: &[(&str, &str)] = &[("axis", "axis")];
const REDUCED: &[(&str, &str)] = &[("axis", "axis"), ("keepdims", "keepdims")];
const DTYPE: &[(&str, &str)] = &[("dtype", "dtype")];

const FUNCTIONS: &[Function] = &[
    function("__operators__.add", "Add", &["y"]),
    function("math.add", "Add", &["y"]),
    function("math.subtract", "Subtract", &["y"]),
    function("math.multiply", "Multiply", &["y"]),
    function("math.divide", "Divide", &["y"]),
    function("math.truediv", "Divide", &["y"]),
    function("math.maximum", "Maximum", &["y"]),
    function("math.minimum", "Minimum", &["y"]),
    function("math.pow", "Power", &["y"]),
    function("linalg.matmul", "Matmul", &["b"]).with(&[("transpose_a", "transpose_a"), ("transpose_b", "transpose_b")]),
    function("clip_by_value", "Clip", &[]).with(&[("clip_value_min", "x_min"), ("clip_value_max", "x_max")]),
    function("math.negative", "Negative", &[]),
    function("math.abs", "Absolute", &[]),
    function("math.square", "Square", &[]),
    function("math.reciprocal", "Reciprocal", &[]),
    function("math.sqrt", "Sqrt", &[]),
    function("math.rsqrt", "Rsqrt", &[]),
    function("math.exp", "Exp", &[]),
    function("math.log", "Log", &[]),
    function("math.log1p", "Log1p", &[]),
    function("math.log_sigmoid", "LogSigmoid", &[]),
    function("math.sigmoid", "Sigmoid", &[]),
    function("math.tanh", "Tanh", &[]),
    function("math.softplus", "Softplus", &[]),
    function("nn.softsign", "Softsign", &[]),
    function("nn.relu", "Relu", &[]),
    function("nn.relu6", "Relu6", &[]),
    function("nn.leaky_relu", "LeakyRelu", &[]).with(&[("alpha", "negative_slope")]),
    function("nn.elu", "Elu", &[]),
    function("nn.selu", "Selu", &[]),
    function("nn.silu", "Silu", &[]),
    function("nn.gelu", "Gelu", &[]).with(&[("approximate", "approximate")]),
    function("nn.softmax", "Softmax", &[]).with(AXIS),
    function("nn.log_softmax", "LogSoftmax", &[]).with(AXIS),
    function("math.l2_normalize", "Normalize", &[]).with(&[("axis", "axis"), ("epsilon", "epsilon")]),
    function("math.reduce_sum", "Sum", &[]).with(REDUCED),
    function("math.reduce_mean", "Mean", &[]).with(REDUCED),
    function("math.reduce_max", "Max", &[]).with(REDUCED),
    function("math.reduce_min", "Min", &[]).with(REDUCED),
    function("math.reduce_any", "Any", &[]).with(REDUCED),
    function("math.reduce_all", "All", &[]).with(REDUCED),
    function("math.reduce_variance", "Var", &[]).with(REDUCED),
    function("math.equal", "Equal", &["y"]),
    function("math.not_equal", "NotEqual", &["y"]),
    function("math.greater", "Greater", &["y"]),
    function("math.greater_equal", "GreaterEqual", &["y"]),
    function("math.less", "Less", &["y"]),
    function("math.less_equal", "LessEqual", &["y"]),
    function("math.logical_and", "LogicalAnd", &["y"]),
    function("math.logical_or", "LogicalOr", &["y"]),
    function("math.logical_not", "LogicalNot", &[]),
    function("where", "Where", &["x", "y"]),
    function("zeros_like", "ZerosLike", &[]).with(DTYPE),
    function("ones_like", "OnesLike", &[]).with(DTYPE),
    function("cast", "Cast", &[]).with(DTYPE),
    function("identity", "StopGradient", &[]),
    function("stop_gradient", "StopGradient", &[]),
    function("__operators__.getitem", "GetItem", &["slice_spec"]),
    function("reshape", "Reshape", &[]).with(&[("shape", "newshape")]),
    function("compat.v1.transpose", "Transpose", &[]).with(&[("perm", "axes")]),
    function("expand_dims", "ExpandDims", &[]).with(AXIS),
    function("compat.v1.squeeze", "Squeeze", &[]).with(AXIS),
    function("concat", "Concatenate", &[]).with(AXIS),
    function("stack", "Stack", &[]).with(AXIS),
    function("split", "Split", &[]).with(&[("num_or_size_splits", "indices_or_sections"), ("axis", "axis")]),
    function("unstack", "Unstack", &[]).with(&[("axis", "axis"), ("num", "num")]),
    function("tile", "Tile", &[]).with(&[("multiples", "repeats")]),
    function("reverse", "Flip", &[]).with(AXIS),
    function("repeat", "Repeat", &[]).with(&[("repeats", "repeats"), ("axis", "axis")]),
];

/// Arguments that have no say.
const WITHOUT_EFFECT: &[&str] = &["name", "validate_indices", "conjugate"];

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
        let mut names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        names.sort_unstable();
        return Err(Error::unsupported(format!("the TensorFlow function `tf.{name}` is not supported"))
            .hint(format!("supported are {}", names.join(", "))));
    };
    let mut options: Option<Map<String, Value>> = None;
    let mut parsed = Vec::new();
    for call in array("inbound_nodes", calls)? {
        let (first, mut given) = first_and_rest(call)?;
        let mut positional = vec![first];
        for &operand in function.operands {
            let value = given.remove(operand).ok_or_else(|| Error::format(format!("its `{operand}` is missing")))?;
            positional.push(if operand == "slice_spec" { item_key(&value)? } else { operand_value(&value) });
        }
        let own = keras_options(function, given)?;
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

/// The first argument, a tensor, a list of tensors or a number, and the others by name.
fn first_and_rest(call: &Value) -> Result<(Value, Map<String, Value>)> {
    let parts = array("inbound_nodes", call)?;
    let named = |parts: &[Value]| parts.get(3).and_then(Value::as_object).cloned().unwrap_or_default();
    match parts.first() {
        Some(Value::String(name)) if name == "_CONSTANT_VALUE" => {
            Ok((parts.get(2).cloned().unwrap_or_default(), named(parts)))
        }
        Some(Value::String(_)) => Ok((operand_value(call), named(parts))),
        Some(first @ Value::Array(_)) => {
            Ok((parts.iter().map(operand_value).collect(), named(array("inbound_nodes", first)?)))
        }
        _ => Err(Error::format(format!("`inbound_nodes` holds {}, which is no call", show(call)))),
    }
}

/// A tensor as Keras 3 writes it; other values as they are.
fn operand_value(value: &Value) -> Value {
    match value.as_array().map(Vec::as_slice) {
        Some([layer @ Value::String(_), call, output, ..]) => json!({
            "class_name": "__keras_tensor__", "config": {"keras_history": [layer, call, output]},
        }),
        _ => value.clone(),
    }
}

/// The key of `x[key]` as Keras 3 writes it.
fn item_key(spec: &Value) -> Result<Value> {
    let keys = array("slice_spec", spec)?.iter().map(|key| match key {
        Value::Object(slice) if slice.contains_key("start") => json!({"class_name": "__slice__", "config": slice}),
        key => key.clone(),
    });
    Ok(keys.collect())
}

/// The options by the names of Keras 3, in its terms; an error for those that the operation does not have.
fn keras_options(function: &Function, given: Map<String, Value>) -> Result<Map<String, Value>> {
    let mut options = Map::new();
    for (name, value) in given {
        let known = function.options.iter().find(|(known, _)| *known == name);
        match known {
            Some((_, keras)) => {
                options.insert((*keras).into(), value);
            }
            None if value.is_null() || WITHOUT_EFFECT.contains(&name.as_str()) => {}
            None => {
                return Err(Error::unsupported(format!("its argument `{name}` = {} is not supported", show(&value))));
            }
        }
    }
    match function.operation {
        "Gelu" => {
            options.entry("approximate").or_insert(false.into());
        }
        // The least square of the length, not the least length.
        "Normalize" => {
            // Without an axis it goes over all elements.
            options.entry("axis").or_insert(Value::Null);
            let floor = options.get("epsilon").and_then(Value::as_f64).unwrap_or(1e-12);
            options.insert("epsilon".into(), floor.sqrt().into());
        }
        // Sizes, not where parts end; the last part ends where the dimension does.
        "Split" => {
            if let Some(Value::Array(sizes)) = options.get("indices_or_sections") {
                let mut end = 0u64;
                let ends = sizes[..sizes.len().saturating_sub(1)].iter().map(|size| {
                    end = end.checked_add(size.as_u64()?)?;
                    Some(Value::from(end))
                });
                let ends = ends.collect::<Option<Value>>().filter(|_| sizes.last().is_some_and(Value::is_u64));
                let ends = ends.ok_or_else(|| Error::unsupported("splits into parts of sizes that are not given"))?;
                options.insert("indices_or_sections".into(), ends);
            }
        }
        _ => {}
    }
    Ok(options)
}
