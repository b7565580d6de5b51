//! Files below a folder, mapped into memory: their pages are read when they are needed, and are the system's to drop again.

use super::{Folder, SharedBytes, Source, SourceBytes};
use crate::error::Result;
use std::path::PathBuf;

/// The files below a folder, mapped into memory. Large weights that can be used as they are stored are left in their files.
///
/// A file that cannot be mapped is read: an empty one, or one on a file system without mapping.
#[derive(Debug, Clone)]
pub struct MappedFolder(Folder);

impl MappedFolder {
    /// The files below `folder`.
    ///
    /// # Safety
    ///
    /// No file that the weights manifest names may be changed or shortened, by any process, as long as a model that was loaded
    /// from this source is in use, or a clone of it, or a session that was opened with it. A changed file changes memory that Rust
    /// takes to be constant; reading behind the end of a shortened one ends the process. To replace a model, write new files and
    /// rename them over the old ones: a mapping keeps the file that it was made of.
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
        // SAFETY: the mapping is read-only, and the caller of `new` promised that the file does not change.
        #[allow(unsafe_code)]
        let mapping = unsafe { memmap2::Mmap::map(&file) };
        Ok(match mapping {
            Ok(mapping) if !mapping.is_empty() => SourceBytes::Shared(SharedBytes::from_owner(mapping)),
            _ => SourceBytes::reader(file),
        })
    }
}
