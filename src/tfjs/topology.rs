//! Layers and calls as the file lists them, before anything is known about shapes.
//!
//! Sequential models in list and dict form, Functional models (`Model` and `Functional`), and either of them as a
//! layer of another. This is the form that Keras 2 and TF.js write.

use super::json::{array, member, object, show, size, string};
use crate::error::{Error, Place, Result};
use serde_json::{Map, Value};

/// A model, or a model inside one.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) layers: Vec<Layer>,
    /// The tensors that are its inputs and outputs.
    pub(super) inputs: Vec<TensorRef>,
    pub(super) outputs: Vec<TensorRef>,
}

/// One layer and the calls made of it.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) config: Map<String, Value>,
    /// The model this layer is, if it is one.
    pub(super) network: Option<Network>,
    /// Empty for an InputLayer.
    pub(super) calls: Vec<Call>,
}

/// One call of a layer.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) arguments: Vec<TensorRef>,
    /// The keyword arguments of its first tensor.
    pub(super) keywords: Map<String, Value>,
}

/// A tensor as the file names it: which output of which call of which layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TensorRef {
    pub(super) layer: String,
    pub(super) call: usize,
    pub(super) output: usize,
}

impl Network {
    /// A model from an object with `class_name` and `config`.
    pub(super) fn parse(json: &Value) -> Result<Network> {
        let root = object("modelTopology", json)?;
        let class = string("class_name", member(root, "class_name")?)?;
        Self::parse_config(class, member(root, "config")?, None)?.ok_or_else(|| {
            Error::unsupported(format!("a model of class `{class}` is not known"))
                .hint("known are Sequential, Functional and Model")
        })
    }

    /// The model of this class, or none if the class is that of a plain layer.
    fn parse_config(class: &str, config: &Value, name: Option<&str>) -> Result<Option<Network>> {
        match class {
            "Sequential" => Self::parse_sequential(config, name).map(Some),
            "Functional" | "Model" => Self::parse_functional(config, name).map(Some),
            _ => Ok(None),
        }
    }

    fn parse_sequential(config: &Value, name: Option<&str>) -> Result<Network> {
        let (layers, own_name) = match config {
            Value::Array(layers) => (layers.as_slice(), None),
            other => {
                let config = object("config", other)?;
                (array("layers", member(config, "layers")?)?, config.get("name").and_then(Value::as_str))
            }
        };
        let name = own_name.or(name).unwrap_or("sequential").to_string();
        let layers = layers.iter().enumerate().map(|(index, layer)| Layer::parse(layer, index));
        let mut layers: Vec<Layer> = layers.collect::<Result<_>>()?;
        let Some(first) = layers.first() else {
            return Err(Error::format(format!("Sequential model `{name}` has no layers")));
        };
        if first.class != "InputLayer" {
            layers.insert(0, first.input_layer());
        }
        // Each layer takes the output of the one before it.
        for index in 1..layers.len() {
            let arguments = vec![TensorRef::first_of(&layers[index - 1])];
            layers[index].calls = vec![Call { arguments, ..Call::default() }];
        }
        let tensor = |layer: Option<&Layer>| layer.map(TensorRef::first_of).into_iter().collect();
        let (inputs, outputs) = (tensor(layers.first()), tensor(layers.last()));
        Ok(Network { name, layers, inputs, outputs })
    }

    fn parse_functional(config: &Value, name: Option<&str>) -> Result<Network> {
        let config = object("config", config)?;
        let own_name = config.get("name").and_then(Value::as_str);
        let name = own_name.or(name).unwrap_or("model").to_string();
        let layers = array("layers", member(config, "layers")?)?.iter().enumerate();
        let layers = layers.map(|(index, layer)| Layer::parse(layer, index)).collect::<Result<_>>()?;
        let tensors = |key: &str| -> Result<Vec<TensorRef>> {
            let list = member(config, key)?;
            if list.is_object() {
                return Err(Error::unsupported(format!("`{key}` is a dict, which TF.js cannot load either"))
                    .hint("build the model with lists of inputs and outputs, and convert it again"));
            }
            let list = array(key, list)?;
            // Keras 3 writes a single tensor without the list around it.
            if list.first().is_some_and(Value::is_string) {
                return Err(keras_3());
            }
            list.iter().map(|tensor| TensorRef::parse(key, tensor)).collect()
        };
        let (inputs, outputs) = (tensors("input_layers")?, tensors("output_layers")?);
        if outputs.is_empty() {
            return Err(Error::format(format!("model `{name}` has no outputs")));
        }
        Ok(Network { name, layers, inputs, outputs })
    }
}

/// What a file of Keras 3 gets.
pub(super) fn keras_3() -> Error {
    Error::unsupported("is a Keras 3 topology, which is not supported yet")
        .cause("TF.js layers models are written by Keras 2; TF.js itself cannot load this file either")
        .hint("save the model with tf_keras (TF_USE_LEGACY_KERAS=1) and convert it again")
}

impl Layer {
    fn parse(json: &Value, index: usize) -> Result<Layer> {
        let layer = object("layer", json).at(|| format!("layer {index}"))?;
        let class = member(layer, "class_name").and_then(|class| string("class_name", class));
        let class = class.at(|| format!("layer {index}"))?;
        let config = member(layer, "config").at(|| format!("layer {index}"))?;
        let name = layer.get("name").or_else(|| config.get("name")).and_then(Value::as_str);
        let network = Network::parse_config(class, config, name).at(|| format!("layer {index}"))?;
        let name = name.map(str::to_string).or_else(|| network.as_ref().map(|network| network.name.clone()));
        let name = name.ok_or_else(|| Error::format("has no name").at(format!("layer {index} ({class})")))?;
        let place = || format!("layer `{name}` ({class})");
        // A nested model's config is its layers, which are parsed already.
        let config = if network.is_some() { Map::new() } else { config.as_object().cloned().unwrap_or_default() };
        let calls = match layer.get("inbound_nodes") {
            None => Vec::new(),
            Some(calls) => parse_calls(calls).at(place)?,
        };
        Ok(Layer { name, class: class.into(), config, network, calls })
    }

    /// The InputLayer that a Sequential model starting with this layer does without.
    fn input_layer(&self) -> Layer {
        let mut first = self;
        while let Some(inner) = first.network.as_ref().and_then(|network| network.layers.first()) {
            first = inner;
        }
        let name = format!("{}_input", self.name);
        let mut config = first.config.clone();
        config.insert("name".into(), name.as_str().into());
        Layer { name, class: "InputLayer".into(), config, network: None, calls: Vec::new() }
    }

    /// The number the file gives the first call: TF.js and Keras 2 count the construction of a nested model as 0.
    pub(super) fn first_call(&self) -> usize {
        usize::from(self.network.is_some())
    }
}

fn parse_calls(json: &Value) -> Result<Vec<Call>> {
    array("inbound_nodes", json)?.iter().map(parse_call).collect()
}

fn parse_call(json: &Value) -> Result<Call> {
    if json.get("args").is_some() {
        return Err(keras_3());
    }
    let mut call = Call::default();
    for argument in array("inbound_nodes", json)? {
        call.arguments.push(TensorRef::parse("inbound_nodes", argument)?);
        if let (Some(Value::Object(keywords)), true) = (argument.get(3), call.keywords.is_empty()) {
            call.keywords = keywords.clone();
        }
    }
    Ok(call)
}

impl Call {
    /// The tensors among the keyword arguments, by name. A `mask` is always one.
    pub(super) fn tensors(&self) -> Result<Vec<(&str, TensorRef)>> {
        let given = self.keywords.iter().filter(|(key, value)| {
            let names_tensor = value.as_array().is_some_and(|parts| parts.first().is_some_and(Value::is_string));
            !value.is_null() && (names_tensor || *key == "mask")
        });
        given.map(|(key, value)| Ok((key.as_str(), TensorRef::parse(key, value)?))).collect()
    }
}

impl TensorRef {
    /// The first output of the first call of a layer of a Sequential model.
    fn first_of(layer: &Layer) -> TensorRef {
        TensorRef { layer: layer.name.clone(), call: 0, output: 0 }
    }

    /// From `[layer, call, output]`, which may be followed by keyword arguments.
    pub(super) fn parse(key: &str, json: &Value) -> Result<TensorRef> {
        let parts = json.as_array().filter(|parts| parts.len() >= 3);
        let Some([layer, call, output, ..]) = parts.map(Vec::as_slice) else {
            return Err(Error::format(format!("`{key}` holds {}, which does not name a tensor", show(json)))
                .hint("a tensor is written [layer name, call index, output index]"));
        };
        Ok(TensorRef { layer: string(key, layer)?.into(), call: size(key, call)?, output: size(key, output)? })
    }
}
