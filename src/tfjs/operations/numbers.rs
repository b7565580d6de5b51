//! The numbers that a file gives among the arguments of a call: one, or nested lists of them, or an array of Keras 3.

use super::argument::{Argument, is_class};
use crate::error::{Error, Result};
use crate::tensor::{DType, Data, Tensor};
use crate::tfjs::json;
use serde_json::Value;

/// Numbers with their shape.
#[derive(Debug, Default)]
pub(super) struct Numbers<'m> {
    shape: Vec<usize>,
    values: Vec<&'m Value>,
    /// What the file says.
    dtype: Option<DType>,
}

impl<'m> Numbers<'m> {
    /// The numbers of an argument; none if it is something else.
    pub(super) fn read(argument: &Argument<'m>) -> Option<Numbers<'m>> {
        let mut numbers = Numbers::default();
        match argument {
            Argument::Plain(object) if is_class(object, "__numpy__") || is_class(object, "__tensor__") => {
                let config = object.get("config")?;
                numbers.dtype = config.get("dtype").and_then(Value::as_str).and_then(dtype_called);
                numbers.push(config.get("value")?, 0)?;
            }
            other => numbers.push_argument(other, 0)?,
        }
        Some(numbers)
    }

    fn push(&mut self, json: &'m Value, depth: usize) -> Option<()> {
        match json {
            Value::Array(items) => {
                self.expect_size(depth, items.len())?;
                items.iter().try_for_each(|item| self.push(item, depth + 1))
            }
            number if number.is_number() || number.is_boolean() => {
                self.values.push(number);
                (depth == self.shape.len()).then_some(())
            }
            _ => None,
        }
    }

    fn push_argument(&mut self, argument: &Argument<'m>, depth: usize) -> Option<()> {
        match argument {
            Argument::List(items) => {
                self.expect_size(depth, items.len())?;
                items.iter().try_for_each(|item| self.push_argument(item, depth + 1))
            }
            Argument::Plain(number) => self.push(number, depth),
            Argument::Tensor(_) | Argument::Slice(_) => None,
        }
    }

    /// Lists of one depth have one length.
    fn expect_size(&mut self, depth: usize, size: usize) -> Option<()> {
        if depth == self.shape.len() && self.values.is_empty() {
            self.shape.push(size);
        }
        (self.shape.get(depth) == Some(&size)).then_some(())
    }

    /// What the file says, or what the numbers are.
    pub(super) fn dtype(&self) -> DType {
        let all = |is: fn(&Value) -> bool| !self.values.is_empty() && self.values.iter().all(|value| is(value));
        self.dtype.unwrap_or_else(|| match () {
            () if all(Value::is_boolean) => DType::Bool,
            () if all(|value| value.is_i64() || value.is_u64()) => DType::I32,
            () => DType::F32,
        })
    }

    /// The numbers in this dtype, a single one as `[1]` unless it is a size.
    pub(super) fn tensor(&self, dtype: DType) -> Result<Tensor> {
        let shape = if self.shape.is_empty() { &[1][..] } else { &self.shape };
        self.shaped(shape, dtype)
    }

    /// The numbers in this dtype, a single one without dimensions.
    pub(super) fn exact(&self, dtype: DType) -> Result<Tensor> {
        self.shaped(&self.shape, dtype)
    }

    fn shaped(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let float =
            |value: &&Value| value.as_f64().unwrap_or_else(|| f64::from(u8::from(value.as_bool() == Some(true))));
        let values = self.values.iter();
        let data = match dtype {
            DType::F32 => Data::F32(values.map(|value| float(value) as f32).collect()),
            DType::Bool => Data::Bool(values.map(|value| float(value) != 0.0).collect()),
            DType::I32 => {
                let whole = |value: &&Value| {
                    let number = float(value).trunc();
                    let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
                    fits.then_some(number as i32).ok_or_else(|| {
                        Error::unsupported(format!("computes with {}, which is not supported", json::show(value)))
                            .cause("integers have 32 bits here")
                    })
                };
                Data::I32(values.map(whole).collect::<Result<_>>()?)
            }
        };
        Tensor::new(shape, data)
    }
}

/// The dtype for one of NumPy: floats are float32 and integers int32 here.
pub(super) fn dtype_called(name: &str) -> Option<DType> {
    match name {
        "float32" | "float64" | "float16" | "bfloat16" => Some(DType::F32),
        "int32" | "int64" | "int16" | "int8" | "uint8" | "uint16" | "uint32" => Some(DType::I32),
        "bool" => Some(DType::Bool),
        _ => None,
    }
}
