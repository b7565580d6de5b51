//! Weight files mapped into memory: their pages are read when they are needed and are the system's to drop again.

use crate::tensor::BytesOwner;
use std::fs::File;
use std::sync::Arc;

/// The bytes of a file where they lie; `None` where it cannot be mapped: an empty file, a file system without it.
pub(super) fn map(file: &File) -> Option<BytesOwner> {
    // SAFETY: the mapping is read-only and is only read as plain bytes. What the compiler must be able to rely on, that
    // they stay as they are, no program can enforce: `Model::load` asks it of whoever owns the files.
    #[allow(unsafe_code)]
    let mapping = unsafe { memmap2::Mmap::map(file) }.ok()?;
    Some(Arc::new(mapping))
}
