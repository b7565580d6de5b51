//! Floats that stay in memory as a file stores them, and are decoded only where needed.

use super::Data;
use super::bytes::SharedBytes;
use half::f16;
use std::borrow::Cow;
use std::sync::OnceLock;

/// How a packed tensor stores one float.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// IEEE single precision, four bytes each: no smaller than decoded floats, but it can stay in a mapped file.
    F32,
    /// IEEE half precision, two bytes each; decoding is exact.
    F16,
    /// One byte each: an index into this list of 256 floats.
    Codes(Box<[f32; 256]>),
}

/// Floats as a file stores them, little-endian.
#[derive(Debug, Clone)]
pub struct Packed {
    encoding: Encoding,
    bytes: SharedBytes,
    decoded: OnceLock<Data>,
}

impl Packed {
    pub(super) fn new(encoding: Encoding, bytes: SharedBytes) -> Self {
        Packed { encoding, bytes, decoded: OnceLock::new() }
    }

    /// How a float is stored.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The number of floats; `None` if the last one is incomplete.
    pub(super) fn len(&self) -> Option<usize> {
        let width = self.float_bytes();
        self.bytes.len().is_multiple_of(width).then_some(self.bytes.len() / width)
    }

    fn float_bytes(&self) -> usize {
        match self.encoding {
            Encoding::F32 => 4,
            Encoding::F16 => 2,
            Encoding::Codes(_) => 1,
        }
    }

    /// The floats, decoded on the first call.
    pub(super) fn data(&self) -> &Data {
        self.decoded.get_or_init(|| {
            let mut values = vec![0.0; self.bytes.len() / self.float_bytes()];
            self.decode(&self.bytes, &mut values);
            Data::F32(values)
        })
    }

    /// The floats in place, if the host can read the stored bytes directly.
    pub(super) fn in_place(&self) -> Option<&[f32]> {
        let readable = self.encoding == Encoding::F32 && cfg!(target_endian = "little");
        bytemuck::try_cast_slice(&self.bytes).ok().filter(|_| readable)
    }

    /// The number of floats for which `wanted` is true; keeps no decoded copy.
    pub(super) fn count(&self, wanted: impl Fn(f32) -> bool) -> usize {
        let mut block = [0.0; 1024];
        let mut count = 0;
        for bytes in self.bytes.chunks(block.len() * self.float_bytes()) {
            let values = &mut block[..bytes.len() / self.float_bytes()];
            self.decode(bytes, values);
            count += values.iter().filter(|value| wanted(**value)).count();
        }
        count
    }

    /// Decodes stored bytes, as many as `values` has room for.
    fn decode(&self, bytes: &[u8], values: &mut [f32]) {
        match &self.encoding {
            Encoding::F32 => {
                let quads = bytes.as_chunks::<4>().0.iter();
                values.iter_mut().zip(quads).for_each(|(value, quad)| *value = f32::from_le_bytes(*quad));
            }
            Encoding::F16 => {
                let pairs = bytes.as_chunks::<2>().0.iter();
                values.iter_mut().zip(pairs).for_each(|(value, pair)| *value = f16::from_le_bytes(*pair).to_f32());
            }
            Encoding::Codes(list) => {
                values.iter_mut().zip(bytes).for_each(|(value, code)| *value = list[usize::from(*code)]);
            }
        }
    }

    /// The number of 32-bit words in [`Packed::pieces`].
    pub fn word_count(&self) -> usize {
        let list = if let Encoding::Codes(_) = self.encoding { 256 } else { 0 };
        list + self.bytes.len().div_ceil(4)
    }

    /// The tensor as kernels read it, little-endian, in consecutive pieces of whole 32-bit words: the list of floats if
    /// there is one, the stored bytes, and the last word padded with zeros. The stored bytes, which may be large, are
    /// not copied.
    pub fn pieces(&self) -> [Cow<'_, [u8]>; 3] {
        let list = match &self.encoding {
            Encoding::Codes(list) => list.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Encoding::F32 | Encoding::F16 => Vec::new(),
        };
        let (whole, rest) = self.bytes.split_at(self.bytes.len() / 4 * 4);
        let mut last = rest.to_vec();
        last.resize(rest.len().next_multiple_of(4), 0);
        [Cow::Owned(list), Cow::Borrowed(whole), Cow::Owned(last)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Tensor;

    /// The pieces as words; checks that their number is as stated.
    fn words(packed: &Packed) -> Vec<u32> {
        let bytes = packed.pieces().concat();
        assert_eq!(bytes.len(), 4 * packed.word_count());
        bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    #[test]
    fn packed_floats_decode_to_what_they_stand_for() {
        let halves: Vec<u8> = [1.5f32, -0.25, 65_504.0].iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
        let tensor = Tensor::packed(&[3], Encoding::F16, halves).expect("tensor");
        assert_eq!(tensor.as_f32().expect("floats"), [1.5, -0.25, 65_504.0]);
        let words_of_halves = words(tensor.as_packed().expect("packed"));
        assert_eq!(words_of_halves.len(), 2);
        assert_eq!(words_of_halves[0] & 0xffff, u32::from(f16::from_f32(1.5).to_bits()));

        let mut list = Box::new([0.0; 256]);
        (list[7], list[255]) = (0.5, -3.0);
        let tensor = Tensor::packed(&[1, 5], Encoding::Codes(list), vec![7, 255, 0, 7, 7]).expect("tensor");
        assert_eq!(tensor.as_f32().expect("floats"), [0.5, -3.0, 0.0, 0.5, 0.5]);
        let words_of_codes = words(tensor.as_packed().expect("packed"));
        assert_eq!((words_of_codes.len(), words_of_codes[7]), (258, 0.5f32.to_bits()));
        assert_eq!(words_of_codes[256..], [0x0700_ff07, 7]);

        let floats = [1.5f32, f32::MIN_POSITIVE].map(f32::to_le_bytes).concat();
        let tensor = Tensor::packed(&[2], Encoding::F32, floats).expect("tensor");
        assert_eq!(tensor.as_f32().expect("floats"), [1.5, f32::MIN_POSITIVE]);
        assert_eq!(words(tensor.as_packed().expect("packed")), [1.5f32, f32::MIN_POSITIVE].map(f32::to_bits));
    }

    #[test]
    fn floats_at_odd_addresses_are_decoded_and_others_read_in_place() {
        let floats = [1.5f32, -3.0].map(f32::to_le_bytes).concat();
        let all = SharedBytes::from([&[0; 8], &floats[..], &[0; 8]].concat());
        for offset in 0..8 {
            let bytes = all.range(offset..offset + 16).expect("within");
            let expected: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|quad| f32::from_le_bytes(*quad)).collect();
            let aligned = bytes.as_ptr().addr().is_multiple_of(4);
            let tensor = Tensor::packed_in(&[4], Encoding::F32, bytes).expect("tensor");
            assert_eq!(tensor.as_f32().expect("floats"), expected);
            let packed = tensor.as_packed().expect("packed");
            assert_eq!(packed.in_place().is_some(), aligned && cfg!(target_endian = "little"));
            assert_eq!(packed.decoded.get().is_some(), packed.in_place().is_none());
        }
    }

    #[test]
    fn bytes_that_are_not_whole_floats_are_refused() {
        assert!(Tensor::packed(&[2], Encoding::F16, vec![0; 3]).is_err());
        assert!(Tensor::packed(&[1], Encoding::F16, vec![0; 3]).is_err());
        assert!(Tensor::packed(&[1], Encoding::F32, vec![0; 6]).is_err());
    }
}
