//! What no recorded model has: layers and outputs of constants, and functions that Keras 2 has no recording of.

use serde_json::{Value, json};
use tfjs_wgpu::internals::reference;
use tfjs_wgpu::{Device, LoadOptions, Model, NamedTensors, OnBadId, Prediction, Session, Tensor};

fn input(name: &str, size: usize, dtype: &str) -> Value {
    json!({
        "class_name": "InputLayer", "name": name, "inbound_nodes": [],
        "config": {"name": name, "batch_input_shape": [null, size], "dtype": dtype},
    })
}

/// A TensorFlow function as Keras 2 writes it.
fn function(name: &str, function: &str, call: Value) -> Value {
    json!({
        "class_name": "TFOpLambda", "name": name, "inbound_nodes": [call],
        "config": {"name": name, "trainable": true, "dtype": "float32", "function": function},
    })
}

fn embedding(name: &str, ids: &str) -> Value {
    json!({
        "class_name": "Embedding", "name": name, "inbound_nodes": [[[ids, 0, 0, {}]]],
        "config": {"name": name, "input_dim": 4, "output_dim": 1, "mask_zero": false},
    })
}

fn load(layers: Vec<Value>, output: &str, weights: Value, bytes: &[u8]) -> tfjs_wgpu::Result<Model> {
    load_with(layers, output, weights, bytes, LoadOptions::default())
}

fn load_with(
    layers: Vec<Value>,
    output: &str,
    weights: Value,
    bytes: &[u8],
    options: LoadOptions,
) -> tfjs_wgpu::Result<Model> {
    let config = json!({
        "name": "model", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [[output, 0, 0]],
    });
    let model = json!({
        "modelTopology": {"keras_version": "2.17.0", "model_config": {"class_name": "Functional", "config": config}},
        "weightsManifest": [{"paths": ["w.bin"], "weights": weights}],
    });
    Model::from_bytes(model.to_string().as_bytes(), &[("w.bin", bytes)], options)
}

/// The layers that count the positions of `x`, which have the name `places`.
fn places(size: usize) -> Vec<Value> {
    vec![
        input("x", size, "int32"),
        function("shape", "compat.v1.shape", json!(["x", 0, 0, {}])),
        function("size", "__operators__.getitem", json!(["shape", 0, 0, {"slice_spec": 1}])),
        function("places", "range", json!(["size", 0, 0, {}])),
    ]
}

/// `Embedding(tf.range(tf.shape(ids)[1]))`, which is known when the model is loaded.
#[test]
fn positions_are_looked_up_once() {
    let mut layers = places(3);
    layers.extend([
        embedding("items", "x"),
        embedding("where", "places"),
        function("y", "__operators__.add", json!(["items", 0, 0, {"y": ["where", 0, 0]}])),
    ]);
    let weight = |name: &str| json!({"name": name, "shape": [4, 1], "dtype": "float32"});
    let weights = json!([weight("items/embeddings"), weight("where/embeddings")]);
    let tables: Vec<u8> = [1f32, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let model = load(layers, "y", weights, &tables).expect("it loads");
    let ids = Tensor::i32(&[1, 3], vec![3, 0, 2]).expect("ids");
    let inputs: NamedTensors = [("x", ids)].into_iter().collect();
    let outputs = reference::run(model.graph(), &inputs).expect("an answer");
    assert_eq!(outputs.get("y").expect("y").as_f32().expect("floats"), [14.0, 21.0, 33.0]);
    assert!(model.graph().nodes().len() <= 5, "{}", model.graph());
}

/// What is the same for all samples is no output, and of layers only an Embedding takes it.
#[test]
fn constants_are_no_samples() {
    let refused = |layers: Vec<Value>, output: &str| {
        let error = load(layers, output, json!([]), &[]).expect_err("it is refused");
        error.to_string()
    };
    assert!(refused(places(3), "places").contains("the same for all samples"));
    let mut layers = places(3);
    layers.push(json!({
        "class_name": "Flatten", "name": "y", "inbound_nodes": [[["places", 0, 0, {}]]], "config": {"name": "y"},
    }));
    assert!(refused(layers, "y").contains("the same for all samples"));
    assert!(refused(places(3), "shape").contains("samples in the batch"));
}

#[test]
fn functions_without_a_recording() {
    let answer = |name: &str, call: Value, x: &[f32]| {
        let model = load(vec![input("x", x.len(), "float32"), function("y", name, call)], "y", json!([]), &[]);
        let x = Tensor::f32(&[1, x.len()], x.to_vec()).expect("a tensor");
        let inputs: NamedTensors = [("x", x)].into_iter().collect();
        let outputs = reference::run(model.expect("it loads").graph(), &inputs).expect("an answer");
        outputs.get("y").expect("y").as_f32().expect("floats").to_vec()
    };
    let alone = || json!(["x", 0, 0, {}]);
    assert_eq!(answer("math.reciprocal_no_nan", alone(), &[4.0, 0.0, -2.0]), [0.25, 0.0, -0.5]);
    assert_eq!(answer("math.rint", alone(), &[0.5, 1.5, -2.5]), [0.0, 2.0, -2.0]);
    let log = answer("math.xlog1py", json!(["x", 0, 0, {"y": -1.0}]), &[0.0]);
    assert_eq!(log, [0.0]);
    let ranks = answer("math.multiply", json!(["x", 0, 0, {"y": ["x", 0, 0]}]), &[3.0, -2.0]);
    assert_eq!(ranks, [9.0, 4.0]);
}

/// A few bytes may ask for any number of elements.
#[test]
fn constants_beyond_reason_are_refused() {
    let refused = |size: usize, name: &str, options: Value| {
        let call = json!(["x", 0, 0, options]);
        let error = load(vec![input("x", size, "float32"), function("y", name, call)], "y", json!([]), &[]);
        let error = error.expect_err("it is refused").to_string();
        assert!(error.contains("beyond reason") || error.contains("tiles"), "{error}");
    };
    let much = 1 << 28;
    refused(much, "roll", json!({"shift": 1, "axis": 1}));
    refused(much, "tile", json!({"multiples": [1, 3]}));
    refused(much, "repeat", json!({"repeats": 2, "axis": 1}));
    refused(much, "linalg.diag", json!({}));
    refused(much, "compat.v1.pad", json!({"paddings": [[0, 0], [1, 1]], "mode": "REFLECT"}));
    refused(much, "compat.v1.pad", json!({"paddings": [[0, 0], [1, 1]], "constant_values": 1}));
    refused(much, "math.cumulative_logsumexp", json!({"axis": 1}));
}

/// Positions that are an input's are looked at like ids, and follow the choice for those.
#[test]
fn positions_outside_are_counted_refused_or_the_nearest() {
    let predict = |on_bad_id: OnBadId| {
        let call =
            json!(["_CONSTANT_VALUE", -1, [1.0, 2.0, 3.0], {"indices": ["x", 0, 0], "axis": null, "batch_dims": 0}]);
        let layers = vec![input("x", 3, "int32"), function("y", "compat.v1.gather", call)];
        let options = LoadOptions::default().on_bad_id(on_bad_id);
        let model = load_with(layers, "y", json!([]), &[], options).expect("it loads");
        let inputs: NamedTensors = [("x", Tensor::i32(&[1, 3], vec![2, 7, -1]).expect("ids"))].into_iter().collect();
        Session::open(&model, Device::Cpu).expect("the CPU opens").predict(&inputs)
    };
    let answer = |prediction: &Prediction| prediction.outputs.get("y").expect("y").to_f64();
    let zeros = predict(OnBadId::Zero).expect("an answer");
    assert_eq!((answer(&zeros), zeros.bad_ids[0].count, zeros.bad_ids[0].first), (vec![3.0, 0.0, 0.0], 2, 7));
    assert_eq!(answer(&predict(OnBadId::Clamp).expect("an answer")), [3.0, 3.0, 1.0]);
    let error = predict(OnBadId::Error).expect_err("it is refused");
    assert_eq!(error.to_string(), "input `x`: 2 of its ids are outside the table of layer `y`");
}
