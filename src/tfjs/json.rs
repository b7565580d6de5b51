//! Typed reading of JSON values, with errors that name the key and show what was found.

use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// The value as a short text for messages.
pub(super) fn show(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn wrong(key: &str, wanted: &str, found: &Value) -> Error {
    Error::format(format!("`{key}` should be {wanted}, not {}", show(found)))
}

/// The required member `key`.
pub(super) fn member<'j>(object: &'j Map<String, Value>, key: &str) -> Result<&'j Value> {
    object.get(key).ok_or_else(|| Error::format(format!("`{key}` is missing")))
}

pub(super) fn object<'j>(key: &str, value: &'j Value) -> Result<&'j Map<String, Value>> {
    value.as_object().ok_or_else(|| wrong(key, "an object", value))
}

pub(super) fn array<'j>(key: &str, value: &'j Value) -> Result<&'j [Value]> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(key, "an array", value))
}

pub(super) fn string<'j>(key: &str, value: &'j Value) -> Result<&'j str> {
    value.as_str().ok_or_else(|| wrong(key, "a string", value))
}

/// A number, also in the wrapped form `{"type": "ndarray", "value": n}` that TF.js accepts.
pub(super) fn number(key: &str, value: &Value) -> Result<f64> {
    let wrapped = value.as_object().filter(|object| object.get("type").and_then(Value::as_str) == Some("ndarray"));
    let plain = wrapped.and_then(|object| object.get("value")).unwrap_or(value);
    plain.as_f64().filter(|number| number.is_finite()).ok_or_else(|| wrong(key, "a number", value))
}

/// A whole number within ±2^53.
pub(super) fn integer(key: &str, value: &Value) -> Result<i64> {
    let number = number(key, value)?;
    if number.fract() != 0.0 || number.abs() > 9_007_199_254_740_992.0 {
        return Err(wrong(key, "a whole number", value));
    }
    Ok(number as i64)
}

/// A size: a whole number from 0 on.
pub(super) fn size(key: &str, value: &Value) -> Result<usize> {
    usize::try_from(integer(key, value)?).map_err(|_| wrong(key, "a size", value))
}

pub(super) fn boolean(key: &str, value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(|| wrong(key, "true or false", value))
}

/// One whole number, or a list of them.
pub(super) fn integers(key: &str, value: &Value) -> Result<Vec<i64>> {
    match value {
        Value::Array(items) => items.iter().map(|item| integer(key, item)).collect(),
        single => Ok(vec![integer(key, single)?]),
    }
}
