//! Which model it is: a SHA-256 of its topology and of its weights as they are stored. It says nothing of how a model was read.

use super::Model;
use crate::digest::{Digest, Hasher};
use crate::tensor::SharedBytes;
use rayon::prelude::*;
use std::fmt;
use std::sync::OnceLock;

/// Tells a model from all others: the SHA-256 of its topology and its stored weights.
///
/// It is the same for the same model, whichever [source](crate::weights::Source) it was loaded from, by whichever
/// [options](crate::LoadOptions), and however its weights are cut into files. It is shown as 64 hexadecimal digits, and is the
/// SHA-256 of a text in UTF-8. Each line of this text ends with a line feed:
///
/// ```text
/// tfjs-wgpu model 1
/// topology DIGEST
/// weight DIGEST ENTRY
/// ```
///
/// `topology` has the SHA-256 of the `modelTopology` of the file in the canonical form of RFC 8785: without spaces, names sorted,
/// numbers as JavaScript writes them. A `weight` line follows for each weight of the manifest in its order, those of the optimizer
/// left out. It has the SHA-256 of the bytes that the files hold of the weight, and the `name`, `shape`, `dtype` and `quantization`
/// of its entry, where they are there, as an object in the same form.
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

/// What the identity of a model is computed from, and the identity once somebody has asked for it.
#[derive(Debug)]
pub(crate) struct Identified {
    topology: Digest,
    weights: Vec<StoredWeight>,
    identity: OnceLock<ModelIdentity>,
}

/// One weight as the files hold it.
#[derive(Debug)]
pub(crate) struct StoredWeight {
    /// Its entry in the manifest, in canonical form.
    pub(crate) entry: String,
    pub(crate) content: StoredBytes,
}

/// The bytes of a weight, or what is left of them.
#[derive(Debug)]
pub(crate) enum StoredBytes {
    /// They were hashed while they were read.
    Hashed(Digest),
    /// They stay where they lie, and are hashed at first need.
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
    /// Which model it is. `None` of a model that was made by hand, or whose weights were drawn at random.
    ///
    /// Weights are hashed while they are read. Those that stay where they lie, in mapped files and in shared memory, are hashed at
    /// the first call, which reads them all.
    pub fn identity(&self) -> Option<&ModelIdentity> {
        self.identified.as_deref().map(Identified::identity)
    }
}
