//! One function per layer class: from its configuration and inputs to operators and masks.
//!
//! The files are those of tfjs-layers (`layers/core.ts`, `merge.ts`, …), so that either can be read beside the other. Each
//! lists its classes with what TF.js makes of them, from which the table in README is written.

mod advanced_activations;
mod attention;
mod class;
mod convolutional;
mod convolutional_depthwise;
mod convolutional_recurrent;
mod core;
mod einsum_dense;
mod embeddings;
mod image_augmentation;
mod image_preprocessing;
mod merge;
mod multihead_attention;
mod noise;
mod normalization;
mod padding;
mod pooling;
mod position_embedding;
mod preprocessing;
mod recurrent;
mod spatial;
mod statistics;
mod step_masks;
mod unsupported;
mod wrappers;

pub use class::Class;
pub(super) use core::resolve_shape;

use super::lowering::LayerCall;
use super::masks::Value;
use crate::error::Result;

/// The classes by the files of tfjs-layers.
const FAMILIES: &[&[Class]] = &[
    advanced_activations::CLASSES,
    attention::CLASSES,
    convolutional::CLASSES,
    convolutional_depthwise::CLASSES,
    convolutional_recurrent::CLASSES,
    core::CLASSES,
    einsum_dense::CLASSES,
    embeddings::CLASSES,
    image_augmentation::CLASSES,
    image_preprocessing::CLASSES,
    merge::CLASSES,
    multihead_attention::CLASSES,
    noise::CLASSES,
    normalization::CLASSES,
    padding::CLASSES,
    pooling::CLASSES,
    position_embedding::CLASSES,
    preprocessing::CLASSES,
    statistics::CLASSES,
    recurrent::CLASSES,
    wrappers::CLASSES,
];

/// Every layer class that loads, besides models and InputLayer.
pub fn classes() -> impl Iterator<Item = &'static Class> {
    FAMILIES.iter().copied().flatten()
}

/// Whether there is such a layer here.
pub(super) fn is_known(class: &str) -> bool {
    classes().any(|known| known.name == class)
}

/// The outputs of one call of a layer of `class`.
pub(super) fn lower(class: &str, call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    match classes().find(|known| known.name == class) {
        Some(known) => (known.lower)(call, inputs),
        None => Err(unsupported::error(class)),
    }
}
