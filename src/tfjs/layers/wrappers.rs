//! TimeDistributed.

use super::{Class, lower};
use crate::error::{Error, Place, Result};
use crate::tfjs::config::Config;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

/// The classes of this file.
pub(super) const CLASSES: &[Class] =
    &[Class::new("TimeDistributed", time_distributed, "✓", "of Dense, Activation, Dropout, ReLU, LeakyReLU, ELU")];

/// Layers that do to every step at once what they would do to each.
const STEPWISE: &[&str] = &["Activation", "Dense", "Dropout", "ELU", "LeakyReLU", "ReLU"];

/// Applies a layer to every step of `[N, T, …]`. Its weights carry the wrapper's name. The mask goes on to the steps
/// of the output, in TF.js and in Keras.
fn time_distributed(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    if call.rank(input.id) < 3 {
        return Err(Error::format(format!("takes inputs of rank 3 or more, not {}", call.shape(input.id))));
    }
    let layer = json::object("layer", call.config.get("layer").unwrap_or(&serde_json::Value::Null))?;
    let class = json::string("class_name", json::member(layer, "class_name")?)?;
    if !STEPWISE.contains(&class) {
        return Err(Error::unsupported(format!("layers of class `{class}` are not supported inside it"))
            .hint(format!("supported are {}", STEPWISE.join(", "))));
    }
    let config = Config::new(json::object("config", json::member(layer, "config")?)?);
    let mut inner = LayerCall { lowering: &mut *call.lowering, config: &config, ..*call };
    let outputs = lower(class, &mut inner, &[Value::unmasked(input.id)]).at(|| class.to_string())?;
    config.finish().at(|| class.to_string())?;
    Ok(outputs.into_iter().map(|output| Value::with(output.id, input.masks)).collect())
}
