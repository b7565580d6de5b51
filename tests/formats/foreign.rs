//! Files that are models of other formats: each error says what the file is and how to make what is loaded.

use tfjs_wgpu::{ErrorKind, LoadOptions, Model};

/// The start of a zip archive: the header of its first entry, which is empty.
fn zip(first: &str) -> Vec<u8> {
    let name_length = u16::try_from(first.len()).expect("a short name").to_le_bytes();
    // Signature, version 2.0, then no flags, compression, time, checksum or sizes.
    [b"PK\x03\x04\x14\0".as_slice(), &[0; 20], &name_length, &[0; 2], first.as_bytes()].concat()
}

/// The first bytes of files of each format, and what they are called.
fn files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let tensors = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let safetensors = [&(tensors.len() as u64).to_le_bytes()[..], tensors, &[0; 4]].concat();
    vec![
        // ir_version 8, producer_name "pytorch".
        ("model.onnx", b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:\x04".to_vec(), "is an ONNX model"),
        // ir_version 9, then the graph.
        ("other.onnx", b"\x08\x09\x3a\x80\x01\x0a\x04".to_vec(), "is an ONNX model"),
        ("model.keras", zip("metadata.json"), "is a Keras archive (.keras)"),
        ("model.zip", zip("data.pkl"), "is a zip archive"),
        ("model.h5", b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0".to_vec(), "is a Keras HDF5 file (.h5)"),
        // saved_model_schema_version 1, then a graph with its tags.
        ("saved_model.pb", b"\x08\x01\x12\xf0\x04\x0a\x30\x12\x05serve".to_vec(), "is a TensorFlow SavedModel"),
        ("frozen.pb", b"\x0a\x26\x0a\x01x\x12\x0bPlaceholder".to_vec(), "is a TensorFlow graph"),
        ("model.tflite", b"\x1c\0\0\0TFL3\x14\0 \0".to_vec(), "is a TensorFlow Lite model"),
        ("model.safetensors", safetensors, "is a safetensors file"),
        ("x.npy", b"\x93NUMPY\x01\0v\0{'descr': '<f4'".to_vec(), "is a NumPy array"),
    ]
}

#[test]
fn every_other_format_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes, expected) in files() {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).expect("written");
        let is_onnx = expected == "is an ONNX model";
        let loaded = Model::load(&path, LoadOptions::default());
        let outcomes = [(loaded, name), (Model::from_bytes(&bytes, &[], LoadOptions::default()), "model.json")];
        // With the feature these files are read, as far as they go.
        for (outcome, place) in outcomes.into_iter().skip(usize::from(is_onnx && cfg!(feature = "onnx"))) {
            let error = outcome.map(|_| ()).expect_err(name);
            assert!(error.to_string().ends_with(&format!("{place}: {expected}, not a TF.js layers model")), "{error}");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let hint = error.hint_text().expect("what to do");
            let way = if is_onnx { "Model::from_onnx" } else { "--output_format=tfjs_layers_model" };
            assert!(hint.contains(way), "{hint}");
            assert!(error.cause_text().is_some());
        }
    }
}

#[test]
fn a_large_file_of_another_format_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, b"\x08\x08\x12\x07pytorch\x1a\x05").expect("written");
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
    let error = Model::load(&path, LoadOptions::default()).map(|_| ()).expect_err("1 TiB");
    let expected = if cfg!(feature = "onnx") { "exceeds the limit of 2147483647" } else { "is an ONNX model" };
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_folder_that_holds_another_model_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |folder: &std::path::Path| {
        let error = Model::load(folder, LoadOptions::default()).map(|_| ()).expect_err("no model.json");
        error.to_string()
    };
    assert!(text(folder.path()).contains("model.json: cannot be read"));
    std::fs::write(folder.path().join("saved_model.pb"), b"\x08\x01\x12").expect("written");
    assert!(text(folder.path()).contains("saved_model.pb: is a TensorFlow SavedModel, not a TF.js layers model"));
}

/// Bytes that are nothing, and text that is not a model, keep their own errors.
#[test]
fn what_nobody_knows_is_not_named() {
    for bytes in [&b""[..], b"\0\0\0\0", b"# a text", b"{\"a\": 1}", b"[1]", b"\xff\xfe{\0"] {
        let error = Model::from_bytes(bytes, &[], LoadOptions::default()).map(|_| ()).expect_err("no model");
        assert!(error.to_string().contains("is not the JSON of a model"), "{error}");
    }
}
