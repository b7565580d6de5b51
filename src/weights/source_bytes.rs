//! The bytes of one file, in the form in which a source provides them.

use super::SharedBytes;
use std::fmt;
use std::io::Read;

/// The bytes of one file.
#[non_exhaustive]
pub enum SourceBytes<'s> {
    /// Memory that lives as long as it is needed. Large weights that can be used in their stored form stay there.
    Shared(SharedBytes),
    /// Memory that is available while the model is loaded. Each weight is copied once, to its final place.
    Borrowed(&'s [u8]),
    /// A reader. It is read once, from the first byte on, and each weight directly into its final place.
    Reader(Box<dyn Read + 's>),
}

impl<'s> SourceBytes<'s> {
    /// Bytes read from `reader`.
    pub fn reader(reader: impl Read + 's) -> SourceBytes<'s> {
        SourceBytes::Reader(Box::new(reader))
    }
}

impl fmt::Debug for SourceBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceBytes::Shared(bytes) => write!(f, "shared: {} bytes", bytes.len()),
            SourceBytes::Borrowed(bytes) => write!(f, "borrowed: {} bytes", bytes.len()),
            SourceBytes::Reader(_) => f.write_str("a reader"),
        }
    }
}
