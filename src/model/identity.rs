//! The identity of a model: a SHA-256 of its topology and of its stored weights. It does not depend on how the model
//! was loaded.

use super::Model;
use crate::digest::{Digest, Hasher};
use crate::tensor::SharedBytes;
use rayon::prelude::*;
use std::fmt;
use std::sync::OnceLock;

/// Identifies a model: the SHA-256 of its topology and its stored weights.
///
/// The identity of a model does not depend on the [source](crate::weights::Source) from which it was loaded, on the
/// [options](crate::LoadOptions), or on how its weights are divided into files. It is displayed as 64 hexadecimal
/// digits, and is the SHA-256 of a UTF-8 text. Each line of this text ends with a line feed:
///
/// ```text
/// tfjs-wgpu model 1
/// topology DIGEST
/// weight DIGEST ENTRY
/// ```
///
/// The `topology` line contains the SHA-256 of the file's `modelTopology` in the canonical form of RFC 8785: without
/// spaces, names sorted, numbers as JavaScript writes them. It is followed by a `weight` line for each weight of the
/// manifest in its order, except those of the optimizer. A `weight` line contains the SHA-256 of the weight's bytes in
/// the files. Then follow the `name`, `shape`, `dtype` and `quantization` of its entry, as far as they are present, as
/// an object in the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelIdentity(Digest);

impl ModelIdentity {
    /// The 32 bytes of the SHA-256.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The data from which the identity of a model is computed, and the identity once it has been requested.
#[derive(Debug)]
pub(crate) struct Identified {
    topology: Digest,
    weights: Vec<StoredWeight>,
    identity: OnceLock<ModelIdentity>,
}

/// One weight, as the files store it.
#[derive(Debug)]
pub(crate) struct StoredWeight {
    /// Its entry in the manifest, in canonical form.
    pub(crate) entry: String,
    pub(crate) content: StoredBytes,
}

/// The bytes of a weight, or their digest.
#[derive(Debug)]
pub(crate) enum StoredBytes {
    /// Hashed while they were read.
    Hashed(Digest),
    /// Not copied; hashed when the identity is first requested.
    InPlace(SharedBytes),
}

impl StoredBytes {
    fn digest(&self) -> Digest {
        match self {
            StoredBytes::Hashed(digest) => *digest,
            StoredBytes::InPlace(bytes) => Digest::of(bytes),
        }
    }
}

impl Identified {
    pub(crate) fn new(topology: Digest, weights: Vec<StoredWeight>) -> Identified {
        Identified { topology, weights, identity: OnceLock::new() }
    }

    fn identity(&self) -> &ModelIdentity {
        self.identity.get_or_init(|| {
            let digests: Vec<Digest> = self.weights.par_iter().map(|weight| weight.content.digest()).collect();
            let mut text = Hasher::default();
            text.update(format!("tfjs-wgpu model 1\ntopology {}\n", self.topology).as_bytes());
            for (weight, digest) in self.weights.iter().zip(digests) {
                text.update(format!("weight {digest} {}\n", weight.entry).as_bytes());
            }
            ModelIdentity(text.finish())
        })
    }
}

impl Model {
    /// The identity of the model. `None` for a model that was built from a graph, or whose weights are random.
    ///
    /// Weights are hashed while they are read. Weights that stay in mapped files or shared memory are hashed on the
    /// first call, which reads all of them.
    pub fn identity(&self) -> Option<&ModelIdentity> {
        self.identified.as_deref().map(Identified::identity)
    }
}
