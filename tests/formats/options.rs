//! Options of layers over positions that are out of all proportion: refused, or taken, but never a panic.

use crate::artifact::{functional, input_layer};
use serde_json::{Value, json};
use tfjs_wgpu::{LoadOptions, Semantics};

/// Layers with and without weights, which are random.
fn layers() -> Vec<(&'static str, usize, Value)> {
    let kernel = |more: Value| {
        let mut config = json!({
            "kernel_size": 2, "strides": 1, "padding": "same", "dilation_rate": 1, "data_format": "channels_last",
            "use_bias": false,
        });
        config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        config
    };
    let pool = || json!({"pool_size": 2, "strides": 1, "padding": "same", "data_format": "channels_last"});
    vec![
        ("Conv1D", 1, kernel(json!({"filters": 2, "groups": 1}))),
        ("Conv3D", 3, kernel(json!({"filters": 2, "groups": 1}))),
        ("Conv2DTranspose", 2, kernel(json!({"filters": 2, "output_padding": 0, "strides": 2}))),
        ("DepthwiseConv2D", 2, kernel(json!({"depth_multiplier": 1}))),
        ("SeparableConv2D", 2, kernel(json!({"filters": 2, "depth_multiplier": 1}))),
        ("ConvLSTM2D", 3, kernel(json!({"filters": 2}))),
        ("MaxPooling1D", 1, pool()),
        ("AveragePooling3D", 3, pool()),
        ("GlobalMaxPooling2D", 2, json!({"data_format": "channels_last", "keepdims": true})),
        ("ZeroPadding2D", 2, json!({"padding": [[1, 0], [2, 1]], "data_format": "channels_last"})),
        ("Cropping1D", 1, json!({"cropping": [1, 1]})),
        ("UpSampling2D", 2, json!({"size": [2, 2], "interpolation": "bilinear", "data_format": "channels_last"})),
        ("Resizing", 2, json!({"height": 2, "width": 3, "interpolation": "nearest", "crop_to_aspect_ratio": true})),
        ("CenterCrop", 2, json!({"height": 2, "width": 1})),
        ("Rescaling", 2, json!({"scale": 2, "offset": [1, 2, 3]})),
    ]
}

#[test]
fn no_option_makes_a_layer_panic() {
    let sizes =
        [0.0, -1.0, 0.5, 5.0, 2f64.powi(31), 2f64.powi(32), 2f64.powi(40), 2f64.powi(53), -(2f64.powi(53)), 1e300];
    let numbers = sizes
        .iter()
        .map(|&size| if size.fract() == 0.0 && size.abs() < 1e16 { json!(size as i64) } else { json!(size) });
    let numbers: Vec<Value> = numbers.collect();
    let lists =
        numbers.iter().flat_map(|number| [json!([number, 1]), json!([[number, number], [1, number]]), json!([number])]);
    let others = [json!("other"), json!([]), json!({}), json!(true), json!([1, 2, 3, 4]), Value::Null];
    let values: Vec<Value> = numbers.iter().cloned().chain(lists).chain(others).collect();
    let (mut loaded, mut refused) = (0, 0);
    for (class, dims, config) in layers() {
        let keys: Vec<String> = config.as_object().expect("an object").keys().cloned().collect();
        for size in [4, 1 << 31, 1 << 40] {
            for (key, value) in keys.iter().flat_map(|key| values.iter().map(move |value| (key, value))) {
                let mut config = config.clone();
                config["name"] = json!("y");
                config[key.as_str()] = value.clone();
                let shape: Vec<usize> = std::iter::repeat_n(4, dims - 1).chain([size, 3]).collect();
                let layer = json!({
                    "class_name": class, "name": "y", "config": config, "inbound_nodes": [[["x", 0, 0, {}]]],
                });
                let artifact = functional(vec![input_layer("x", &shape), layer], &["x"], &["y"], &[]);
                for semantics in [Semantics::TfJs, Semantics::Keras] {
                    match artifact.load(LoadOptions::default().semantics(semantics).random_weights(1)) {
                        Ok(_) => loaded += 1,
                        Err(_) => refused += 1,
                    }
                }
            }
        }
    }
    assert!(loaded > 100 && refused > 1000, "{loaded} loaded, {refused} refused");
}
