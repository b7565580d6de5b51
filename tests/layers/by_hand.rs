//! Differences between TF.js and Keras in files that Keras does not write: recorded cases with a key changed.

use crate::cases::{Case, all};
use serde_json::{Map, Value, json};
use tfjs_wgpu::internals::reference;
use tfjs_wgpu::{LoadOptions, Model, NamedTensors, Semantics, Tensor};

/// What is said of them.
pub(crate) const DIFFERENCES: [&str; 4] = [
    "goes back by `layer` in TF.js and by `backward_layer` in Keras",
    "has no recurrent activation, which is hard_sigmoid in TF.js and sigmoid in Keras",
    "normalises axis 1 in TF.js and the last axis in Keras, as none is given",
    "takes masked elements in TF.js and leaves them out in Keras 3",
];

/// A change of a configuration.
type Change<'c> = dyn Fn(&mut Map<String, Value>) + 'c;

fn case(class: &str, name: &str) -> Case {
    all().into_iter().find(|case| case.class == class && case.name == name).expect("the case")
}

/// The answer of a case whose layer's configuration is changed, and what is said of it.
fn answer(case: &Case, semantics: Semantics, change: impl Fn(&mut Map<String, Value>)) -> (NamedTensors, Vec<String>) {
    let mut topology = case.topology().clone();
    let config = &mut topology["model_config"]["config"]["layers"][1]["config"];
    change(config.as_object_mut().expect("a config"));
    let model = case.load_as(&topology, semantics).expect("the model loads");
    let said = model.skews().iter().map(|skew| skew.difference.to_string()).collect();
    (reference::run(model.graph(), &case.inputs).expect("an answer"), said)
}

/// Checks that a change is reported, and makes a layer answer as one of two other changes does, by the semantics.
fn assert_differs(
    case: &Case,
    difference: &str,
    change: impl Fn(&mut Map<String, Value>),
    [tfjs, keras]: [&Change<'_>; 2],
) {
    assert_ne!(
        answer(case, Semantics::Keras, tfjs).0,
        answer(case, Semantics::Keras, keras).0,
        "nothing to tell apart"
    );
    for (semantics, meaning) in [(Semantics::TfJs, tfjs), (Semantics::Keras, keras)] {
        let (found, said) = answer(case, semantics, &change);
        assert_eq!(said, [difference], "{semantics:?}");
        assert_eq!(found, answer(case, semantics, meaning).0, "{semantics:?}");
    }
}

fn set(key: &'static str, value: Value) -> impl Fn(&mut Map<String, Value>) {
    move |config| drop(config.insert(key.into(), value.clone()))
}

fn remove(key: &'static str) -> impl Fn(&mut Map<String, Value>) {
    move |config| drop(config.remove(key).expect("the key"))
}

#[test]
fn a_softmax_without_an_axis() {
    let case = case("Softmax", "shape_3_4_batch_3");
    assert_differs(&case, DIFFERENCES[2], remove("axis"), [&set("axis", json!(1)), &set("axis", json!(2))]);
}

#[test]
fn a_recurrent_layer_without_a_recurrent_activation() {
    let case = case("LSTM", "plain");
    let name = |name: &str| set("recurrent_activation", json!(name));
    let change = remove("recurrent_activation");
    let (tfjs, keras) = (name("hard_sigmoid"), name("sigmoid"));
    assert_differs(&case, DIFFERENCES[1], change, [&tfjs, &keras]);
}

#[test]
fn a_backward_layer_that_tfjs_does_not_look_at() {
    let case = case("Bidirectional", "simple");
    let backward = |config: &mut Map<String, Value>, activation: &str| {
        let mut layer = config["layer"].clone();
        layer["config"]["go_backwards"] = json!(true);
        layer["config"]["activation"] = json!(activation);
        config.insert("backward_layer".into(), layer);
    };
    let halves = [Semantics::TfJs, Semantics::Keras].map(|semantics| {
        let (found, said) = answer(&case, semantics, |config| backward(config, "relu"));
        assert_eq!(said, [DIFFERENCES[0]]);
        let values = found.get("y").expect("the output").to_f64();
        values.chunks(3).map(<[f64]>::to_vec).collect::<Vec<_>>()
    });
    let same: Vec<bool> = halves[0].iter().zip(&halves[1]).map(|(tfjs, keras)| tfjs == keras).collect();
    // Of every row the forward half is the same, and the backward half is not.
    assert!(same.iter().enumerate().all(|(half, same)| *same == half.is_multiple_of(2)), "{same:?}");
    let alone = answer(&case, Semantics::TfJs, |_| {}).0.get("y").expect("the output").to_f64();
    assert_eq!(halves[0].concat(), alone);
}

/// Recorded are the answers to the first prediction.
#[test]
fn a_stateful_layer_is_computed_as_for_the_first_time_and_says_so() {
    let warning = |layer: &&str| {
        format!(
            "layer `{layer}` is stateful: every prediction is computed as the first one, while in TF.js and Keras a later \
             one begins with the states that the one before left, unless they are reset"
        )
    };
    let assert_warned = |case: Case, layers: &[&str]| {
        let model = case.load_as(case.topology(), Semantics::TfJs).expect("the model loads");
        assert_eq!(model.warnings(), layers.iter().map(warning).collect::<Vec<_>>(), "{}", case.name);
    };
    for name in ["lstm", "gru_reset_before", "rnn", "conv_lstm_2d"] {
        assert_warned(case("Stateful", name), &["y"]);
    }
    assert_warned(case("Stateful", "bidirectional"), &["y/forward_r", "y/backward_r"]);
    assert_warned(case("LSTM", "plain"), &[]);
}

/// TF.js writes what the cell has beside the cell too, and looks only at that.
#[test]
fn a_cell_of_which_tfjs_writes_the_options_twice() {
    let case = case("RNN", "lstm");
    let twice = |config: &mut Map<String, Value>| {
        config.insert("units".into(), json!(3));
        config.insert("activation".into(), json!("relu"));
        config.insert("recurrent_activation".into(), json!("hard_sigmoid"));
        config.insert("unit_forget_bias".into(), Value::Null);
    };
    assert_eq!(answer(&case, Semantics::TfJs, twice), answer(&case, Semantics::TfJs, |_| {}));
}

/// A file of Keras 3 in the form that TF.js reads: a product of embeddings of which one is padding.
#[test]
fn a_product_of_masked_elements() {
    let input = |name: &str| {
        json!({
            "class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"name": name, "batch_input_shape": [null, 2], "dtype": "int32"},
        })
    };
    let embedding = |name: &str, ids: &str| {
        json!({
            "class_name": "Embedding", "name": name, "inbound_nodes": [[[ids, 0, 0, {}]]],
            "config": {"name": name, "input_dim": 3, "output_dim": 1, "mask_zero": true},
        })
    };
    let product = json!({
        "class_name": "Multiply", "name": "y", "config": {"name": "y"},
        "inbound_nodes": [[["left", 0, 0, {}], ["right", 0, 0, {}]]],
    });
    let config = json!({
        "name": "model", "layers": [input("a"), input("b"), embedding("left", "a"), embedding("right", "b"), product],
        "input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["y", 0, 0]],
    });
    let weight = |name: &str| json!({"name": name, "shape": [3, 1], "dtype": "float32"});
    let model = json!({
        "modelTopology": {"keras_version": "3.10.0", "model_config": {"class_name": "Functional", "config": config}},
        "weightsManifest": [
            {"paths": ["w.bin"], "weights": [weight("left/embeddings"), weight("right/embeddings")]},
        ],
    });
    let tables: Vec<u8> = [2f32, 3.0, 5.0, 7.0, 11.0, 13.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let ids = |values: [i32; 2]| Tensor::i32(&[1, 2], values.to_vec()).expect("ids");
    let inputs: NamedTensors = [("a", ids([1, 0])), ("b", ids([2, 1]))].into_iter().collect();
    for (semantics, expected) in [(Semantics::TfJs, [39.0, 22.0]), (Semantics::Keras, [39.0, 11.0])] {
        let options = LoadOptions::default().semantics(semantics);
        let model = Model::from_bytes(model.to_string().as_bytes(), &[("w.bin", &tables)], options).expect("it loads");
        let said: Vec<&str> = model.skews().iter().map(|skew| skew.difference).collect();
        assert_eq!(said, [DIFFERENCES[3]]);
        let outputs = reference::run(model.graph(), &inputs).expect("an answer");
        assert_eq!(outputs.get("y").expect("the output").as_f32().expect("floats"), expected, "{semantics}");
    }
}

/// One layer that TF.js refuses leaves the whole model a single meaning, that of Keras.
#[test]
fn a_model_that_tfjs_refuses_answers_as_keras_throughout() {
    let model = |reset_after: bool| {
        let layer = |class: &str, name: &str, from: &str, config: Value| {
            let mut layer = json!({"class_name": class, "name": name, "inbound_nodes": [[[from, 0, 0, {}]]]});
            layer["config"] = config;
            layer["config"]["name"] = json!(name);
            layer
        };
        let input = json!({
            "class_name": "InputLayer", "name": "x", "inbound_nodes": [],
            "config": {"name": "x", "batch_input_shape": [null, 4], "dtype": "int32"},
        });
        let embedding = layer("Embedding", "e", "x", json!({"input_dim": 3, "output_dim": 2, "mask_zero": true}));
        let gru = json!({
            "units": 2, "reset_after": reset_after, "return_sequences": true, "recurrent_activation": "sigmoid",
        });
        let pool = layer("GlobalAveragePooling1D", "pool", "gru", json!({}));
        let config = json!({
            "name": "model", "layers": [input, embedding, layer("GRU", "gru", "e", gru), pool],
            "input_layers": [["x", 0, 0]], "output_layers": [["pool", 0, 0]],
        });
        let topology = json!({"class_name": "Functional", "config": config});
        let options = LoadOptions::default().random_weights(1);
        Model::from_bytes(topology.to_string().as_bytes(), &[], options).expect("the model loads")
    };
    let known = model(false);
    assert_eq!(known.options().tfjs.semantics, Semantics::TfJs);
    assert!(known.skews().iter().any(|skew| skew.layer == "pool") && known.notes().is_empty(), "{known:?}");
    let refused = model(true);
    assert_eq!(refused.options().tfjs.semantics, Semantics::Keras);
    assert!(refused.skews().is_empty(), "{:?}", refused.skews());
    let note = &refused.notes()[0];
    assert!(note.contains("TF.js refuses this model") && note.contains("`gru` is a GRU with `reset_after`"), "{note}");
}

/// Cells of one layer have weights of their own even where they have one name, as archives allow.
#[test]
fn stacked_cells_of_one_name_are_two() {
    let cell = json!({
        "class_name": "SimpleRNNCell",
        "config": {"name": "c", "units": 1, "activation": "linear", "use_bias": false},
    });
    let rnn = json!({
        "class_name": "RNN", "name": "y", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {"name": "y", "cell": {
            "class_name": "StackedRNNCells", "config": {"name": "stack", "cells": [cell.clone(), cell]},
        }},
    });
    let input = json!({
        "class_name": "InputLayer", "name": "x", "inbound_nodes": [],
        "config": {"name": "x", "batch_input_shape": [null, 1, 1], "dtype": "float32"},
    });
    let config = json!({
        "name": "model", "layers": [input, rnn], "input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]],
    });
    let places =
        ["simple_rnn_cell/vars/0", "simple_rnn_cell/vars/1", "simple_rnn_cell_1/vars/0", "simple_rnn_cell_1/vars/1"];
    let weights = places
        .map(|place| json!({"name": format!("layers/rnn/cell/cells/{place}"), "shape": [1, 1], "dtype": "float32"}));
    let model = json!({
        "modelTopology": {"keras_version": "2.17.0", "model_config": {"class_name": "Functional", "config": config}},
        "weightsManifest": [{"paths": ["w.bin"], "weights": weights}],
    });
    let bytes: Vec<u8> = [3f32, 0.0, 5.0, 0.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let model = Model::from_bytes(model.to_string().as_bytes(), &[("w.bin", &bytes)], LoadOptions::default());
    let model = model.expect("the model loads");
    let inputs: NamedTensors = [("x", Tensor::f32(&[1, 1, 1], vec![1.0]).expect("a step"))].into_iter().collect();
    let outputs = reference::run(model.graph(), &inputs).expect("an answer");
    assert_eq!(outputs.get("y").expect("the output").as_f32().expect("floats"), [15.0]);
    assert_eq!(model.layers()[1].parameters, 4);
}
