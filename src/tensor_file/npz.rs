//! The .npz format: a zip file with one array per member, as written by `numpy.savez` and `savez_compressed`.

use super::limits::Budget;
use super::npy;
use crate::error::{Context, Error, Result};
use crate::tensor::NamedTensors;
use std::io::{Cursor, Write};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The maximum compression ratio of deflate. A member that declares more is refused.
const LARGEST_COMPRESSION: u64 = 1032;

/// Allowance for the headers of a small member.
const SLACK_BYTES: u64 = 1024;

/// Reads the arrays of the archive in `bytes`, in its order.
pub(super) fn read(bytes: &[u8], budget: &mut Budget) -> Result<NamedTensors> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.has_duplicate_names() {
        return Err(Error::format("two members of the archive have the same name"));
    }
    let mut tensors = NamedTensors::new();
    // Members may overlap in a hostile archive, so their sum is bounded too.
    let mut left = LARGEST_COMPRESSION.saturating_mul(bytes.len() as u64);
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(broken)?;
        let file_name = member.name().map_err(broken)?.into_owned();
        let Some(name) = file_name.strip_suffix(".npy") else {
            return Err(Error::format(format!("its member `{file_name}` is not a NumPy array"))
                .hint("an .npz file holds only .npy files"));
        };
        let size = member.size();
        let possible = LARGEST_COMPRESSION.saturating_mul(member.compressed_size()).saturating_add(SLACK_BYTES);
        left = left.checked_sub(size).filter(|_| size <= possible).ok_or_else(|| too_large(&file_name, size))?;
        budget.take_name(name)?;
        let tensor = npy::read(&mut member, size, budget).at(|| format!("tensor `{name}`"))?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

fn too_large(file_name: &str, size: u64) -> Error {
    Error::limit(format!("its member `{file_name}` claims a size of {size} bytes"))
        .cause("the archive is too small to hold that much")
}

fn broken(cause: ZipError) -> Error {
    Error::format("is not an .npz file: it is cut short, or it is another kind of file").because(cause)
}

/// Encodes `tensors` as an uncompressed archive.
pub(super) fn write(tensors: &NamedTensors) -> Result<Vec<u8>> {
    let refused = || Error::format("the tensors do not fit the format");
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, tensor) in tensors.iter() {
        let content = npy::write(tensor);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(content.len() >= u32::MAX as usize);
        writer.start_file(format!("{name}.npy"), options).map_err(|cause| refused().because(cause))?;
        writer.write_all(&content).map_err(|cause| refused().because(cause))?;
    }
    Ok(writer.finish().map_err(|cause| refused().because(cause))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor_file::ReadLimits;
    use crate::{ErrorKind, Tensor};

    fn read(bytes: &[u8]) -> Result<NamedTensors> {
        super::read(bytes, &mut Budget::new(ReadLimits::default()))
    }

    fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            let options = SimpleFileOptions::default().compression_method(method);
            writer.start_file(*name, options).expect("member");
            writer.write_all(content).expect("content");
        }
        writer.finish().expect("archive").into_inner()
    }

    #[test]
    fn compressed_archives_are_read() {
        let zeros = Tensor::f32(&[1000], vec![0.0; 1000]).expect("tensor");
        let bytes = archive(&[("x.npy", &npy::write(&zeros))], CompressionMethod::Deflated);
        assert!(bytes.len() < 1000, "{} bytes", bytes.len());
        assert_eq!(read(&bytes).expect("read").get("x"), Some(&zeros));
    }

    #[test]
    fn members_that_are_no_arrays_are_errors() {
        let error = read(&archive(&[("x.txt", b"hello")], CompressionMethod::Stored)).expect_err("text");
        assert_eq!(error.to_string(), "its member `x.txt` is not a NumPy array");
        let error = read(&archive(&[("x.npy", b"hello")], CompressionMethod::Stored)).expect_err("no array");
        assert_eq!(error.to_string(), "tensor `x`: is not a NumPy array: its header is damaged");
    }

    #[test]
    fn a_member_that_claims_too_much_is_refused_before_it_is_unpacked() {
        let mut bytes = archive(&[("x.npy", &[0; 100])], CompressionMethod::Deflated);
        // The uncompressed size in the central directory, whose signature is PK\x01\x02.
        let entry = bytes.windows(4).position(|window| window == b"PK\x01\x02").expect("central directory");
        bytes[entry + 24..entry + 28].copy_from_slice(&0xf000_0000u32.to_le_bytes());
        let error = read(&bytes).expect_err("bomb");
        assert_eq!(error.to_string(), "its member `x.npy` claims a size of 4026531840 bytes");
    }

    /// 64 MiB of zeros are 64 KiB in the archive.
    #[test]
    fn what_expands_beyond_the_limit_is_refused_before_it_is_unpacked() {
        let zeros = npy::write(&Tensor::f32(&[1 << 24], vec![0.0; 1 << 24]).expect("tensor"));
        let bytes = archive(&[("x.npy", &zeros), ("y.npy", &zeros)], CompressionMethod::Deflated);
        let within =
            |tensor_bytes| super::read(&bytes, &mut Budget::new(ReadLimits { tensor_bytes, ..ReadLimits::default() }));
        assert_eq!(within(129 << 20).expect("room for both").len(), 2);
        let error = within(100 << 20).expect_err("room for one");
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert_eq!(error.to_string(), "tensor `y`: the tensors take more than 104857600 bytes");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("ReadLimits::tensor_bytes")), "{error:?}");
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        for bytes in [&b""[..], b"PK\x03\x04", b"not a zip file at all"] {
            assert!(read(bytes).expect_err("broken").cause_text().is_some());
        }
    }
}
