//! `ValueInfoProto`: the name and the declared type of an input, an output or a value. Declared types of values inside a
//! graph are hints.

use super::reader::Reader;
use super::tensor_proto::{MOST_DIMS, too_many_dims};
use crate::error::Result;

/// A named value and its declared type.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueInfoProto<'f> {
    /// The name of the value.
    pub name: &'f str,
    /// Its type.
    pub value: ValueType<'f>,
}

/// The declared type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueType<'f> {
    /// A dense tensor.
    Tensor {
        /// The type of its elements as a number, 0 if it is not declared.
        element_type: i32,
        /// Its dimensions; `None` if not even their number is declared.
        shape: Option<Vec<DimProto<'f>>>,
    },
    /// Something else, which is named.
    Other(&'static str),
    /// No type is declared.
    Unset,
}

/// A dimension of a declared shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DimProto<'f> {
    /// A number.
    Value(i64),
    /// A named size, equal wherever the name occurs.
    Parameter(&'f str),
    /// Any size.
    Unset,
}

impl<'f> ValueInfoProto<'f> {
    pub(super) fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let (mut name, mut value) = ("", None);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => name = reader.string(&field, "name")?,
                2 => value = Some(ValueType::read(reader.only_message(&value, &field, "type")?)?),
                _ => {}
            }
        }
        Ok(ValueInfoProto { name, value: value.unwrap_or(ValueType::Unset) })
    }
}

impl<'f> ValueType<'f> {
    fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let mut value = None;
        while let Some(field) = reader.next()? {
            let read = match field.number {
                1 => Self::read_tensor(reader.only_message(&value, &field, "tensor_type")?)?,
                4 => ValueType::Other("a sequence"),
                5 => ValueType::Other("a map"),
                7 => ValueType::Other("an opaque value"),
                8 => ValueType::Other("a sparse tensor"),
                9 => ValueType::Other("an optional value"),
                _ => continue,
            };
            value = Some(read);
        }
        Ok(value.unwrap_or(ValueType::Unset))
    }

    fn read_tensor(mut reader: Reader<'f, '_>) -> Result<Self> {
        let (mut element_type, mut shape) = (0, None);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => element_type = reader.int32(&field, "elem_type")?,
                2 => shape = Some(read_shape(reader.only_message(&shape, &field, "shape")?)?),
                _ => {}
            }
        }
        Ok(ValueType::Tensor { element_type, shape })
    }
}

fn read_shape<'f>(mut reader: Reader<'f, '_>) -> Result<Vec<DimProto<'f>>> {
    let [count] = reader.count([1])?;
    if count > MOST_DIMS {
        return reader.located(Err(too_many_dims(count)));
    }
    let mut dims = reader.list(count)?;
    while let Some(field) = reader.next()? {
        if field.number == 1 {
            dims.push(DimProto::read(reader.message(&field, "dim", Some(dims.len()))?)?);
        }
    }
    Ok(dims)
}

impl<'f> DimProto<'f> {
    fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let mut dim = DimProto::Unset;
        while let Some(field) = reader.next()? {
            match field.number {
                1 => dim = DimProto::Value(reader.int(&field, "dim_value")?),
                2 => dim = DimProto::Parameter(reader.string(&field, "dim_param")?),
                _ => {}
            }
        }
        Ok(dim)
    }
}
