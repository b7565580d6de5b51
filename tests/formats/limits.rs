//! Files that ask for more than there is, and large ones that are meant so.

use crate::artifact::{Artifact, dense_model, functional, input_layer};
use serde_json::{Value, json};
use tfjs_wgpu::tensor_file::{Format, ReadLimits, from_bytes, from_bytes_within, read_within};
use tfjs_wgpu::{Error, ErrorKind, LoadOptions, NamedTensors, Tensor, TfjsOptions};

fn load_error(artifact: &Artifact, options: LoadOptions) -> Error {
    artifact.load(options).expect_err("beyond the limits")
}

/// A layer of class `class` on the first outputs of `inputs`, once for each call.
fn layer(class: &str, name: &str, mut config: Value, calls: &[Vec<Value>]) -> Value {
    config["name"] = json!(name);
    json!({"class_name": class, "name": name, "config": config, "inbound_nodes": calls})
}

/// What stands in for the weights of a shared layer is made once, however often the layer is called.
#[test]
fn a_shared_layer_without_weights_counts_once() {
    let calls = 20;
    let normalized = layer(
        "LayerNormalization",
        "norm",
        json!({"axis": [1], "epsilon": 0.001, "center": false, "scale": false}),
        &vec![vec![json!(["x", 0, 0, {}])]; calls],
    );
    let all: Vec<Value> = (0..calls).map(|call| json!(["norm", call, 0, {}])).collect();
    let sum = layer("Add", "y", json!({}), &[all]);
    let artifact = functional(vec![input_layer("x", &[1 << 20]), normalized, sum], &["x"], &["y"], &[]);
    let model = artifact.load(LoadOptions::default()).expect("two constants of 2^20 numbers are within the limit");
    assert_eq!(model.graph().inputs().count(), 1);
}

#[test]
fn sizes_whose_sums_overflow_are_refused() {
    let repeated = layer("RepeatVector", "many", json!({"n": 1u64 << 53}), &[vec![json!(["x", 0, 0, {}])]]);
    let config = json!({"units": 3, "activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": false});
    let gru = layer("GRU", "y", config, &[vec![json!(["many", 0, 0, {}])]]);
    let gru = functional(vec![input_layer("x", &[2]), repeated, gru], &["x"], &["y"], &[]);
    let mut unused = dense_model();
    let names: Vec<String> = (0..200).map(|index| format!("unused{index}")).collect();
    for name in &names {
        unused.config()["layers"].as_array_mut().expect("layers").push(input_layer(name, &[1 << 53]));
        unused.config()["input_layers"].as_array_mut().expect("inputs").push(json!([name, 0, 0]));
    }
    for artifact in [gru, unused] {
        let error = load_error(&artifact, LoadOptions::default().random_weights(1));
        assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
    }
}

#[test]
fn json_beyond_its_limit_is_refused_from_memory_too() {
    let artifact = dense_model();
    let bytes = artifact.json.to_string().len() as u64;
    for json_bytes in [bytes - 1, 32 * 30] {
        let error = load_error(&artifact, LoadOptions::default().tfjs(TfjsOptions::default().json_bytes(json_bytes)));
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("too many for a model.json"), "{error}");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("TfjsOptions::json_bytes")), "{error:?}");
    }
    // Two bytes of text for each value.
    let mut expands = dense_model();
    expands.raw_json = Some(format!(r#"{{"modelTopology": [{}0]}}"#, "0,".repeat(9 << 20)).into_bytes());
    let error = load_error(&expands, LoadOptions::default());
    assert!(error.to_string().contains("values are too many for a model.json"), "{error}");
}

/// Compared one by one, the names of so many inputs take minutes.
#[test]
fn many_inputs_are_found_by_their_names() {
    let names: Vec<String> = (0..30_000).map(|index| format!("input_{index}")).collect();
    let mut layers: Vec<Value> = names.iter().map(|name| input_layer(name, &[1])).collect();
    layers.push(layer(
        "Concatenate",
        "y",
        json!({"axis": -1}),
        &[names.iter().map(|name| json!([name, 0, 0, {}])).collect()],
    ));
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let model = functional(layers, &inputs, &["y"], &[]).load(LoadOptions::default()).expect("it loads");
    let given: NamedTensors =
        names.iter().rev().map(|name| (name.as_str(), Tensor::f32(&[1, 1], vec![1.0]).expect("a tensor"))).collect();
    let (own, notes) = model.own_names(given).expect("all are known");
    assert_eq!((own.len(), notes.len()), (names.len(), 0));
}

/// The same for tensors in a file.
#[test]
fn many_tensors_are_read() {
    let entry =
        |index: usize| format!(r#""{index}":{{"dtype":"U8","shape":[1],"data_offsets":[{index},{}]}}"#, index + 1);
    let header = format!("{{{}}}", (0..100_000).map(entry).collect::<Vec<_>>().join(","));
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[7; 100_000]].concat();
    let tensors = from_bytes(&bytes, Format::Safetensors).expect("a file");
    assert_eq!((tensors.len(), tensors.get("99999").map(Tensor::to_f64)), (100_000, Some(vec![7.0])));
}

#[test]
fn files_beyond_their_limits_are_refused_before_they_are_read() {
    let folder = tempfile::tempdir().expect("folder");
    let tensors: NamedTensors = [("x", Tensor::f32(&[1000], vec![1.0; 1000]).expect("a tensor"))].into_iter().collect();
    let limits = ReadLimits::default().tensor_bytes(3000).json_bytes(1000);
    let formats = [
        ("x.safetensors", Format::Safetensors),
        #[cfg(feature = "npz")]
        ("x.npz", Format::Npz),
        ("x.json", Format::Json),
    ];
    for (name, format) in formats {
        let path = folder.path().join(name);
        tfjs_wgpu::tensor_file::write(&path, &tensors).expect("written");
        assert_eq!(read_within(&path, ReadLimits::default()).expect("within the limits").len(), 1);
        let bytes = std::fs::read(&path).expect("bytes");
        let errors = [read_within(&path, limits), from_bytes_within(&bytes, format, limits)];
        for error in errors.map(|read| read.expect_err("beyond the limits")) {
            assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
            assert!(error.hint_text().is_some_and(|hint| hint.contains("ReadLimits::")), "{error:?}");
        }
    }
}
