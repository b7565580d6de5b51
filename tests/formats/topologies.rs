//! Model files that are unusual but right: they load as they are meant.

use crate::artifact::{dense_model, functional, input_layer};
use serde_json::json;
use tfjs_wgpu::LoadOptions;

/// Names stay apart where one layer makes two outputs and another is called like the second.
#[test]
fn every_output_has_a_name_of_its_own() {
    let activation = |name: &str| {
        json!({
            "class_name": "Activation", "name": name, "inbound_nodes": [[["x", 0, 0, {}]], [["x", 0, 0, {}]]],
            "config": {"name": name, "activation": "tanh"},
        })
    };
    let layers = vec![input_layer("x", &[2]), activation("y"), activation("y_1")];
    let mut artifact = functional(layers, &["x"], &[], &[]);
    artifact.config()["output_layers"] = json!([["y", 0, 0], ["y", 1, 0], ["y_1", 0, 0], ["y", 0, 0], ["y_1", 1, 0]]);
    let model = artifact.load(LoadOptions::default()).expect("the model loads");
    let names: Vec<&str> = model.graph().outputs().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["y", "y_2", "y_1", "y_3", "y_1_1"]);
}

/// A model inside a model casts what it is given, also where its own input leaves the length open.
#[test]
fn an_inner_input_of_open_length_still_casts() {
    let mut inner_input = input_layer("inner_x", &[]);
    inner_input["config"]["batch_input_shape"] = json!([null, null]);
    inner_input["config"]["dtype"] = json!("int32");
    let flatten = json!({
        "class_name": "Flatten", "name": "flat", "inbound_nodes": [[["inner_x", 0, 0, {}]]], "config": {"name": "flat"},
    });
    let inner = json!({
        "class_name": "Functional", "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {
            "name": "inner", "layers": [inner_input, flatten],
            "input_layers": [["inner_x", 0, 0]], "output_layers": [["flat", 0, 0]],
        },
    });
    let mut artifact = functional(vec![input_layer("x", &[3]), inner], &["x"], &[], &[]);
    artifact.config()["output_layers"] = json!([["inner", 1, 0]]);
    let model = artifact.load(LoadOptions::default()).expect("the model loads");
    assert_eq!(model.graph().ty(model.graph().outputs()[0].1).to_string(), "int32[N, 3]");
}

/// What the reader should know and can live with is a warning.
#[test]
fn infinities_and_reduced_precision_are_warned_of() {
    let mut artifact = dense_model();
    artifact.shards[0].1[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    artifact.layer(1)["config"]["dtype"] = json!({"class_name": "Policy", "config": {"name": "mixed_float16"}});
    let model = artifact.load(LoadOptions::default()).expect("the model loads");
    let expected = [
        "weight `y/kernel` holds 1 infinities",
        "the model asks for reduced precision; all is computed in float32, as in TF.js",
    ];
    assert_eq!(model.warnings(), expected);
}

/// A long chain given in reverse, and a wide one, load in reasonable time and without recursion.
#[test]
fn long_and_wide_models_load() {
    const LENGTH: usize = 5_000;
    let mut layers = vec![input_layer("x", &[2])];
    for index in (0..LENGTH).rev() {
        let before = if index == 0 { "x".to_string() } else { format!("a{}", index - 1) };
        layers.push(json!({
            "class_name": "Activation", "name": format!("a{index}"),
            "config": {"name": format!("a{index}"), "activation": "tanh"},
            "inbound_nodes": [[[before, 0, 0, {}]]],
        }));
    }
    let artifact = functional(layers, &["x"], &[&format!("a{}", LENGTH - 1)], &[]);
    let model = artifact.load(LoadOptions::default()).expect("a long chain");
    assert_eq!(model.graph().nodes().len(), LENGTH + 1);
}
