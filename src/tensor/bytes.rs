//! Bytes that may belong to somebody else: a file mapped into memory, for example.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Shared bytes. Clones and ranges copy nothing and keep the owner alive.
///
/// ```
/// use std::sync::Arc;
/// use tfjs_wgpu::weights::SharedBytes;
///
/// let bytes = SharedBytes::from(Arc::<[u8]>::from([1, 2, 3, 4]));
/// assert_eq!(bytes.range(1..3).as_deref(), Some(&[2, 3][..]));
/// ```
#[derive(Clone)]
pub struct SharedBytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl SharedBytes {
    /// All bytes of `owner`. What it gives must stay the same as long as it lives, or a model that was loaded from it
    /// answers something else.
    pub fn from_owner(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> SharedBytes {
        let range = 0..owner.as_ref().len();
        SharedBytes { owner: Arc::new(owner), range }
    }

    /// Some of these bytes; `None` if there are fewer.
    pub fn range(&self, range: Range<usize>) -> Option<SharedBytes> {
        self.get(range.clone())?;
        let start = self.range.start;
        Some(SharedBytes { owner: Arc::clone(&self.owner), range: start + range.start..start + range.end })
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        SharedBytes::from_owner(bytes)
    }
}

impl From<Arc<[u8]>> for SharedBytes {
    fn from(bytes: Arc<[u8]>) -> Self {
        SharedBytes::from_owner(bytes)
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
        let all = SharedBytes::from(vec![1u8, 2, 3, 4]);
        let bytes = all.range(1..3).expect("within");
        assert_eq!(bytes[..], [2, 3]);
        assert_eq!(bytes.clone().as_ptr(), bytes.as_ptr());
        assert_eq!(bytes.range(1..2).as_deref(), Some(&[3][..]));
        assert!(all.range(2..5).is_none() && bytes.range(0..3).is_none());
        assert_eq!(format!("{bytes:?}"), "2 bytes");
    }
}
