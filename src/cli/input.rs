//! Where the inputs come from: a file that is named, one that lies beside the model, or a random generator.

use crate::message;
use crate::model_file::ModelFile;
use std::fmt;
use std::path::{Path, PathBuf};
use tfjs_wgpu::{Error, ErrorKind, Model, NamedTensors, Result, Tensor, session, tensor_file};

/// The seed of random inputs.
const SEED: u64 = 1;

/// Inputs beside a model, in the order of preference.
pub(crate) const BESIDE_THE_MODEL: [&str; 3] = ["input.safetensors", "input.npz", "input.json"];

/// Where the inputs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file the user named.
    Named(PathBuf),
    /// A file beside the model.
    Beside(PathBuf),
    /// The generator.
    Random { batch: usize },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Named(path) | Origin::Beside(path) => write!(f, "{}", path.display()),
            Origin::Random { batch } => write!(f, "random, batch {batch}, seed {SEED}"),
        }
    }
}

impl Origin {
    /// The file, if there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Origin::Named(path) | Origin::Beside(path) => Some(path),
            Origin::Random { .. } => None,
        }
    }

    /// `error` with the file, if it is the inputs' fault.
    pub(crate) fn blame(&self, error: Error) -> Error {
        match self.path() {
            Some(path) if error.kind() == ErrorKind::Input => error.at(path.display().to_string()),
            _ => error,
        }
    }
}

/// The inputs for a model; a note says which, unless the user named them.
pub(crate) fn inputs(named: Option<&Path>, file: &ModelFile, random_batch: usize) -> Result<(NamedTensors, Origin)> {
    let origin = match (named, beside(file, &BESIDE_THE_MODEL)) {
        (Some(path), _) => Origin::Named(path.to_path_buf()),
        (None, Some(path)) => Origin::Beside(path),
        (None, None) => Origin::Random { batch: random_batch },
    };
    let inputs = match &origin {
        Origin::Named(path) => tensor_file::read(path).map_err(|error| path_hint(error, "--input"))?,
        Origin::Beside(path) => {
            message::note(&format!("input: {origin}"));
            tensor_file::read(path).map_err(|error| path_hint(error, "--input"))?
        }
        Origin::Random { batch } => {
            message::note(&format!("input: {origin} (--input FILE for your own)"));
            session::random_inputs(&file.model, *batch, SEED)?
        }
    };
    Ok((inputs, origin))
}

/// Random inputs of so many rows, whatever lies beside the model.
pub(crate) fn random(file: &ModelFile, batch: usize) -> Result<(NamedTensors, Origin)> {
    let origin = Origin::Random { batch };
    message::note(&format!("input: {origin}"));
    Ok((session::random_inputs(&file.model, batch, SEED)?, origin))
}

/// The names of the inputs of a model that are given with one row for a whole batch of the others.
pub(crate) fn shared(model: &Model, inputs: &NamedTensors) -> Vec<String> {
    let rows = |tensor: &Tensor| tensor.shape().first().copied().unwrap_or(1);
    let known = || inputs.iter().filter(|(name, _)| model.graph().inputs().any(|(_, node)| node.name == *name));
    let has_batch = known().any(|(_, tensor)| rows(tensor) > 1);
    let shared = known().filter(|(_, tensor)| has_batch && rows(tensor) == 1);
    shared.map(|(name, _)| name.to_string()).collect()
}

/// `error` with what to do if it is that the file which `option` names cannot be read.
pub(crate) fn path_hint(error: Error, option: &str) -> Error {
    if error.kind() == ErrorKind::Io && error.hint_text().is_none() {
        return error.hint(format!("give {option} the path of a file that you may read"));
    }
    error
}

/// The first of `names` that is a file beside the model.
pub(crate) fn beside(file: &ModelFile, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| file.folder.join(name)).find(|path| path.is_file())
}
