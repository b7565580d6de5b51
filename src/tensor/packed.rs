//! Floats that stay as small as a file stores them, and are decoded where they are needed.

use super::Data;
use half::f16;
use std::sync::OnceLock;

/// How a packed tensor stores one float.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// IEEE half precision, two bytes each; exact.
    F16,
    /// One byte each, a position in this list of 256 floats.
    Codes(Box<[f32; 256]>),
}

/// Floats as a file stores them, little-endian.
#[derive(Debug, Clone)]
pub struct Packed {
    encoding: Encoding,
    bytes: Vec<u8>,
    decoded: OnceLock<Data>,
}

impl Packed {
    pub(super) fn new(encoding: Encoding, bytes: Vec<u8>) -> Self {
        Packed { encoding, bytes, decoded: OnceLock::new() }
    }

    /// How a float is stored.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The number of floats.
    pub(super) fn len(&self) -> usize {
        match self.encoding {
            Encoding::F16 => self.bytes.len() / 2,
            Encoding::Codes(_) => self.bytes.len(),
        }
    }

    /// The floats, decoded at the first call.
    pub(super) fn data(&self) -> &Data {
        self.decoded.get_or_init(|| Data::F32(self.values().collect()))
    }

    /// The floats one by one.
    pub(super) fn values(&self) -> Box<dyn Iterator<Item = f32> + '_> {
        match &self.encoding {
            Encoding::F16 => {
                Box::new(self.bytes.as_chunks::<2>().0.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()))
            }
            Encoding::Codes(list) => Box::new(self.bytes.iter().map(|&code| list[usize::from(code)])),
        }
    }

    /// The 32-bit words of [`Packed::words`].
    pub fn word_count(&self) -> usize {
        let list = if let Encoding::Codes(_) = self.encoding { 256 } else { 0 };
        list + self.bytes.len().div_ceil(4)
    }

    /// The tensor as kernels read it: the list of floats if there is one, then the bytes, four to a word.
    pub fn words(&self) -> Vec<u32> {
        let mut words = Vec::with_capacity(self.word_count());
        if let Encoding::Codes(list) = &self.encoding {
            words.extend(list.iter().map(|value| value.to_bits()));
        }
        let (quads, rest) = self.bytes.as_chunks::<4>();
        words.extend(quads.iter().map(|quad| u32::from_le_bytes(*quad)));
        if !rest.is_empty() {
            let mut quad = [0; 4];
            quad[..rest.len()].copy_from_slice(rest);
            words.push(u32::from_le_bytes(quad));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Tensor;

    #[test]
    fn packed_floats_decode_to_what_they_stand_for() {
        let halves: Vec<u8> = [1.5f32, -0.25, 65_504.0].iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
        let tensor = Tensor::packed(&[3], Encoding::F16, halves).expect("tensor");
        assert_eq!(tensor.as_f32().expect("floats"), [1.5, -0.25, 65_504.0]);
        let packed = tensor.as_packed().expect("packed");
        assert_eq!((packed.word_count(), packed.words().len()), (2, 2));
        assert_eq!(packed.words()[0] & 0xffff, u32::from(f16::from_f32(1.5).to_bits()));

        let mut list = Box::new([0.0; 256]);
        (list[7], list[255]) = (0.5, -3.0);
        let tensor = Tensor::packed(&[1, 5], Encoding::Codes(list), vec![7, 255, 0, 7, 7]).expect("tensor");
        assert_eq!(tensor.as_f32().expect("floats"), [0.5, -3.0, 0.0, 0.5, 0.5]);
        let packed = tensor.as_packed().expect("packed");
        assert_eq!((packed.word_count(), packed.words()[256], packed.words()[257]), (258, 0x0700_ff07, 7));
        assert!(Tensor::packed(&[2], Encoding::F16, vec![0; 3]).is_err());
    }
}
