//! Layers that do nothing at inference.

use super::Class;
use crate::error::Result;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("AlphaDropout", identity, "✓", ""),
    Class::new("Dropout", identity, "✓", ""),
    Class::new("GaussianDropout", identity, "✓", ""),
    Class::new("GaussianNoise", identity, "✓", ""),
    Class::new("SpatialDropout1D", identity, "✓", ""),
    Class::new("SpatialDropout2D", identity, "–", ""),
    Class::new("SpatialDropout3D", identity, "–", ""),
];

/// Dropout, SpatialDropout, AlphaDropout, GaussianDropout, GaussianNoise.
fn identity(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    call.config.ignore(&["rate", "stddev", "noise_shape", "seed", "data_format"]);
    Ok(vec![call.one(inputs)?])
}
