//! Files that are made to harm: each is refused with the place, the cause and a hint.

use crate::assert_says;
use crate::writer::*;
use std::path::Path;
use tfjs_wgpu::internals::onnx::file::{Names, TensorFiles, read, read_checked};
use tfjs_wgpu::weights::{Folder, Memory, SharedBytes, Source};
use tfjs_wgpu::{Error, ErrorKind, Tensor};

fn refused(file: &[u8]) -> Error {
    read_checked(file, &Names::default()).expect_err("the file is hostile")
}

fn with_initializer(tensor: Vec<u8>) -> Vec<u8> {
    model(&Graph { initializers: vec![tensor], ..Default::default() })
}

/// The values of the only initializer, with other files from `source`, which may be the folder of a model file.
fn values(tensor: Vec<u8>, source: &dyn Source, model_file: Option<&Path>) -> Result<Tensor, Error> {
    let file = SharedBytes::from(with_initializer(tensor));
    let model = read_checked(&file, Box::leak(Box::default()))?;
    let files = TensorFiles::new(file.clone(), source);
    let mut files = match model_file {
        Some(model_file) => files.beside(model_file),
        None => files,
    };
    model.graph.initializers[0].tensor(&mut files)
}

#[test]
fn a_file_of_weights_is_named_by_a_plain_name() {
    let anything = [0u8; 4];
    let locations = [
        "../w.data",
        "/etc/passwd",
        "folder/w.data",
        "..\\w.data",
        "C:w.data",
        "..",
        ".",
        "",
        "w\0.data",
        "*/_ORT_MEM_ADDR_/*",
    ];
    for location in locations {
        let source = Memory::new().borrowed(location, &anything);
        let tensor = external_tensor("w", &[1], &[("location", location)]);
        let error = values(tensor, &source, None).expect_err(location);
        assert_says(&error, &["initializer `w`", "is not the plain name of a file", "external_data=False"]);
    }
}

#[test]
fn a_file_of_weights_holds_the_range_of_a_tensor() {
    let source = Memory::new().shared("w.data", vec![0u8; 12]);
    let range = |offset: &str, length: &str| {
        let entries = [("location", "w.data"), ("offset", offset), ("length", length)];
        values(external_tensor("w", &[1], &entries), &source, None)
    };
    assert_eq!(range("8", "4").expect("within").shape(), [1]);
    for (offset, length) in [("9", "4"), ("18446744073709551615", "4"), ("4", "18446744073709551615"), ("13", "0")] {
        let error = range(offset, length).expect_err("outside");
        assert_says(&error, &["initializer `w`", "lies outside the file `w.data`", "of 12"]);
    }
    assert_says(&range("0", "8").expect_err("two floats"), &["has 8 bytes, and its shape takes 4"]);
    for number in ["-1", "1e3", "0x4", "", "18446744073709551616"] {
        assert_says(&range(number, "4").expect_err(number), &["graph.initializer[0]", "`offset` is not a number"]);
    }
}

#[test]
fn a_missing_file_of_weights_says_how_to_save_one_file() {
    let tensor = external_tensor("w", &[1], &[("location", "model.onnx.data")]);
    let error = values(tensor.clone(), &Memory::new(), None).expect_err("missing");
    assert_says(&error, &["initializer `w`", "`model.onnx.data`", "external_data=False"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model.onnx");
    let error = values(tensor, &Folder::new(folder.path()), Some(&file)).expect_err("missing");
    assert_says(&error, &["initializer `w`", "`model.onnx.data`", "external_data=False"]);
}

#[test]
#[cfg(unix)]
fn links_and_special_files_do_not_lead_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let at = |name: &str| folder.path().join(name);
    std::fs::write(other.path().join("blob"), 1f32.to_le_bytes()).expect("written");
    std::fs::write(other.path().join("model"), "").expect("written");
    std::fs::write(at("inside"), 1f32.to_le_bytes()).expect("written");
    std::fs::write(at("model.onnx"), "").expect("written");
    std::fs::create_dir(at("folder")).expect("made");
    symlink(at("inside"), at("link")).expect("linked");
    symlink(other.path().join("blob"), at("outside")).expect("linked");
    symlink("/dev/zero", at("zeros")).expect("linked");
    symlink(other.path().join("model"), at("cached.onnx")).expect("linked");
    let source = Folder::new(folder.path());
    let load = |location: &str, model: &str| {
        let tensor = external_tensor("w", &[1], &[("location", location), ("length", "4")]);
        values(tensor, &source, Some(&at(model)))
    };
    for location in ["inside", "link"] {
        assert_eq!(load(location, "model.onnx").expect(location).as_f32().expect("floats"), [1.0]);
    }
    for (location, fault) in
        [("outside", "link to another folder"), ("zeros", "link to another folder"), ("folder", "not a regular file")]
    {
        assert_says(&load(location, "model.onnx").expect_err(location), &["initializer `w`", location, fault]);
    }
    // A cache holds the model and its weights as links into one folder.
    assert!(load("outside", "cached.onnx").is_ok());
    assert!(load("zeros", "cached.onnx").is_err());
}

#[test]
fn shapes_whose_product_overflows_or_is_negative_are_refused() {
    for dims in [&[i64::MAX, 3][..], &[1 << 32, 1 << 32], &[1 << 42, 2], &[0, 1 << 62, 1 << 62]] {
        let error = values(raw_tensor("w", dims, 1, &[0; 4]), &Memory::new(), None).expect_err("overflow");
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("initializer `w`: shape"), "{error}");
    }
    let error = values(raw_tensor("w", &[2, -1], 1, &[0; 8]), &Memory::new(), None).expect_err("negative");
    assert_says(&error, &["initializer `w`", "[2, -1]", "-1 is no size"]);
}

#[test]
fn bytes_fit_the_shape_exactly() {
    for length in [0, 12, 15, 17, 20] {
        let error = values(raw_tensor("w", &[2, 2], 1, &vec![0; length]), &Memory::new(), None).expect_err("other");
        let found = if length == 0 { "has 0".into() } else { format!("has {length} bytes") };
        assert_says(&error, &["initializer `w`", &found, "its shape takes", "[2, 2] of tensor(float)"]);
    }
    let list = [tensor("w", &[3], 7), bytes(7, [1, 2])].concat();
    let error = values(list, &Memory::new(), None).expect_err("two of three");
    assert_says(&error, &["initializer `w`", "has 2 values, and its shape takes 3"]);
}

#[test]
fn a_tensor_has_one_storage() {
    let twice = [raw_tensor("w", &[1], 1, &[0; 4]), float(4, 1.0)].concat();
    assert_says(&refused(&with_initializer(twice)), &["graph.initializer[0]", "`w`", "raw_data and float_data"]);
    let hidden = [raw_tensor("w", &[1], 1, &[0; 4]), number(14, 1)].concat();
    assert_says(&refused(&with_initializer(hidden)), &["graph.initializer[0]", "`w`", "do not agree"]);
    let segment = [tensor("w", &[1], 1), bytes(3, [])].concat();
    assert_says(&refused(&with_initializer(segment)), &["graph.initializer[0]", "segment"]);
}

#[test]
fn lengths_that_the_file_only_states_claim_nothing() {
    for length in [100, 1 << 20, u64::MAX >> 1] {
        let field = [varint(9 << 3 | 2), varint(length), vec![0; 8]].concat();
        let file = model_with(&bytes(5, field), &[]);
        let says = ["graph.initializer[0] (byte ", "cannot be read", &format!("{length} bytes should follow")];
        assert_says(&refused(&file), &says);
    }
    let cut = [number(1, 8), varint(7 << 3 | 2), varint(1 << 40)].concat();
    assert_says(&refused(&cut), &["byte 9", "1099511627776 bytes should follow", "ends after 0"]);
}

#[test]
fn messages_are_nested_up_to_a_limit() {
    let nested = |levels: usize| {
        let mut graph = Vec::new();
        for _ in 0..levels {
            let branch = attribute("b", 5, bytes(6, &graph));
            graph = bytes(1, [node("If", &[], &[]), bytes(5, branch)].concat());
        }
        model_with(&graph, &[])
    };
    assert!(read_checked(&nested(10), &Names::default()).is_ok());
    for levels in [11, 30_000] {
        assert_says(&refused(&nested(levels)), &["graph.node[0].attribute[0].g.node[0]", "limit of 32"]);
    }
    let mut kind = number(1, 1);
    for _ in 0..30_000 {
        kind = bytes(4, bytes(1, kind));
    }
    // Types of sequences are not looked into.
    let value = bytes(11, [bytes(1, "x"), bytes(2, kind)].concat());
    assert!(read(&model_with(&value, &[])).is_ok());
    let groups = [vec![0x0b; 5000], vec![0x0c; 5000]].concat();
    assert_says(&refused(&groups), &["byte 0", "groups are nested more than 32 deep"]);
}

#[test]
fn counts_have_limits() {
    let many = bytes(1, []).repeat(1_000_001);
    assert_says(&refused(&model_with(&many, &[])), &["graph", "limit of 1000000 nodes"]);
    let long = "x".repeat((64 << 10) + 1);
    let error = refused(&model_with(&bytes(1, bytes(3, long)), &[]));
    assert_says(&error, &["graph.node[0]", "`name` exceeds the limit of 65536 bytes"]);
    let error = refused(&with_initializer(tensor("w", &[1; 9], 1)));
    assert_says(&error, &["graph.initializer[0]", "`w`", "limit of 8 dimensions"]);
    let shape = bytes(2, bytes(1, bytes(2, bytes(1, []).repeat(9))));
    assert_says(
        &refused(&model_with(&bytes(11, shape), &[])),
        &["graph.input[0].type.tensor_type.shape", "limit of 8"],
    );
    let large = vec![0; i32::MAX as usize + 1];
    assert_says(&refused(&large), &["limit of 2147483647 bytes"]);
}

/// Two bytes of a file become a hundred in memory.
#[test]
fn small_messages_do_not_exhaust_memory() {
    let contents = [bytes(1, []), bytes(5, []), bytes(13, []), bytes(1, bytes(5, [])), bytes(1, bytes(1, []))];
    for content in contents {
        let file = model_with(&content.repeat(900_000), &[]);
        let error = refused(&file);
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert_says(&error, &["graph", "exceeds the limit of"]);
    }
}

#[test]
fn names_are_utf8() {
    let error = refused(&model_with(&bytes(1, bytes(1, [b'a', 0xff])), &[]));
    assert_says(&error, &["graph.node[0] (byte ", "`input` is not UTF-8", "index 1"]);
}

#[test]
fn fields_have_the_encoding_of_onnx() {
    let error = refused(&model_with(&number(1, 5), &[]));
    assert_says(&error, &["graph (byte ", "`node` is a number, and should be a length and bytes"]);
    let twice = [model_with(&[], &[]), bytes(7, [])].concat();
    assert_says(&refused(&twice), &["`graph` is given twice"]);
}
