//! The recorded models, as tests/data/models.json lists them.

use serde_json::Value;
use std::path::PathBuf;
use tfjs_wgpu::{LoadOptions, Model, NamedTensors, Semantics, tensor_file};

/// One recorded model.
pub(crate) struct Golden {
    pub(crate) name: String,
    /// `ok`, or what TF.js says when it loads or runs the model.
    #[cfg_attr(not(feature = "study"), allow(dead_code))]
    pub(crate) tfjs: String,
}

fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// All recorded models.
pub(crate) fn all() -> Vec<Golden> {
    let json = std::fs::read(data("models.json")).expect("tests/data/models.json is there");
    let json: Value = serde_json::from_slice(&json).expect("models.json is JSON");
    let text = |model: &Value, key: &str| model[key].as_str().expect("a string").to_string();
    let models = json.as_array().expect("an array").iter();
    models.map(|model| Golden { name: text(model, "name"), tfjs: text(model, "tfjs") }).collect()
}

impl Golden {
    /// Where TF.js's recorded answer is the fault of the backend it was recorded with: its pure JavaScript backend
    /// pairs the elements of a BatchNormalization on axis 1 with the wrong statistics, its GPU backends do not.
    pub(crate) fn is_backend_fault(&self) -> bool {
        self.name == "batchnorm_axis1"
    }

    pub(crate) fn load(&self, semantics: Semantics) -> tfjs_wgpu::Result<Model> {
        self.load_with(LoadOptions::default().semantics(semantics))
    }

    pub(crate) fn load_with(&self, options: LoadOptions) -> tfjs_wgpu::Result<Model> {
        Model::load(data(&format!("models/{}", self.name)), options)
    }

    pub(crate) fn tensors(&self, file: &str) -> Option<NamedTensors> {
        let path = data(&format!("models/{}/{file}", self.name));
        path.exists().then(|| tensor_file::read(&path).expect("a readable tensor file"))
    }
}

/// A recorded model by name.
#[cfg(any(feature = "gpu", feature = "study"))]
pub(crate) fn golden(name: &str) -> Golden {
    all().into_iter().find(|golden| golden.name == name).expect("a recorded model of that name")
}
