//! The files that hold the tensors of a model: its own, and files beside it that it names (`external_data`).
//!
//! A model names a file, and must not choose which of all files that is: only plain names are taken, and what they lead to
//! must be a regular file in the folder of the model.

use super::tensor_proto::External;
use crate::error::{Error, Result};
use crate::tensor::SharedBytes;
use crate::weights::{Source, SourceBytes};
use std::collections::HashMap;
use std::fmt;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

const ONE_FILE: &str = "copy the file beside the model, or save the model as one file \
                        (`torch.onnx.export(…, external_data=False)`, or `onnx.save`)";

/// Where the bytes of stored tensors are.
pub struct TensorFiles<'s> {
    model: SharedBytes,
    source: &'s dyn Source,
    /// The file of the model, if it is in a folder.
    path: Option<PathBuf>,
    opened: HashMap<String, SharedBytes>,
}

impl<'s> TensorFiles<'s> {
    /// The bytes of the model, and the source of files beside it by their names.
    pub fn new(model: SharedBytes, source: &'s dyn Source) -> Self {
        TensorFiles { model, source, path: None, opened: HashMap::new() }
    }

    /// States that the source is the folder of this model file, so that links and special files in it are looked at
    /// before they are opened.
    #[must_use]
    pub fn beside(self, model_file: impl Into<PathBuf>) -> Self {
        TensorFiles { path: Some(model_file.into()), ..self }
    }

    /// The same files, of which none is open yet.
    #[must_use]
    pub(crate) fn again(&self) -> TensorFiles<'s> {
        TensorFiles {
            model: self.model.clone(),
            source: self.source,
            path: self.path.clone(),
            opened: self.opened.clone(),
        }
    }

    /// The number of bytes of the model's own file.
    pub(crate) fn model_bytes(&self) -> usize {
        self.model.len()
    }

    /// The files that were opened, by their names.
    pub(crate) fn opened(&self) -> impl Iterator<Item = (&String, &SharedBytes)> {
        self.opened.iter()
    }

    /// The same bytes with their owner. Bytes of other memory than the model's are copied.
    pub(super) fn share(&self, bytes: &[u8]) -> SharedBytes {
        let start = bytes.as_ptr().addr().checked_sub(self.model.as_ptr().addr());
        let range = start.and_then(|start| Some(start..start.checked_add(bytes.len())?));
        let shared = range.and_then(|range| self.model.range(range));
        shared.unwrap_or_else(|| SharedBytes::from(bytes.to_vec()))
    }

    /// The bytes of a tensor in another file.
    pub(super) fn external(&mut self, external: &External<'_>) -> Result<SharedBytes> {
        let name = external.location;
        expect_plain(name)?;
        if !self.opened.contains_key(name) {
            let bytes = self.open(name).map_err(|error| {
                let known = error.cause_text().is_some();
                let error = if known { error } else { error.cause("the model keeps weights in a file beside it") };
                error.at(format!("`{name}`")).hint(ONE_FILE)
            })?;
            self.opened.insert(name.into(), bytes);
        }
        let bytes = &self.opened[name];
        let found = range(external, bytes.len()).and_then(|range| bytes.range(range));
        found.ok_or_else(|| {
            let length = external.length.map_or(String::new(), |length| format!(" {length} bytes"));
            let error = Error::weights(format!("lies outside the file `{name}`"));
            let error = error.cause(format!("it takes{length} from byte {} of {}", external.offset, bytes.len()));
            error.hint("the file is of another export or was cut off; copy both files again")
        })
    }

    fn open(&self, name: &str) -> Result<SharedBytes> {
        if let Some(path) = &self.path {
            expect_beside(path, name)?;
        }
        let size = self.source.size(name)?;
        match self.source.open(name)? {
            SourceBytes::Shared(bytes) => Ok(bytes),
            SourceBytes::Borrowed(bytes) => Ok(bytes.to_vec().into()),
            SourceBytes::Reader(reader) => read(reader, size),
        }
    }
}

impl fmt::Debug for TensorFiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} other files", self.model, self.opened.len())
    }
}

/// The bytes of the tensor within a file of this length.
fn range(external: &External<'_>, file: usize) -> Option<Range<usize>> {
    let start = usize::try_from(external.offset).ok()?;
    let end = match external.length {
        Some(length) => start.checked_add(usize::try_from(length).ok()?)?,
        None => file,
    };
    (start <= end).then_some(start..end)
}

/// An error unless the location is the plain name of a file.
fn expect_plain(location: &str) -> Result<()> {
    let forbidden = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    if !location.is_empty() && location != "." && location != ".." && !location.contains(forbidden) {
        return Ok(());
    }
    let error = Error::weights(format!("is in {location:?}, which is not the plain name of a file"));
    let error = error.cause("a model may only name files that lie beside it");
    Err(error.hint("save the model again with its weights in its own folder, or as one file (`external_data=False`)"))
}

/// An error unless `name` leads to a regular file in the folder of the model. A cache may hold both as links into one
/// folder of its own.
fn expect_beside(model_file: &Path, name: &str) -> Result<()> {
    let folder = match model_file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // The source says best that there is no file.
    let Ok(target) = folder.join(name).canonicalize() else { return Ok(()) };
    let allowed = [folder.canonicalize().ok(), model_file.canonicalize().ok().and_then(|file| parent(&file))];
    let is_there = parent(&target).is_some_and(|parent| allowed.contains(&Some(parent)));
    let fault = if !is_there {
        "it is a link to another folder"
    } else if !target.is_file() {
        "it is not a regular file"
    } else {
        return Ok(());
    };
    Err(Error::weights("the file of the weights is not opened").cause(fault))
}

fn parent(path: &Path) -> Option<PathBuf> {
    path.parent().map(Path::to_path_buf)
}

/// All bytes of a reader, which should be `size`.
fn read(reader: Box<dyn std::io::Read + '_>, size: u64) -> Result<SharedBytes> {
    let mut bytes = Vec::new();
    let reserved = usize::try_from(size).is_ok_and(|size| bytes.try_reserve_exact(size).is_ok());
    if !reserved {
        return Err(Error::limit("the file of the weights is larger than memory").cause(format!("it has {size} bytes")));
    }
    let unreadable = |cause| Error::weights("the file of the weights cannot be read").because(cause);
    let count = reader.take(size).read_to_end(&mut bytes).map_err(unreadable)? as u64;
    if count != size {
        let error = Error::weights("the file of the weights is shorter than its size was said to be");
        return Err(error.cause(format!("{count} of {size} bytes were read")));
    }
    Ok(bytes.into())
}
