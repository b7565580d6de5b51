//! What Keras 3 and `.keras` archives write that TF.js does not read, and what is wrong with some of it.

use crate::artifact::{Artifact, dense_model, functional, input_layer};
use serde_json::{Value, json};
use tfjs_wgpu::{LoadOptions, Model, Semantics};

fn tensor(layer: &str) -> Value {
    json!({"class_name": "__keras_tensor__", "config": {"shape": [null, 2], "keras_history": [layer, 0, 0]}})
}

fn input(name: &str) -> Value {
    json!({
        "class_name": "InputLayer", "name": name, "inbound_nodes": [],
        "config": {"name": name, "batch_shape": [null, 2], "dtype": "float32", "optional": false},
    })
}

fn layer(class: &str, args: Value) -> Value {
    json!({
        "class_name": class, "name": "y", "inbound_nodes": [{"args": args, "kwargs": {}}],
        "config": {"name": "y", "trainable": true, "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}},
    })
}

fn operation(class: &str, config: Value, args: Value) -> Value {
    let mut config = config;
    config["name"] = json!("y");
    json!({"class_name": class, "name": "y", "inbound_nodes": [{"args": args, "kwargs": {}}], "config": config})
}

/// A TensorFlow function among the layers of Keras 2.
fn lambda(function: &str, calls: Value) -> Artifact {
    let config = json!({"name": "y", "trainable": true, "dtype": "float32", "function": function});
    let y = json!({"class_name": "TFOpLambda", "name": "y", "inbound_nodes": calls, "config": config});
    functional(vec![input_layer("x", &[2]), y], &["x"], &["y"], &[])
}

/// A model of one layer, called `y`, on `x`.
fn model(layer: Value) -> Artifact {
    let mut artifact = functional(vec![input("x"), layer], &["x"], &["y"], &[]);
    artifact.json["modelTopology"]["keras_version"] = json!("3.15.1");
    artifact.config()["output_layers"] = json!(["y", 0, 0]);
    artifact
}

fn load(artifact: &Artifact) -> Model {
    artifact.load(LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// An operation and a layer of one name are told apart: only the operation takes a number.
#[test]
fn operations_are_not_layers() {
    let added = load(&model(operation("Add", json!({}), json!([tensor("x"), 1.5]))));
    assert_eq!(added.graph().nodes().len(), 3, "{}", added.graph());
    let merged = load(&model(layer("Add", json!([[tensor("x"), tensor("x")]]))));
    assert_eq!(merged.graph().nodes().len(), 2, "{}", merged.graph());
}

/// TF.js loads none of these, so all answer as Keras does.
#[test]
fn they_answer_as_keras_does() {
    let loaded = load(&model(layer("Softmax", json!([tensor("x")]))));
    assert_eq!(loaded.options().tfjs.semantics, Semantics::Keras);
    assert!(loaded.skews().is_empty());
}

/// The keys of a dict are the names, and its order is that of the keys.
#[test]
fn dicts_name_inputs_and_outputs() {
    let difference = operation("Subtract", json!({}), json!([tensor("x"), tensor("z")]));
    let mut artifact = functional(vec![input("z"), input("x"), difference], &[], &[], &[]);
    artifact.config()["input_layers"] = json!({"right": ["z", 0, 0], "left": ["x", 0, 0]});
    artifact.config()["output_layers"] = json!({"b": {"d": ["x", 0, 0], "c": [["y", 0, 0]]}, "a": ["y", 0, 0]});
    let model = load(&artifact);
    let names = |named: &[(String, tfjs_wgpu::internals::graph::ValueId)]| -> Vec<String> {
        named.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(model.graph().outputs()), ["a", "b/c/0", "b/d"]);
    let inputs: Vec<&str> = model.graph().inputs().map(|(_, node)| node.name.as_str()).collect();
    assert_eq!(inputs, ["left", "right"]);
}

/// The layers of an archive go by class and number, their weights by number, whatever they are called.
#[test]
fn archives_name_weights_by_position() {
    let mut artifact = dense_model();
    artifact.spec(0)["name"] = json!("layers/dense/vars/0");
    artifact.spec(1)["name"] = json!("layers/dense/vars/1");
    let positional = load(&artifact);
    assert_eq!(positional.graph().to_string(), load(&dense_model()).graph().to_string());
}

type Damage = (&'static str, fn() -> Artifact);

const DAMAGES: &[Damage] = &[
    ("an operation that is not supported", || model(operation("Erfinv", json!({}), json!([tensor("x")])))),
    ("an operation on the batch", || model(operation("Sum", json!({"axis": 0}), json!([tensor("x")])))),
    ("an operation on all", || model(operation("Mean", json!({"axis": null}), json!([tensor("x")])))),
    ("an option that is not supported", || {
        model(operation("Max", json!({"axis": 1, "where": true}), json!([tensor("x")])))
    }),
    ("too few arguments", || model(operation("Add", json!({}), json!([tensor("x")])))),
    ("a sum over the batch", || {
        model(operation("Einsum", json!({"subscripts": "bi,ci->bc"}), json!([tensor("x"), tensor("x")])))
    }),
    ("numbers of no shape", || model(operation("Add", json!({}), json!([tensor("x"), [[1, 2], [3]]])))),
    ("numbers of another shape", || model(operation("Add", json!({}), json!([tensor("x"), [1, 2, 3]])))),
    ("tiles beyond reason", || {
        model(operation("Tile", json!({"repeats": [1, 9_000_000_000u64]}), json!([tensor("x")])))
    }),
    ("a list for a tensor", || model(operation("Add", json!({}), json!([tensor("x"), [1, tensor("x")]])))),
    ("a word for a tensor", || model(operation("Add", json!({}), json!([tensor("x"), "z"])))),
    ("a position beyond all", || model(operation("Take", json!({"axis": 1}), json!([tensor("x"), 9_000_000_000u64])))),
    ("an index of the batch", || model(operation("GetItem", json!({}), json!([tensor("x"), 0])))),
    ("too many indices", || {
        let all = json!({"class_name": "__slice__", "config": {"start": null, "stop": null, "step": null}});
        model(operation("GetItem", json!({}), json!([tensor("x"), [all, 0, 0]])))
    }),
    ("a slice in steps of nothing", || {
        let all = json!({"class_name": "__slice__", "config": {"start": null, "stop": null, "step": null}});
        let still = json!({"class_name": "__slice__", "config": {"start": null, "stop": 2, "step": 0}});
        model(operation("GetItem", json!({}), json!([tensor("x"), [all, still]])))
    }),
    ("an index beyond the end", || {
        let all = json!({"class_name": "__slice__", "config": {"start": null, "stop": null, "step": null}});
        model(operation("GetItem", json!({}), json!([tensor("x"), [all, 2]])))
    }),
    ("a shape without the batch", || model(operation("Reshape", json!({"newshape": [2, -1]}), json!([tensor("x")])))),
    ("parts that do not fit", || {
        model(operation("Split", json!({"indices_or_sections": 3, "axis": 1}), json!([tensor("x")])))
    }),
    ("repeats beyond reason", || {
        model(operation("Repeat", json!({"repeats": 9_000_000_000u64, "axis": 1}), json!([tensor("x")])))
    }),
    ("a cast to words", || model(operation("Cast", json!({"dtype": "string"}), json!([tensor("x")])))),
    ("arguments that are no list", || model(layer("Softmax", json!(3)))),
    ("a tensor that is none", || {
        model(layer("Softmax", json!([{"class_name": "__keras_tensor__", "config": {"keras_history": ["x"]}}])))
    }),
    ("a tensor of no layer", || model(layer("Softmax", json!([tensor("ghost")])))),
    ("a call argument that is not supported", || {
        let mut artifact = model(layer("Softmax", json!([tensor("x")])));
        artifact.layer(1)["inbound_nodes"][0]["kwargs"] = json!({"return_state": true});
        artifact
    }),
    ("a mask for an input that is not there", || {
        let mut artifact = model(layer("Softmax", json!([tensor("x")])));
        artifact.layer(1)["inbound_nodes"][0]["kwargs"] = json!({"mask": [null, tensor("x")]});
        artifact
    }),
    ("a circle through a keyword", || {
        let mut artifact = model(layer("Softmax", json!([tensor("x")])));
        artifact.layer(1)["inbound_nodes"][0]["kwargs"] = json!({"mask": tensor("y")});
        artifact
    }),
    ("a TensorFlow function that is not supported", || lambda("einsum", json!([["x", 0, 0, {}]]))),
    ("a TensorFlow function of too little", || lambda("math.add", json!([["x", 0, 0, {}]]))),
    ("a TensorFlow function with an option that is not supported", || {
        lambda("math.reduce_sum", json!([["x", 0, 0, {"axis": 1, "reverse": true}]]))
    }),
    ("a TensorFlow function of changing options", || {
        lambda("math.reduce_sum", json!([["x", 0, 0, {"axis": 1}], ["x", 0, 0, {"axis": -1}]]))
    }),
    ("a TensorFlow function of nothing", || lambda("math.exp", json!([{}]))),
    ("parts of sizes beyond reason", || {
        lambda("split", json!([["x", 0, 0, {"axis": 1, "num_or_size_splits": [u64::MAX, 2, 1]}]]))
    }),
    ("a weight of an archive at another position", || {
        let mut artifact = dense_model();
        artifact.spec(0)["name"] = json!("layers/dense/vars/0");
        artifact.spec(1)["name"] = json!("layers/dense/vars/2");
        artifact
    }),
    ("a layer of an archive too many", || {
        let mut artifact = dense_model();
        artifact.layer_config(1).insert("use_bias".into(), json!(false));
        artifact.spec(0)["name"] = json!("layers/dense/vars/0");
        artifact.spec(1)["name"] = json!("layers/dense_1/vars/0");
        artifact
    }),
];

#[test]
fn every_damage_is_refused_in_words() {
    let mut text = String::new();
    for (name, damaged) in DAMAGES {
        let error = damaged().load(LoadOptions::default()).map(|_| ()).expect_err(name);
        assert!(error.hint_text().is_some(), "{name}: {error} gives no hint");
        text.push_str(&format!("# {name}\nerror: {error}\n"));
        for (label, part) in [("cause", error.cause_text()), ("hint", error.hint_text())] {
            if let Some(part) = part {
                text.push_str(&format!("  {label}: {part}\n"));
            }
        }
    }
    insta::assert_snapshot!(text);
}
