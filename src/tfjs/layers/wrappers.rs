//! TimeDistributed and Bidirectional.

use super::class::Class;
use super::recurrent::{Layer, Sequence, initial_states, named};
use super::step_masks::masking;
use crate::error::{Context, Error, Result};
use crate::graph::{Note, ValueId};
use crate::model::Semantics;
use crate::ops::{Binary, BinaryFunction, Concatenate, MaskedOutput, Order, Slice};
use crate::tfjs::config::Config;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};
use serde_json::{Map, Value as Json};

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new(
        "Bidirectional",
        bidirectional,
        "not of RNN, nor with `backward_layer`; steps that a mask hides put out states",
        "by semantics",
    ),
    Class::new("TimeDistributed", time_distributed, "✓", ""),
];

/// Layers that do to every step at once what they would do to each.
const STEPWISE: &[&str] = &[
    "Activation",
    "AlphaDropout",
    "Dense",
    "Dropout",
    "ELU",
    "Embedding",
    "GaussianDropout",
    "GaussianNoise",
    "LeakyReLU",
    "ReLU",
    "ThresholdedReLU",
];

/// Applies a layer to every step of `[N, T, …]`. Its weights carry the wrapper's name. The mask goes on to the steps
/// of the output, in TF.js and in Keras.
fn time_distributed(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let sample = call.shape(input.id).sample();
    if sample.len() < 2 {
        return Err(Error::format(format!("takes inputs of rank 3 or more, not {}", call.shape(input.id))));
    }
    call.lowering.builder.note(call.name, Note::TimeDistributed);
    let layer = call.config.get("layer").unwrap_or(&Json::Null);
    let (class, config) = match layer.get("class_name").and_then(Json::as_str) {
        Some(class @ ("Sequential" | "Functional" | "Model")) => (class, None),
        _ => named(layer, "layer").map(|(class, config)| (class, Some(config)))?,
    };
    // The layer inside is called without what earlier layers left behind.
    let lingering = (call.lowering.lingering_mask.take(), call.lowering.lingering_states);
    let in_part = call.lowering.in_part;
    call.lowering.in_part |= input.masks.keras.is_some();
    let output = match config {
        None => {
            let network = call.lowering.wrap(call.identity, layer)?;
            let archive = format!("{}/layer", call.archive);
            call.lowering.models.push(call.name.to_string());
            let output = step_by_step(call, input.id, |call, step| {
                let outputs =
                    (call.lowering.inner.network)(&network, &[Value::unmasked(step)], &archive, call.lowering)?;
                only_output(&outputs)
            });
            call.lowering.models.pop();
            output
        }
        Some(config) => match at_once(class, config, sample[0])? {
            Some((class, config)) => with_config(&config, |config| apply(call, class, config, input.id)),
            None => with_config(config, |config| {
                step_by_step(call, input.id, |call, step| apply(call, class, config, step))
            }),
        },
    };
    (call.lowering.lingering_mask, call.lowering.lingering_states) = lingering;
    call.lowering.in_part = in_part;
    Ok(vec![Value::with(output.at(|| class.to_string())?, input.masks)])
}

/// The layer that does to all `steps` at once what the layer would do to each, if there is one.
fn at_once<'c>(
    class: &'c str,
    config: &Map<String, Json>,
    steps: usize,
) -> Result<Option<(&'c str, Map<String, Json>)>> {
    let with = |key: &str, value: Json| {
        let mut config = config.clone();
        config.insert(key.into(), value);
        config
    };
    let numbers = |key: &str| config.get(key).filter(|value| !value.is_null()).map(|value| json::integers(key, value));
    Ok(match class {
        _ if STEPWISE.contains(&class) => Some((class, config.clone())),
        "BatchNormalization" | "BatchNormalizationV1" | "LayerNormalization" | "Softmax" | "SyncBatchNormalization" => {
            let Some(axes) = numbers("axis").transpose()? else { return Ok(None) };
            // The shape of its weights would be another.
            if axes.len() > 1 && class.contains("BatchNormalization") {
                return Ok(None);
            }
            let moved: Vec<i64> =
                axes.iter().map(|&axis| if axis < 0 { axis } else { axis.saturating_add(1) }).collect();
            Some((class, with("axis", moved.into())))
        }
        "Flatten" if config.get("data_format").and_then(Json::as_str) != Some("channels_first") => {
            let target = Json::from(vec![Json::from(steps), Json::from(-1)]);
            Some(("Reshape", Map::from_iter([("target_shape".to_string(), target)])))
        }
        "Permute" => {
            let dims = numbers("dims").transpose()?.unwrap_or_default();
            let moved = dims.iter().map(|&dim| dim.saturating_add(1));
            Some((class, with("dims", [1].into_iter().chain(moved).collect::<Vec<i64>>().into())))
        }
        "Reshape" => match config.get("target_shape") {
            Some(Json::Array(target)) => {
                let target = [&[Json::from(steps)], target.as_slice()].concat();
                Some((class, with("target_shape", target.into())))
            }
            _ => None,
        },
        _ => None,
    })
}

/// Runs `read` on the layer's configuration, and refuses keys that it did not read.
fn with_config<T>(config: &Map<String, Json>, work: impl FnOnce(&Config<'_>) -> Result<T>) -> Result<T> {
    let config = Config::new(config);
    let result = work(&config)?;
    config.finish()?;
    Ok(result)
}

fn apply(call: &mut LayerCall<'_, '_>, class: &str, config: &Config<'_>, x: ValueId) -> Result<ValueId> {
    // Keras 3 puts the layer's own name behind the wrapper's.
    let name = match config.string("name")? {
        Some(own) if call.is_keras_3() => format!("{}/{own}", call.name),
        _ => call.name.to_string(),
    };
    let archive = format!("{}/layer", call.archive);
    let lower = call.lowering.inner.layer;
    only_output(&lower(class, &mut inner(call, config, &name, &archive), &[Value::unmasked(x)])?)
}

fn only_output(outputs: &[Value]) -> Result<ValueId> {
    match outputs {
        [output] if output.masks.keras.is_none() => Ok(output.id),
        [_] => Err(Error::unsupported("makes a mask of its own inside it, which is not supported")),
        outputs => Err(Error::unsupported(format!("has {} outputs inside it, which is not supported", outputs.len()))),
    }
}

/// Applies a layer to one step after the other.
fn step_by_step(
    call: &mut LayerCall<'_, '_>,
    x: ValueId,
    mut apply: impl FnMut(&mut LayerCall<'_, '_>, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    let sample = call.shape(x).sample();
    call.lowering.in_part = true;
    let mut outputs = Vec::new();
    for start in 0..sample[0] {
        call.lowering.count_call()?;
        let step = step_of(call, x, start)?;
        outputs.push(apply(call, step)?);
    }
    joined_steps(call, &outputs)
}

/// Step `at` of `[N, T, …]`.
pub(super) fn step_of(call: &mut LayerCall<'_, '_>, x: ValueId, at: usize) -> Result<ValueId> {
    let sample = call.shape(x).sample();
    let step = call.op(Slice { axis: 1, start: at, step: 1, count: 1 }, &[x])?;
    call.reshape(step, &sample[1..])
}

/// `[N, T, …]` of its steps.
pub(super) fn joined_steps(call: &mut LayerCall<'_, '_>, steps: &[ValueId]) -> Result<ValueId> {
    let steps: Vec<ValueId> = steps.iter().map(|&step| call.expand(step, 1)).collect::<Result<_>>()?;
    match steps.as_slice() {
        [] => Err(Error::format("takes at least one step")),
        [step] => Ok(*step),
        steps => call.op(Concatenate { axis: 1 }, steps),
    }
}

/// A recurrent layer forwards and backwards. Keras puts zeros out for steps that a mask hides, TF.js the state.
fn bidirectional(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    call.config.refuse_unless_off("num_constants")?;
    let forward = named(call.config.get("layer").unwrap_or(&Json::Null), "layer")?;
    let backward = backward_layer(call, forward)?;
    let base = if call.is_keras_3() { name(forward) } else { name(backward) };
    let forward = Direction::read(call, "forward", forward, name(forward))?;
    let backward = Direction::read(call, "backward", backward, base)?;
    let Layer { sequences, states, backwards, .. } = forward.layer;
    if (sequences, states) != (backward.layer.sequences, backward.layer.states) {
        return Err(Error::format("its two layers do not return the same"));
    }
    let half = forward.layer.state_count();
    let initial = initial_states(call, inputs, [half + backward.layer.state_count(), 2])?;
    let (first, second) = initial.split_at(half.min(initial.len()));
    let (mask, masked) = masking(call, inputs[0], [backwards, sequences, !initial.is_empty()])?;
    let (back_mask, _) = masking(call, inputs[0], [!backwards, sequences, !initial.is_empty()])?;
    let [there_order, back_order] = match backwards {
        false => [Order::Forwards, Order::BackwardsInPlace],
        true => [Order::Backwards, Order::Forwards],
    };
    let sequence = Sequence { x: inputs[0].id, mask, initial: first };
    let mut there = forward.run(call, sequence, there_order, masked)?;
    let mut back = backward.run(call, Sequence { mask: back_mask, initial: second, ..sequence }, back_order, masked)?;
    let states = [there.split_off(1), back.split_off(1)].concat();
    let (there, mut back) = (there[0], back[0]);
    if backwards && sequences {
        let steps = call.shape(back).sample()[0];
        back = call.op(Slice::reverse(1, steps), &[back])?;
    }
    let masks = if sequences { inputs[0].masks } else { Masks::NONE };
    let outputs = merge(call, there, back)?.into_iter().map(|output| Value::with(output, masks));
    Ok(outputs.chain(states.into_iter().map(Value::unmasked)).collect())
}

/// The class and the configuration of a layer.
type Named<'m> = (&'m str, &'m Map<String, Json>);

fn name<'m>((_, config): Named<'m>) -> &'m str {
    config.get("name").and_then(Json::as_str).unwrap_or_default()
}

/// The layer that goes backwards: `backward_layer`, if there is one. TF.js does not look at it, and then does not find
/// its weights unless it has the name of the other.
fn backward_layer<'m>(call: &mut LayerCall<'_, 'm>, forward: Named<'m>) -> Result<Named<'m>> {
    let Some(own) = call.config.get("backward_layer") else { return Ok(forward) };
    let own = named(own, "backward_layer")?;
    if name(own) != name(forward) {
        return Ok(own);
    }
    call.differ("goes back by `layer` in TF.js and by `backward_layer` in Keras");
    Ok(if call.semantics() == Semantics::TfJs { forward } else { own })
}

/// One of the two layers of Bidirectional.
struct Direction<'m> {
    layer: Layer,
    name: String,
    archive: String,
    config: Config<'m>,
}

impl<'m> Direction<'m> {
    /// `base` is the name from which TF.js makes that of the layer: its own, or that of `layer` for both directions.
    fn read(call: &mut LayerCall<'_, '_>, way: &str, layer: Named<'m>, base: &str) -> Result<Self> {
        let (class, map) = layer;
        if !["SimpleRNN", "GRU", "LSTM", "RNN"].contains(&class) {
            return Err(Error::unsupported(format!("layers of class `{class}` are not supported inside it"))
                .hint("supported are SimpleRNN, GRU, LSTM and RNN"));
        }
        // In Keras 3 the layers inside are called so themselves, unless the file was repaired for TF.js.
        let prefixed = format!("{way}_{base}");
        let own = if call.is_keras_3() && !call.has_weight(&prefixed) { name(layer) } else { &prefixed };
        let (name, config) = (format!("{}/{own}", call.name), Config::new(map));
        let archive = format!("{}/{way}_layer", call.archive);
        let layer = Layer::read(class, &mut inner(call, &config, &name, &archive)).at(|| class.to_string())?;
        config.finish().at(|| class.to_string())?;
        Ok(Direction { layer, name, archive, config })
    }

    fn run(
        &self,
        call: &mut LayerCall<'_, '_>,
        sequence: Sequence<'_>,
        order: Order,
        masked: MaskedOutput,
    ) -> Result<Vec<ValueId>> {
        self.layer.run(&mut inner(call, &self.config, &self.name, &self.archive), sequence, order, masked)
    }
}

/// A call of a layer inside this one.
fn inner<'c>(
    call: &'c mut LayerCall<'_, '_>,
    config: &'c Config<'c>,
    name: &'c str,
    archive: &'c str,
) -> LayerCall<'c, 'c> {
    LayerCall { lowering: &mut *call.lowering, config, name, archive, ..*call }
}

/// The outputs of both directions as `merge_mode` has it.
fn merge(call: &mut LayerCall<'_, '_>, there: ValueId, back: ValueId) -> Result<Vec<ValueId>> {
    if call.config.is_null("merge_mode") {
        return Ok(vec![there, back]);
    }
    let binary = |function| Binary { function };
    let merged = match call.config.string("merge_mode")?.unwrap_or("concat") {
        "concat" => call.op(Concatenate { axis: call.rank(there) - 1 }, &[there, back])?,
        "sum" => call.op(binary(BinaryFunction::Add), &[there, back])?,
        "mul" => call.op(binary(BinaryFunction::Multiply), &[there, back])?,
        "ave" => {
            let sum = call.op(binary(BinaryFunction::Add), &[there, back])?;
            let half = call.filled("half", &[1], 0.5)?;
            call.op(binary(BinaryFunction::Multiply), &[sum, half])?
        }
        other => return Err(Error::format(format!("`merge_mode` should not be `{other}`"))),
    };
    Ok(vec![merged])
}
