//! Files in a folder, read into memory rather than mapped.

use super::{Source, SourceBytes};
use crate::error::{Error, Result};
use std::fs::File;
use std::path::PathBuf;

/// The files in a folder. Each is read once; later changes to it do not affect the model.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The files in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Folder {
        Folder(folder.into())
    }

    pub(super) fn file(&self, path: &str) -> Result<File> {
        File::open(self.0.join(path)).map_err(error)
    }
}

impl Source for Folder {
    fn size(&self, path: &str) -> Result<u64> {
        Ok(std::fs::metadata(self.0.join(path)).map_err(error)?.len())
    }

    fn open(&self, path: &str) -> Result<SourceBytes<'_>> {
        Ok(SourceBytes::reader(self.file(path)?))
    }
}

fn error(cause: std::io::Error) -> Error {
    Error::weights("the weight file cannot be read")
        .because(cause)
        .hint("all files that the weights manifest names must lie beside model.json")
}
