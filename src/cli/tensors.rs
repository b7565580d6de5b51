//! Files of tensors that a command reads: those of the library, and test data of ONNX.
//!
//! Test data is one tensor a file, `input_0.pb`, `input_1.pb`, … and `output_0.pb`, …, in a folder `test_data_set_0`. Each
//! has its name in it; one without is named after its file, which is its position.

use crate::input::path_hint;
use std::path::Path;
use tfjs_wgpu::{Model, NamedTensors, Result, tensor_file};

/// Which tensors of a model a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    Output,
}

impl Role {
    /// What test data of this kind begins with.
    #[cfg(feature = "onnx")]
    fn prefix(self) -> &'static str {
        match self {
            Role::Input => "input_",
            Role::Output => "output_",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Role::Input => "--input",
            Role::Output => "--expected",
        }
    }
}

/// Reads the tensors of a file, or of a folder of test data.
pub(crate) fn read(path: &Path, role: Role) -> Result<NamedTensors> {
    #[cfg(feature = "onnx")]
    let read = if test_data::is_it(path) { test_data::read(path, role.prefix()) } else { tensor_file::read(path) };
    #[cfg(not(feature = "onnx"))]
    let read = tensor_file::read(path);
    read.map_err(|error| path_hint(error, role.option()))
}

/// The tensors under the names of the model, if they are test data: those without a name by their position, and with a
/// batch of 1 where the file of the model has none.
#[cfg_attr(not(feature = "onnx"), allow(unused_variables, reason = "there is no test data"))]
pub(crate) fn for_model(tensors: NamedTensors, path: &Path, model: &Model, role: Role) -> Result<NamedTensors> {
    #[cfg(feature = "onnx")]
    if test_data::is_it(path) {
        return match role {
            Role::Input => test_data::fitted(tensors, &model.inputs().collect::<Vec<_>>(), role.prefix()),
            Role::Output => test_data::fitted(tensors, &model.outputs().collect::<Vec<_>>(), role.prefix()),
        };
    }
    Ok(tensors)
}

#[cfg(feature = "onnx")]
mod test_data {
    use super::{NamedTensors, Path, Result};
    use std::path::PathBuf;
    use tfjs_wgpu::internals::onnx::file::read_tensor;
    use tfjs_wgpu::{Error, ErrorKind, TensorType};

    /// Whether a path is a file of one tensor, or a folder of them.
    pub(super) fn is_it(path: &Path) -> bool {
        path.is_dir() || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pb"))
    }

    pub(super) fn read(path: &Path, prefix: &str) -> Result<NamedTensors> {
        let numbered = || (0..).map(|index| path.join(format!("{prefix}{index}.pb"))).take_while(|file| file.is_file());
        let files: Vec<PathBuf> = if path.is_dir() { numbered().collect() } else { vec![path.to_path_buf()] };
        if files.is_empty() {
            return Err(Error::new(ErrorKind::Input, format!("the folder has no file {prefix}0.pb"))
                .at(path.display().to_string())
                .hint("give a folder of test data of ONNX, such as test_data_set_0, or a file"));
        }
        let mut tensors = NamedTensors::new();
        for file in &files {
            let at = |error: Error| error.at(file.display().to_string());
            let read = std::fs::read(file)
                .map_err(|cause| Error::new(ErrorKind::Io, "cannot be read").cause(cause.to_string()));
            let (name, tensor) = read.and_then(|bytes| read_tensor(&bytes.into())).map_err(at)?;
            let stem = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let name = if name.is_empty() { stem() } else { name };
            if tensors.get(&name).is_some() {
                return Err(at(Error::new(ErrorKind::Input, format!("is the second tensor called `{name}`"))));
            }
            tensors.insert(name, tensor);
        }
        Ok(tensors)
    }

    pub(super) fn fitted(tensors: NamedTensors, own: &[(&str, &TensorType)], prefix: &str) -> Result<NamedTensors> {
        let mut fitted = NamedTensors::new();
        for (name, tensor) in tensors {
            let position = name.strip_prefix(prefix).and_then(|index| index.parse::<usize>().ok());
            let known = own.iter().find(|(known, _)| *known == name);
            let Some((name, ty)) = known.or_else(|| own.get(position?)) else {
                fitted.insert(name, tensor);
                continue;
            };
            let has_no_batch = ty.shape.rank() == tensor.shape().len() + 1;
            let shape = [&[1], tensor.shape()].concat();
            fitted.insert(*name, if has_no_batch { tensor.reshaped(&shape)? } else { tensor });
        }
        Ok(fitted)
    }
}
