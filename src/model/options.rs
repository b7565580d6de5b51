//! The options for loading a model: choices of the caller, as opposed to facts from the file.

use super::Sizes;
use crate::names::names;
use crate::ops::BadId;

/// Whose behaviour to reproduce where TF.js and Keras differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Semantics {
    /// As TensorFlow.js computes; what it refuses follows Keras.
    #[default]
    #[cfg_attr(feature = "cli", value(name = "tfjs"))]
    TfJs,
    /// As Keras computes.
    Keras,
}

names!(Semantics, "semantics", { TfJs = "tfjs", Keras = "keras" });

/// How to treat an id that is out of range for its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum OnBadId {
    /// Look up a row of zeros, as TF.js does on the GPU.
    #[default]
    Zero,
    /// Fail the prediction.
    Error,
    /// Look up the nearest row.
    Clamp,
}

names!(OnBadId, "way to treat bad ids", { Zero = "zero", Error = "error", Clamp = "clamp" });

impl OnBadId {
    /// How the lookup itself treats bad ids.
    pub(crate) fn bad_id(self) -> BadId {
        match self {
            OnBadId::Clamp => BadId::Clamp,
            OnBadId::Zero | OnBadId::Error => BadId::Zero,
        }
    }
}

/// The format of weights in memory, on the host and on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum WeightFormat {
    /// float16 and uint8 as the file stores them, decoded in the kernel.
    ///
    /// They are converted to float32 if a kernel that reads them cannot decode them, and on a software GPU, where
    /// float32 is faster.
    #[default]
    Keep,
    /// Decoded to float32 on loading.
    F32,
}

names!(WeightFormat, "format of weights", { Keep = "keep", F32 = "f32" });

/// How a model is loaded. Each field has a setter method of the same name:
///
/// ```
/// use tfjs_wgpu::{LoadOptions, OnBadId, WeightFormat};
///
/// let options = LoadOptions::default().on_bad_id(OnBadId::Clamp).weight_format(WeightFormat::F32);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    /// How an id outside its table is treated. Default, `None`: as the runtime of the file's format treats it
    /// ([`Model::on_bad_id`](super::Model::on_bad_id)).
    pub on_bad_id: Option<OnBadId>,
    /// The format of weights in memory. Default: as they are stored.
    pub weight_format: WeightFormat,
    /// The seed for drawing all weights at random, as float32 and the same on every machine; `None` to load them. With
    /// a seed no weight file is read, and the file needs no weights manifest: it may be a topology without weights, as
    /// written by `model.to_json()` of Keras or `model.toJSON()` of TF.js. Such a model is as fast as one with weights,
    /// but its predictions are meaningless.
    pub random_weights: Option<u64>,
    /// Sizes for open dimensions. They are optional: a session takes them from the inputs
    /// ([`Model::open_dimensions`](super::Model::open_dimensions)). Giving them saves the search for examples, and is
    /// required for a model that works at none of these. A size that names no open dimension is an error.
    pub sizes: Sizes,
    /// Options for TF.js layers models only.
    pub tfjs: TfjsOptions,
}

impl LoadOptions {
    /// Sets [`LoadOptions::on_bad_id`], or leaves it to the format with `None`.
    #[must_use]
    pub fn on_bad_id(mut self, on_bad_id: impl Into<Option<OnBadId>>) -> LoadOptions {
        self.on_bad_id = on_bad_id.into();
        self
    }

    /// Sets [`LoadOptions::weight_format`].
    #[must_use]
    pub fn weight_format(mut self, weight_format: WeightFormat) -> LoadOptions {
        self.weight_format = weight_format;
        self
    }

    /// Sets [`LoadOptions::random_weights`] to a seed, or to `None`.
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

/// How a TF.js layers model is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TfjsOptions {
    /// Whose behaviour to reproduce where TF.js and Keras differ; TF.js by default.
    pub semantics: Semantics,
    /// Maximum size of the `model.json` in bytes; 256 MiB by default. The file may contain at most one JSON value for
    /// every 32 bytes of this limit. Each value takes up to 250 bytes in memory, so by default all of them take at most
    /// 2 GiB.
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
