//! Output files: they are written atomically, and must not replace files that the command reads.

use crate::model_file::ModelFile;
use std::path::{Path, PathBuf};
use tfjs_wgpu::{Error, ErrorKind, Result};

/// Fails if `output`, the file of `option`, is a file of the model or one of `others`: files that are read, with what
/// they are.
pub(crate) fn expect_not_read(option: &str, output: &Path, file: &ModelFile, others: &[(&Path, &str)]) -> Result<()> {
    // A file that does not exist is none of them.
    let Ok(target) = output.canonicalize() else { return Ok(()) };
    let is_target = |path: &Path| path.canonicalize().is_ok_and(|path| path == target);
    let what = if is_target(&file.path) {
        "the model itself"
    } else if belongs_to_model(&target, &file.folder) {
        "a file of the model"
    } else {
        match others.iter().find(|(path, _)| is_target(path)) {
            Some((_, what)) => what,
            None => return Ok(()),
        }
    };
    Err(Error::new(ErrorKind::Input, format!("is {what}"))
        .at(output.display().to_string())
        .hint(format!("choose another name for {option}")))
}

/// Whether a file looks like one of the files of a model in `folder`.
fn belongs_to_model(target: &Path, folder: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() };
    let named_so = target.file_name().is_some_and(|name| name == "model.json" || name == "model.onnx")
        || target.extension().is_some_and(|extension| extension == "bin");
    named_so && folder.canonicalize().is_ok_and(|folder| target.parent() == Some(&folder))
}
