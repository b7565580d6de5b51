//! Keras 3 calls that would be misread, and so are refused: recorded ones with their arguments changed.

use crate::cases::{Case, all};
use serde_json::{Value, json};
use tfjs_wgpu::Semantics;

fn case(class: &str, name: &str) -> Case {
    let of_name = |case: &Case| case.class == class && case.name == name;
    let is_keras_3 = |case: &Case| case.topology().to_string().contains("__keras_tensor__");
    all().into_iter().find(|case| of_name(case) && is_keras_3(case)).expect("the case")
}

/// The arguments of the first call of the layer of `class`.
fn arguments<'t>(topology: &'t mut Value, class: &str) -> &'t mut Vec<Value> {
    let layers = topology["model_config"]["config"]["layers"].as_array_mut().expect("layers");
    let layer = layers.iter_mut().find(|layer| layer["class_name"] == class).expect("the layer");
    layer["inbound_nodes"][0]["args"].as_array_mut().expect("arguments")
}

fn assert_refused(case: &Case, class: &str, change: impl Fn(&mut Vec<Value>), fragment: &str) {
    let mut topology = case.topology().clone();
    case.load_as(&topology, Semantics::Keras).expect("the case as it is");
    change(arguments(&mut topology, class));
    let error = case.load_as(&topology, Semantics::Keras).expect_err("the changed case").to_string();
    assert!(error.contains(fragment), "{error}");
}

#[test]
fn items_by_two_ellipses() {
    let case = case("OperationsShapes", "item_ellipsis");
    let ellipsis = json!({"class_name": "__ellipsis__", "config": {}});
    for last in [json!(0), Value::Null] {
        let keys = json!([ellipsis, ellipsis, last]);
        assert_refused(&case, "GetItem", |arguments| arguments[1] = keys.clone(), "more than one `...`");
    }
}

#[test]
fn arguments_that_are_no_tensors() {
    let case = case("GRU", "plain");
    assert_refused(
        &case,
        "GRU",
        |arguments| arguments.push(json!(true)),
        "its positional argument true is not supported",
    );
    let after_one_left_out = |arguments: &mut Vec<Value>| arguments.extend([Value::Null, arguments[0].clone()]);
    assert_refused(&case, "GRU", after_one_left_out, "its positional argument");
}
