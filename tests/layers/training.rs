//! Calls with training=True that have no answer, or one that is said to be another: recorded ones with a key changed.

use crate::cases::{Case, all};
use serde_json::{Value, json};
use tfjs_wgpu::internals::reference;
use tfjs_wgpu::{Error, ErrorKind, Model, Semantics};

const SAID: &str = "ignores training=True in TF.js, not in Keras";

fn case(name: &str, is_keras_3: bool) -> Case {
    let wanted = |case: &Case| case.class == "Training" && case.name == name && case.is_keras_3 == is_keras_3;
    all().into_iter().find(wanted).expect("the case")
}

/// The layers of a case's topology behind its input.
fn layers(topology: &mut Value) -> &mut [Value] {
    &mut topology["model_config"]["config"]["layers"].as_array_mut().expect("layers")[1..]
}

/// A recorded case of Keras 2 whose first layer has another value.
fn load(name: &str, key: &str, value: &Value, semantics: Semantics) -> Result<Model, Error> {
    let case = case(name, false);
    let mut topology = case.topology().clone();
    *layers(&mut topology)[0].pointer_mut(key).expect("the key") = value.clone();
    case.load_as(&topology, semantics)
}

fn said(model: &Model) -> Vec<&str> {
    model.skews().iter().map(|skew| skew.difference).collect()
}

fn assert_random(error: &Error, what: &str, mends_by_semantics: bool) {
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let (text, cause) = (error.to_string(), error.cause_text().expect("a cause"));
    assert!(text.contains("is called with training=True, so that it draws at random when it predicts"), "{text}");
    assert!(cause.contains(what), "{cause}");
    let hint = error.hint_text().expect("a hint");
    assert_eq!(hint.contains("(Semantics::TfJs)"), mends_by_semantics, "{hint}");
}

/// TF.js has these layers, and predicts as without.
#[test]
fn what_draws_at_random_is_refused_but_for_tfjs() {
    for (name, key, what) in [
        ("dropout_of_0", "/config/rate", "its `rate` of 0.5"),
        ("gaussian_noise_of_0", "/config/stddev", "its `stddev` of 0.5"),
        ("gaussian_dropout_of_0", "/config/rate", "its `rate` of 0.5"),
        ("alpha_dropout_of_0", "/config/rate", "its `rate` of 0.5"),
        ("spatial_dropout_of_0", "/config/rate", "its `rate` of 0.5"),
        ("lstm", "/config/dropout", "its `dropout` of 0.5"),
        ("lstm", "/config/recurrent_dropout", "its `recurrent_dropout` of 0.5"),
        ("bidirectional", "/config/layer/config/dropout", "its `dropout` of 0.5"),
        ("time_distributed_dropout_of_0", "/config/layer/config/rate", "its `rate` of 0.5"),
    ] {
        let load = |value: f64, semantics| load(name, key, &json!(value), semantics);
        assert_random(&load(0.5, Semantics::Keras).expect_err(name), what, true);
        let model = load(0.5, Semantics::TfJs).expect(name);
        assert!(!said(&model).is_empty() && said(&model).iter().all(|said| *said == SAID), "{name}");
        assert!(said(&load(0.0, Semantics::TfJs).expect(name)).is_empty(), "{name}");
        let answer = |model: Model| reference::run(model.graph(), &case(name, false).inputs).expect("an answer");
        assert_eq!(answer(model), answer(load(0.0, Semantics::Keras).expect(name)), "{name}");
    }
}

#[test]
fn what_draws_at_random_and_tfjs_does_not_have_is_refused() {
    for semantics in [Semantics::TfJs, Semantics::Keras] {
        for name in ["attention", "multi_head_attention"] {
            let error = load(name, "/config/dropout", &json!(0.5), semantics).expect_err(name);
            assert_random(&error, "its `dropout` of 0.5", false);
        }
        let error = load("dropout_of_0", "/class_name", &json!("RandomFlip"), semantics).expect_err("an augmentation");
        assert_random(&error, "what it does to images", false);
    }
}

/// In a model inside that is called in training, but not where its own call says otherwise.
#[test]
fn the_call_of_a_model_inside_is_that_of_its_layers() {
    let inside = |own_call: Value| {
        let case = case("nested", false);
        let mut topology = case.topology().clone();
        let inner = &mut layers(&mut topology)[0]["config"]["layers"][2];
        inner["class_name"] = json!("Dropout");
        inner["config"] = json!({"name": "b", "rate": 0.5});
        inner["inbound_nodes"][0][0][3] = own_call;
        case.load_as(&topology, Semantics::Keras).map(|model| said(&model).len())
    };
    assert_random(&inside(json!({})).expect_err("as the model is called"), "its `rate` of 0.5", true);
    assert_random(&inside(json!({"training": null})).expect_err("the same"), "its `rate` of 0.5", true);
    assert_random(&inside(json!({"training": 1})).expect_err("the same in numbers"), "its `rate` of 0.5", true);
    let weights = |error: Error| assert_eq!(error.kind(), ErrorKind::Weights, "{error}");
    weights(inside(json!({"training": false})).expect_err("only the weights of the other layer are too many"));
    let error = inside(json!({"training": "yes"})).expect_err("no truth value");
    assert!(error.to_string().contains("`training` should be true or false, not \"yes\""), "{error}");
}

#[test]
fn keras_3_predicts_without_and_that_is_said() {
    for (name, layer) in [("dropout", "y"), ("lstm_dropout", "y"), ("nested_dropout", "d"), ("batch_5", "y")] {
        let case = case(name, true);
        let model = case.load(Semantics::Keras).expect(name);
        let [warning] = model.warnings() else { panic!("{name}: {:?}", model.warnings()) };
        assert!(warning.starts_with(&format!("layer `{layer}` is called with training=True, which is")), "{warning}");
        assert!(said(&model).is_empty(), "{name}");
    }
    assert!(case("dropout_of_0", true).load(Semantics::Keras).expect("the model loads").warnings().is_empty());
}

#[test]
fn normalisation_that_sees_a_part_is_refused() {
    let refused = |key: &str, value: Value, fragment: &str| {
        let error = load("time_distributed", key, &value, Semantics::Keras).expect_err(fragment).to_string();
        assert!(error.contains(fragment), "{error}");
    };
    let inside = "normalises by moments of the batch, as training=True has it, inside TimeDistributed";
    // Without its axis it is computed step by step.
    refused("/config/layer/config/axis", Value::Null, inside);
}

#[test]
fn a_layer_called_both_ways_is_refused() {
    let case = case("batch_5", false);
    let mut topology = case.topology().clone();
    layers(&mut topology)[0]["inbound_nodes"] = json!([[["x", 0, 0, {"training": true}]], [["y", 0, 0, {}]]]);
    topology["model_config"]["config"]["output_layers"] = json!([["y", 1, 0]]);
    let error = case.load_as(&topology, Semantics::Keras).expect_err("both ways").to_string();
    assert!(error.contains("layer `y` (BatchNormalization): is called with training=True and without"), "{error}");
    let model = case.load_as(&topology, Semantics::TfJs).expect("TF.js knows one way");
    assert_eq!(said(&model), [SAID]);
}
