//! The elements of a stored tensor as numbers, one after the other. Where they are stored is known; what they are for is
//! not.

use super::element_type::ElementType;
use super::tensor_proto::Storage;
use crate::error::{Error, Result};
use half::{bf16, f16};

/// Elements as they are decoded.
type Elements<'s, T> = Box<dyn Iterator<Item = T> + 's>;

/// The number of elements in storage that fits this type, or of bytes for raw storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Bytes(usize),
    Values(usize),
}

/// How much is stored.
pub(super) fn stored(storage: &Storage<'_>) -> Stored {
    match storage {
        Storage::Raw(bytes) => Stored::Bytes(bytes.len()),
        Storage::Floats(values) => Stored::Values(values.len()),
        Storage::Ints32(values) => Stored::Values(values.len()),
        Storage::Ints64(values) => Stored::Values(values.len()),
        Storage::Doubles(values) => Stored::Values(values.len()),
        Storage::Uints64(values) => Stored::Values(values.len()),
        Storage::Strings(count) => Stored::Values(*count),
        Storage::External(_) | Storage::None => Stored::Values(0),
    }
}

/// The elements of a float type.
pub(super) fn floats<'s>(storage: &Storage<'s>, kind: ElementType) -> Result<Elements<'s, f32>> {
    Ok(match (kind, storage) {
        (_, Storage::None) => Box::new(std::iter::empty()),
        (ElementType::Float, Storage::Raw(bytes)) => raw(bytes, f32::from_le_bytes),
        (ElementType::Double, Storage::Raw(bytes)) => raw(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        (ElementType::Float16, Storage::Raw(bytes)) => raw(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        (ElementType::Bfloat16, Storage::Raw(bytes)) => raw(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        (ElementType::Float, Storage::Floats(values)) => Box::new(values.iter()),
        (ElementType::Double, Storage::Doubles(values)) => Box::new(values.iter().map(|value| value as f32)),
        // The bit patterns of half-precision floats; the upper bits have no meaning.
        (ElementType::Float16, Storage::Ints32(values)) => {
            Box::new(values.iter().map(|bits| f16::from_bits(bits as u16).to_f32()))
        }
        (ElementType::Bfloat16, Storage::Ints32(values)) => {
            Box::new(values.iter().map(|bits| bf16::from_bits(bits as u16).to_f32()))
        }
        _ => return Err(misplaced(storage, kind)),
    })
}

/// The elements of an integer type, or of booleans. They are not checked to be in the range of the type.
pub(super) fn integers<'s>(storage: &Storage<'s>, kind: ElementType) -> Result<Elements<'s, i128>> {
    use ElementType::{Bool, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64};
    Ok(match (kind, storage) {
        (_, Storage::None) => Box::new(std::iter::empty()),
        (Bool, Storage::Raw(bytes)) => raw(bytes, |[byte]: [u8; 1]| i128::from(byte != 0)),
        (Uint8, Storage::Raw(bytes)) => raw(bytes, |[byte]: [u8; 1]| i128::from(byte)),
        (Int8, Storage::Raw(bytes)) => raw(bytes, |bytes| i128::from(i8::from_le_bytes(bytes))),
        (Uint16, Storage::Raw(bytes)) => raw(bytes, |bytes| i128::from(u16::from_le_bytes(bytes))),
        (Int16, Storage::Raw(bytes)) => raw(bytes, |bytes| i128::from(i16::from_le_bytes(bytes))),
        (Uint32, Storage::Raw(bytes)) => raw(bytes, |bytes| i128::from(u32::from_le_bytes(bytes))),
        (Int32, Storage::Raw(bytes)) => raw(bytes, |bytes| i128::from(i32::from_le_bytes(bytes))),
        (Uint64, Storage::Raw(bytes)) => raw(bytes, |bytes| i128::from(u64::from_le_bytes(bytes))),
        (Int64, Storage::Raw(bytes)) => raw(bytes, |bytes| i128::from(i64::from_le_bytes(bytes))),
        (Bool, Storage::Ints32(values)) => Box::new(values.iter().map(|value| i128::from(value != 0))),
        (Uint8 | Int8 | Uint16 | Int16 | Int32, Storage::Ints32(values)) => Box::new(values.iter().map(i128::from)),
        (Int64, Storage::Ints64(values)) => Box::new(values.iter().map(i128::from)),
        (Uint32 | Uint64, Storage::Uints64(values)) => Box::new(values.iter().map(i128::from)),
        _ => return Err(misplaced(storage, kind)),
    })
}

fn raw<'s, T: 's, const WIDTH: usize>(bytes: &'s [u8], decode: impl Fn([u8; WIDTH]) -> T + 's) -> Elements<'s, T> {
    Box::new(bytes.as_chunks::<WIDTH>().0.iter().map(move |chunk| decode(*chunk)))
}

/// Which values a type has.
pub(super) fn range(kind: ElementType) -> std::ops::RangeInclusive<i128> {
    let bits = 8 * kind.width().unwrap_or(0) as u32;
    match kind {
        ElementType::Bool => 0..=1,
        ElementType::Uint8 | ElementType::Uint16 | ElementType::Uint32 | ElementType::Uint64 => 0..=(1 << bits) - 1,
        _ => -(1 << bits.saturating_sub(1))..=(1 << bits.saturating_sub(1)) - 1,
    }
}

fn misplaced(storage: &Storage<'_>, kind: ElementType) -> Error {
    let field = match storage {
        Storage::Raw(_) => "raw_data",
        Storage::Floats(_) => "float_data",
        Storage::Ints32(_) => "int32_data",
        Storage::Ints64(_) => "int64_data",
        Storage::Doubles(_) => "double_data",
        Storage::Uints64(_) => "uint64_data",
        Storage::Strings(_) => "string_data",
        Storage::External(_) => "external_data",
        Storage::None => "no field",
    };
    let error = Error::weights(format!("stores {kind} in `{field}`"));
    error.cause("ONNX stores values of that type in another field").hint("export the model again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_elements_are_little_endian() {
        let ints = |kind, bytes: &[u8]| -> Vec<i128> { integers(&Storage::Raw(bytes), kind).expect("ints").collect() };
        assert_eq!(ints(ElementType::Int16, &[0xff, 0xff, 1, 0]), [-1, 1]);
        assert_eq!(ints(ElementType::Uint16, &[0xff, 0xff, 1, 0]), [65_535, 1]);
        assert_eq!(ints(ElementType::Bool, &[0, 1, 7]), [0, 1, 1]);
        assert_eq!(ints(ElementType::Uint64, &[0xff; 8]), [i128::from(u64::MAX)]);
        let bfloat = floats(&Storage::Raw(&[0x80, 0x3f]), ElementType::Bfloat16).expect("floats");
        assert_eq!(bfloat.collect::<Vec<_>>(), [1.0]);
        assert!(floats(&Storage::Strings(1), ElementType::Float).is_err());
        assert!(integers(&Storage::Raw(&[]), ElementType::Float).is_err());
    }

    #[test]
    fn ranges_are_those_of_the_types() {
        assert_eq!(range(ElementType::Int8), -128..=127);
        assert_eq!(range(ElementType::Uint32), 0..=i128::from(u32::MAX));
        assert_eq!(range(ElementType::Int64), i128::from(i64::MIN)..=i128::from(i64::MAX));
        assert_eq!(range(ElementType::Uint64), 0..=i128::from(u64::MAX));
    }
}
