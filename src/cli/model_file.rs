//! Loads a model, and prints its warnings.

use crate::message;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tfjs_wgpu::{LoadOptions, Model, Result, Semantics};

/// A loaded model and the path it was loaded from.
pub(crate) struct ModelFile {
    pub(crate) model: Model,
    /// The model.json or the ONNX file.
    pub(crate) path: PathBuf,
    /// The folder of its files.
    pub(crate) folder: PathBuf,
    pub(crate) load_time: Duration,
}

impl ModelFile {
    /// Loads a file of a model or a folder that holds one, and prints the model's warnings.
    pub(crate) fn load(path: &Path, options: LoadOptions) -> Result<ModelFile> {
        let is_folder = path.is_dir();
        let start = Instant::now();
        let model = load(path, options)?;
        let load_time = start.elapsed();
        let path = Model::file(path)?;
        let folder = folder(&path);
        if is_folder && !path.ends_with("model.json") && !path.ends_with("model.onnx") {
            message::note(&format!("model: {}, the only model in the folder", path.display()));
        }
        if model.format().starts_with("onnx") && model.options().tfjs.semantics != Semantics::default() {
            let file = path.display();
            message::note(&format!("{file}: --semantics has no effect, because an ONNX file says what it computes"));
        }
        for warning in model.warnings() {
            message::warning(warning);
        }
        for note in model.notes() {
            message::note(note);
        }
        Ok(ModelFile { model, path, folder, load_time })
    }
}

/// Loads the model, with its weights mapped if possible.
fn load(path: &Path, options: LoadOptions) -> Result<Model> {
    #[cfg(feature = "mmap")]
    // SAFETY: `--help` and docs/command.md require that the files do not change while the command runs.
    #[allow(unsafe_code)]
    let model = unsafe { Model::load_mapped(path, options) };
    #[cfg(not(feature = "mmap"))]
    let model = Model::load(path, options);
    model
}

/// The folder of a model's files.
pub(crate) fn folder(path: &Path) -> PathBuf {
    if path.is_dir() { path.to_path_buf() } else { path.parent().unwrap_or(Path::new("")).to_path_buf() }
}

/// A line for each difference between TF.js and Keras on this model.
pub(crate) fn skew_lines(model: &Model) -> Vec<String> {
    let semantics = model.options().tfjs.semantics;
    let other = if semantics == Semantics::Keras { Semantics::TfJs } else { Semantics::Keras };
    let mut layers_by_difference: Vec<(&str, Vec<String>)> = Vec::new();
    for skew in model.skews() {
        let layer = format!("`{}`", skew.layer);
        match layers_by_difference.iter_mut().find(|(difference, _)| *difference == skew.difference) {
            Some((_, layers)) => layers.push(layer),
            None => layers_by_difference.push((skew.difference, vec![layer])),
        }
    }
    let line = |(difference, layers): (&str, Vec<String>)| {
        let noun = if layers.len() == 1 { "layer" } else { "each of the layers" };
        format!(
            "TF.js and Keras differ here: {noun} {} {difference}; answering as {semantics} (--semantics {other} for \
             the other)",
            layers.join(", ")
        )
    };
    layers_by_difference.into_iter().map(line).collect()
}
