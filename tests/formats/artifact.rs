//! A TF.js artifact made in memory, to be damaged.

use serde_json::{Map, Value, json};
use tfjs_wgpu::{LoadOptions, Model};

/// `model.json` and its shards.
pub(crate) struct Artifact {
    pub(crate) json: Value,
    /// Stands in for `json` where that could not be written.
    pub(crate) raw_json: Option<Vec<u8>>,
    pub(crate) shards: Vec<(String, Vec<u8>)>,
}

/// The InputLayer `name` for samples of shape `sample`.
pub(crate) fn input_layer(name: &str, sample: &[usize]) -> Value {
    let shape: Vec<Value> = std::iter::once(Value::Null).chain(sample.iter().map(|&dim| json!(dim))).collect();
    json!({
        "class_name": "InputLayer", "name": name, "inbound_nodes": [],
        "config": {"name": name, "batch_input_shape": shape, "dtype": "float32", "sparse": false},
    })
}

/// A Functional model of these layers, with one shard of float32 weights 0, 1, 2, ….
pub(crate) fn functional(
    layers: Vec<Value>,
    inputs: &[&str],
    outputs: &[&str],
    weights: &[(&str, &[usize])],
) -> Artifact {
    let tensors = |names: &[&str]| names.iter().map(|name| json!([name, 0, 0])).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    let mut specs = Vec::new();
    for (name, shape) in weights {
        let count: usize = shape.iter().product();
        bytes.extend((0..count).flat_map(|value| (value as f32).to_le_bytes()));
        specs.push(json!({"name": name, "shape": shape, "dtype": "float32"}));
    }
    let config = json!({
        "name": "model", "layers": layers, "input_layers": tensors(inputs), "output_layers": tensors(outputs),
    });
    let json = json!({
        "format": "layers-model",
        "modelTopology": {"keras_version": "2.17.0", "model_config": {"class_name": "Functional", "config": config}},
        "weightsManifest": [{"paths": ["weights.bin"], "weights": specs}],
    });
    Artifact { json, raw_json: None, shards: vec![("weights.bin".into(), bytes)] }
}

/// `x` [N, 2] through a Dense layer `y` of 3 units.
pub(crate) fn dense_model() -> Artifact {
    let dense = json!({
        "class_name": "Dense", "name": "y", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {"name": "y", "units": 3, "activation": "linear", "use_bias": true},
    });
    functional(vec![input_layer("x", &[2]), dense], &["x"], &["y"], &[("y/kernel", &[2, 3]), ("y/bias", &[3])])
}

impl Artifact {
    pub(crate) fn config(&mut self) -> &mut Value {
        &mut self.json["modelTopology"]["model_config"]["config"]
    }

    pub(crate) fn layer(&mut self, index: usize) -> &mut Value {
        &mut self.config()["layers"][index]
    }

    pub(crate) fn layer_config(&mut self, index: usize) -> &mut Map<String, Value> {
        self.layer(index)["config"].as_object_mut().expect("a config")
    }

    pub(crate) fn specs(&mut self) -> &mut Vec<Value> {
        self.json["weightsManifest"][0]["weights"].as_array_mut().expect("weights")
    }

    pub(crate) fn spec(&mut self, index: usize) -> &mut Value {
        &mut self.specs()[index]
    }

    pub(crate) fn load(&self, options: LoadOptions) -> tfjs_wgpu::Result<Model> {
        let json = self.raw_json.clone().unwrap_or_else(|| self.json.to_string().into_bytes());
        let shards: Vec<(&str, &[u8])> =
            self.shards.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        Model::from_bytes(&json, &shards, options)
    }
}
