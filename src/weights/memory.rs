//! Files that are already in memory.

use super::{SharedBytes, Source, SourceBytes};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// Files in memory, borrowed or shared, by the paths in the weights manifest.
///
/// ```
/// use std::sync::Arc;
/// use tfjs_wgpu::weights::Memory;
///
/// let downloaded: Arc<[u8]> = Arc::from([0u8; 8]);
/// let small = [0u8; 4];
/// let source = Memory::new().shared("group1-shard1of2.bin", downloaded).borrowed("group1-shard2of2.bin", &small);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Memory<'b>(HashMap<String, Held<'b>>);

#[derive(Debug, Clone)]
enum Held<'b> {
    Shared(SharedBytes),
    Borrowed(&'b [u8]),
}

impl<'b> Memory<'b> {
    /// An empty set of files.
    pub fn new() -> Memory<'b> {
        Memory::default()
    }

    /// Adds a file whose memory is shared with the model. Large weights that can be used in their stored form are not
    /// copied.
    #[must_use]
    pub fn shared(mut self, path: impl AsRef<str>, bytes: impl Into<SharedBytes>) -> Memory<'b> {
        self.0.insert(without_dot(path.as_ref()).into(), Held::Shared(bytes.into()));
        self
    }

    /// Adds a file whose memory belongs to the caller. Its weights are copied once.
    #[must_use]
    pub fn borrowed(mut self, path: impl AsRef<str>, bytes: &'b [u8]) -> Memory<'b> {
        self.0.insert(without_dot(path.as_ref()).into(), Held::Borrowed(bytes));
        self
    }

    fn get(&self, path: &str) -> Result<&Held<'b>> {
        self.0.get(without_dot(path)).ok_or_else(|| {
            Error::weights("the weight file was not given")
                .hint("give each file under its path in the weights manifest")
        })
    }
}

impl Source for Memory<'_> {
    fn size(&self, path: &str) -> Result<u64> {
        Ok(match self.get(path)? {
            Held::Shared(bytes) => bytes.len(),
            Held::Borrowed(bytes) => bytes.len(),
        } as u64)
    }

    fn open(&self, path: &str) -> Result<SourceBytes<'_>> {
        Ok(match self.get(path)? {
            Held::Shared(bytes) => SourceBytes::Shared(bytes.clone()),
            Held::Borrowed(bytes) => SourceBytes::Borrowed(bytes),
        })
    }
}

/// A path without the leading `./` that TF.js writes.
fn without_dot(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}
