//! TimeDistributed.

use super::{Lower, advanced_activations, core, noise};
use crate::error::{Error, Place, Result};
use crate::tfjs::config::Config;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

/// Layers that do to every step at once what they would do to each.
const STEPWISE: &[(&str, Lower)] = &[
    ("Activation", core::activation),
    ("Dense", core::dense),
    ("Dropout", noise::identity),
    ("ELU", advanced_activations::elu),
    ("LeakyReLU", advanced_activations::leaky_relu),
    ("ReLU", advanced_activations::relu),
];

/// Applies a layer to every step of `[N, T, …]`. Its weights carry the wrapper's name. The mask goes on to the steps
/// of the output, in TF.js and in Keras.
pub(super) fn time_distributed(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    if call.rank(input.id) < 3 {
        return Err(Error::format(format!("takes inputs of rank 3 or more, not {}", call.shape(input.id))));
    }
    let layer = json::object("layer", call.config.get("layer").unwrap_or(&serde_json::Value::Null))?;
    let class = json::string("class_name", json::member(layer, "class_name")?)?;
    let Some((_, lower)) = STEPWISE.iter().find(|(name, _)| *name == class) else {
        let known: Vec<&str> = STEPWISE.iter().map(|(name, _)| *name).collect();
        return Err(Error::unsupported(format!("layers of class `{class}` are not supported inside it"))
            .hint(format!("supported are {}", known.join(", "))));
    };
    let config = Config::new(json::object("config", json::member(layer, "config")?)?);
    let mut inner =
        LayerCall { lowering: &mut *call.lowering, config: &config, name: call.name, identity: call.identity };
    let outputs = lower(&mut inner, &[Value::unmasked(input.id)]).at(|| class.to_string())?;
    config.finish().at(|| class.to_string())?;
    Ok(outputs.into_iter().map(|output| Value::with(output.id, input.masks)).collect())
}
