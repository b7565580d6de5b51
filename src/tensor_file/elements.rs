//! Elements as files store them, little-endian, to and from the element types of tensors.

use crate::error::{Error, Result};
use crate::tensor::Data;
use half::f16;
use std::fmt::Display;

/// The stored element types that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    F16,
    F32,
    F64,
}

/// The error for all others.
pub(super) fn unreadable(stored: &str) -> Error {
    Error::unsupported(format!("elements of type {stored} cannot be read"))
        .hint("store float32, float16, float64, bool, or integers of up to 32 bits or int64")
}

impl Stored {
    /// Bytes of one element.
    pub(super) fn bytes(self) -> usize {
        match self {
            Stored::Bool | Stored::I8 | Stored::U8 => 1,
            Stored::I16 | Stored::U16 | Stored::F16 => 2,
            Stored::I32 | Stored::U32 | Stored::F32 => 4,
            Stored::I64 | Stored::F64 => 8,
        }
    }

    /// The elements in `bytes`.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Data> {
        match self {
            Stored::Bool => booleans(bytes),
            Stored::I8 => integers(chunks(bytes).map(i8::from_le_bytes)),
            Stored::I16 => integers(chunks(bytes).map(i16::from_le_bytes)),
            Stored::I32 => integers(chunks(bytes).map(i32::from_le_bytes)),
            Stored::I64 => integers(chunks(bytes).map(i64::from_le_bytes)),
            Stored::U8 => integers(chunks(bytes).map(u8::from_le_bytes)),
            Stored::U16 => integers(chunks(bytes).map(u16::from_le_bytes)),
            Stored::U32 => integers(chunks(bytes).map(u32::from_le_bytes)),
            Stored::F16 => Ok(Data::F32(chunks(bytes).map(|element| f16::from_le_bytes(element).to_f32()).collect())),
            Stored::F32 => Ok(Data::F32(chunks(bytes).map(f32::from_le_bytes).collect())),
            Stored::F64 => narrowed(chunks(bytes).map(f64::from_le_bytes)),
        }
    }
}

fn chunks<const BYTES: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; BYTES]> {
    bytes.as_chunks().0.iter().copied()
}

fn booleans(bytes: &[u8]) -> Result<Data> {
    let boolean = |(index, byte): (usize, &u8)| match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::format(format!("element {index} is {byte}, which is not a boolean"))),
    };
    bytes.iter().enumerate().map(boolean).collect::<Result<_>>().map(Data::Bool)
}

fn integers<T: TryInto<i32> + Display + Copy>(values: impl Iterator<Item = T>) -> Result<Data> {
    let integer = |(index, value): (usize, T)| {
        value.try_into().map_err(|_| {
            Error::format(format!("element {index} is {value}, which does not fit int32"))
                .hint("ids are int32 in TF.js; store other numbers as float32")
        })
    };
    values.enumerate().map(integer).collect::<Result<_>>().map(Data::I32)
}

fn narrowed(values: impl Iterator<Item = f64>) -> Result<Data> {
    let float = |(index, value): (usize, f64)| {
        let narrow = value as f32;
        if narrow.is_infinite() && value.is_finite() {
            return Err(Error::format(format!("element {index} is {value:e}, which does not fit float32"))
                .hint("models compute in float32, which ends at 3.4e38"));
        }
        Ok(narrow)
    };
    values.enumerate().map(float).collect::<Result<_>>().map(Data::F32)
}

/// The elements as bytes: float32, int32 or one byte a boolean.
pub(super) fn encode(data: &Data) -> Vec<u8> {
    match data {
        Data::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::I32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::Bool(values) => values.iter().map(|&value| u8::from(value)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrower_types_widen_and_wider_types_must_fit() {
        assert_eq!(Stored::I8.decode(&[0xff, 0x7f]).expect("int8"), Data::I32(vec![-1, 127]));
        assert_eq!(Stored::U16.decode(&[0xff, 0xff]).expect("uint16"), Data::I32(vec![65_535]));
        assert_eq!(Stored::F16.decode(&[0x00, 0x3c]).expect("float16"), Data::F32(vec![1.0]));
        let long = [7i64.to_le_bytes(), 3_000_000_000i64.to_le_bytes()].concat();
        let error = Stored::I64.decode(&long).expect_err("too large");
        assert_eq!(error.to_string(), "element 1 is 3000000000, which does not fit int32");
        assert_eq!(Stored::I64.decode(&long[..8]).expect("int64"), Data::I32(vec![7]));
    }

    #[test]
    fn doubles_round_to_floats_and_overflow_is_an_error() {
        let doubles = [0.1f64, f64::INFINITY, 1e-300].map(f64::to_le_bytes).concat();
        assert_eq!(Stored::F64.decode(&doubles).expect("floats"), Data::F32(vec![0.1, f32::INFINITY, 0.0]));
        let error = Stored::F64.decode(&1e39f64.to_le_bytes()).expect_err("too large");
        assert_eq!(error.to_string(), "element 0 is 1e39, which does not fit float32");
    }

    #[test]
    fn a_boolean_is_0_or_1() {
        assert_eq!(Stored::Bool.decode(&[0, 1]).expect("booleans"), Data::Bool(vec![false, true]));
        assert!(Stored::Bool.decode(&[2]).is_err());
    }
}
