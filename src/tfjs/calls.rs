//! Calls of layers as the file writes them: by Keras 2 and TF.js in one form, by Keras 3 in another.
//!
//! Keras 2 lists the tensors that a call takes, `[[layer, call, output, {keywords}], …]`, in lists where it was given
//! lists. Keras 3 writes the arguments of
//! the Python call, `{args, kwargs}`, where an object of class `__keras_tensor__` stands for a tensor; lists, dicts and
//! plain numbers may be among them.

use super::json::{array, member, object, show, size, string};
use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// Keyword arguments that layers also take by position, in the order in which they would be given.
const ALSO_POSITIONAL: &[&str] = &["inputs", "sequences", "sequence", "query", "value", "key", "initial_state"];

/// Keyword arguments that hold masks: see [`Call::masks`].
pub(super) const MASKS: &[&str] = &["mask", "query_mask", "value_mask", "key_mask"];

/// One call of a layer.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// The tensors that it takes, those of lists and dicts one after the other.
    pub(super) arguments: Vec<TensorRef>,
    /// The keys of `arguments`, if they were given as one dict.
    pub(super) keys: Option<Vec<String>>,
    /// All that Keras 3 gives by position, as written.
    pub(super) positional: Vec<Value>,
    /// What is given by name; in Keras 2 with the first tensor.
    pub(super) keywords: Map<String, Value>,
    /// The tensors in `keywords`.
    pub(super) keyword_tensors: Vec<TensorRef>,
    pub(super) is_keras_3: bool,
    /// How many of its arguments are tensors or hold some, besides masks.
    pub(super) tensor_arguments: usize,
}

/// A tensor as the file names it: which output of which call of which layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TensorRef {
    pub(super) layer: String,
    pub(super) call: usize,
    pub(super) output: usize,
}

/// All calls of a layer. The arguments of a bare operation of Keras 3 are left as they are written.
pub(super) fn parse_calls(json: &Value, is_operation: bool) -> Result<Vec<Call>> {
    let calls = array("inbound_nodes", json)?.iter();
    calls
        .map(|call| match call {
            Value::Object(call) if is_keras_3_call(call) => Call::parse_keras_3(call, is_operation),
            Value::Object(call) => Call::parse_keras_2_dict(call),
            call => Call::parse_keras_2(call),
        })
        .collect()
}

impl Call {
    fn parse_keras_2(json: &Value) -> Result<Call> {
        let mut call = Call::default();
        for argument in array("inbound_nodes", json)? {
            collect_nested(argument, &mut call.arguments)?;
            if let (Some(Value::Object(keywords)), true) = (argument.get(3), call.keywords.is_empty()) {
                call.keywords = keywords.clone();
            }
        }
        for value in call.keywords.values() {
            let several = std::slice::from_ref(value).iter().chain(value.as_array().into_iter().flatten());
            call.keyword_tensors.extend(several.filter_map(|value| TensorRef::parse("", value).ok()));
        }
        Ok(call)
    }

    /// A call with a dict of tensors, `{"key": [layer, call, output, {keywords}]}`.
    fn parse_keras_2_dict(json: &Map<String, Value>) -> Result<Call> {
        let mut call = Call { keys: Some(Vec::new()), ..Call::default() };
        for (key, argument) in sorted(json) {
            let before = call.arguments.len();
            collect_nested(argument, &mut call.arguments)?;
            call.keys = match call.keys.take() {
                Some(keys) if call.arguments.len() == before + 1 => Some([keys, vec![key.clone()]].concat()),
                _ => None,
            };
            if let (Some(Value::Object(keywords)), true) = (argument.get(3), call.keywords.is_empty()) {
                call.keywords = keywords.clone();
            }
        }
        Ok(call)
    }

    pub(super) fn parse_keras_3(json: &Map<String, Value>, is_operation: bool) -> Result<Call> {
        let mut call = Call { is_keras_3: true, ..Call::default() };
        call.positional = array("args", member(json, "args")?)?.to_vec();
        if let Some(keywords) = json.get("kwargs") {
            call.keywords = object("kwargs", keywords)?.clone();
        }
        let mut also_positional = Vec::new();
        if !is_operation {
            expect_tensors_in_front(&call.positional)?;
            also_positional.extend(ALSO_POSITIONAL.iter().filter_map(|keyword| call.keywords.remove(*keyword)));
        }
        for value in call.positional.iter().chain(&also_positional) {
            let before = call.arguments.len();
            collect_tensors(value, &mut call.arguments)?;
            if let (0, Some(members)) = (before, value.as_object().filter(|_| !is_keras_tensor(value))) {
                let all_tensors = members.values().all(is_keras_tensor);
                call.keys = all_tensors.then(|| sorted(members).into_iter().map(|(key, _)| key.clone()).collect());
            }
            call.tensor_arguments += usize::from(call.arguments.len() > before);
        }
        for (key, value) in &call.keywords {
            let before = call.keyword_tensors.len();
            collect_tensors(value, &mut call.keyword_tensors)?;
            let is_mask = MASKS.contains(&key.as_str());
            call.tensor_arguments += usize::from(call.keyword_tensors.len() > before && !is_mask);
        }
        Ok(call)
    }

    /// Whether masks reach a layer of this class only where the call names them: Keras 3 passes that of the input on to a
    /// layer that has no other arguments, so not to a recurrent layer that is given its initial state. Attention takes
    /// the mask of each argument.
    pub(super) fn names_all_masks(&self, class: &str) -> bool {
        self.is_keras_3 && self.tensor_arguments > 1 && !class.ends_with("Attention")
    }

    /// The keyword arguments that are a tensor.
    pub(super) fn named_tensors(&self) -> Vec<(&str, TensorRef)> {
        let named = self.keywords.iter();
        named.filter_map(|(key, value)| Some((key.as_str(), TensorRef::parse(key, value).ok()?))).collect()
    }

    /// The tensors given as masks, and which argument each is for.
    pub(super) fn masks(&self) -> Result<Vec<(usize, TensorRef)>> {
        let mut masks = Vec::new();
        for (key, value) in self.keywords.iter().filter(|(_, value)| !value.is_null()) {
            match key.as_str() {
                "mask" | "query_mask" => {
                    let mut leaves = Vec::new();
                    collect_leaves(value, &mut leaves);
                    for (index, mask) in leaves.into_iter().enumerate().filter(|(_, mask)| !mask.is_null()) {
                        masks.push((index, TensorRef::parse(key, mask)?));
                    }
                }
                "value_mask" => masks.push((1, TensorRef::parse(key, value)?)),
                "key_mask" => masks.push((2, TensorRef::parse(key, value)?)),
                _ => {}
            }
        }
        Ok(masks)
    }
}

impl TensorRef {
    /// From `[layer, call, output]`, which may be followed by keyword arguments, or the object that Keras 3 writes.
    pub(super) fn parse(key: &str, json: &Value) -> Result<TensorRef> {
        let history = json.get("config").and_then(|config| config.get("keras_history"));
        let parts = history.unwrap_or(json).as_array().filter(|parts| parts.len() >= 3);
        let Some([layer, call, output, ..]) = parts.map(Vec::as_slice) else {
            return Err(Error::format(format!("`{key}` holds {}, which does not name a tensor", show(json)))
                .hint("a tensor is written [layer name, call index, output index]"));
        };
        Ok(TensorRef { layer: string(key, layer)?.into(), call: size(key, call)?, output: size(key, output)? })
    }
}

/// Whether this is a call as Keras 3 writes it, and not a dict of tensors of Keras 2, `["layer", 0, 0, {}]` each.
fn is_keras_3_call(json: &Map<String, Value>) -> bool {
    json.get("args").is_some_and(|args| !args.get(0).is_some_and(Value::is_string))
}

/// Whether this is a tensor in the form of Keras 3.
pub(super) fn is_keras_tensor(json: &Value) -> bool {
    json.get("class_name").and_then(Value::as_str) == Some("__keras_tensor__")
}

/// The members of lists and dicts in any depth, in Keras' order. A tensor is a member, in either form.
fn collect_leaves<'j>(json: &'j Value, leaves: &mut Vec<&'j Value>) {
    match json {
        tensor if TensorRef::parse("", tensor).is_ok() => leaves.push(tensor),
        Value::Array(items) => items.iter().for_each(|item| collect_leaves(item, leaves)),
        Value::Object(members) => sorted(members).iter().for_each(|(_, item)| collect_leaves(item, leaves)),
        leaf => leaves.push(leaf),
    }
}

/// An error for a positional argument of a layer that is no tensor, or that comes after one left out: which argument it is
/// depends on the class, and it may change the answer.
fn expect_tensors_in_front(positional: &[Value]) -> Result<()> {
    let mut unsupported = false;
    for value in positional {
        let mut tensors = Vec::new();
        collect_tensors(value, &mut tensors)?;
        match value {
            Value::Null => unsupported = true,
            Value::Bool(false) => {}
            value if tensors.is_empty() || unsupported => {
                return Err(Error::unsupported(format!("its positional argument {} is not supported", show(value)))
                    .hint("give it by name, build the model again and convert it"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The tensors of an argument of Keras 2: one, or a list of them in any depth, as the states of stacked cells are.
fn collect_nested(json: &Value, tensors: &mut Vec<TensorRef>) -> Result<()> {
    match json.as_array().filter(|items| items.first().is_some_and(Value::is_array)) {
        Some(items) => items.iter().try_for_each(|item| collect_nested(item, tensors))?,
        None => tensors.push(TensorRef::parse("inbound_nodes", json)?),
    }
    Ok(())
}

/// The tensors in an argument of Keras 3. Dicts are walked in the order of their keys, as Keras does.
fn collect_tensors(json: &Value, tensors: &mut Vec<TensorRef>) -> Result<()> {
    match json {
        tensor if is_keras_tensor(tensor) => tensors.push(TensorRef::parse("args", tensor)?),
        Value::Array(items) => items.iter().try_for_each(|item| collect_tensors(item, tensors))?,
        Value::Object(members) => sorted(members).iter().try_for_each(|(_, item)| collect_tensors(item, tensors))?,
        _ => {}
    }
    Ok(())
}

/// In the order of the keys, which is that of Python for strings: by code points.
fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<(&String, &Value)> = members.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    members
}

/// The tensors that a model takes or returns, each with its name if it has one of its own: lists and dicts in any depth,
/// or a single tensor. Keras walks dicts in the order of their keys.
pub(super) fn structure(key: &str, json: &Value) -> Result<Vec<(Option<String>, TensorRef)>> {
    let mut tensors = Vec::new();
    walk_structure(key, json, None, &mut tensors)?;
    Ok(tensors)
}

fn walk_structure(
    key: &str,
    json: &Value,
    name: Option<&str>,
    tensors: &mut Vec<(Option<String>, TensorRef)>,
) -> Result<()> {
    let inner = |name: Option<&str>, part: &str| name.map_or(part.to_string(), |name| format!("{name}/{part}"));
    match json {
        Value::Array(parts) if parts.first().is_some_and(Value::is_string) => {
            tensors.push((name.map(str::to_string), TensorRef::parse(key, json)?));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = name.map(|name| inner(Some(name), &index.to_string()));
                walk_structure(key, item, name.as_deref(), tensors)?;
            }
        }
        Value::Object(members) => {
            for (member, item) in sorted(members) {
                walk_structure(key, item, Some(&inner(name, member)), tensors)?;
            }
        }
        _ => return Err(Error::format(format!("`{key}` holds {}, which does not name a tensor", show(json)))),
    }
    Ok(())
}
