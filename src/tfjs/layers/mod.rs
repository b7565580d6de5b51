//! One function per layer class: from its configuration and inputs to operators and masks.
//!
//! The files are those of tfjs-layers (`layers/core.ts`, `merge.ts`, …), so that either can be read beside the other. Each
//! lists its classes with what TF.js makes of them, from which the table in README is written.

mod advanced_activations;
mod convolutional;
mod convolutional_depthwise;
mod core;
mod embeddings;
mod image_preprocessing;
mod merge;
mod noise;
mod normalization;
mod padding;
mod pooling;
mod spatial;
mod wrappers;

pub(super) use core::resolve_shape;

use super::lowering::LayerCall;
use super::masks::Value;
use crate::error::{Error, Result};

type Lower = fn(&mut LayerCall<'_, '_>, &[Value]) -> Result<Vec<Value>>;

/// A layer class.
#[derive(Debug)]
pub struct Class {
    /// As `class_name` has it.
    pub name: &'static str,
    /// What TF.js makes of it: ✓, – if it has no such layer, or what is wrong.
    pub tfjs: &'static str,
    /// What to know of it here.
    pub note: &'static str,
    lower: Lower,
}

impl Class {
    const fn new(name: &'static str, lower: Lower, tfjs: &'static str, note: &'static str) -> Self {
        Class { name, tfjs, note, lower }
    }
}

/// The classes by the files of tfjs-layers.
const FAMILIES: &[&[Class]] = &[
    advanced_activations::CLASSES,
    convolutional::CLASSES,
    convolutional_depthwise::CLASSES,
    core::CLASSES,
    embeddings::CLASSES,
    image_preprocessing::CLASSES,
    merge::CLASSES,
    noise::CLASSES,
    normalization::CLASSES,
    padding::CLASSES,
    pooling::CLASSES,
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
        None => {
            let mut names: Vec<&str> = classes().map(|known| known.name).collect();
            names.sort_unstable();
            Err(Error::unsupported(format!("layers of class `{class}` are not supported"))
                .hint(format!("supported are {}", names.join(", "))))
        }
    }
}
