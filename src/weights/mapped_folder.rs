//! Files in a folder, mapped into memory: pages are read on demand, and the system may drop them again.

use super::{Folder, SharedBytes, Source, SourceBytes};
use crate::error::Result;
use std::path::PathBuf;

/// The files in a folder, mapped into memory. Large weights that can be used in their stored form stay in their files.
///
/// A file that cannot be mapped is read instead: an empty file, or one on a file system that does not support mapping.
#[derive(Debug, Clone)]
pub struct MappedFolder(Folder);

impl MappedFolder {
    /// The files in `folder`.
    ///
    /// # Safety
    ///
    /// No process may change or truncate a file named in the weights manifest while a model that was loaded from this
    /// source, a clone of the model, or a session opened with it is in use. Changing a file changes memory that Rust
    /// assumes to be constant. Reading past the end of a truncated file ends the process. To replace a model, write new
    /// files and rename them over the old ones: a mapping keeps the file from which it was created.
    #[allow(unsafe_code)]
    pub unsafe fn new(folder: impl Into<PathBuf>) -> MappedFolder {
        MappedFolder(Folder::new(folder))
    }
}

impl Source for MappedFolder {
    fn size(&self, path: &str) -> Result<u64> {
        self.0.size(path)
    }

    fn open(&self, path: &str) -> Result<SourceBytes<'_>> {
        let file = self.0.file(path)?;
        // SAFETY: the mapping is read-only, and the caller of `new` guarantees that the file does not change.
        #[allow(unsafe_code)]
        let mapping = unsafe { memmap2::Mmap::map(&file) };
        Ok(match mapping {
            Ok(mapping) if !mapping.is_empty() => SourceBytes::Shared(SharedBytes::from_owner(mapping)),
            _ => SourceBytes::reader(file),
        })
    }
}
