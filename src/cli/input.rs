//! The inputs of a command: a named file, a file beside the model, or random numbers.

use crate::message;
use crate::model_file::{ModelFile, folder};
use crate::tensors::{self, Role};
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use tfjs_wgpu::internals::session;
use tfjs_wgpu::{Error, ErrorKind, LoadOptions, Model, NamedTensors, Result, Tensor};

/// The seed of random inputs.
const SEED: u64 = 1;

/// Inputs beside a model, in the order of preference.
pub(crate) const BESIDE_THE_MODEL: [&str; 3] = ["input.safetensors", "input.npz", "input.json"];

/// The origin of the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file the user named.
    Named(PathBuf),
    /// A file beside the model.
    Beside(PathBuf),
    /// Random numbers.
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

    /// Adds the file to `error` if the inputs caused it.
    pub(crate) fn blame(&self, error: Error) -> Error {
        match self.path() {
            Some(path) if error.kind() == ErrorKind::Input => error.at(path.display().to_string()),
            _ => error,
        }
    }
}

/// Inputs and their origin. They are read before the model, because they determine the sizes of its open dimensions.
#[derive(Debug)]
pub(crate) struct Inputs {
    origin: Origin,
    /// `None` for random inputs, which depend on the model.
    read: Option<Result<NamedTensors>>,
}

impl Inputs {
    /// Takes the file that the user named, else the one beside the model, else random rows.
    pub(crate) fn of(named: Option<&Path>, model: &Path, random_batch: usize) -> Inputs {
        let origin = match (named, beside(&folder(model), &BESIDE_THE_MODEL)) {
            (Some(path), _) => Origin::Named(path.to_path_buf()),
            (None, Some(path)) => Origin::Beside(path),
            (None, None) => Origin::Random { batch: random_batch },
        };
        let read = origin.path().map(|path| tensors::read(path, Role::Input));
        Inputs { origin, read }
    }

    /// Takes random rows, even if there is a file beside the model.
    pub(crate) fn random(batch: usize) -> Inputs {
        Inputs { origin: Origin::Random { batch }, read: None }
    }

    /// Loads the model. Sizes of the inputs take precedence over those of `options`.
    pub(crate) fn load(&self, model: &Path, mut options: LoadOptions) -> Result<ModelFile> {
        if let Some(Ok(inputs)) = &self.read {
            options.sizes = options.sizes.or_of(inputs);
        }
        let file = ModelFile::load(model, options)?;
        if self.read.is_none() { with_sizes_beside(file) } else { Ok(file) }
    }

    /// The inputs under the model's own names. Prints a note about their origin, unless the user named a file.
    pub(crate) fn into_tensors(self, file: &ModelFile) -> Result<(NamedTensors, Origin)> {
        let origin = self.origin;
        let Some(read) = self.read else {
            let Origin::Random { batch } = origin else { return Ok((NamedTensors::new(), origin)) };
            file.model.expect_sized()?;
            message::note(&format!("input: {origin} (--input FILE for your own)"));
            return Ok((session::random_inputs(&file.model, batch, SEED)?, origin));
        };
        if matches!(origin, Origin::Beside(_)) {
            message::note(&format!("input: {origin}"));
        }
        let mut inputs = read?;
        if let Some(path) = origin.path() {
            inputs = tensors::for_model(inputs, path, &file.model, Role::Input)?;
        }
        let (inputs, notes) = file.model.own_names(inputs).map_err(|error| origin.blame(error))?;
        notes.iter().for_each(|note| message::note(note));
        Ok((inputs, origin))
    }
}

/// The model with sizes for random inputs: dimensions without a size take those of the inputs beside the model. Prints
/// a note about them.
pub(crate) fn with_sizes_beside(file: ModelFile) -> Result<ModelFile> {
    let beside = if file.model.is_open() { beside(&file.folder, &BESIDE_THE_MODEL) } else { None };
    match beside {
        Some(path) => with_sizes_of(file, &path),
        None => Ok(file),
    }
}

/// The model at the sizes of the inputs in the file at `path`. The values of these inputs are not used.
pub(crate) fn with_sizes_of(mut file: ModelFile, path: &Path) -> Result<ModelFile> {
    if file.model.open_dimensions().is_empty() {
        let error = Error::new(ErrorKind::Input, "the model leaves no dimension open, and the numbers are random");
        return Err(error.at(path.display().to_string()).hint("leave --input out"));
    }
    let inputs = tensors::read(path, Role::Input)?;
    let sized = file.model.with_sizes_of(&inputs).map_err(|error| error.at(path.display().to_string()))?;
    let open = file.model.open_dimensions().iter().zip(sized.open_dimensions());
    let taken =
        open.filter(|(before, _)| before.size.is_none()).map(|(_, open)| format!("{open} is {}", open.graph_size));
    message::note(&format!("sizes as in {}: {}", path.display(), taken.collect::<Vec<_>>().join(", ")));
    file.model = sized;
    Ok(file)
}

/// The names of the inputs that have one row while others have several.
pub(crate) fn shared(model: &Model, inputs: &NamedTensors) -> Vec<String> {
    let rows = |tensor: &Tensor| tensor.shape().first().copied().unwrap_or(1);
    let names: HashSet<&str> = model.graph().inputs().map(|(_, node)| &*node.name).collect();
    let known = || inputs.iter().filter(|(name, _)| names.contains(name));
    let has_batch = known().any(|(_, tensor)| rows(tensor) > 1);
    let shared = known().filter(|(_, tensor)| has_batch && rows(tensor) == 1);
    shared.map(|(name, _)| name.to_string()).collect()
}

/// Adds a hint to `error` if the file that `option` names cannot be read.
pub(crate) fn path_hint(error: Error, option: &str) -> Error {
    if error.kind() == ErrorKind::Io && error.hint_text().is_none() {
        return error.hint(format!("give {option} the path of a file that you may read"));
    }
    error
}

/// The first of `names` that exists in the folder of a model.
pub(crate) fn beside(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}
