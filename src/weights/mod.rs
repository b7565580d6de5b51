//! Where the bytes of weight files come from: a [`Source`] provides files by their paths in a weights manifest.
//!
//! A source reports the size of a file before anything is allocated for it, and then provides its bytes, as memory or
//! as a reader. It does not know what the bytes mean.

mod folder;
#[cfg(feature = "mmap")]
mod mapped_folder;
mod memory;
mod source_bytes;

pub use crate::tensor::SharedBytes;
pub use folder::Folder;
#[cfg(feature = "mmap")]
pub use mapped_folder::MappedFolder;
pub use memory::Memory;
pub use source_bytes::SourceBytes;

use crate::error::Result;

/// Weight files by their paths in the manifest, which are relative and use `/` as the separator.
///
/// Loading first asks for the sizes of all files, and compares them with the manifest. Only then does it open files,
/// each once, in the order of the manifest. A source need not be trusted: it is an error if a file turns out to be
/// shorter or longer than reported.
///
/// ```
/// use std::collections::HashMap;
/// use tfjs_wgpu::weights::{Source, SourceBytes};
/// use tfjs_wgpu::{Error, ErrorKind, Result};
///
/// /// Files that a server sent, decompressed while they are read.
/// struct Downloads(HashMap<String, Vec<u8>>);
///
/// impl Downloads {
///     fn get(&self, path: &str) -> Result<&Vec<u8>> {
///         self.0.get(path).ok_or_else(|| Error::new(ErrorKind::Weights, "the server did not send the file"))
///     }
/// }
///
/// impl Source for Downloads {
///     fn size(&self, path: &str) -> Result<u64> {
///         Ok(self.get(path)?.len() as u64)
///     }
///
///     fn open(&self, path: &str) -> Result<SourceBytes<'_>> {
///         Ok(SourceBytes::reader(self.get(path)?.as_slice()))
///     }
/// }
/// ```
pub trait Source: Send + Sync {
    /// The size of the file in bytes.
    ///
    /// # Errors
    ///
    /// Of any kind, usually [`ErrorKind::Weights`](crate::ErrorKind::Weights) if there is no such file. Loading adds
    /// the path.
    fn size(&self, path: &str) -> Result<u64>;

    /// The bytes of the file, from the beginning.
    ///
    /// # Errors
    ///
    /// Of any kind. Loading adds the path.
    fn open(&self, path: &str) -> Result<SourceBytes<'_>>;
}
