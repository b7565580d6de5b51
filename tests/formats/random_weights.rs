//! Topologies whose weights are not there: with random ones they load, and what they cost is that of the model.

use crate::artifact::{Artifact, dense_model, functional, input_layer};
use serde_json::{Value, json};
use std::path::Path;
use tfjs_wgpu::internals::graph::{Node, Source};
use tfjs_wgpu::internals::session;
use tfjs_wgpu::{Device, ErrorKind, LoadOptions, Model, NamedTensors, Session};

fn random(seed: u64) -> LoadOptions {
    LoadOptions::default().random_weights(seed)
}

fn load(json: &Value, options: LoadOptions) -> tfjs_wgpu::Result<Model> {
    Model::from_bytes(json.to_string().as_bytes(), &[], options)
}

/// Operators by name, with their types: some have a weight among their options, which is another here.
fn text(model: &Model) -> String {
    let line = |node: &Node| {
        let operator = match &node.source {
            Source::Op(op) => op.operator().name(),
            Source::Input | Source::Constant(_) => "",
        };
        format!("{} {operator} {} {:?}\n", node.name, model.graph().ty(node.output()), node.inputs)
    };
    model.graph().nodes().iter().map(line).collect()
}

fn outputs(model: &Model) -> NamedTensors {
    let session = Session::open(model, Device::Cpu).expect("the CPU opens");
    let inputs = session::random_inputs(model, 3, 1).expect("inputs");
    session.predict(&inputs).expect("answers").outputs
}

#[test]
fn a_topology_loads_without_manifest_or_files() {
    let artifact = dense_model();
    let stored = artifact.load(LoadOptions::default()).expect("the model loads");
    let topology = &artifact.json["modelTopology"];
    let forms = [
        artifact.json.clone(),
        json!({"modelTopology": topology}),
        json!({"modelTopology": topology, "weightsManifest": []}),
        topology.clone(),
        topology["model_config"].clone(),
    ];
    for form in forms {
        let model = load(&form, random(7)).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(text(&model), text(&stored));
        let weights: Vec<(&str, u64)> =
            model.weights().iter().map(|weight| (weight.name.as_str(), weight.stored_bytes)).collect();
        assert_eq!(weights, [("y/kernel", 24), ("y/bias", 12)]);
        assert_eq!(model.warnings(), ["weights are random (seed 7): answers mean nothing"]);
    }
}

/// Every recorded model, by its topology alone: the same graph as with its weights, and finite answers.
#[test]
fn recorded_topologies_cost_what_the_models_cost() {
    let mut compared = 0;
    for entry in std::fs::read_dir("tests/data/models").expect("the recorded models") {
        let file = entry.expect("an entry").path().join("model.json");
        // Where an archive keeps Keras' semantics, the topology alone has those of TF.js.
        let is_archive = file.parent().is_some_and(|folder| folder.to_string_lossy().ends_with("_archive"));
        let Ok(stored) = Model::load(&file, LoadOptions::default()) else { continue };
        let json: Value = serde_json::from_slice(&std::fs::read(&file).expect("read")).expect("JSON");
        let random = load(&json, random(7)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if !is_archive && !is_quantized(&stored) {
            assert_eq!(text(&random), text(&stored), "{}", file.display());
            compared += 1;
        }
        for (name, output) in outputs(&random).iter() {
            assert!(output.to_f64().iter().all(|value| value.is_finite()), "{}: {name}", file.display());
        }
    }
    assert!(compared > 30, "only {compared} models were compared");
}

fn is_quantized(model: &Model) -> bool {
    model.weights().iter().any(|weight| !weight.stored.starts_with("float32"))
}

#[test]
fn the_same_seed_draws_the_same_weights() {
    let json = dense_model().json;
    let drawn = |seed| outputs(&load(&json, random(seed)).expect("loads"));
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

/// What is divided by is positive, and nothing is large.
#[test]
fn weights_are_small_and_variances_positive() {
    let normalization = json!({
        "class_name": "BatchNormalization", "name": "y", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {"name": "y", "axis": [1], "epsilon": 0.001, "scale": true, "center": true},
    });
    let artifact = functional(vec![input_layer("x", &[1000]), normalization], &["x"], &["y"], &[]);
    let model = artifact.load(random(7)).expect("the model loads");
    let statistics = model.graph().nodes().iter().find_map(|node| match &node.source {
        Source::Constant(value) => Some(value.to_f64()),
        _ => None,
    });
    let statistics = statistics.expect("a constant");
    let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|row| &statistics[1000 * row..1000 * (row + 1)]);
    for positive in [gamma, variance] {
        assert!(positive.iter().all(|value| (0.5..=1.5).contains(value)));
    }
    for small in [beta, mean] {
        assert!(small.iter().all(|value| value.abs() <= 0.05) && small.iter().any(|value| *value < 0.0));
    }
    assert_ne!(gamma, variance);
}

/// Stand-ins for weights that layers do without are limited to far less: this table is of 64 MiB and a little.
#[test]
fn a_large_table_is_drawn() {
    let model = table(1 << 18, 65).load(random(7)).expect("the model loads");
    assert_eq!(model.weights()[0].shape, [1 << 18, 65]);
}

#[test]
fn a_table_beyond_reason_is_refused() {
    for rows in [1 << 25, 1 << 40, (1u64 << 53) - 1] {
        let error = table(rows, 65).load(random(7)).map(|_| ()).expect_err("8 GiB and more");
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        assert!(error.hint_text().is_some());
    }
}

fn table(rows: u64, width: u64) -> Artifact {
    let embedding = json!({
        "class_name": "Embedding", "name": "y", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {"name": "y", "input_dim": rows, "output_dim": width},
    });
    functional(vec![input_layer("x", &[1]), embedding], &["x"], &["y"], &[])
}

/// Archives tell layers of one name apart by position; a topology alone cannot.
#[test]
fn layers_of_one_name_have_weights_of_their_own() {
    let tower = |name: &str| {
        let dense = json!({
            "class_name": "Dense", "name": "fc", "inbound_nodes": [[["in", 0, 0, {}]]],
            "config": {"name": "fc", "units": 2, "activation": "linear", "use_bias": false},
        });
        let config = json!({
            "name": name, "layers": [input_layer("in", &[2]), dense],
            "input_layers": [["in", 0, 0]], "output_layers": [["fc", 0, 0]],
        });
        json!({"class_name": "Functional", "name": name, "config": config, "inbound_nodes": [[["x", 0, 0, {}]]]})
    };
    let mut artifact = functional(vec![input_layer("x", &[2]), tower("a"), tower("b")], &["x"], &[], &[]);
    artifact.config()["output_layers"] = json!([["a", 1, 0], ["b", 1, 0]]);
    let model = artifact.load(random(7)).expect("the model loads");
    let names: Vec<&str> = model.weights().iter().map(|weight| weight.name.as_str()).collect();
    assert_eq!(names, ["fc/kernel", "fc/kernel_2"]);
    let answers = outputs(&model);
    assert_ne!(answers.get("a"), answers.get("b"));
}

/// What `model.to_json()` of Keras 3 has besides what the converter keeps.
#[test]
fn the_json_of_keras_3_loads() {
    let file = std::fs::read("tests/data/models/deepfm_keras3/model.json").expect("a recorded model");
    let file: Value = serde_json::from_slice(&file).expect("JSON");
    let mut topology = file["modelTopology"]["model_config"].clone();
    let whole = |object: &mut Value, module: &str| {
        object["module"] = json!(module);
        object["registered_name"] = Value::Null;
        object["build_config"] = json!({"input_shape": [null, 1]});
    };
    whole(&mut topology, "keras.src.models.functional");
    topology["compile_config"] = json!({"optimizer": "adam", "loss": "mse"});
    for layer in topology["config"]["layers"].as_array_mut().expect("layers") {
        whole(layer, "keras.layers");
    }
    let stored = Model::load("tests/data/models/deepfm_keras3", LoadOptions::default()).expect("the model loads");
    assert_eq!(text(&load(&topology, random(1)).expect("the topology loads")), text(&stored));
}

#[test]
fn a_bare_topology_may_be_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("topology.json");
    let write = |file: &Path, json: &Value| std::fs::write(file, json.to_string()).expect("written");
    write(&file, &dense_model().json["modelTopology"]);
    let model = Model::load(&file, random(7)).expect("the model loads");
    assert_eq!(model.options().random_weights, Some(7));
    let error = Model::load(&file, LoadOptions::default()).map(|_| ()).expect_err("no weights");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("(LoadOptions::random_weights)")), "{error:?}");
}
