//! The arguments of an operation: tensors, numbers, lists.

use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::tfjs::calls::{Call, TensorRef, is_keras_tensor};
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use serde_json::Value;

/// One argument.
#[derive(Debug)]
pub(crate) enum Argument<'m> {
    Tensor(ValueId),
    List(Vec<Argument<'m>>),
    /// A number, a slice, null.
    Plain(&'m Value),
}

/// All arguments of a call.
#[derive(Debug, Default)]
pub(crate) struct Arguments<'m> {
    by_position: Vec<Argument<'m>>,
    by_name: Vec<(&'m str, Argument<'m>)>,
}

impl<'m> Argument<'m> {
    fn read(json: &'m Value, find: &impl Fn(&TensorRef) -> Result<ValueId>) -> Result<Self> {
        Ok(match json {
            tensor if is_keras_tensor(tensor) => Argument::Tensor(find(&TensorRef::parse("args", tensor)?)?),
            Value::Array(items) => {
                Argument::List(items.iter().map(|item| Argument::read(item, find)).collect::<Result<_>>()?)
            }
            plain => Argument::Plain(plain),
        })
    }

    /// The argument as a tensor; numbers become a constant.
    pub(super) fn operand(&self, call: &mut LayerCall<'_, '_>) -> Result<ValueId> {
        let mut array = Numbers::default();
        match self {
            Argument::Plain(value) if array.read_object(value).is_some() => call.numbers(&array.shape, array.values),
            Argument::List(_) if array.read_list(self, 0).is_some() => call.numbers(&array.shape, array.values),
            Argument::Tensor(id) => Ok(*id),
            Argument::Plain(Value::Bool(value)) => call.number(f32::from(u8::from(*value))),
            Argument::Plain(value) if value.is_number() => call.number(json::number("args", value)? as f32),
            other => Err(unexpected("a tensor or a number", other)),
        }
    }
}

/// The numbers of nested lists, and their shape.
#[derive(Debug, Default)]
struct Numbers {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Numbers {
    /// From an array as Keras 3 writes it; none if it is something else.
    fn read_object(&mut self, json: &Value) -> Option<()> {
        let is_array = matches!(json.get("class_name")?.as_str()?, "__numpy__" | "__tensor__");
        is_array.then_some(())?;
        self.read_json(json.get("config")?.get("value")?, 0)
    }

    fn read_json(&mut self, json: &Value, depth: usize) -> Option<()> {
        match json {
            Value::Array(items) => {
                self.expect_size(depth, items.len())?;
                items.iter().try_for_each(|item| self.read_json(item, depth + 1))
            }
            number => self.push(number, depth),
        }
    }

    fn read_list(&mut self, argument: &Argument<'_>, depth: usize) -> Option<()> {
        match argument {
            Argument::List(items) => {
                self.expect_size(depth, items.len())?;
                items.iter().try_for_each(|item| self.read_list(item, depth + 1))
            }
            Argument::Plain(number) => self.push(number, depth),
            Argument::Tensor(_) => None,
        }
    }

    /// Lists of one depth have one length.
    fn expect_size(&mut self, depth: usize, size: usize) -> Option<()> {
        if depth == self.shape.len() && self.values.is_empty() {
            self.shape.push(size);
        }
        (self.shape.get(depth) == Some(&size)).then_some(())
    }

    fn push(&mut self, number: &Value, depth: usize) -> Option<()> {
        self.values.push(number.as_f64()? as f32);
        (depth == self.shape.len()).then_some(())
    }
}

fn unexpected(wanted: &str, found: &Argument<'_>) -> Error {
    let found = match found {
        Argument::Tensor(_) => "a tensor".to_string(),
        Argument::List(_) => "a list".to_string(),
        Argument::Plain(value) => json::show(value),
    };
    Error::unsupported(format!("is given {found} for {wanted}, which is not supported"))
}

impl<'m> Arguments<'m> {
    /// What `call` gives, its tensors found by `find`.
    pub(crate) fn read(call: &'m Call, find: impl Fn(&TensorRef) -> Result<ValueId>) -> Result<Self> {
        let by_position = call.positional.iter().map(|value| Argument::read(value, &find));
        let by_name = call.keywords.iter().map(|(name, value)| Ok((name.as_str(), Argument::read(value, &find)?)));
        Ok(Arguments { by_position: by_position.collect::<Result<_>>()?, by_name: by_name.collect::<Result<_>>()? })
    }

    /// All arguments by position, for an operation of these parameters.
    pub(super) fn named(mut self, parameters: &[&str]) -> Result<Self> {
        for (name, argument) in std::mem::take(&mut self.by_name) {
            let position = parameters.iter().position(|parameter| *parameter == name);
            match position {
                Some(position) if position == self.by_position.len() => self.by_position.push(argument),
                _ if matches!(argument, Argument::Plain(Value::Null)) => {}
                _ => return Err(Error::unsupported(format!("its argument `{name}` is not supported"))),
            }
        }
        if self.by_position.len() != parameters.len() {
            let (wanted, given) = (parameters.len(), self.by_position.len());
            return Err(Error::unsupported(format!(
                "takes {wanted} arguments ({}), not {given}",
                parameters.join(", ")
            )));
        }
        Ok(self)
    }

    /// The argument at `index`, which `named` made sure is there.
    pub(super) fn get(&self, index: usize) -> Result<&Argument<'m>> {
        self.by_position.get(index).ok_or_else(|| Error::format(format!("has no argument {index}")))
    }

    pub(super) fn operand(&self, call: &mut LayerCall<'_, '_>, index: usize) -> Result<ValueId> {
        self.get(index)?.operand(call)
    }

    /// The argument at `index` as floats.
    pub(super) fn float(&self, call: &mut LayerCall<'_, '_>, index: usize) -> Result<ValueId> {
        let x = self.operand(call, index)?;
        call.float_operand(x)
    }

    pub(super) fn tensor(&self, index: usize) -> Result<ValueId> {
        match self.get(index)? {
            Argument::Tensor(id) => Ok(*id),
            other => Err(unexpected("a tensor", other)),
        }
    }

    /// The tensors of the list at `index`.
    pub(super) fn tensors(&self, index: usize) -> Result<Vec<ValueId>> {
        let Argument::List(items) = self.get(index)? else { return Err(unexpected("a list", self.get(index)?)) };
        let tensors = items.iter().map(|item| match item {
            Argument::Tensor(id) => Ok(*id),
            other => Err(unexpected("a tensor", other)),
        });
        tensors.collect()
    }

    /// The whole numbers of the list at `index`.
    pub(super) fn integers(&self, index: usize) -> Result<Vec<i64>> {
        let Argument::List(items) = self.get(index)? else { return Err(unexpected("a list", self.get(index)?)) };
        let integers = items.iter().map(|item| match item {
            Argument::Plain(value) => json::integer("args", value),
            other => Err(unexpected("a number", other)),
        });
        integers.collect()
    }

    /// The argument at `index` as a number, if it is one.
    pub(super) fn number(&self, index: usize) -> Option<f64> {
        match self.get(index) {
            Ok(Argument::Plain(value)) => value.as_f64(),
            _ => None,
        }
    }
}
