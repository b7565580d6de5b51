//! The recorded cases, each as the bytes of a TF.js artifact made in memory.

use serde_json::{Value, json};
use std::path::PathBuf;
use tfjs_wgpu::internals::tensor::Data;
use tfjs_wgpu::{LoadOptions, Model, NamedTensors, Semantics, Tensor};

/// One recorded layer.
pub(crate) struct Case {
    pub(crate) class: String,
    pub(crate) name: String,
    /// The Keras that wrote and answered it.
    pub(crate) is_keras_3: bool,
    pub(crate) inputs: NamedTensors,
    json: Value,
}

/// All cases of all classes, of Keras 2 and of Keras 3.
pub(crate) fn all() -> Vec<Case> {
    ["cases", "cases_keras3"].into_iter().flat_map(read_folder).collect()
}

fn read_folder(name: &str) -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.iter().flat_map(read).collect()
}

fn read(file: &PathBuf) -> Vec<Case> {
    let json: Value = serde_json::from_slice(&std::fs::read(file).expect("a readable file")).expect("JSON");
    let class = json["class"].as_str().expect("a class");
    let case = |case: &Value| Case {
        class: class.into(),
        name: case["name"].as_str().expect("a name").into(),
        is_keras_3: json["versions"].get("keras").is_some(),
        inputs: tensors(&case["inputs"]),
        json: case.clone(),
    };
    json["cases"].as_array().expect("cases").iter().map(case).collect()
}

fn tensors(json: &Value) -> NamedTensors {
    json.as_object().expect("tensors by name").iter().map(|(name, json)| (name.as_str(), tensor(json))).collect()
}

fn tensor(json: &Value) -> Tensor {
    let shape: Vec<usize> = json["shape"].as_array().expect("a shape").iter().map(size).collect();
    let data = json["data"].as_array().expect("data");
    let data = match json["dtype"].as_str().unwrap_or("float32") {
        "int32" => Data::I32(data.iter().map(|value| value.as_i64().expect("an integer") as i32).collect()),
        "bool" => Data::Bool(data.iter().map(|value| value.as_bool().unwrap_or(value == 1)).collect()),
        _ => Data::F32(data.iter().map(float).collect()),
    };
    Tensor::new(&shape, data).expect("data of that shape")
}

fn size(json: &Value) -> usize {
    json.as_u64().expect("a size") as usize
}

/// Python writes NaN and infinities as words.
fn float(json: &Value) -> f32 {
    match json.as_str() {
        Some("NaN") => f32::NAN,
        Some("Infinity") => f32::INFINITY,
        Some("-Infinity") => f32::NEG_INFINITY,
        _ => json.as_f64().expect("a number") as f32,
    }
}

impl Case {
    /// What Keras or TF.js answered; none where it refused.
    pub(crate) fn expected(&self, semantics: Semantics) -> Option<NamedTensors> {
        // A fault of the backend the answers were recorded with: see the note on batch_normalization.
        let last_axis = |axis: &Value| axis.as_i64().or_else(|| axis[0].as_i64());
        let layer = &self.json["topology"]["model_config"]["config"]["layers"][1]["config"];
        let rank = self.inputs.iter().next().map_or(0, |(_, tensor)| tensor.shape().len() as i64);
        let is_other = |axis: i64| axis != -1 && axis != rank - 1;
        let fault = match self.class.as_str() {
            "BatchNormalization" => last_axis(&layer["axis"]).is_some_and(is_other),
            "Training" => ["axis_1", "axis_2"].iter().any(|ending| self.name.ends_with(ending)),
            _ => false,
        };
        let answer = match semantics {
            Semantics::TfJs if fault => return None,
            Semantics::TfJs if self.is_keras_3 => return None,
            Semantics::TfJs => &self.json["tfjs"],
            Semantics::Keras => &self.json["keras"],
        };
        answer.get("error").is_none().then(|| tensors(answer))
    }

    /// The topology of a model around the layer.
    pub(crate) fn topology(&self) -> &Value {
        &self.json["topology"]
    }

    pub(crate) fn load(&self, semantics: Semantics) -> tfjs_wgpu::Result<Model> {
        self.load_as(self.topology(), semantics)
    }

    /// The case with another topology.
    pub(crate) fn load_as(&self, topology: &Value, semantics: Semantics) -> tfjs_wgpu::Result<Model> {
        let mut bytes = Vec::new();
        let mut specs = Vec::new();
        for weight in self.json["weights"].as_array().expect("weights") {
            let values = tensor(weight);
            bytes.extend(values.as_f32().expect("floats").iter().flat_map(|value| value.to_le_bytes()));
            specs.push(json!({"name": weight["name"], "shape": weight["shape"], "dtype": "float32"}));
        }
        let model = json!({
            "format": "layers-model",
            "modelTopology": topology,
            "weightsManifest": [{"paths": ["weights.bin"], "weights": specs}],
        });
        let options = LoadOptions::default().semantics(semantics);
        Model::from_bytes(model.to_string().as_bytes(), &[("weights.bin", &bytes)], options)
    }
}
