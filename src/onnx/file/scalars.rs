//! Repeated numbers that stay in the file, and are read when they are asked for.
//!
//! A number of one byte takes eight in memory, so a list of them would take more than the file.

use super::wire::{Cursor, Fault, Field, WireType};
use std::fmt;
use std::marker::PhantomData;

/// A type of numbers in messages.
pub(super) trait Scalar: Sized {
    /// How one of them is encoded.
    const WIRE_TYPE: WireType;

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, Fault>;

    /// How many there are in packed bytes, if they end with a whole one.
    fn count(bytes: &[u8]) -> usize;
}

impl Scalar for f32 {
    const WIRE_TYPE: WireType = WireType::Fixed32;

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        cursor.array().map(f32::from_le_bytes)
    }

    fn count(bytes: &[u8]) -> usize {
        bytes.len() / 4
    }
}

impl Scalar for f64 {
    const WIRE_TYPE: WireType = WireType::Fixed64;

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        cursor.array().map(f64::from_le_bytes)
    }

    fn count(bytes: &[u8]) -> usize {
        bytes.len() / 8
    }
}

impl Scalar for u64 {
    const WIRE_TYPE: WireType = WireType::Varint;

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        cursor.varint()
    }

    fn count(bytes: &[u8]) -> usize {
        bytes.iter().filter(|byte| *byte & 0x80 == 0).count()
    }
}

impl Scalar for i64 {
    const WIRE_TYPE: WireType = WireType::Varint;

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        cursor.varint().map(|value| value as i64)
    }

    fn count(bytes: &[u8]) -> usize {
        u64::count(bytes)
    }
}

impl Scalar for i32 {
    const WIRE_TYPE: WireType = WireType::Varint;

    /// The low 32 bits: negative numbers are written with 64.
    fn take(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        cursor.varint().map(|value| value as i32)
    }

    fn count(bytes: &[u8]) -> usize {
        u64::count(bytes)
    }
}

/// The numbers of a repeated field, packed or not, which were found to be readable.
#[derive(Clone, Copy, PartialEq)]
pub struct Scalars<'f, T> {
    message: Cursor<'f>,
    number: u32,
    count: usize,
    scalar: PhantomData<T>,
}

#[allow(private_bounds, reason = "only the number types of messages are scalars")]
impl<'f, T: Scalar> Scalars<'f, T> {
    /// Those of field `number` of a message. The field that cannot be read is returned if it has another encoding.
    pub(super) fn of(message: Cursor<'f>, number: u32) -> Result<Result<Self, Field<'f>>, Fault> {
        let (mut fields, mut count) = (message, 0);
        while let Some(field) = fields.field()? {
            if field.number != number {
                continue;
            }
            let mut content = field.content;
            if field.wire_type == T::WIRE_TYPE {
                count += 1;
            } else if field.wire_type == WireType::Bytes {
                count += T::count(content.rest());
                while !content.is_at_end() {
                    T::take(&mut content)?;
                }
            } else {
                return Ok(Err(field));
            }
        }
        Ok(Ok(Scalars { message, number, count, scalar: PhantomData }))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Reads them one after the other.
    pub fn iter(&self) -> impl Iterator<Item = T> + 'f + use<'f, T> {
        let (number, mut fields, mut packed) = (self.number, self.message, Cursor::new(&[]));
        // The field was read before, so faults are the end.
        std::iter::from_fn(move || {
            while packed.is_at_end() {
                let field = fields.field().ok()??;
                if field.number == number {
                    packed = field.content;
                }
            }
            T::take(&mut packed).ok()
        })
    }
}

impl<T> fmt::Debug for Scalars<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} numbers", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Scalar>(bytes: &[u8]) -> Option<(usize, Vec<T>)> {
        let scalars = Scalars::<T>::of(Cursor::new(bytes), 7).ok()?.ok()?;
        Some((scalars.len(), scalars.iter().collect()))
    }

    #[test]
    fn packed_and_single_numbers_are_one_list() {
        let bytes = [0x38, 1, 0x3a, 3, 2, 0x80, 1, 0x08, 9, 0x3a, 0, 0x38, 3];
        assert_eq!(read::<i64>(&bytes), Some((4, vec![1, 2, 128, 3])));
        let floats = [&[0x3a, 8][..], &1f32.to_le_bytes(), &2f32.to_le_bytes(), &[0x3d], &3f32.to_le_bytes()].concat();
        assert_eq!(read::<f32>(&floats), Some((3, vec![1.0, 2.0, 3.0])));
        let negative = [&[0x38][..], &[0xff; 9], &[1]].concat();
        assert_eq!(read::<i32>(&negative), Some((1, vec![-1])));
    }

    #[test]
    fn numbers_that_are_cut_or_encoded_otherwise_are_refused() {
        assert_eq!(read::<i64>(&[0x3a, 2, 1, 0x80]), None);
        assert_eq!(read::<f32>(&[0x3a, 5, 0, 0, 0, 0, 0]), None);
        assert_eq!(read::<f32>(&[0x38, 1]), None);
    }
}
