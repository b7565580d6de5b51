//! Reads TF.js layers models: `model.json` and weight shards become a [`Model`].
//!
//! The artifact is read as `tf.loadLayersModel` reads it: the same topology forms, the same weight manifest, the same
//! rules by which weights find their layers. The entry points are [`Model::load`](crate::Model::load) and its neighbours. It
//! runs nothing.
//!
//! Inside, `json` reads values and `canonical` writes them; `manifest`, `shards` and `decoder` read the weights; `topology`
//! holds the layers as the file lists them, and `kinds` decides which of them are operations and reads their `calls`. `network`
//! walks the calls in the order of `order`; `layers` and `operations` turn each into operators with the help of `lowering`,
//! and `weights` knows which weight belongs to which layer. `open` finds sizes for dimensions that a file leaves open. Files
//! of Keras 3 and archives are read too, though TF.js reads neither; such models answer as Keras does.

mod activations;
mod artifact;
mod calls;
mod canonical;
mod config;
mod constants;
mod decoder;
mod folding;
mod json;
mod keywords;
mod kinds;
mod lambdas;
mod layers;
mod lowering;
mod manifest;
mod masks;
pub(crate) mod model_file;
mod network;
mod numbering;
mod once;
mod open;
mod operations;
mod order;
mod positions;
mod quantization;
mod shards;
mod spelling;
mod summary;
mod topology;
mod training;
mod weights;

pub use layers::{Class, classes};

use crate::error::{Context, Error, ErrorKind, Result};
use crate::model::{Identified, LoadOptions, Model};
use crate::weights::Source;
use artifact::{Artifact, Header};
use json::object;
use manifest::Manifest;
use model_file::FORMAT_HINT;
use serde_json::{Map, Value};
use std::sync::Arc;
use weights::WeightTable;

/// The model of this `model.json`, with weight files from `source`.
pub(crate) fn load(model_json: &[u8], source: &dyn Source, options: LoadOptions) -> Result<Model> {
    parse(model_json, source, options).map_err(|error| {
        let hint = match error.kind() {
            // The caller's sizes, and not the file.
            ErrorKind::Input => return error,
            ErrorKind::Unsupported => "docs/layers.md and docs/files.md list what is supported",
            ErrorKind::Shape => {
                "the layers do not fit each other; if Keras or TF.js runs this model, report it with its model.json"
            }
            ErrorKind::Limit => {
                "the limit keeps small files from asking for any amount of memory; make the model smaller"
            }
            _ => "if Keras or TF.js loads this file, report it with its model.json",
        };
        error.or_hint(hint)
    })
}

fn parse(model_json: &[u8], source: &dyn Source, options: LoadOptions) -> Result<Model> {
    let mut json = model_file::parse(model_json, options.tfjs.json_bytes)?;
    let has_random_weights = options.random_weights.is_some();
    expect_layers_model(&json, has_random_weights)?;
    let topology = json.get("modelTopology").filter(|_| !has_random_weights).map(canonical::digest);
    model_file::spell(&mut json);
    let (root, keras_version) = topology_root(&json)?;
    let mut numbered = 0;
    let network = kinds::read(root, &mut numbered).at(|| "modelTopology".into())?;
    let (mut manifest, mut read) = (Manifest::default(), shards::Read::default());
    if !has_random_weights {
        manifest = Manifest::parse(json.get("weightsManifest")).at(|| "weightsManifest".into())?;
        read = shards::read(&manifest, source, options.weight_format)?;
    }
    let weights = WeightTable::new(&manifest, read.tensors, read.warnings);
    let header = Header {
        format: format_line(&json, keras_version),
        keras_version: keras_version.map(str::to_string),
        is_converted: json.get("convertedBy").is_some_and(Value::is_string),
        identified: topology.map(|topology| Arc::new(Identified::new(topology, read.stored))),
    };
    let sizes = options.sizes.clone();
    open::model(Artifact::new(network, numbered, weights, manifest.summaries(), header, options), &sizes)
}

/// An error that says what the file is, if it is something else.
fn expect_layers_model(json: &Map<String, Value>, has_random_weights: bool) -> Result<()> {
    let graph_def = json.get("modelTopology").and_then(|topology| topology.get("node")).is_some();
    if json.get("format").and_then(Value::as_str) == Some("graph-model") || graph_def {
        return Err(Error::new(ErrorKind::Unsupported, "is a TF.js graph model, not a layers model")
            .cause("its topology is a TensorFlow graph (tf.loadGraphModel), without layers")
            .hint("convert the Keras model again with --output_format=tfjs_layers_model"));
    }
    if is_bare_topology(json) && !has_random_weights {
        return Err(Error::format("is a topology without weights")
            .cause("its top level is the topology itself, without a `modelTopology` and weights beside it")
            .hint(
                "give the model.json that lies beside weight files, or have random weights drawn to measure the model \
                (LoadOptions::random_weights)",
            ));
    }
    if !json.contains_key("modelTopology") && !is_bare_topology(json) {
        return Err(Error::format("is not the JSON of a model").cause("it has no `modelTopology`").hint(FORMAT_HINT));
    }
    Ok(())
}

/// Whether this is a topology itself, as `model.to_json()` makes it, and not the file around it.
fn is_bare_topology(json: &Map<String, Value>) -> bool {
    let has = |key| json.contains_key(key);
    !has("modelTopology") && (has("model_config") || has("class_name") && has("config"))
}

/// The object with `class_name` and `config`, and the Keras version beside it.
fn topology_root(json: &Map<String, Value>) -> Result<(&Map<String, Value>, Option<&str>)> {
    let topology = json.get("modelTopology").map_or(Ok(json), |topology| object("modelTopology", topology))?;
    let version = topology.get("keras_version").and_then(Value::as_str);
    let root = topology.get("model_config").map_or(Ok(topology), |config| object("model_config", config))?;
    Ok((root, version))
}

fn format_line(json: &Map<String, Value>, keras_version: Option<&str>) -> String {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let generated = text("generatedBy").map(str::to_string);
    let generated = generated.or_else(|| keras_version.map(|version| format!("keras {version}")));
    let converted = text("convertedBy").map(|by| format!("converted by {by}"));
    let parts = [Some(text("format").unwrap_or("layers-model").to_string()), generated, converted];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
