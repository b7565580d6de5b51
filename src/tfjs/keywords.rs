//! The keyword arguments of one call: what a layer is given besides its inputs, asked for by name.
//!
//! What no layer asked for must not matter: [`Keywords::finish`] refuses it, as [`super::config`] does for keys.

use super::calls::MASKS;
use super::json;
use super::masks::Value;
use crate::error::{Error, Result};
use serde_json::{Map, Value as Json};
use std::cell::RefCell;
use std::collections::HashSet;

/// The keyword arguments of one call.
#[derive(Debug)]
pub(super) struct Keywords<'m> {
    given: &'m Map<String, Json>,
    /// Those that are tensors.
    tensors: Vec<(&'m str, Value)>,
    asked: RefCell<HashSet<&'static str>>,
}

impl<'m> Keywords<'m> {
    pub(super) fn new(given: &'m Map<String, Json>, tensors: Vec<(&'m str, Value)>) -> Self {
        Keywords { given, tensors, asked: RefCell::default() }
    }

    /// The tensor given as `key`.
    pub(super) fn tensor(&self, key: &'static str) -> Result<Option<Value>> {
        self.asked.borrow_mut().insert(key);
        let tensor = self.tensors.iter().find(|(name, _)| *name == key).map(|(_, tensor)| *tensor);
        match self.given.get(key) {
            Some(value) if tensor.is_none() && !value.is_null() => {
                let value = json::show(value);
                Err(Error::unsupported(format!("its call argument `{key}` = {value} is not supported"))
                    .cause("only tensors of the model are taken"))
            }
            _ => Ok(tensor),
        }
    }

    /// Whether `key` is given and true.
    pub(super) fn flag(&self, key: &'static str) -> Result<bool> {
        self.asked.borrow_mut().insert(key);
        match self.given.get(key) {
            None | Some(Json::Null) => Ok(false),
            Some(value) => json::boolean(key, value),
        }
    }

    /// Whether the layer is called as in training, if the call says so. Every layer may be told.
    pub(super) fn training(&self) -> Result<Option<bool>> {
        self.asked.borrow_mut().insert("training");
        match self.given.get("training") {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Number(number)) if number.as_u64().is_some_and(|number| number < 2) => {
                Ok(Some(number.as_u64() == Some(1)))
            }
            Some(value) => json::boolean("training", value).map(Some),
        }
    }

    /// An error if an argument that was not read has a value.
    pub(super) fn finish(&self) -> Result<()> {
        let asked = self.asked.borrow();
        for (key, value) in self.given {
            match (key.as_str(), value) {
                (_, Json::Null) => {}
                // Masks are read before the layer is asked.
                (key, _) if asked.contains(key) || MASKS.contains(&key) => {}
                (key, value) => {
                    let value = json::show(value);
                    return Err(Error::unsupported(format!("its call argument `{key}` = {value} is not supported")));
                }
            }
        }
        Ok(())
    }
}
