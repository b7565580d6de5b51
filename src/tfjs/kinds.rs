//! Decides which entries of a topology are layers and which are operations, and reads their calls accordingly.
//!
//! A file lists both alike, and the form of a call depends on which of the two it is for. Only this file and the lowering
//! know the catalogues of layers and of operations; the topology knows neither.

use super::calls::parse_calls;
use super::positions::Positions;
use super::topology::{Layer, LayerIdentity, Network};
use super::{lambdas, layers, operations};
use crate::error::{Context, Result};
use serde_json::{Map, Value};

/// The model of an object with `class_name` and `config`, its layers numbered from `numbered` + 1 on, which is left at the
/// number of the last.
pub(super) fn read(root: &Map<String, Value>, numbered: &mut usize) -> Result<Network> {
    let mut network = Network::parse(root)?;
    decide(&mut network, numbered)?;
    Ok(network)
}

fn decide(network: &mut Network, numbered: &mut usize) -> Result<()> {
    let mut positions = Positions::default();
    for (index, layer) in network.layers.iter_mut().enumerate() {
        *numbered += 1;
        layer.identity = LayerIdentity(*numbered);
        if let Some(inner) = &mut layer.network {
            decide(inner, numbered).at(|| format!("layer {index}"))?;
        }
        read_calls(layer).at(|| format!("layer `{}` ({})", layer.name, layer.class))?;
        if layer.operation.is_none() {
            layer.position = positions.next(&layer.class);
        }
    }
    Ok(())
}

fn read_calls(layer: &mut Layer) -> Result<()> {
    if is_operation(layer) {
        layer.operation = Some(layer.class.clone());
    }
    let Some(calls) = layer.inbound_nodes.take() else { return Ok(()) };
    if lambdas::is_lambda(&layer.class) {
        let lambda = lambdas::parse(&layer.config, &calls)?;
        layer.operation = Some(lambda.operation.into());
        (layer.config, layer.calls) = (lambda.config, lambda.calls);
    } else {
        layer.calls = parse_calls(&calls, layer.operation.is_some())?;
    }
    Ok(())
}

/// Keras 3 lists operations among the layers, and some have the name of a layer (Add, Softmax). The converter drops the
/// module that tells them apart. Layers say whether they are trainable, and operations do not. (SpatialDropout does not
/// either, but there is no operation of that name.)
fn is_operation(layer: &Layer) -> bool {
    let calls = layer.inbound_nodes.as_ref().and_then(Value::as_array);
    let is_keras_3 = calls.is_some_and(|calls| calls.iter().any(Value::is_object));
    let class = layer.class.as_str();
    let is_layer_only = layers::is_known(class) && !operations::is_known(class);
    let is_layer = layer.network.is_some() || class == "InputLayer" || layer.config.contains_key("trainable");
    is_keras_3 && !is_layer && !is_layer_only
}
