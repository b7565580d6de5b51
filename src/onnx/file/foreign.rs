//! Files that are no ONNX models, recognised by their first bytes so that an error can name them. Nothing is parsed, and
//! nothing is recognised in a file that can be read as a model.

use crate::error::Error;

/// How to get an ONNX file from a Keras or TensorFlow model.
const TF2ONNX: &str = "convert the model that it was made from by `python -m tf2onnx.convert`, and give the .onnx file";

const GIVE_ONNX: &str = "give the .onnx file itself";

/// What a file that cannot be read as a model looks like; `None` if it looks like nothing else.
pub(super) fn error(file: &[u8]) -> Option<Error> {
    let (name, hint) = looks_like(file)?;
    let error = Error::unsupported(format!("is {name}, not an ONNX model"));
    Some(error.cause(if file.is_empty() { "it has no bytes" } else { "its first bytes say so" }).hint(hint))
}

fn looks_like(file: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = file.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let json_length = file.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    Some(match file {
        [] => ("empty", "copy or download it again"),
        _ if file.get(4..8) == Some(b"ORTM") => {
            ("a model in onnxruntime's own format (.ort)", "give the .onnx file from which it was made")
        }
        _ if file.get(4..8) == Some(b"TFL3") => ("a TensorFlow Lite model", TF2ONNX),
        _ if file.starts_with(b"version https://git-lfs") => {
            ("a pointer of git-lfs", "fetch the file by `git lfs pull`, or download it from the page of the repository")
        }
        [0x89, b'H', b'D', b'F', ..] => ("a Keras HDF5 file (.h5)", TF2ONNX),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => ("a NumPy array", GIVE_ONNX),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => (
            "a zip archive",
            "unpack it and give the .onnx file in it; a .keras or PyTorch file must be exported to ONNX first",
        ),
        [0x1f, 0x8b, ..] => ("a gzip archive", "unpack it and give the .onnx file in it"),
        [_, _, _, _, _, _, _, _, b'{', ..] if json_length.is_some_and(|length| length < 1 << 32) => {
            ("a safetensors file", "it holds tensors and no graph; give the .onnx file")
        }
        [0x08, 1, 0x12, ..] => ("a TensorFlow SavedModel", TF2ONNX),
        _ if matches!(text, [b'{' | b'[', ..]) => {
            ("JSON", "a TF.js model is loaded from its model.json; an ONNX model is a binary file")
        }
        _ if is_page(text) => ("a web page", "the download gave a page instead of the file; download it again"),
        _ => return None,
    })
}

fn is_page(text: &[u8]) -> bool {
    let begins = |tag: &[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    [&b"<!doctype"[..], b"<html", b"<?xml", b"<head"].into_iter().any(begins)
}
