//! Files of tensors: what is written reads back the same, and no bytes make the reader panic.

use proptest::prelude::*;
use std::path::Path;
use tempfile::tempdir;
use tfjs_wgpu::internals::tensor::Data;
use tfjs_wgpu::tensor_file;
use tfjs_wgpu::tensor_file::{Format, from_bytes};
use tfjs_wgpu::{NamedTensors, Tensor};

/// A file of each format that the build has.
const FILES: &[&str] = &[
    "x.safetensors",
    #[cfg(feature = "npz")]
    "x.npz",
    "x.json",
];

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..5, 0..4)
}

fn tensor() -> impl Strategy<Value = Tensor> {
    shape().prop_flat_map(|shape| {
        let count = shape.iter().product::<usize>();
        let floats =
            prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, count);
        let data = prop_oneof![
            floats.prop_map(Data::F32),
            prop::collection::vec(any::<i32>(), count).prop_map(Data::I32),
            prop::collection::vec(any::<bool>(), count).prop_map(Data::Bool),
        ];
        data.prop_map(move |data| Tensor::new(&shape, data).expect("tensor"))
    })
}

fn tensors() -> impl Strategy<Value = NamedTensors> {
    prop::collection::vec(("[a-zA-Z0-9_/: \"é]{1,12}", tensor()), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

/// The same names and, bit by bit, the same tensors. safetensors has an order of its own.
fn assert_same(left: &NamedTensors, right: &NamedTensors) {
    assert_eq!(left.len(), right.len());
    for (name, tensor) in left.iter() {
        let other = right.get(name).expect(name);
        assert_eq!((tensor.shape(), tensor.dtype()), (other.shape(), other.dtype()), "{name}");
        assert_eq!(tensor.to_words(), other.to_words(), "{name}");
    }
}

/// Reads a file of these bytes; whatever comes of it, the reader survives.
fn survives(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("write");
    assert_eq!(from_bytes(bytes, Format::of(name).expect(name)).is_ok(), tensor_file::read(&path).is_ok());
    if let Err(error) = tensor_file::read(&path) {
        assert!(error.to_string().contains(name), "{error} should name the file");
    }
}

proptest! {
    #[test]
    fn round_trip(tensors in tensors()) {
        let folder = tempdir().expect("folder");
        for name in FILES {
            let path = folder.path().join(name);
            tensor_file::write(&path, &tensors).expect(name);
            assert_same(&tensors, &tensor_file::read(&path).expect(name));
            let bytes = std::fs::read(&path).expect("bytes");
            assert_same(&tensors, &from_bytes(&bytes, Format::of(name).expect(name)).expect(name));
        }
    }

    #[test]
    fn damaged_files_do_not_panic(
        tensors in tensors(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let folder = tempdir().expect("folder");
        for name in FILES {
            let path = folder.path().join(name);
            tensor_file::write(&path, &tensors).expect(name);
            let mut bytes = std::fs::read(&path).expect("read");
            survives(folder.path(), name, &bytes[..cut.index(bytes.len())]);
            for (index, byte) in &changes {
                let index = index.index(bytes.len());
                bytes[index] = *byte;
            }
            survives(folder.path(), name, &bytes);
        }
    }

    #[test]
    fn any_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempdir().expect("folder");
        for name in FILES {
            survives(folder.path(), name, &bytes);
        }
    }
}

#[test]
fn what_is_not_finite_survives_in_binary_files() {
    let folder = tempdir().expect("folder");
    let values = vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0];
    let tensors: NamedTensors = [("x", Tensor::f32(&[4], values).expect("tensor"))].into_iter().collect();
    for name in &FILES[..FILES.len() - 1] {
        let path = folder.path().join(name);
        tensor_file::write(&path, &tensors).expect("write");
        assert_same(&tensors, &tensor_file::read(&path).expect("read"));
    }
    let error = tensor_file::write(folder.path().join("x.json"), &tensors).expect_err("JSON has no NaN");
    assert!(error.hint_text().is_some_and(|hint| hint.contains(".safetensors")), "{error}");
    assert!(!folder.path().join("x.json").exists());
}

#[test]
fn empty_tensors_keep_their_shape() {
    let folder = tempdir().expect("folder");
    let empty = |shape: &[usize]| Tensor::i32(shape, Vec::new()).expect("tensor");
    let tensors: NamedTensors = [("b", empty(&[0, 3])), ("a", empty(&[2, 0]))].into_iter().collect();
    for name in &FILES[..FILES.len() - 1] {
        let path = folder.path().join(name);
        tensor_file::write(&path, &tensors).expect("write");
        assert_same(&tensors, &tensor_file::read(&path).expect("read"));
    }
}

/// The inputs of the recorded models were written by Python.
#[test]
fn files_of_the_python_library_are_read() {
    let tensors = tensor_file::read("tests/data/models/youtube_dnn/input.safetensors").expect("read");
    let shapes: Vec<String> =
        tensors.iter().map(|(name, tensor)| format!("{name} {} {:?}", tensor.dtype(), tensor.shape())).collect();
    assert_eq!(shapes, ["numeric float32 [7, 4]", "region int32 [7, 1]", "watched int32 [7, 9]"]);
}

#[test]
fn a_missing_file_is_an_error_with_its_path() {
    let error = tensor_file::read("nowhere/x.npz").expect_err("missing");
    assert_eq!(error.to_string(), "nowhere/x.npz: cannot be read");
    assert!(error.cause_text().is_some());
}

#[test]
fn damaged_bytes_are_errors_with_a_hint() {
    let formats = [
        (Format::Safetensors, &b"short"[..]),
        #[cfg(feature = "npz")]
        (Format::Npz, b"PK"),
        (Format::Json, b"{"),
    ];
    for (format, bytes) in formats {
        let error = from_bytes(bytes, format).expect_err("damaged");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("write the file again")), "{error:?}");
    }
}
