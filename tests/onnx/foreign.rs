//! Files that are something else are named.

use crate::assert_says;
use tfjs_wgpu::ErrorKind;
use tfjs_wgpu::internals::onnx::file::read;

#[test]
fn files_that_are_no_onnx_models_are_named() {
    let files: [(&[u8], &str); 11] = [
        (b"", "is empty"),
        (b"{\"modelTopology\": {}}", "is JSON"),
        (b"  [1, 2]", "is JSON"),
        (b"\x1c\0\0\0ORTM\0\0\0\0", "onnxruntime's own format"),
        (b"\x1c\0\0\0TFL3\0\0\0\0", "TensorFlow Lite"),
        (b"\x08\x01\x12\x02\x0a\x00", "SavedModel"),
        (b"PK\x03\x04\x14\0\0\0", "zip archive"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x10\0\0\0\0\0\0\0{\"w\": {}}       ", "safetensors"),
    ];
    for (file, name) in files {
        let error = read(file).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_says(&error, &[name, "not an ONNX model"]);
    }
}

#[test]
fn what_looks_like_nothing_is_not_named() {
    let error = read(&[0x08, 8]).expect_err("no graph");
    assert_says(&error, &["contains no graph"]);
    assert_says(&read(&[0xff; 20]).expect_err("no fields"), &["byte 0: the message cannot be read"]);
}

/// The first version of the format begins as a SavedModel does.
#[test]
fn a_model_is_not_taken_for_something_else() {
    let model = [&[0x08, 1, 0x12, 1, b'x'][..], &[0x3a, 0]].concat();
    assert_eq!(read(&model).expect("a model").producer_name, "x");
}
