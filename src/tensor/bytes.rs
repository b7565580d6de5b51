//! Bytes that may belong to somebody else: a file mapped into memory, for example.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Who keeps the bytes. What it gives must stay the same as long as it lives.
pub(crate) type BytesOwner = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A range of bytes that are never copied; clones share them.
#[derive(Clone)]
pub(crate) struct SharedBytes {
    owner: BytesOwner,
    range: Range<usize>,
}

impl SharedBytes {
    /// The bytes of `owner` in `range`; `None` if it does not have them.
    pub(crate) fn new(owner: BytesOwner, range: Range<usize>) -> Option<Self> {
        let bytes: &[u8] = (*owner).as_ref();
        bytes.get(range.clone())?;
        Some(SharedBytes { owner, range })
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        SharedBytes { owner: Arc::new(bytes), range }
    }
}

impl std::ops::Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let bytes: &[u8] = (*self.owner).as_ref();
        bytes.get(self.range.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.range.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_within_the_bytes_and_shares_them() {
        let owner: BytesOwner = Arc::new(vec![1u8, 2, 3, 4]);
        let bytes = SharedBytes::new(Arc::clone(&owner), 1..3).expect("within");
        assert_eq!(bytes[..], [2, 3]);
        assert_eq!(bytes.clone().as_ptr(), bytes.as_ptr());
        assert!(SharedBytes::new(Arc::clone(&owner), 2..5).is_none());
        assert_eq!(format!("{bytes:?}"), "2 bytes");
    }
}
