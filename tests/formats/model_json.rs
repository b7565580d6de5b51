//! What a model.json may look like besides what a converter writes: repaired by hand, written on other systems, renamed.

use crate::artifact::{Artifact, dense_model};
use serde_json::{Value, json};
use tfjs_wgpu::{ErrorKind, LoadOptions, Model, Semantics};

fn load(artifact: &Artifact) -> tfjs_wgpu::Result<Model> {
    artifact.load(LoadOptions::default())
}

fn with_text(change: impl Fn(String) -> String) -> Artifact {
    let mut artifact = dense_model();
    artifact.raw_json = Some(change(artifact.json.to_string()).into_bytes());
    artifact
}

/// Keys and words are read in TF.js' spelling too, and so is what stands in a Sequential model without having a say.
#[test]
fn what_was_repaired_for_tfjs_loads() {
    let expected = load(&dense_model()).expect("the model loads").graph().to_string();
    for respell in [
        [("batch_input_shape", "batchInputShape"), ("use_bias", "useBias")],
        [("class_name", "className"), ("units", "units")],
    ] {
        let artifact = with_text(|text| respell.iter().fold(text, |text, (from, to)| text.replace(from, to)));
        assert_eq!(load(&artifact).expect("TF.js' spelling").graph().to_string(), expected);
    }
    let mut sequential = dense_model();
    let layers = sequential.config()["layers"].clone();
    let mut loose = layers.clone();
    loose[1]["inbound_nodes"] = json!([["x", 0, 0, {}]]);
    sequential.json["modelTopology"]["model_config"] =
        json!({"class_name": "Sequential", "config": {"name": "model", "layers": loose}});
    assert_eq!(load(&sequential).expect("loose calls").graph().to_string(), expected);
}

/// A file of Keras 3 that TF.js reads after all answers as TF.js does; as Keras 3 wrote it, TF.js cannot read it.
#[test]
fn a_repaired_file_of_keras_3_answers_as_tfjs() {
    let mut artifact = dense_model();
    artifact.json["modelTopology"]["keras_version"] = json!("3.10.0");
    artifact.layer(1)["config"]["activation"] = json!("hard_sigmoid");
    let model = load(&artifact).expect("the model loads");
    assert_eq!(model.options().tfjs.semantics, Semantics::TfJs);
    assert_eq!(model.skews().len(), 1, "{:?}", model.skews());
    let shape = artifact.layer_config(0).remove("batch_input_shape").expect("a shape");
    artifact.layer_config(0).insert("batch_shape".into(), shape);
    let model = load(&artifact).expect("the model loads");
    assert_eq!(model.options().tfjs.semantics, Semantics::Keras);
    assert!(model.skews().is_empty(), "{:?}", model.skews());
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    let artifact = with_text(|text| format!("\u{feff}{text}"));
    load(&artifact).expect("the model loads");
}

/// Python writes numbers that JSON does not have.
#[test]
fn words_that_json_does_not_have_are_named() {
    for word in ["NaN", "Infinity", "-Infinity"] {
        for text in [r#""units":3"#, r#""name":"y""#] {
            let artifact = with_text(|json| json.replacen(text, &format!("\"rate\": {word},\n{text}"), 1));
            let error = load(&artifact).map(|_| ()).expect_err("not JSON");
            assert_eq!(error.kind(), ErrorKind::Format);
            assert!(error.to_string().contains(&format!("holds {word}, which JSON does not have")), "{error:?}");
            assert!(error.cause_text().is_some_and(|cause| cause.contains("line 1, column")), "{error:?}");
        }
    }
    let error =
        load(&with_text(|text| text.replacen("\"Dense\"", "\"NaN\" Dense", 1))).map(|_| ()).expect_err("not JSON");
    assert!(!error.to_string().contains("JSON does not have"), "{error:?}");
    let error = load(&with_text(|text| text.replacen("Dense", "De\nnse", 1))).map(|_| ()).expect_err("not JSON");
    assert!(!error.to_string().contains("JSON does not have"), "{error:?}");
}

/// The only model in a folder is meant, whatever it is called; of two, neither.
#[test]
fn a_folder_may_hold_its_model_under_another_name() {
    let artifact = dense_model();
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
    write("ranker.json", artifact.json.to_string().as_bytes());
    write("weights.bin", &artifact.shards[0].1);
    write("input.json", br#"{"x": [[1, 2]]}"#);
    assert_eq!(Model::file(folder.path()).expect("a model"), folder.path().join("ranker.json"));
    Model::load(folder.path(), LoadOptions::default()).expect("the model loads");
    write("second.json", artifact.json.to_string().as_bytes());
    let error = Model::load(folder.path(), LoadOptions::default()).map(|_| ()).expect_err("two models");
    let text = format!("{error:?}");
    assert!(text.contains("`ranker.json`, `second.json`"), "{text}");
    write("model.json", artifact.json.to_string().as_bytes());
    Model::load(folder.path(), LoadOptions::default()).expect("model.json is meant");
}

/// Weights that are NaN load in TF.js and in Keras.
#[test]
fn weights_that_are_nan_load_with_a_warning() {
    let mut artifact = dense_model();
    artifact.shards[0].1[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let model = load(&artifact).expect("the model loads");
    assert!(model.warnings()[0].contains("weight `y/kernel` holds 1 NaN"), "{:?}", model.warnings());
}

/// TF.js does not look at what stands behind the last weight.
#[test]
fn bytes_behind_the_last_weight_are_not_read() {
    let mut artifact = dense_model();
    artifact.shards[0].1.extend([0; 5]);
    let model = load(&artifact).expect("the model loads");
    assert!(model.warnings()[0].contains("describes 36 bytes, the files hold 41"), "{:?}", model.warnings());
}

/// The models that Keras writes count calls by one rule each. A file that names calls by neither, and could be read in two
/// ways, is refused.
#[test]
fn calls_that_could_be_either_of_two_are_refused() {
    let tensor = |layer: &str, call: usize| json!({"class_name": "__keras_tensor__", "config": {"keras_history": [layer, call, 0]}});
    let input = |name: &str| {
        json!({
            "class_name": "InputLayer", "name": name, "inbound_nodes": [], "config": {"name": name, "batch_shape": [null, 2]},
        })
    };
    let activation = |name: &str, argument: Value| {
        json!({
            "class_name": "Activation", "name": name, "inbound_nodes": [{"args": [argument], "kwargs": {}}],
            "config": {"name": name, "activation": "tanh", "trainable": true},
        })
    };
    let inner = json!({
        "class_name": "Functional", "name": "inner",
        "inbound_nodes": [{"args": [tensor("x", 0)], "kwargs": {}}, {"args": [tensor("z", 0)], "kwargs": {}}],
        "config": {
            "name": "inner", "layers": [input("i"), activation("a", tensor("i", 0))],
            "input_layers": ["i", 0, 0], "output_layers": ["a", 0, 0],
        },
    });
    let model = |argument: usize, output: usize| {
        let mut artifact = dense_model();
        artifact.json["modelTopology"]["keras_version"] = json!("3.8.0");
        artifact.json["weightsManifest"] = json!([]);
        artifact.json["modelTopology"]["model_config"]["config"] = json!({
            "name": "model",
            "layers": [input("x"), input("z"), inner.clone(), activation("y", tensor("inner", argument))],
            "input_layers": [["x", 0, 0], ["z", 0, 0]], "output_layers": [["y", 0, 0], ["inner", output, 0]],
        });
        load(&artifact)
    };
    // As Keras 3 counts: outputs from 1, arguments from 0.
    model(0, 2).expect("the first call is an argument, the second an output");
    model(1, 1).expect("the other way round");
    // From 0 throughout, both calls are used; as Keras 3 counts, the first twice and the second never.
    let error = model(0, 1).map(|_| ()).expect_err("it could be either");
    assert!(error.to_string().contains("it is not clear which calls of `inner` are meant"), "{error:?}");
}

/// Eight bits are too few where an outlier stretches the steps: most of a table is then one number, and a variance is 0.
#[test]
fn what_quantization_has_spoilt_is_named() {
    let coarse = |name: &str, codes: &[u8]| {
        let mut artifact = dense_model();
        artifact.spec(0)["quantization"] = json!({"dtype": "uint8", "scale": 0.5, "min": 0.0});
        let floats = artifact.shards[0].1.split_off(24);
        artifact.shards[0].1 = [codes, &floats].concat();
        let model = load(&artifact).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        model.warnings().to_vec()
    };
    assert_eq!(coarse("most are kept", &[0, 0, 0, 1, 2, 3]), Vec::<String>::new());
    let warnings = coarse("most are lost", &[0, 0, 0, 0, 2, 3]);
    assert!(
        warnings[0].contains("`y/kernel` is quantized to 8 bits in steps of 0.500: 4 of its 6 numbers"),
        "{warnings:?}"
    );
}
