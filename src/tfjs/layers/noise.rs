//! Layers that do nothing at inference.

use crate::error::Result;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

/// Dropout, SpatialDropout, AlphaDropout, GaussianDropout, GaussianNoise.
pub(super) fn identity(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    call.config.ignore(&["rate", "stddev", "noise_shape", "seed", "data_format"]);
    Ok(vec![call.one(inputs)?])
}
