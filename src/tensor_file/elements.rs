//! Converts stored little-endian elements to and from the element types of tensors.

use crate::error::{Error, Result};
use crate::tensor::Data;
use half::f16;
use std::fmt::Display;
use std::io::Read;

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

/// The error for an element type that cannot be read.
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

    /// Bytes of one element once it is decoded.
    pub(super) fn decoded_bytes(self) -> u64 {
        if self == Stored::Bool { 1 } else { 4 }
    }

    /// The elements in `bytes`.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Data> {
        self.decode_from(bytes, bytes.len() / self.bytes())
    }

    /// Decodes `count` elements from `bytes`, piece by piece, so that the undecoded elements are never all in memory.
    pub(super) fn decode_from(self, mut bytes: impl Read, count: usize) -> Result<Data> {
        let mut decoded = self.room(count).ok_or_else(|| {
            Error::limit(format!("there is no memory for {count} elements")).hint("read smaller tensors")
        })?;
        let mut piece = vec![0; PIECE_BYTES.min(count.saturating_mul(self.bytes()))];
        let mut left = count;
        while left > 0 {
            let now = left.min(PIECE_BYTES / self.bytes());
            let piece = &mut piece[..now * self.bytes()];
            bytes.read_exact(piece).map_err(|cause| Error::format("cannot be unpacked").cause(cause.to_string()))?;
            self.append(piece, &mut decoded)?;
            left -= now;
        }
        Ok(decoded)
    }

    /// An empty vector with room for `count` elements; `None` if the memory cannot be allocated.
    fn room(self, count: usize) -> Option<Data> {
        fn of<T>(count: usize) -> Option<Vec<T>> {
            let mut elements = Vec::new();
            elements.try_reserve_exact(count).ok().map(|()| elements)
        }
        match self {
            Stored::Bool => of(count).map(Data::Bool),
            Stored::F16 | Stored::F32 | Stored::F64 => of(count).map(Data::F32),
            _ => of(count).map(Data::I32),
        }
    }

    /// Appends the elements in `bytes`.
    fn append(self, bytes: &[u8], to: &mut Data) -> Result<()> {
        match (self, to) {
            (Stored::Bool, Data::Bool(to)) => booleans(bytes, to),
            (Stored::I8, Data::I32(to)) => integers(chunks(bytes).map(i8::from_le_bytes), to),
            (Stored::I16, Data::I32(to)) => integers(chunks(bytes).map(i16::from_le_bytes), to),
            (Stored::I32, Data::I32(to)) => integers(chunks(bytes).map(i32::from_le_bytes), to),
            (Stored::I64, Data::I32(to)) => integers(chunks(bytes).map(i64::from_le_bytes), to),
            (Stored::U8, Data::I32(to)) => integers(chunks(bytes).map(u8::from_le_bytes), to),
            (Stored::U16, Data::I32(to)) => integers(chunks(bytes).map(u16::from_le_bytes), to),
            (Stored::U32, Data::I32(to)) => integers(chunks(bytes).map(u32::from_le_bytes), to),
            (Stored::F16, Data::F32(to)) => {
                to.extend(chunks(bytes).map(|element| f16::from_le_bytes(element).to_f32()));
                Ok(())
            }
            (Stored::F32, Data::F32(to)) => {
                to.extend(chunks(bytes).map(f32::from_le_bytes));
                Ok(())
            }
            (Stored::F64, Data::F32(to)) => narrowed(chunks(bytes).map(f64::from_le_bytes), to),
            _ => Err(Error::internal("elements were decoded as others")),
        }
    }
}

/// Bytes decoded at once; a multiple of every element size.
const PIECE_BYTES: usize = 1 << 16;

fn chunks<const BYTES: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; BYTES]> {
    bytes.as_chunks().0.iter().copied()
}

fn booleans(bytes: &[u8], to: &mut Vec<bool>) -> Result<()> {
    for byte in bytes {
        if *byte > 1 {
            return Err(Error::format(format!("element {} is {byte}, which is not a boolean", to.len())));
        }
        to.push(*byte == 1);
    }
    Ok(())
}

fn integers<T: TryInto<i32> + Display + Copy>(values: impl Iterator<Item = T>, to: &mut Vec<i32>) -> Result<()> {
    for value in values {
        to.push(value.try_into().map_err(|_| {
            Error::format(format!("element {} is {value}, which does not fit int32", to.len()))
                .hint("ids are int32 in TF.js; store other numbers as float32")
        })?);
    }
    Ok(())
}

fn narrowed(values: impl Iterator<Item = f64>, to: &mut Vec<f32>) -> Result<()> {
    for value in values {
        let narrow = value as f32;
        if narrow.is_infinite() && value.is_finite() {
            return Err(Error::format(format!("element {} is {value:e}, which does not fit float32", to.len()))
                .hint("models compute in float32, which ends at 3.4e38"));
        }
        to.push(narrow);
    }
    Ok(())
}

/// The elements as bytes: 4 per float32 or int32, 1 per boolean.
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
