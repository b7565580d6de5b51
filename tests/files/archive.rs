//! Recorded models, with the answers of Keras and TF.js, in one archive.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use tfjs_wgpu::{LoadOptions, Model, NamedTensors, Semantics, tensor_file};

/// One recorded file.
pub(crate) struct Case {
    pub(crate) name: String,
    /// What `case.json` says of it.
    about: Value,
    files: BTreeMap<String, Vec<u8>>,
}

/// All of an archive in `tests/data`, in the order of their names.
pub(crate) fn all(archive: &str) -> Vec<Case> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(archive);
    let file = std::fs::File::open(&path).expect("the archive is there");
    let mut archive = zip::ZipArchive::new(file).expect("an archive");
    let mut cases: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        let name = entry.name().expect("a name").into_owned();
        let (case, file) = name.split_once('/').expect("a file of a case");
        let (case, file) = (case.to_string(), file.to_string());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("the bytes of an entry");
        cases.entry(case).or_default().insert(file, bytes);
    }
    let case = |(name, files): (String, BTreeMap<String, Vec<u8>>)| {
        let about = serde_json::from_slice(&files["case.json"]).expect("JSON");
        Case { name, about, files }
    };
    cases.into_iter().map(case).collect()
}

impl Case {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.about[key].as_str().unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("kind")
    }

    /// Whether no answer is right.
    pub(crate) fn is_to_be_refused(&self) -> bool {
        self.text("expect") == "refused"
    }

    /// The strings listed under `key`.
    pub(crate) fn list(&self, key: &str) -> Vec<&str> {
        self.about[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub(crate) fn load(&self, semantics: Semantics) -> tfjs_wgpu::Result<Model> {
        let shards = self.files.iter().filter(|(name, _)| name.ends_with(".bin"));
        let shards: Vec<(&str, &[u8])> = shards.map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let options = LoadOptions::default().semantics(semantics);
        Model::from_bytes(&self.files["model.json"], &shards, options)
    }

    pub(crate) fn inputs(&self) -> NamedTensors {
        self.tensors("input").expect("inputs are recorded")
    }

    /// The answers of `keras` or `tfjs`, in the order of the model's outputs; none where it refuses the model.
    pub(crate) fn answers(&self, of: &str) -> Option<NamedTensors> {
        self.tensors(of)
    }

    fn tensors(&self, name: &str) -> Option<NamedTensors> {
        let bytes = self.files.get(&format!("{name}.safetensors"))?;
        Some(tensor_file::from_bytes(bytes, tensor_file::Format::Safetensors).expect("tensors"))
    }
}
