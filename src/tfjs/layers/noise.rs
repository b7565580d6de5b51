//! Layers that do nothing at inference, unless they are called as in training.

use super::class::Class;
use crate::error::Result;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use crate::tfjs::training::InTfJs;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("AlphaDropout", of_tfjs, "✓", ""),
    Class::new("Dropout", of_tfjs, "✓", ""),
    Class::new("GaussianDropout", of_tfjs, "✓", ""),
    Class::new("GaussianNoise", of_tfjs, "✓", ""),
    Class::new("SpatialDropout1D", of_tfjs, "✓", ""),
    Class::new("SpatialDropout2D", of_keras, "–", ""),
    Class::new("SpatialDropout3D", of_keras, "–", ""),
];

fn of_tfjs(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    identity(call, inputs, InTfJs::Yes)
}

fn of_keras(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    identity(call, inputs, InTfJs::No)
}

/// Dropout, SpatialDropout, AlphaDropout, GaussianDropout, GaussianNoise.
fn identity(call: &mut LayerCall<'_, '_>, inputs: &[Value], in_tfjs: InTfJs) -> Result<Vec<Value>> {
    call.config.ignore(&["noise_shape", "seed", "data_format"]);
    call.refuse_random(call.config, &["rate", "stddev"], in_tfjs)?;
    Ok(vec![call.one(inputs)?])
}
