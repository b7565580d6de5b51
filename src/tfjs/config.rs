//! A layer's configuration, read key by key.
//!
//! Unread keys must not change the answer: [`Config::finish`] refuses keys that the layer did not read, unless they are
//! known to have no say at inference or hold nothing. TF.js ignores such keys, and so answers wrongly without a word.

use super::json;
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashSet;

/// Keys of every layer that do not change an answer. Data types are read by input layers; weights are float32.
const WITHOUT_EFFECT: &[&str] = &[
    "name",
    "trainable",
    "dtype",
    "batch_input_shape",
    "input_shape",
    "batch_size",
    "input_dtype",
    "activity_regularizer",
];

/// Endings of keys that only training reads.
const TRAINING_ONLY: &[&str] = &["_initializer", "_regularizer", "_constraint"];

/// The configuration of one layer.
#[derive(Debug)]
pub(super) struct Config<'m> {
    values: &'m Map<String, Value>,
    asked: RefCell<HashSet<&'static str>>,
}

impl<'m> Config<'m> {
    pub(super) fn new(values: &'m Map<String, Value>) -> Self {
        Config { values, asked: RefCell::default() }
    }

    /// The value of `key`; none where it is missing or null.
    pub(super) fn get(&self, key: &'static str) -> Option<&'m Value> {
        self.asked.borrow_mut().insert(key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    fn required<T>(&self, key: &'static str, read: impl Fn(&str, &'m Value) -> Result<T>) -> Result<T> {
        match self.get(key) {
            Some(value) => read(key, value),
            None => Err(Error::format(format!("`{key}` is missing from its config"))),
        }
    }

    fn optional<T>(&self, key: &'static str, read: impl Fn(&str, &'m Value) -> Result<T>) -> Result<Option<T>> {
        self.get(key).map(|value| read(key, value)).transpose()
    }

    pub(super) fn size(&self, key: &'static str) -> Result<usize> {
        self.required(key, json::size)
    }

    pub(super) fn positive_size(&self, key: &'static str) -> Result<usize> {
        match self.size(key)? {
            0 => Err(Error::format(format!("`{key}` should be at least 1"))),
            size => Ok(size),
        }
    }

    pub(super) fn number_or(&self, key: &'static str, default: f64) -> Result<f64> {
        Ok(self.optional(key, json::number)?.unwrap_or(default))
    }

    pub(super) fn number(&self, key: &'static str) -> Result<Option<f64>> {
        self.optional(key, json::number)
    }

    pub(super) fn boolean_or(&self, key: &'static str, default: bool) -> Result<bool> {
        Ok(self.optional(key, json::boolean)?.unwrap_or(default))
    }

    pub(super) fn string(&self, key: &'static str) -> Result<Option<&'m str>> {
        self.optional(key, json::string)
    }

    /// One whole number or a list of them.
    pub(super) fn integers(&self, key: &'static str) -> Result<Option<Vec<i64>>> {
        self.optional(key, json::integers)
    }

    pub(super) fn array(&self, key: &'static str) -> Result<&'m [Value]> {
        self.required(key, json::array)
    }

    /// Whether the layer's dtype or dtype policy asks for 16-bit floats anywhere.
    pub(super) fn is_reduced_precision(&self) -> bool {
        self.values.get("dtype").is_some_and(|dtype| dtype.to_string().contains("float16"))
    }

    /// `data_format`: whether channels come first.
    pub(super) fn channels_first(&self) -> Result<bool> {
        match self.string("data_format")? {
            None | Some("channels_last") => Ok(false),
            Some("channels_first") => Ok(true),
            Some(other) => Err(Error::format(format!("`data_format` should not be `{other}`"))),
        }
    }

    /// Whether `key` is there and null, where that is not the same as its being missing.
    pub(super) fn is_null(&self, key: &'static str) -> bool {
        self.asked.borrow_mut().insert(key);
        self.values.get(key).is_some_and(Value::is_null)
    }

    /// Marks keys that this layer knows and that have no say at inference.
    pub(super) fn ignore(&self, keys: &[&'static str]) {
        self.asked.borrow_mut().extend(keys);
    }

    /// An error if `key` asks for something that is not implemented.
    pub(super) fn refuse_unless_off(&self, key: &'static str) -> Result<()> {
        match self.get(key) {
            None | Some(Value::Bool(false)) => Ok(()),
            Some(value) => Err(unsupported(key, value)),
        }
    }

    /// An error if a key that was not read has a value.
    pub(super) fn finish(&self) -> Result<()> {
        let asked = self.asked.borrow();
        for (key, value) in self.values {
            let known = asked.contains(key.as_str())
                || WITHOUT_EFFECT.contains(&key.as_str())
                || TRAINING_ONLY.iter().any(|ending| key.ends_with(ending));
            if !known && !matches!(value, Value::Null | Value::Bool(false)) {
                return Err(unsupported(key, value));
            }
        }
        Ok(())
    }
}

fn unsupported(key: &str, value: &Value) -> Error {
    Error::unsupported(format!("its option `{key}` = {} is not supported", json::show(value)))
        .cause("it may change the answer, so it is not ignored")
        .hint("if it has no say at inference, remove it from model.json")
}
