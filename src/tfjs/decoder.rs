//! Decoding of stored weights, by the rules of TF.js (`io_utils.ts`, `decodeWeights`).
//!
//! uint8 and uint16: `code · scale + min` computed in f64 and rounded to f32, or to the nearest integer for int32
//! weights. float16: exact. All numbers are little-endian. Floats stored in one or two bytes by uint8 or float16 may
//! also stay so, to be decoded where they are used, and plain ones may stay in the file.

use super::manifest::{StoredDType, WeightSpec};
use super::quantization::Quantization;
use crate::error::{Error, Result};
use crate::model::WeightFormat;
use crate::tensor::{Data, Encoding, Tensor};
use half::f16;

/// The elements of one weight, growing as its bytes arrive in pieces.
#[derive(Debug)]
pub(super) struct Decoder<'m> {
    spec: &'m WeightSpec,
    form: Form,
}

/// What becomes of the bytes.
#[derive(Debug)]
enum Form {
    /// They are the weight.
    Packed(Encoding, Vec<u8>),
    /// The words of the weight, and how many of them have arrived.
    Words(Data, usize),
    /// Each element is computed. The start of one whose other bytes are in the next piece is kept.
    Computed(Data, Vec<u8>),
}

impl<'m> Decoder<'m> {
    /// Claims the memory of the weight.
    pub(super) fn new(spec: &'m WeightSpec, format: WeightFormat) -> Result<Self> {
        let form = match (kept_encoding(spec, format), spec.dtype, &spec.quantization) {
            (Some(encoding), ..) => Form::Packed(encoding, claimed(usize::try_from(spec.bytes).unwrap_or(usize::MAX))?),
            (None, StoredDType::F32, None) => Form::Words(Data::F32(claimed(spec.elements)?), 0),
            (None, StoredDType::I32, None) => Form::Words(Data::I32(claimed(spec.elements)?), 0),
            (None, StoredDType::F32, _) => Form::Computed(Data::F32(claimed(spec.elements)?), Vec::new()),
            (None, StoredDType::I32 | StoredDType::U8, _) => {
                Form::Computed(Data::I32(claimed(spec.elements)?), Vec::new())
            }
            (None, StoredDType::Bool, _) => Form::Computed(Data::Bool(claimed(spec.elements)?), Vec::new()),
        };
        Ok(Decoder { spec, form })
    }

    /// Where the next `count` bytes of the weight stay as they are, to be filled at once; `None` if they go through
    /// [`Decoder::push`].
    pub(super) fn room(&mut self, count: usize) -> Option<&mut [u8]> {
        match &mut self.form {
            Form::Packed(_, bytes) => {
                let start = bytes.len();
                bytes.resize(start + count, 0);
                bytes.get_mut(start..)
            }
            Form::Words(data, filled) => {
                let start = *filled;
                *filled += count;
                let words = filled.div_ceil(4);
                let bytes: &mut [u8] = match data {
                    Data::F32(values) => {
                        values.resize(words, 0.0);
                        bytemuck::cast_slice_mut(values)
                    }
                    Data::I32(values) => {
                        values.resize(words, 0);
                        bytemuck::cast_slice_mut(values)
                    }
                    Data::Bool(_) => return None,
                };
                bytes.get_mut(start..start + count)
            }
            Form::Computed(..) => None,
        }
    }

    /// Decodes the next bytes of the weight.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        if let Some(room) = self.room(bytes.len()) {
            return room.copy_from_slice(bytes);
        }
        let width = self.width();
        let Form::Computed(data, rest) = &mut self.form else { return };
        if !rest.is_empty() {
            let missing = (width - rest.len()).min(bytes.len());
            rest.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if rest.len() < width {
                return;
            }
            decode(data, self.spec, rest);
            rest.clear();
        }
        let whole = bytes.len() / width * width;
        decode(data, self.spec, &bytes[..whole]);
        rest.extend_from_slice(&bytes[whole..]);
    }

    fn width(&self) -> usize {
        match (&self.spec.quantization, self.spec.dtype) {
            (Some(quantization), _) => quantization.bytes() as usize,
            (None, StoredDType::F32 | StoredDType::I32) => 4,
            (None, StoredDType::U8 | StoredDType::Bool) => 1,
        }
    }

    pub(super) fn finish(self) -> Result<Tensor> {
        match self.form {
            Form::Packed(encoding, bytes) => Tensor::packed(&self.spec.shape, encoding, bytes),
            Form::Words(mut data, _) => {
                from_little_endian(&mut data);
                Tensor::new(&self.spec.shape, data)
            }
            Form::Computed(data, _) => Tensor::new(&self.spec.shape, data),
        }
    }
}

/// Memory for `count` elements, still empty.
fn claimed<T>(count: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|cause| {
        Error::limit(format!("there is no memory for its {count} elements"))
            .because(cause)
            .hint("load it on a machine with more memory")
    })?;
    Ok(values)
}

/// Turns words that were filled with little-endian bytes into those of this machine.
fn from_little_endian(data: &mut Data) {
    if cfg!(target_endian = "little") {
        return;
    }
    match data {
        Data::F32(values) => values.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits()))),
        Data::I32(values) => values.iter_mut().for_each(|value| *value = i32::from_le(*value)),
        Data::Bool(_) => {}
    }
}

/// Adds the elements that `bytes` hold, all whole.
fn decode(data: &mut Data, spec: &WeightSpec, bytes: &[u8]) {
    let (pairs, _) = bytes.as_chunks::<2>();
    match (data, &spec.quantization) {
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
        (Data::I32(values), _) => values.extend(bytes.iter().map(|&byte| i32::from(byte))),
        (Data::Bool(values), _) => values.extend(bytes.iter().map(|&byte| byte != 0)),
        // Floats that are not quantized are words.
        (Data::F32(_), None) => {}
    }
}

/// The encoding of a weight that takes fewer bytes as it is stored, and is to stay so.
fn kept_encoding(spec: &WeightSpec, format: WeightFormat) -> Option<Encoding> {
    match (format, spec.dtype, &spec.quantization) {
        (WeightFormat::Keep, StoredDType::F32, Some(Quantization::F16)) => Some(Encoding::F16),
        (WeightFormat::Keep, StoredDType::F32, Some(Quantization::U8 { scale, min })) => {
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
pub(super) fn encoding_in_file(spec: &WeightSpec, format: WeightFormat) -> Option<Encoding> {
    match (spec.dtype, &spec.quantization) {
        (StoredDType::F32, None) => Some(Encoding::F32),
        _ => kept_encoding(spec, format),
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
            entry: String::new(),
        };
        let [kept, decoded] = [WeightFormat::Keep, WeightFormat::F32].map(|format| {
            let mut decoder = Decoder::new(&spec, format).expect("memory");
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
