//! The bytes of one file, in the form in which a source has them.

use super::SharedBytes;
use std::fmt;
use std::io::Read;

/// The bytes of one file.
#[non_exhaustive]
pub enum SourceBytes<'s> {
    /// Memory that lives as long as anyone needs it. Large weights that can be used as they are stored are left there.
    Shared(SharedBytes),
    /// Memory that is there while the model is loaded. Each weight is copied once, to where it stays.
    Borrowed(&'s [u8]),
    /// A reader. It is read once, from the first byte on, and each weight straight into the memory where it stays.
    Reader(Box<dyn Read + 's>),
}

impl<'s> SourceBytes<'s> {
    /// Bytes that come from `reader`.
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
