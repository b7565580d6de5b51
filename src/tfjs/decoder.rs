//! Decoding of stored weights, by the rules of TF.js (`io_utils.ts`, `decodeWeights`).
//!
//! uint8 and uint16: `code · scale + min` computed in f64 and rounded to f32, or to the nearest integer for int32
//! weights. float16: exact. All numbers are little-endian. Floats stored in one or two bytes by uint8 or float16 may
//! also stay so, to be decoded where they are used, and plain ones may stay in the file.

use super::manifest::{StoredDType, WeightSpec};
use super::quantization::Quantization;
use crate::error::Result;
use crate::model::WeightStorage;
use crate::tensor::{Data, Encoding, Tensor};
use half::f16;

/// The elements of one weight, growing as its bytes arrive in pieces.
#[derive(Debug)]
pub(super) struct Decoder<'m> {
    spec: &'m WeightSpec,
    data: Data,
    /// The bytes as they are, with the encoding, of a weight that stays packed; `data` stays empty then.
    packed: Option<(Encoding, Vec<u8>)>,
    /// The start of an element whose other bytes are in the next piece.
    rest: Vec<u8>,
}

impl<'m> Decoder<'m> {
    pub(super) fn new(spec: &'m WeightSpec, storage: WeightStorage) -> Self {
        if let Some(encoding) = kept_encoding(spec, storage) {
            let bytes = Vec::with_capacity(spec.bytes as usize);
            return Decoder { spec, data: Data::F32(Vec::new()), packed: Some((encoding, bytes)), rest: Vec::new() };
        }
        let data = match spec.dtype {
            StoredDType::F32 => Data::F32(Vec::with_capacity(spec.elements)),
            StoredDType::I32 | StoredDType::U8 => Data::I32(Vec::with_capacity(spec.elements)),
            StoredDType::Bool => Data::Bool(Vec::with_capacity(spec.elements)),
        };
        Decoder { spec, data, packed: None, rest: Vec::new() }
    }

    /// Decodes the next bytes of the weight.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        if let Some((_, packed)) = &mut self.packed {
            packed.extend_from_slice(bytes);
            return;
        }
        let width = self.width();
        if !self.rest.is_empty() {
            let missing = (width - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.rest.len() < width {
                return;
            }
            let element = std::mem::take(&mut self.rest);
            self.decode(&element);
        }
        let whole = bytes.len() / width * width;
        self.decode(&bytes[..whole]);
        self.rest.extend_from_slice(&bytes[whole..]);
    }

    fn width(&self) -> usize {
        match (&self.spec.quantization, self.spec.dtype) {
            (Some(quantization), _) => quantization.bytes() as usize,
            (None, StoredDType::F32 | StoredDType::I32) => 4,
            (None, StoredDType::U8 | StoredDType::Bool) => 1,
        }
    }

    fn decode(&mut self, bytes: &[u8]) {
        let (pairs, _) = bytes.as_chunks::<2>();
        let (words, _) = bytes.as_chunks::<4>();
        match (&mut self.data, &self.spec.quantization) {
            (Data::F32(values), None) => values.extend(words.iter().map(|word| f32::from_le_bytes(*word))),
            (Data::F32(values), Some(Quantization::F16)) => {
                values.extend(pairs.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()));
            }
            (Data::F32(values), Some(Quantization::U8 { scale, min })) => {
                values.extend(bytes.iter().map(|&code| scaled(code.into(), *scale, *min)));
            }
            (Data::F32(values), Some(Quantization::U16 { scale, min })) => {
                values.extend(pairs.iter().map(|pair| scaled(u16::from_le_bytes(*pair), *scale, *min)));
            }
            (Data::I32(values), Some(Quantization::U8 { scale, min })) => {
                values.extend(bytes.iter().map(|&code| round(f64::from(code) * scale + min)));
            }
            (Data::I32(values), Some(Quantization::U16 { scale, min })) => {
                values.extend(pairs.iter().map(|pair| round(f64::from(u16::from_le_bytes(*pair)) * scale + min)));
            }
            (Data::I32(values), _) if self.spec.dtype == StoredDType::U8 => {
                values.extend(bytes.iter().map(|&byte| i32::from(byte)));
            }
            (Data::I32(values), _) => values.extend(words.iter().map(|word| i32::from_le_bytes(*word))),
            (Data::Bool(values), _) => values.extend(bytes.iter().map(|&byte| byte != 0)),
        }
    }

    pub(super) fn finish(self) -> Result<Tensor> {
        match self.packed {
            Some((encoding, bytes)) => Tensor::packed(&self.spec.shape, encoding, bytes),
            None => Tensor::new(&self.spec.shape, self.data),
        }
    }
}

/// The encoding of a weight that takes fewer bytes as it is stored, and is to stay so.
fn kept_encoding(spec: &WeightSpec, storage: WeightStorage) -> Option<Encoding> {
    match (storage, spec.dtype, &spec.quantization) {
        (WeightStorage::Keep, StoredDType::F32, Some(Quantization::F16)) => Some(Encoding::F16),
        (WeightStorage::Keep, StoredDType::F32, Some(Quantization::U8 { scale, min })) => {
            let mut values = Box::new([0.0; 256]);
            for (code, value) in values.iter_mut().enumerate() {
                *value = scaled(code as u16, *scale, *min);
            }
            Some(Encoding::Codes(values))
        }
        _ => None,
    }
}

/// The encoding of a weight that can be used as the file holds it.
pub(super) fn encoding_in_file(spec: &WeightSpec, storage: WeightStorage) -> Option<Encoding> {
    match (spec.dtype, &spec.quantization) {
        (StoredDType::F32, None) => Some(Encoding::F32),
        _ => kept_encoding(spec, storage),
    }
}

fn scaled(code: u16, scale: f64, min: f64) -> f32 {
    (f64::from(code) * scale + min) as f32
}

/// JavaScript's `Math.round`: halves go up.
fn round(value: f64) -> i32 {
    (value + 0.5).floor() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(dtype: StoredDType, quantization: Option<Quantization>, bytes: &[u8], piece: usize) -> Data {
        let width = quantization.as_ref().map_or(if dtype == StoredDType::U8 { 1 } else { 4 }, |q| q.bytes() as usize);
        let elements = bytes.len() / width;
        let spec = WeightSpec {
            name: "w".into(),
            shape: vec![elements],
            dtype,
            quantization,
            optimizer: false,
            elements,
            bytes: bytes.len() as u64,
        };
        let [kept, decoded] = [WeightStorage::Keep, WeightStorage::F32].map(|storage| {
            let mut decoder = Decoder::new(&spec, storage);
            bytes.chunks(piece).for_each(|piece| decoder.push(piece));
            decoder.finish().expect("all bytes came")
        });
        assert_eq!(kept, decoded);
        decoded.data().clone()
    }

    #[test]
    fn elements_straddle_pieces() {
        let bytes: Vec<u8> = [1.5f32, -2.25, f32::MIN_POSITIVE].iter().flat_map(|v| v.to_le_bytes()).collect();
        for piece in 1..=bytes.len() {
            let data = decode(StoredDType::F32, None, &bytes, piece);
            assert_eq!(data, Data::F32(vec![1.5, -2.25, f32::MIN_POSITIVE]), "pieces of {piece}");
        }
    }

    #[test]
    fn quantized_codes_decode_in_f64() {
        let scaled = Quantization::U8 { scale: 0.1, min: -1.0 };
        let expected = Data::F32(vec![-1.0, (10.0f64 * 0.1 - 1.0) as f32, (255.0f64 * 0.1 - 1.0) as f32]);
        assert_eq!(decode(StoredDType::F32, Some(scaled), &[0, 10, 255], 2), expected);
        let halves = Quantization::U16 { scale: 0.5, min: -1.5 };
        assert_eq!(decode(StoredDType::I32, Some(halves), &[0, 0, 1, 0, 2, 0], 1), Data::I32(vec![-1, -1, 0]));
        let half = decode(StoredDType::F32, Some(Quantization::F16), &[0x01, 0x00, 0x00, 0xfc], 3);
        assert_eq!(half, Data::F32(vec![5.960_464_5e-8, f32::NEG_INFINITY]));
    }
}
