//! One function per layer class: from its configuration and inputs to operators and masks.
//!
//! The files are those of tfjs-layers (`layers/core.ts`, `merge.ts`, …), so that either can be read beside the other.

mod advanced_activations;
mod core;
mod embeddings;
mod merge;
mod noise;
mod normalization;
mod pooling;
mod wrappers;

use super::lowering::LayerCall;
use super::masks::Value;
use crate::error::{Error, Result};

type Lower = fn(&mut LayerCall<'_, '_>, &[Value]) -> Result<Vec<Value>>;

/// Every layer class and the function that lowers it.
const LAYERS: [(&str, Lower); 36] = [
    ("Activation", core::activation),
    ("Add", merge::add),
    ("AlphaDropout", noise::identity),
    ("Average", merge::average),
    ("BatchNormalization", normalization::batch_normalization),
    ("BatchNormalizationV1", normalization::batch_normalization),
    ("CategoryEncoding", embeddings::category_encoding),
    ("Concatenate", merge::concatenate),
    ("Dense", core::dense),
    ("Dot", merge::dot),
    ("Dropout", noise::identity),
    ("ELU", advanced_activations::elu),
    ("Embedding", embeddings::embedding),
    ("Flatten", core::flatten),
    ("GaussianDropout", noise::identity),
    ("GaussianNoise", noise::identity),
    ("GlobalAveragePooling1D", pooling::global_average_1d),
    ("GlobalMaxPooling1D", pooling::global_max_1d),
    ("LayerNormalization", normalization::layer_normalization),
    ("LeakyReLU", advanced_activations::leaky_relu),
    ("Masking", core::masking),
    ("Maximum", merge::maximum),
    ("Minimum", merge::minimum),
    ("Multiply", merge::multiply),
    ("PReLU", advanced_activations::prelu),
    ("Permute", core::permute),
    ("ReLU", advanced_activations::relu),
    ("RepeatVector", core::repeat_vector),
    ("Reshape", core::reshape),
    ("Softmax", advanced_activations::softmax),
    ("SpatialDropout1D", noise::identity),
    ("SpatialDropout2D", noise::identity),
    ("SpatialDropout3D", noise::identity),
    ("Subtract", merge::subtract),
    ("ThresholdedReLU", advanced_activations::thresholded_relu),
    ("TimeDistributed", wrappers::time_distributed),
];

/// The outputs of one call of a layer of `class`.
pub(super) fn lower(class: &str, call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    match LAYERS.iter().find(|(name, _)| *name == class) {
        Some((_, lower)) => lower(call, inputs),
        None => Err(Error::unsupported(format!("layers of class `{class}` are not supported"))
            .hint(format!("supported are {}", LAYERS.map(|(name, _)| name).join(", ")))),
    }
}
