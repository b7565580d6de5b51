//! One argument of an operation as the file writes it: a tensor, a number, a list, a slice.

use crate::error::Result;
use crate::graph::ValueId;
use crate::tfjs::calls::{TensorRef, is_keras_tensor};
use serde_json::Value;

/// One argument.
#[derive(Debug)]
pub(super) enum Argument<'m> {
    Tensor(ValueId),
    List(Vec<Argument<'m>>),
    /// `start:stop:step`
    Slice(Box<[Argument<'m>; 3]>),
    /// A number, an array, null.
    Plain(&'m Value),
}

/// An argument that is left out.
pub(super) static NULL: Value = Value::Null;

impl<'m> Argument<'m> {
    pub(super) fn read(json: &'m Value, find: &impl Fn(&TensorRef) -> Result<ValueId>) -> Result<Self> {
        Ok(match json {
            tensor if is_keras_tensor(tensor) => Argument::Tensor(find(&TensorRef::parse("args", tensor)?)?),
            slice if is_class(slice, "__slice__") => {
                let part = |key: &str| {
                    let part = slice.get("config").and_then(|config| config.get(key));
                    Argument::read(part.unwrap_or(&NULL), find)
                };
                Argument::Slice(Box::new([part("start")?, part("stop")?, part("step")?]))
            }
            Value::Array(items) => {
                Argument::List(items.iter().map(|item| Argument::read(item, find)).collect::<Result<_>>()?)
            }
            plain => Argument::Plain(plain),
        })
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Argument::Plain(Value::Null))
    }

    /// Whether it is `...`.
    pub(super) fn is_ellipsis(&self) -> bool {
        matches!(self, Argument::Plain(value) if is_class(value, "__ellipsis__"))
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Argument::Plain(value) => value.as_f64(),
            _ => None,
        }
    }
}

pub(super) fn is_class(json: &Value, class: &str) -> bool {
    json.get("class_name").and_then(Value::as_str) == Some(class)
}
