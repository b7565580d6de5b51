//! The safetensors format: a JSON header of names, types and offsets, then the elements.
//!
//! The `safetensors` crate checks the header. The total size is compared with the size of the file here, because the
//! sum overflows for a hostile header.

use super::elements::{Stored, encode, unreadable};
use super::limits::Budget;
use crate::error::{Context, Error, Result};
use crate::tensor::{DType, NamedTensors, Tensor};
use ::safetensors::tensor::{Metadata, TensorInfo, TensorView};
use ::safetensors::{Dtype, SafeTensorError};

/// Bytes of the header's length field at the start of the file.
const LENGTH_BYTES: usize = 8;

/// Reads the tensors in `bytes`, in the order of their data.
pub(super) fn read(bytes: &[u8], budget: &mut Budget) -> Result<NamedTensors> {
    let (header, data) = split(bytes)?;
    budget.expect_json(header.len() as u64)?;
    let metadata: Metadata =
        serde_json::from_slice(header).map_err(|cause| broken("its header is damaged").because(cause))?;
    if metadata.data_len() != data.len() {
        let (declared, found) = (metadata.data_len(), data.len());
        return Err(broken("it is cut short or has bytes to spare")
            .cause(format!("the header declares {declared} bytes of data, the file has {found}")));
    }
    let infos = metadata.tensors();
    let mut infos: Vec<(&String, &&TensorInfo)> = infos.iter().collect();
    // Empty tensors share an offset, so the name decides.
    infos.sort_by_key(|(name, info)| (info.data_offsets, *name));
    let tensor = |(name, info): (&String, &&TensorInfo)| {
        let tensor = read_one(name, info, data, budget).at(|| format!("tensor `{name}`"))?;
        Ok((name.clone(), tensor))
    };
    infos.into_iter().map(tensor).collect()
}

/// Splits a file into header and data.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) =
        bytes.split_first_chunk::<LENGTH_BYTES>().ok_or_else(|| broken("it is shorter than 8 bytes"))?;
    let length = u64::from_le_bytes(*length);
    usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)).ok_or_else(|| {
        broken("it is cut short, or it is another kind of file")
            .cause(format!("it declares a header of {length} bytes, but only {} follow", rest.len()))
    })
}

fn broken(why: &str) -> Error {
    Error::format(format!("is not a safetensors file: {why}"))
}

fn read_one(name: &str, info: &TensorInfo, data: &[u8], budget: &mut Budget) -> Result<Tensor> {
    let (start, end) = info.data_offsets;
    let bytes = data.get(start..end).ok_or_else(|| broken("its offsets lie outside of it"))?;
    let stored = stored(info.dtype)?;
    budget.take(name, &info.shape, stored.decoded_bytes())?;
    Tensor::new(&info.shape, stored.decode(bytes)?)
}

fn stored(dtype: Dtype) -> Result<Stored> {
    Ok(match dtype {
        Dtype::BOOL => Stored::Bool,
        Dtype::I8 => Stored::I8,
        Dtype::I16 => Stored::I16,
        Dtype::I32 => Stored::I32,
        Dtype::I64 => Stored::I64,
        Dtype::U8 => Stored::U8,
        Dtype::U16 => Stored::U16,
        Dtype::U32 => Stored::U32,
        Dtype::F16 => Stored::F16,
        Dtype::F32 => Stored::F32,
        Dtype::F64 => Stored::F64,
        other => return Err(unreadable(&format!("{other:?}"))),
    })
}

/// Encodes `tensors`. The format orders them by element type, then by name.
pub(super) fn write(tensors: &NamedTensors) -> Result<Vec<u8>> {
    let refused = |cause: SafeTensorError| Error::format("the tensors do not fit the format").because(cause);
    let encoded: Vec<(&str, &Tensor, Vec<u8>)> =
        tensors.iter().map(|(name, tensor)| (name, tensor, encode(tensor.data()))).collect();
    let mut views = Vec::new();
    for (name, tensor, bytes) in &encoded {
        if *name == "__metadata__" {
            return Err(Error::format("no tensor in a safetensors file can be called `__metadata__`"));
        }
        let dtype = match tensor.dtype() {
            DType::F32 => Dtype::F32,
            DType::I32 => Dtype::I32,
            DType::Bool => Dtype::BOOL,
        };
        views.push((*name, TensorView::new(dtype, tensor.shape().to_vec(), bytes).map_err(refused)?));
    }
    ::safetensors::serialize(views, None).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor_file::ReadLimits;

    fn read(bytes: &[u8]) -> Result<NamedTensors> {
        super::read(bytes, &mut Budget::new(ReadLimits::default()))
    }

    /// A file with the given header and data.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn a_tensor_is_read_and_written() {
        let header = r#"{"x":{"dtype":"I64","shape":[2,1],"data_offsets":[0,16]}}"#;
        let bytes = file(header, &[5i64.to_le_bytes(), (-1i64).to_le_bytes()].concat());
        let tensors = read(&bytes).expect("read");
        assert_eq!(tensors.get("x"), Some(&Tensor::i32(&[2, 1], vec![5, -1]).expect("tensor")));
        assert_eq!(read(&write(&tensors).expect("write")).expect("read again"), tensors);
    }

    #[test]
    fn broken_files_say_what_is_broken() {
        let x = |end: &str| format!(r#"{{"x":{{"dtype":"F32","shape":[1],"data_offsets":[0,{end}]}}}}"#);
        let cases = [
            (b"{}".to_vec(), "shorter than 8 bytes"),
            (u64::MAX.to_le_bytes().to_vec(), "cut short, or it is another kind of file"),
            (file("{", b""), "its header is damaged"),
            (file(&x("4"), b"123"), "cut short or has bytes to spare"),
            (file(&x("4"), b"12345"), "cut short or has bytes to spare"),
            (file(&x("8"), b"12345678"), "its header is damaged"),
            (file(&x("18446744073709551615"), b"1234"), "its header is damaged"),
        ];
        for (bytes, expected) in cases {
            let error = read(&bytes).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error} should say {expected}");
        }
    }

    #[test]
    fn sums_of_a_hostile_header_do_not_overflow() {
        let half = 1u64 << 60;
        let tensor = |name: u64| {
            format!(
                r#""{name}":{{"dtype":"U8","shape":[{half}],"data_offsets":[{},{}]}}"#,
                name * half,
                (name + 1) * half
            )
        };
        let tensors: Vec<String> = (0..15).map(tensor).collect();
        let last =
            format!(r#""z":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}}"#, half - 1, 15 * half, u64::MAX);
        let header = format!("{{{},{last}}}", tensors.join(","));
        assert!(read(&file(&header, b"")).is_err());
    }

    #[test]
    fn an_element_type_that_models_lack_is_named() {
        let header = r#"{"x":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}"#;
        let error = read(&file(header, &[0; 8])).expect_err("uint64");
        assert_eq!(error.to_string(), "tensor `x`: elements of type U64 cannot be read");
    }
}
