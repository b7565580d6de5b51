//! Layers as the file lists them, before anything is known about shapes.
//!
//! Sequential models in list and dict form, Functional models (`Model` and `Functional`), and either of them as a
//! layer of another, as Keras 2, Keras 3 and TF.js write them. The calls of Functional models stay JSON here: how they are
//! read depends on which layers are operations, which [`kinds`](super::kinds) decides.

use super::calls::{Call, TensorRef, structure};
use super::json::{array, member, object, string};
use crate::error::{Context, Error, Result};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A model, or a model inside one.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) is_sequential: bool,
    pub(super) layers: Vec<Layer>,
    /// The tensors that are its inputs and outputs.
    pub(super) inputs: Vec<TensorRef>,
    pub(super) outputs: Vec<TensorRef>,
    /// The names of those that have a name besides that of their layer: the keys of a dict.
    pub(super) input_names: Vec<Option<String>>,
    pub(super) output_names: Vec<Option<String>>,
    /// Other names of the only input of a Sequential model that begins with a model.
    pub(super) input_aliases: Vec<String>,
}

/// One layer and the calls made of it.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) config: Map<String, Value>,
    /// Its number in the file.
    pub(super) identity: LayerIdentity,
    /// Its name in a `.keras` archive: its class and its number among the layers of that class.
    pub(super) position: String,
    /// The operation, if it is a bare operation (`x + y`, `keras.ops.…`) instead of a layer.
    pub(super) operation: Option<String>,
    /// The model this layer is, if it is one.
    pub(super) network: Option<Network>,
    /// The calls as the file writes them, until they are read into `calls`.
    pub(super) inbound_nodes: Option<Value>,
    /// Empty for an InputLayer.
    pub(super) calls: Vec<Call>,
    /// What Keras calls the object, if it stands in several places.
    pub(super) shared_object_id: Option<Value>,
}

/// Tells one layer object from another with the same name: its number among all layers of a file, from 1 on.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LayerIdentity(pub(super) usize);

impl LayerIdentity {
    /// The owner of constants that all layers share.
    pub(super) const ALL: LayerIdentity = LayerIdentity(0);
}

impl Network {
    /// A model from an object with `class_name` and `config`.
    pub(super) fn parse(root: &Map<String, Value>) -> Result<Network> {
        let class = string("class_name", member(root, "class_name")?)?;
        Self::parse_config(class, member(root, "config")?, None)?.ok_or_else(|| {
            Error::unsupported(format!("a model of class `{class}` is not known"))
                .cause("known are Sequential, Functional and Model; the Python code of a subclass is not in the file")
                .hint("build the model from keras.Input to outputs (the functional API) and convert it again")
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
        let layers = layers.iter().enumerate().map(|(index, layer)| Layer::parse_called_in_order(layer, index));
        let mut layers: Vec<Layer> = layers.collect::<Result<_>>()?;
        let Some(first) = layers.first() else {
            return Err(Error::format(format!("Sequential model `{name}` has no layers")));
        };
        let mut inner_names = first.network.as_ref().map(Network::first_input_names).unwrap_or_default();
        if first.class != "InputLayer" {
            let mut input = first.input_layer();
            // What Keras 3 says of a model without an InputLayer that was built by its first call.
            if let Some(shape) = config.get("build_input_shape").filter(|shape| !shape.is_null()) {
                input.config.insert("batch_shape".into(), shape.clone());
            }
            layers.insert(0, input);
        }
        // Each layer takes the output of the one before it.
        for index in 1..layers.len() {
            let arguments = vec![TensorRef::first_of(&layers[index - 1])];
            layers[index].calls = vec![Call { arguments, ..Call::default() }];
        }
        let tensor = |layer: Option<&Layer>| layer.map(TensorRef::first_of).into_iter().collect();
        let (inputs, outputs) = (tensor(layers.first()), tensor(layers.last()));
        let mut input_names = vec![None];
        if !inner_names.is_empty() {
            // The name in TF.js; in Keras that of the layer.
            input_names = vec![Some(inner_names.remove(0))];
            inner_names.push(layers[0].name.clone());
        }
        let input_aliases = inner_names;
        Ok(Network {
            name,
            is_sequential: true,
            layers,
            inputs,
            outputs,
            input_names,
            output_names: vec![None],
            input_aliases,
        })
    }

    /// All names of the model's first input, that in TF.js first.
    fn first_input_names(&self) -> Vec<String> {
        let layer = self.inputs.first().map(|tensor| tensor.layer.clone());
        let names =
            self.input_names.first().cloned().flatten().into_iter().chain(self.input_aliases.clone()).chain(layer);
        let mut names: Vec<String> = names.collect();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    fn parse_functional(config: &Value, name: Option<&str>) -> Result<Network> {
        let config = object("config", config)?;
        let own_name = config.get("name").and_then(Value::as_str);
        let name = own_name.or(name).unwrap_or("model").to_string();
        let layers = array("layers", member(config, "layers")?)?.iter().enumerate();
        let layers = layers.map(|(index, layer)| Layer::parse(layer, index));
        let layers: Vec<Layer> = layers.collect::<Result<_>>()?;
        let tensors = |key: &str| structure(key, member(config, key)?);
        let (input_names, inputs) = tensors("input_layers")?.into_iter().unzip();
        let (output_names, outputs): (_, Vec<TensorRef>) = tensors("output_layers")?.into_iter().unzip();
        if outputs.is_empty() {
            return Err(Error::format(format!("model `{name}` has no outputs")));
        }
        let (is_sequential, input_aliases) = (false, Vec::new());
        Ok(Network { name, is_sequential, layers, inputs, outputs, input_names, output_names, input_aliases })
    }

    /// The layers by name, the first of each.
    pub(super) fn layers_by_name(&self) -> HashMap<&str, &Layer> {
        // What is inserted last stays.
        self.layers.iter().rev().map(|layer| (layer.name.as_str(), layer)).collect()
    }

    /// The InputLayers by name, the first of each.
    pub(super) fn input_layers(&self) -> HashMap<&str, &Layer> {
        let inputs = self.layers.iter().rev().filter(|layer| layer.class == "InputLayer");
        inputs.map(|layer| (layer.name.as_str(), layer)).collect()
    }

    /// Whether any part is in a form that only Keras 3 writes, and that TF.js does not read.
    pub(super) fn has_keras_3_form(&self) -> bool {
        self.layers.iter().any(|layer| {
            let has = |key: &str| layer.config.contains_key(key);
            layer.calls.iter().any(|call| call.is_keras_3)
                || has("batch_shape") && !has("batch_input_shape") && !has("input_shape")
                || layer.network.as_ref().is_some_and(Network::has_keras_3_form)
        })
    }
}

impl Layer {
    /// A layer of a Sequential model, whose calls follow from where it stands: any that are written are no more than
    /// left over, and TF.js does not read them.
    fn parse_called_in_order(json: &Value, index: usize) -> Result<Layer> {
        let mut layer = object("layer", json).at(|| format!("layer {index}"))?.clone();
        layer.remove("inbound_nodes");
        Self::parse_object(&layer, index)
    }

    fn parse(json: &Value, index: usize) -> Result<Layer> {
        Self::parse_object(object("layer", json).at(|| format!("layer {index}"))?, index)
    }

    fn parse_object(layer: &Map<String, Value>, index: usize) -> Result<Layer> {
        let class = member(layer, "class_name").and_then(|class| string("class_name", class));
        let class = class.at(|| format!("layer {index}"))?;
        let config = member(layer, "config").at(|| format!("layer {index}"))?;
        let name = layer.get("name").or_else(|| config.get("name")).and_then(Value::as_str);
        let network = Network::parse_config(class, config, name).at(|| format!("layer {index}"))?;
        let name = name.map(str::to_string).or_else(|| network.as_ref().map(|network| network.name.clone()));
        let name = name.ok_or_else(|| Error::format("has no name").at(format!("layer {index} ({class})")))?;
        // A nested model's config is its layers, which are parsed already.
        let config = if network.is_some() { Map::new() } else { config.as_object().cloned().unwrap_or_default() };
        let inbound_nodes = layer.get("inbound_nodes").cloned();
        let layer = Layer { network, inbound_nodes, shared_object_id: id_of(layer), ..Layer::new(name, class, config) };
        Ok(layer)
    }

    /// A layer without calls.
    fn new(name: String, class: &str, config: Map<String, Value>) -> Layer {
        Layer {
            name,
            class: class.into(),
            config,
            identity: LayerIdentity::default(),
            position: String::new(),
            operation: None,
            network: None,
            inbound_nodes: None,
            calls: Vec::new(),
            shared_object_id: None,
        }
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
        Layer::new(name, "InputLayer", config)
    }
}

/// The id that Keras gives the object in the JSON of a layer.
pub(super) fn id_of(layer: &Map<String, Value>) -> Option<Value> {
    layer.get("shared_object_id").filter(|id| !id.is_null()).cloned()
}

impl TensorRef {
    /// The first output of the first call of a layer of a Sequential model.
    fn first_of(layer: &Layer) -> TensorRef {
        TensorRef { layer: layer.name.clone(), call: 0, output: 0 }
    }
}
