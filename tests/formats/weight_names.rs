//! Weights whose names are not those of their layers: bound where they fit one layer alone, refused where they fit two.

use crate::artifact::{Artifact, functional, input_layer};
use serde_json::{Value, json};
use tfjs_wgpu::internals::reference;
use tfjs_wgpu::{ErrorKind, LoadOptions, Model, Tensor};

fn dense(name: &str, from: &str, units: usize) -> Value {
    json!({
        "class_name": "Dense", "name": name, "inbound_nodes": [[[from, 0, 0, {}]]],
        "config": {"name": name, "units": units, "activation": "linear", "use_bias": false},
    })
}

/// `x` [N, 2] through the Dense layers `user` and `item` side by side, of weights with these names.
fn towers(user: &str, item: &str) -> Artifact {
    let layers = vec![input_layer("x", &[2]), dense("user", "x", 3), dense("item", "x", 3)];
    functional(layers, &["x"], &["user", "item"], &[(user, &[2, 3]), (item, &[2, 3])])
}

fn load(artifact: &Artifact) -> tfjs_wgpu::Result<Model> {
    artifact.load(LoadOptions::default())
}

/// The answers for a row of ones: the sum of each column of the weights, which count from 0.
fn answers(model: &Model) -> Vec<Vec<f32>> {
    let inputs = [("x", Tensor::f32(&[1, 2], vec![1.0; 2]).expect("a row"))].into_iter().collect();
    let outputs = reference::run(model.graph(), &inputs).expect("an answer");
    outputs.iter().map(|(_, tensor)| tensor.as_f32().expect("floats").to_vec()).collect()
}

#[test]
fn names_decide_whatever_stands_before_them() {
    for (user, item) in
        [("user/kernel", "item/kernel"), ("base/user/kernel", "base/item/kernel"), ("user/kernel", "a/b/kernel")]
    {
        let model = load(&towers(user, item)).unwrap_or_else(|error| panic!("{user}, {item}: {error:?}"));
        assert_eq!(answers(&model), [[3.0, 5.0, 7.0]; 2], "each begins to count at 0");
        let bound_by_shape = usize::from(user != "user/kernel") + usize::from(item != "item/kernel");
        assert_eq!(model.notes().len(), bound_by_shape, "{:?}", model.notes());
    }
    let swapped = load(&towers("base/item/kernel", "base/user/kernel")).expect("names before order");
    assert!(swapped.notes()[0].contains("`user` takes the weights `base/user/…`"), "{:?}", swapped.notes());
}

/// Towers of one shape whose names are gone: nothing says which is which, so nobody gets them.
#[test]
fn towers_of_one_shape_without_names_are_refused() {
    let pairs = [
        ("dense/kernel", "dense_1/kernel"),
        ("a/kernel", "b/kernel"),
        ("x/dense/kernel", "y/dense/kernel"),
        ("kernel", "dense/kernel"),
    ];
    for (user, item) in pairs {
        let error = load(&towers(user, item)).map(|_| ()).expect_err("nothing tells the towers apart");
        assert_eq!(error.kind(), ErrorKind::Weights);
        let text = error.to_string();
        assert!(text.contains("`user`") && text.contains("`item`"), "{user}, {item}: {text}");
    }
}

/// A layer that has a weight of its own name takes no other, whatever shape that has.
#[test]
fn a_name_of_another_shape_is_an_error() {
    let layers = vec![input_layer("x", &[2]), dense("a", "x", 3), dense("b", "x", 5)];
    let swapped = functional(layers, &["x"], &["a", "b"], &[("a/kernel", &[2, 5]), ("b/kernel", &[2, 3])]);
    let error = load(&swapped).map(|_| ()).expect_err("the names are the other way round");
    assert!(error.to_string().contains("weight `a/kernel` has shape [2, 5], the layer needs [2, 3]"), "{error}");
}

#[test]
fn shapes_decide_where_names_are_gone() {
    let layers = vec![input_layer("x", &[2]), dense("a", "x", 3), dense("b", "x", 5)];
    let artifact = functional(layers, &["x"], &["a", "b"], &[("two/kernel", &[2, 5]), ("one/kernel", &[2, 3])]);
    let model = load(&artifact).expect("each fits one layer");
    assert_eq!(model.notes().len(), 2, "{:?}", model.notes());
    assert!(model.notes()[0].contains("`a` takes the weights `one/…`"), "{:?}", model.notes());
}

/// The cells of one layer, which Keras makes in order. Where their names say another order, nothing is taken for granted.
#[test]
fn order_decides_inside_a_layer_alone() {
    let cell = |name: &str| {
        json!({
            "class_name": "SimpleRNNCell",
            "config": {"name": name, "units": 2, "activation": "linear", "use_bias": false},
        })
    };
    let stacked = |cells: [&str; 2]| {
        json!({
            "class_name": "RNN", "name": "rnn", "inbound_nodes": [[["x", 0, 0, {}]]],
            "config": {"name": "rnn", "cell": {"class_name": "StackedRNNCells", "config": {
                "name": "stack", "cells": [cell(cells[0]), cell(cells[1])],
            }}},
        })
    };
    let model = |cells, names: [&str; 2]| {
        let names: Vec<String> = names
            .iter()
            .flat_map(|name| ["kernel", "recurrent_kernel"].map(|weight| format!("{name}/{weight}")))
            .collect();
        let weights: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), &[2, 2][..])).collect();
        load(&functional(vec![input_layer("x", &[3, 2]), stacked(cells)], &["x"], &["rnn"], &weights))
    };
    let by_order = model(["one", "two"], ["cell", "cell_1"]).expect("cells of one layer");
    assert!(by_order.notes().iter().all(|note| note.contains("order")), "{:?}", by_order.notes());
    assert_eq!(by_order.notes().len(), 2, "{:?}", by_order.notes());
    let by_name = model(["one", "two"], ["one", "two"]).expect("cells by name");
    assert!(by_name.notes().iter().all(|note| note.contains("ending")), "{:?}", by_name.notes());
    let error = model(["one", "two"], ["two", "one"]).map(|_| ()).expect_err("names and order disagree");
    let text = format!("{error:?}");
    assert!(text.contains("`rnn/stack/one`") && text.contains("`rnn/stack/two`"), "{text}");
    assert!(text.contains("names say otherwise than their order"), "{text}");
}

/// What is left over is an error as it is in TF.js, and so is what is missing.
#[test]
fn nothing_is_left_over() {
    let layers = || vec![input_layer("x", &[2]), dense("a", "x", 3)];
    let more = functional(layers(), &["x"], &["a"], &[("a/kernel", &[2, 3]), ("b/kernel", &[2, 3])]);
    let error = load(&more).map(|_| ()).expect_err("a weight too many");
    assert!(error.to_string().contains("no layer of the model takes the weight `b/kernel`"), "{error}");
    let two_for_one = functional(layers(), &["x"], &["a"], &[("b/kernel", &[2, 3]), ("c/kernel", &[2, 3])]);
    let error = load(&two_for_one).map(|_| ()).expect_err("it could be either");
    let text = format!("{error:?}");
    assert!(text.contains("`a`") && text.contains("`b/…`") && text.contains("`c/…`"), "{text}");
}

/// A large weight stands in for nothing while weights are matched: only a small one is made up.
#[test]
fn a_missing_weight_of_any_size_is_named() {
    let layers = vec![input_layer("x", &[2]), dense("a", "x", 1 << 40)];
    let error = load(&functional(layers, &["x"], &["a"], &[])).map(|_| ()).expect_err("no weight");
    assert!(error.to_string().contains("weight `a/kernel` of shape [2, 1099511627776] is missing"), "{error}");
}

/// `x` through a nested model that holds a Dense layer, and then through a Dense layer of the outer one, as Keras 3 writes it.
fn nested_keras_3([class, nested, inner]: [&str; 3], outer: &str, weights: [&str; 2]) -> Artifact {
    let tensor = |layer: &str| json!({"class_name": "__keras_tensor__", "config": {"keras_history": [layer, 0, 0]}});
    let input = |name: &str| {
        json!({
            "class_name": "InputLayer", "name": name, "inbound_nodes": [], "config": {"name": name, "batch_shape": [null, 2]},
        })
    };
    let dense = |name: &str, from: &str| {
        json!({
            "class_name": "Dense", "name": name, "inbound_nodes": [{"args": [tensor(from)], "kwargs": {}}],
            "config": {"name": name, "units": 2, "use_bias": false, "trainable": true},
        })
    };
    let mut config = json!({"name": nested, "layers": [input("i"), dense(inner, "i")]});
    config["input_layers"] = json!(["i", 0, 0]);
    config["output_layers"] = json!([inner, 0, 0]);
    let nested_layer = json!({
        "class_name": class, "name": nested, "inbound_nodes": [{"args": [tensor("x")], "kwargs": {}}], "config": config,
    });
    let names: Vec<(&str, &[usize])> = weights.into_iter().map(|name| (name, &[2, 2][..])).collect();
    let layers = vec![input("x"), nested_layer, dense(outer, nested)];
    let mut artifact = functional(layers, &["x"], &[outer], &names);
    artifact.json["modelTopology"]["keras_version"] = json!("3.15.1");
    artifact.json["convertedBy"] = json!("TensorFlow.js Converter v4.22.0");
    artifact
}

/// The answer for a row of ones: the weights of the file count 0, 1, 2, 3 each, and the second is ten times as large.
fn answer(mut artifact: Artifact) -> tfjs_wgpu::Result<Vec<f32>> {
    let second: Vec<u8> = (0..4).flat_map(|value| (10.0 * value as f32).to_le_bytes()).collect();
    artifact.shards[0].1.splice(16.., second);
    artifact.shards[0].1[0] = 1;
    let bytes = &mut artifact.shards[0].1;
    bytes[..4].copy_from_slice(&1f32.to_le_bytes());
    load(&artifact).map(|model| answers(&model).remove(0))
}

/// No name of Keras 3 is exact: the model around a layer is in it or not, and where the layer was first built.
#[test]
fn names_of_keras_3_are_told_apart_by_all_there_are() {
    // The first weight is [[1, 1], [2, 3]], the second [[0, 10], [20, 30]].
    let (first_then_second, second_then_first) = (vec![80.0, 150.0], vec![100.0, 140.0]);
    // A Functional model is not in the names, and that a nested one has its name says nothing.
    let same_name = nested_keras_3(["Sequential", "model", "out"], "out", ["model/out/kernel", "out/kernel"]);
    assert_eq!(answer(same_name).expect("told apart"), first_then_second);
    // Both could be either: a nested Functional model is in the name or not, and so is another model.
    let either = nested_keras_3(["Functional", "n", "d"], "d", ["d/kernel", "z/d/kernel"]);
    let error = answer(either).expect_err("it could be either");
    assert!(error.to_string().contains("`d`, `n/d`") || error.to_string().contains("`n/d`, `d`"), "{error:?}");
    // Names that the order in which Keras saves layers contradicts.
    let crossed = || nested_keras_3(["Functional", "b", "c"], "c", ["c/kernel", "b/c/kernel"]);
    let text = format!("{:?}", answer(crossed()).expect_err("names and order disagree"));
    assert!(text.contains("`b/c`") && text.contains("`c`") && text.contains("order in which Keras saves"), "{text}");
    // Where the file is not as Keras saved it, its order says nothing.
    let mut edited = crossed();
    edited.json.as_object_mut().expect("an object").remove("convertedBy");
    assert_eq!(answer(edited).expect("by name"), second_then_first);
}

/// TF.js goes by the names of a file of Keras 2 and Keras by the order, so one is followed with a note and the other refused.
#[test]
fn names_that_the_order_contradicts_are_followed_as_in_tfjs() {
    let mut artifact = towers("user/kernel", "item/kernel");
    artifact.json["convertedBy"] = json!("TensorFlow.js Converter v4.22.0");
    let model = load(&artifact).expect("by name");
    assert!(model.notes()[0].contains("by name and Keras by order"), "{:?}", model.notes());
    let keras = LoadOptions::default().semantics(tfjs_wgpu::Semantics::Keras);
    let error = artifact.load(keras).map(|_| ()).expect_err("names and order disagree");
    assert!(error.to_string().contains("`user`") && error.to_string().contains("`item`"), "{error}");
}

/// Layers of one name in two models may have different shapes; that says which name is whose.
#[test]
fn a_name_of_keras_3_may_be_that_of_another_shape() {
    let shapes = |nested: &str, outer: &str| {
        let mut artifact = nested_keras_3(["Sequential", "n", "d"], "d", [nested, outer]);
        artifact.layer(1)["config"]["layers"][1]["config"]["units"] = json!(3);
        artifact.spec(0)["shape"] = json!([2, 3]);
        artifact.spec(1)["shape"] = json!([3, 2]);
        artifact.shards[0].1 = vec![0; 48];
        load(&artifact)
    };
    assert!(shapes("n/d/kernel", "d/kernel").expect("by name and shape").notes().is_empty());
    // Nothing but the shape speaks for these, and a name of each layer is on the other's.
    let mut crossed = nested_keras_3(["Functional", "n", "a"], "b", ["b/kernel", "a/kernel"]);
    crossed.layer(1)["config"]["layers"][1]["config"]["units"] = json!(3);
    crossed.spec(0)["shape"] = json!([2, 3]);
    crossed.spec(1)["shape"] = json!([3, 2]);
    crossed.shards[0].1 = vec![0; 48];
    let error = load(&crossed).map(|_| ()).expect_err("the names are the other way round");
    assert!(error.to_string().contains("weight `a/kernel` has shape [3, 2], the layer needs [2, 3]"), "{error}");
}
