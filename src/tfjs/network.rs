//! Walks the calls of a model and of the models inside it, in the order in which they run, turning each into operators.

use super::calls::{Call, TensorRef};
use super::config::Config;
use super::folding;
use super::json;
use super::keywords::Keywords;
use super::kinds;
use super::layers;
use super::lowering::{Inner, LayerCall, Lowering, Origin, Outputs};
use super::masks::{Masks, Value};
use super::operations;
use super::order::{CallId, Directory};
use super::summary;
use super::topology::{Layer, Network};
use super::weights::WeightStore;
use crate::error::{Context, Error, Result};
use crate::graph::ValueId;
use crate::model::{LayerSummary, LoadOptions, OpenDimension};
use crate::ops::{Cast, NotEqual};
use crate::tensor::{DType, Shape, TensorType};
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};

/// Lowers a file of which `numbered` layers have numbers.
pub(super) fn lowering(weights: WeightStore, options: LoadOptions, origin: Origin, numbered: usize) -> Lowering {
    let read = |json: &Json, numbered: &mut usize| kinds::read(json::object("model", json)?, numbered);
    Lowering::new(weights, options, origin, Inner { read, layer: layers::lower, network: lower_nested }, numbered)
}

/// The outputs of the model by name, and its layers for a summary.
pub(super) fn lower_model(network: &Network, lowering: &mut Lowering) -> Result<(Outputs, Vec<LayerSummary>)> {
    let mut inputs = Vec::with_capacity(network.inputs.len());
    let (layers, open) = (network.input_layers(), open_by_input(&lowering.open));
    for (tensor, name) in network.inputs.iter().zip(&network.input_names) {
        let layer = layers.get(tensor.layer.as_str()).copied();
        inputs.push(Value::unmasked(model_input(tensor, layer, name.as_deref(), &open, lowering)?));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = network.outputs.iter().find(|tensor| !seen.insert(*tensor)) {
        lowering.refused_by_tfjs(format!("an output of layer `{}` is listed twice", twice.layer));
    }
    let values = lower_network(network, &inputs, "", lowering)?;
    folding::expect_samples(&values, "output", lowering)?;
    let names = output_names(network);
    let outputs = names.into_iter().zip(values).map(|(name, value)| (name, value.id)).collect();
    Ok((outputs, summary::layers(network, lowering)))
}

/// The keys of a dict, or the layers' names, numbered from the second output of a layer on; no name twice, whatever layers
/// are called.
fn output_names(network: &Network) -> Vec<String> {
    let named = network.outputs.iter().zip(&network.output_names);
    let named: Vec<&str> = named.map(|(tensor, name)| name.as_ref().unwrap_or(&tensor.layer).as_str()).collect();
    let mut taken: HashSet<String> = named.iter().map(|name| name.to_string()).collect();
    let mut next_numbers: HashMap<&str, usize> = HashMap::new();
    let mut names = Vec::with_capacity(named.len());
    for own_name in named {
        let number = next_numbers.entry(own_name).or_default();
        let mut name = own_name.to_string();
        while *number > 0 && !taken.insert(name.clone()) {
            name = format!("{own_name}_{number}");
            *number += 1;
        }
        *number = (*number).max(1);
        names.push(name);
    }
    names
}

/// Dimensions that the file leaves open, by the input.
fn open_by_input(open: &[OpenDimension]) -> HashMap<String, Vec<OpenDimension>> {
    let mut by_input: HashMap<String, Vec<OpenDimension>> = HashMap::new();
    open.iter().for_each(|open| by_input.entry(open.input.clone()).or_default().push(open.clone()));
    by_input
}

/// Adds the input of the InputLayer `layer`.
fn model_input(
    tensor: &TensorRef,
    layer: Option<&Layer>,
    name: Option<&str>,
    open: &HashMap<String, Vec<OpenDimension>>,
    lowering: &mut Lowering,
) -> Result<ValueId> {
    let Some(layer) = layer else {
        return Err(Error::format(format!("input `{}` of the model is not an InputLayer", tensor.layer)));
    };
    let place = || format!("layer `{}` (InputLayer)", layer.name);
    let name = name.unwrap_or(&layer.name);
    let ty = input_type(layer, name, open.get(name).map_or(&[], Vec::as_slice)).at(place)?;
    lowering.builder.input(name, ty).at(place)
}

fn input_type(layer: &Layer, name: &str, open: &[OpenDimension]) -> Result<TensorType> {
    let config = Config::new(&layer.config);
    config.refuse_unless_off("sparse")?;
    config.refuse_unless_off("ragged")?;
    let size = |(index, declared): (usize, Option<usize>)| {
        declared.or_else(|| open.iter().find(|open| open.axis == index + 1).map(|open| open.graph_size))
    };
    let sample: Option<Vec<usize>> = declared_sample(layer)?.into_iter().enumerate().map(size).collect();
    let sample = sample.ok_or_else(|| Error::format(format!("input `{name}` has a dimension of no size")))?;
    Ok(TensorType::new(Shape::batched(&sample), declared_dtype(layer)?))
}

/// The names of the model's inputs.
pub(super) fn input_names(network: &Network) -> Vec<String> {
    let named = network.inputs.iter().zip(&network.input_names);
    named.map(|(tensor, name)| name.as_ref().unwrap_or(&tensor.layer).clone()).collect()
}

/// The dimensions besides the batch to which the model's inputs give no size. Inputs that cannot be read have none.
pub(super) fn open_dimensions(network: &Network) -> Vec<OpenDimension> {
    let (layers, mut open) = (network.input_layers(), Vec::new());
    for (tensor, input) in network.inputs.iter().zip(input_names(network)) {
        let layer = layers.get(tensor.layer.as_str());
        let Some(Ok(sample)) = layer.map(|layer| declared_sample(layer)) else { continue };
        let rank = sample.len() + 1;
        let sizes = sample.into_iter().enumerate().filter(|(_, size)| size.is_none());
        open.extend(sizes.map(|(index, _)| OpenDimension {
            name: None,
            input: input.clone(),
            axis: index + 1,
            size: None,
            graph_size: 0,
            rank,
        }));
    }
    open
}

/// The sizes in the declared inputs of models inside.
pub(super) fn declared_sizes(network: &Network) -> Vec<usize> {
    let (mut sizes, mut open) = (Vec::new(), vec![network]);
    while let Some(network) = open.pop() {
        let inputs = network.layers.iter().filter(|layer| layer.class == "InputLayer");
        sizes.extend(inputs.filter_map(|layer| declared_sample(layer).ok()).flatten().flatten());
        open.extend(network.layers.iter().filter_map(|layer| layer.network.as_ref()));
    }
    sizes
}

/// The dimensions of a sample as an InputLayer declares them; none where it leaves one open.
fn declared_sample(layer: &Layer) -> Result<Vec<Option<usize>>> {
    let config = Config::new(&layer.config);
    let batch_shape = config.get("batch_input_shape").or_else(|| config.get("batch_shape"));
    let dims = match (batch_shape, config.get("input_shape")) {
        (Some(shape), _) => json::array("batch_input_shape", shape)?.get(1..).unwrap_or_default(),
        (None, Some(shape)) => json::array("input_shape", shape)?,
        (None, None) => {
            return Err(Error::format("the model does not say the shape of its input")
                .cause("its first layer has neither `batch_input_shape` nor `batch_shape` nor `input_shape`"));
        }
    };
    let size = |dim: &Json| {
        if dim.is_null() { Ok(None) } else { json::size("batch_input_shape", dim).map(Some) }
    };
    dims.iter().map(size).collect()
}

fn declared_dtype(layer: &Layer) -> Result<DType> {
    let config = Config::new(&layer.config);
    // A dtype policy is an object, and always one of floats.
    if config.get("dtype").is_some_and(Json::is_object) {
        return Ok(DType::F32);
    }
    match config.string("dtype")? {
        None | Some("float32" | "float16" | "float64") => Ok(DType::F32),
        Some("int32" | "int64" | "int16" | "int8" | "uint8") => Ok(DType::I32),
        Some("bool") => Ok(DType::Bool),
        Some(other) => Err(Error::unsupported(format!("inputs of dtype {other} are not supported"))),
    }
}

/// The outputs of `network`, which stands at `archive` in one, for `inputs`.
fn lower_network(network: &Network, inputs: &[Value], archive: &str, lowering: &mut Lowering) -> Result<Vec<Value>> {
    if inputs.len() != network.inputs.len() {
        let (wanted, given) = (network.inputs.len(), inputs.len());
        return Err(Error::format(format!("model `{}` takes {wanted} inputs, not {given}", network.name)));
    }
    lowering.models.push(network.name.clone());
    let directory = Directory::new(network)?;
    let mut values: HashMap<CallId, Vec<Value>> = HashMap::new();
    for (tensor, &value) in network.inputs.iter().zip(inputs) {
        let id = directory.resolve(tensor)?;
        record_shape(&network.layers[id.layer], &[value], lowering);
        values.insert(id, vec![value]);
    }
    for id in directory.execution_order(lowering.answers_as_keras_3())? {
        if values.contains_key(&id) {
            continue;
        }
        let layer = &network.layers[id.layer];
        let place = || format!("layer `{}` ({})", layer.name, layer.class);
        let Some(call) = layer.calls.get(id.call) else {
            return Err(Error::format("is used, but it is neither an input of the model nor called").at(place()));
        };
        let find = |tensor: &TensorRef| find(tensor, directory.resolve(tensor)?, &values);
        let archive = format!("{archive}layers/{}", layer.position);
        let outputs = lower_call(layer, call, find, &archive, lowering).at(place)?;
        record_shape(layer, &outputs, lowering);
        values.insert(id, outputs);
        if lowering.answers_as_keras_3() && layer.class == "MultiHeadAttention" {
            forget_masks(call, &directory, &mut values)?;
        }
    }
    lowering.models.pop();
    network.outputs.iter().map(|tensor| find(tensor, directory.resolve_output(tensor)?, &values)).collect()
}

/// MultiHeadAttention of Keras 3 takes the masks off the tensors that it is given, so that what reads them afterwards, as
/// the sum with its answer does, finds none. What a layer passes on as it is, as Dropout does, is the same tensor.
fn forget_masks(call: &Call, directory: &Directory<'_>, values: &mut HashMap<CallId, Vec<Value>>) -> Result<()> {
    for tensor in &call.arguments {
        let id = find(tensor, directory.resolve(tensor)?, values)?.id;
        let same = values.values_mut().flatten().filter(|value| value.id == id);
        same.for_each(|value| value.masks.keras = None);
    }
    Ok(())
}

fn record_shape(layer: &Layer, outputs: &[Value], lowering: &mut Lowering) {
    if let Some(first) = outputs.first() {
        lowering.shapes.insert(layer.identity, lowering.builder.ty(first.id).shape.clone());
    }
}

/// The tensor that the call `id` made.
fn find(tensor: &TensorRef, id: CallId, values: &HashMap<CallId, Vec<Value>>) -> Result<Value> {
    let outputs = values.get(&id).map_or(&[][..], Vec::as_slice);
    outputs.get(tensor.output).copied().ok_or_else(|| {
        let (layer, output, count) = (&tensor.layer, tensor.output, outputs.len());
        Error::format(format!("refers to output {output} of layer `{layer}`, which has {count}"))
    })
}

fn lower_call(
    layer: &Layer,
    call: &Call,
    find: impl Fn(&TensorRef) -> Result<Value>,
    archive: &str,
    lowering: &mut Lowering,
) -> Result<Vec<Value>> {
    lowering.count_call()?;
    if let Some(operation) = &layer.operation {
        return operations::lower(operation, layer, call, find, archive, lowering);
    }
    let mut inputs: Vec<Value> = call.arguments.iter().map(&find).collect::<Result<_>>()?;
    if inputs.is_empty() {
        return Err(Error::format("is called without an input"));
    }
    let is_constant = folding::expect_samples(&inputs, &layer.class, lowering)?;
    let mut named = Vec::new();
    for (key, tensor) in call.named_tensors() {
        named.push((key, find(&tensor)?));
    }
    let keywords = Keywords::new(&call.keywords, named);
    if call.names_all_masks(&layer.class) {
        inputs.iter_mut().for_each(|input| input.masks = Masks::NONE);
    }
    for (index, mask) in call.masks()? {
        let mask = find(&mask)?.id;
        let Some(input) = inputs.get_mut(index) else {
            return Err(Error::format(format!(
                "has a mask for its input {index}, but {} inputs",
                call.arguments.len()
            )));
        };
        // TF.js does not look at keyword arguments that are tensors.
        input.masks.keras = Some(match lowering.builder.ty(mask).dtype {
            DType::Bool => mask,
            _ => lowering.builder.op(&layer.name, NotEqual { value: 0.0 }, &[mask])?,
        });
    }
    if let Some(network) = &layer.network {
        inputs = by_key(network, call, inputs, lowering)?;
    }
    if inputs.iter().any(|input| input.masks.tfjs.is_some()) {
        lowering.lingering_mask = Some(inputs[0].masks.tfjs);
    }
    let (own, around) = (keywords.training()?, lowering.training);
    lowering.training = if lowering.origin.is_keras_3 { around.or(own) } else { own.or(around) };
    lowering.folds = is_constant;
    let outputs = lower_layer(layer, &keywords, &inputs, archive, lowering);
    (lowering.training, lowering.folds) = (around, false);
    let outputs = outputs?;
    Ok(outputs)
}

/// The outputs of a layer or of a model as one.
fn lower_layer(
    layer: &Layer,
    keywords: &Keywords<'_>,
    inputs: &[Value],
    archive: &str,
    lowering: &mut Lowering,
) -> Result<Vec<Value>> {
    match &layer.network {
        Some(network) => {
            keywords.finish()?;
            lower_nested(network, inputs, archive, lowering)
        }
        None => {
            let config = Config::new(&layer.config);
            if config.is_reduced_precision() {
                lowering.warn("the model asks for reduced precision; all is computed in float32, as in TF.js".into());
            }
            let (name, identity) = (&layer.name, layer.identity);
            let mut call = LayerCall { lowering, config: &config, keywords, name, identity, archive };
            let outputs = layers::lower(&layer.class, &mut call, inputs)?;
            config.finish()?;
            keywords.finish()?;
            Ok(outputs)
        }
    }
}

/// What a model inside a model is called with, in the order of its inputs. A dict is taken by the names of the inputs where
/// the model was made with a list of them, and by its own keys where it was made with a dict. What Keras does where keys are
/// missing or too many depends on its version; see [`binds_in_order`].
fn by_key(network: &Network, call: &Call, inputs: Vec<Value>, lowering: &mut Lowering) -> Result<Vec<Value>> {
    let Some(keys) = &call.keys else { return Ok(inputs) };
    let is_dict = network.input_names.iter().any(Option::is_some);
    let wanted = network.inputs.iter().zip(&network.input_names);
    let wanted: Vec<&String> = wanted.map(|(tensor, key)| key.as_ref().unwrap_or(&tensor.layer)).collect();
    let by_key: HashMap<&String, usize> = keys.iter().enumerate().map(|(position, key)| (key, position)).collect();
    let positions = wanted.iter().map(|name| by_key.get(name).copied()).collect::<Option<Vec<usize>>>();
    let in_order: Vec<usize> = (0..wanted.len().min(keys.len())).collect();
    let positions = match positions {
        Some(positions) if !call.is_keras_3 || !binds_in_order(lowering.origin.keras_3_minor, is_dict) => positions,
        None if call.is_keras_3 && !is_dict && !binds_in_order(lowering.origin.keras_3_minor, is_dict) => {
            return Err(Error::format(format!("is called with a dict of {keys:?}, but its inputs are {wanted:?}"))
                .hint("Keras refuses this call too: name the keys after the inputs"));
        }
        by_name => {
            if by_name.as_ref().is_none_or(|by_name| *by_name != in_order) {
                lowering.note(format!(
                    "model `{}` is called with a dict, of which its Keras gives {keys:?} to the inputs {wanted:?} in this order",
                    network.name
                ));
            }
            in_order
        }
    };
    Ok(positions.into_iter().map(|position| inputs[position]).collect())
}

/// Whether Keras 3 gives the tensors of a dict to the inputs in the order of the keys, whatever these are: 3.4 and 3.5
/// always, later ones where the model was made with a dict (`functional.py`, `_flatten_to_reference_inputs`, `_standardize_inputs`).
fn binds_in_order(minor: Option<u32>, is_dict: bool) -> bool {
    match minor {
        Some(..=3) => false,
        Some(4 | 5) => true,
        _ => is_dict,
    }
}

/// The tensor given to a model inside a model, in the dtype of the `layer` that takes it, an InputLayer: TF.js and Keras cast.
fn conform(
    network: &Network,
    tensor: &TensorRef,
    layer: Option<&Layer>,
    given: ValueId,
    lowering: &mut Lowering,
) -> Result<ValueId> {
    // A Sequential model built by its first call declares nothing.
    let Some((layer, Ok(wanted))) = layer.map(|layer| (layer, declared_sample(layer))) else { return Ok(given) };
    let found = lowering.builder.ty(given).clone();
    let sample = found.shape.sample();
    let fits = |(wanted, found): (&Option<usize>, &usize)| wanted.is_none_or(|size| size == *found);
    if sample.len() != wanted.len() || !wanted.iter().zip(&sample).all(fits) {
        return Err(Error::shape(format!("its input `{}` has another shape than {found}", tensor.layer)));
    }
    match declared_dtype(layer)? {
        dtype if dtype == found.dtype => Ok(given),
        DType::Bool => Err(Error::unsupported(format!("its input `{}` takes booleans, not {found}", tensor.layer))),
        dtype => lowering.builder.op(&network.name, Cast { to: dtype }, &[given]),
    }
}

/// TF.js runs a model inside a model without incoming masks and drops the masks of its outputs; Keras does neither.
fn lower_nested(network: &Network, inputs: &[Value], archive: &str, lowering: &mut Lowering) -> Result<Vec<Value>> {
    let mut conformed = Vec::with_capacity(inputs.len());
    let layers = network.layers_by_name();
    for (tensor, value) in network.inputs.iter().zip(inputs) {
        let layer = layers.get(tensor.layer.as_str()).copied();
        conformed.push(Value::with(conform(network, tensor, layer, value.id, lowering)?, value.masks.keras_only()));
    }
    let outer_arguments = lowering.lingering_mask.is_some();
    let outputs = lower_network(network, &conformed, &format!("{archive}/"), lowering)?;
    if !outer_arguments {
        // The inner model had arguments of its own, which are gone.
        lowering.lingering_mask = None;
        lowering.lingering_states = false;
    }
    let drop = |value: Value| Value::with(value.id, Masks { tfjs: None, ..value.masks });
    Ok(outputs.into_iter().map(drop).collect())
}
