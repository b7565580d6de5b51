//! How a model is read: what its reader may choose. What the file says is not here.

use super::Sizes;
use crate::names::names;
use crate::ops::BadId;

/// Whose behaviour is reproduced where TF.js and Keras differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Semantics {
    /// What TensorFlow.js computes; what it refuses follows Keras.
    #[default]
    #[cfg_attr(feature = "cli", value(name = "tfjs"))]
    TfJs,
    /// What Keras computes.
    Keras,
}

names!(Semantics, "semantics", { TfJs = "tfjs", Keras = "keras" });

/// What happens when an id is outside its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum OnBadId {
    /// Look up a row of zeros, as TF.js does on the GPU.
    #[default]
    Zero,
    /// Refuse the prediction.
    Error,
    /// Look up the nearest row.
    Clamp,
}

names!(OnBadId, "way to treat bad ids", { Zero = "zero", Error = "error", Clamp = "clamp" });

impl OnBadId {
    /// What the lookup itself does.
    pub(crate) fn bad_id(self) -> BadId {
        match self {
            OnBadId::Clamp => BadId::Clamp,
            OnBadId::Zero | OnBadId::Error => BadId::Zero,
        }
    }
}

/// In what form weights stay in memory, on the host and on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum WeightFormat {
    /// float16 and uint8 as the file stores them, decoded in the kernel.
    ///
    /// Where no kernel decodes them they become float32, and on a software GPU, where float32 is faster.
    #[default]
    Keep,
    /// As float32.
    F32,
}

names!(WeightFormat, "format of weights", { Keep = "keep", F32 = "f32" });

/// How a model is read. Each field has a method of its name that sets it:
///
/// ```
/// use tfjs_wgpu::{LoadOptions, OnBadId, WeightFormat};
///
/// let options = LoadOptions::default().on_bad_id(OnBadId::Clamp).weight_format(WeightFormat::F32);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    /// What happens when an id is outside its table; by default it looks up zeros.
    pub on_bad_id: OnBadId,
    /// In what form weights stay in memory; by default as they are stored.
    pub weight_format: WeightFormat,
    /// Draws every weight at random by this seed, the same on every machine, all as float32. No weight file is read, and
    /// the file need have no weights manifest: it may be a bare topology, as `model.to_json()` of Keras or
    /// `model.toJSON()` of TF.js makes it. Such a model takes as long as one with weights, and its answers mean nothing.
    pub random_weights: Option<u64>,
    /// Sizes for the dimensions that the model leaves open besides the batch. None are needed: a session takes them from the
    /// inputs ([`Model::open_dimensions`](super::Model::open_dimensions)). Giving them saves the work of finding examples, and is
    /// the way to load a model that works at none of these. A size that names no such dimension is an error.
    pub sizes: Sizes,
    /// What only TF.js layers models have.
    pub tfjs: TfjsOptions,
}

impl LoadOptions {
    /// Sets [`LoadOptions::on_bad_id`].
    #[must_use]
    pub fn on_bad_id(mut self, on_bad_id: OnBadId) -> LoadOptions {
        self.on_bad_id = on_bad_id;
        self
    }

    /// Sets [`LoadOptions::weight_format`].
    #[must_use]
    pub fn weight_format(mut self, weight_format: WeightFormat) -> LoadOptions {
        self.weight_format = weight_format;
        self
    }

    /// Sets [`LoadOptions::random_weights`]: to a seed, or to `None`.
    #[must_use]
    pub fn random_weights(mut self, seed: impl Into<Option<u64>>) -> LoadOptions {
        self.random_weights = seed.into();
        self
    }

    /// Sets [`LoadOptions::sizes`].
    #[must_use]
    pub fn sizes(mut self, sizes: Sizes) -> LoadOptions {
        self.sizes = sizes;
        self
    }

    /// Sets [`LoadOptions::tfjs`].
    #[must_use]
    pub fn tfjs(mut self, tfjs: TfjsOptions) -> LoadOptions {
        self.tfjs = tfjs;
        self
    }

    /// Sets [`TfjsOptions::semantics`] of [`LoadOptions::tfjs`].
    #[must_use]
    pub fn semantics(mut self, semantics: Semantics) -> LoadOptions {
        self.tfjs.semantics = semantics;
        self
    }
}

/// How a TF.js layers model is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TfjsOptions {
    /// Whose behaviour is reproduced where TF.js and Keras differ; by default that of TF.js.
    pub semantics: Semantics,
    /// Bytes of the `model.json`, at most; by default 256 MiB. Its values may be one for each 32 of these bytes at most: each takes
    /// up to 250 bytes in memory, so that by default all take 2 GiB at most.
    pub json_bytes: u64,
}

impl Default for TfjsOptions {
    fn default() -> Self {
        TfjsOptions { semantics: Semantics::default(), json_bytes: 256 << 20 }
    }
}

impl TfjsOptions {
    /// Sets [`TfjsOptions::semantics`].
    #[must_use]
    pub fn semantics(mut self, semantics: Semantics) -> TfjsOptions {
        self.semantics = semantics;
        self
    }

    /// Sets [`TfjsOptions::json_bytes`].
    #[must_use]
    pub fn json_bytes(mut self, json_bytes: u64) -> TfjsOptions {
        self.json_bytes = json_bytes;
        self
    }
}
