//! Reads TF.js layers models: `model.json` and weight shards become a [`Model`].
//!
//! The artifact is read as `tf.loadLayersModel` reads it: the same topology forms, the same weight manifest, the same
//! rules by which weights find their layers. The entry points are [`Model::load`] and [`Model::from_bytes`]. It runs
//! nothing.
//!
//! Inside, `json` reads values, `manifest`, `shards`, `mapping` and `decoder` the weights, `topology` and `calls` the layers as
//! the file lists them; `network` walks their calls in the order of `order`, `layers` and `operations` turn each into operators
//! with the help of `lowering`, and `weights` knows which weight belongs to which layer; `open` finds sizes for what a file leaves
//! open. What Keras 3 writes, and archives, are
//! read too, though TF.js reads neither; such models answer as Keras does.

mod activations;
mod artifact;
mod calls;
mod config;
mod constants;
mod decoder;
mod folding;
mod json;
mod keywords;
mod lambdas;
mod layers;
mod lowering;
mod manifest;
mod mapping;
mod masks;
mod model_file;
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
use crate::model::{LoadOptions, Model, Sizes};
use artifact::{Artifact, Header};
use json::object;
use manifest::Manifest;
use model_file::FORMAT_HINT;
use serde_json::{Map, Value};
use shards::{Folder, InMemory, ShardSource};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use topology::Network;
use weights::WeightTable;

impl Model {
    /// Loads a TF.js layers model from a `model.json`, or from a folder that holds one.
    ///
    /// Errors name the file, the layer or weight, what is wrong and what to do. Nothing in the files can make it
    /// panic, and memory is claimed only after the sizes in the manifest were found to be those of the files.
    ///
    /// Large float32 weights, and float16 and uint8 ones that stay packed, are left in their files, which are mapped
    /// into memory: the files must not be changed while the model or a session of it is in use. Shortened ones can end the
    /// process, rewritten ones change answers; to replace a model, write new files and rename them over the old ones.
    /// [`Model::from_bytes`] depends on no file.
    ///
    /// Dimensions that the model leaves open besides the batch need no size here: a session takes them from the inputs
    /// ([`Model::open_dimensions`]).
    pub fn load(path: impl AsRef<Path>, options: LoadOptions) -> Result<Model> {
        Model::load_with_sizes(path, options, &Sizes::default())
    }

    /// [`Model::load`] with sizes for dimensions that the model leaves open besides the batch. It saves the work of finding
    /// examples, and is the way to load a model that works at none of them. An error if a size names no such dimension.
    pub fn load_with_sizes(path: impl AsRef<Path>, options: LoadOptions, sizes: &Sizes) -> Result<Model> {
        let file = Model::file(path)?;
        let place = || file.display().to_string();
        let json = model_file::read(&file, options.json_bytes)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        load(&json, &Folder::new(folder), options, sizes).at(place)
    }

    /// The file that [`Model::load`] reads for `path`: `path` itself, or the `model.json` in a folder, or the only JSON file
    /// there that holds a model.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the folder cannot be listed, or holds several models and none of that name.
    pub fn file(path: impl AsRef<Path>) -> Result<PathBuf> {
        model_file::find(path.as_ref())
    }

    /// Loads a TF.js layers model from memory: the text of `model.json`, and each shard under the path that the
    /// weights manifest gives it.
    pub fn from_bytes(model_json: &[u8], shards: &[(&str, &[u8])], options: LoadOptions) -> Result<Model> {
        Model::from_bytes_with_sizes(model_json, shards, options, &Sizes::default())
    }

    /// [`Model::from_bytes`] with sizes for dimensions that the model leaves open, as [`Model::load_with_sizes`] takes them.
    pub fn from_bytes_with_sizes(
        model_json: &[u8],
        shards: &[(&str, &[u8])],
        options: LoadOptions,
        sizes: &Sizes,
    ) -> Result<Model> {
        load(model_json, &InMemory::new(shards), options, sizes).at(|| "model.json".into())
    }
}

fn load(model_json: &[u8], source: &dyn ShardSource, options: LoadOptions, sizes: &Sizes) -> Result<Model> {
    parse(model_json, source, options, sizes).map_err(|error| {
        let hint = match error.kind() {
            // The caller's sizes, and not the file.
            ErrorKind::Input => return error,
            ErrorKind::Unsupported => "README lists what is supported",
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

fn parse(model_json: &[u8], source: &dyn ShardSource, options: LoadOptions, sizes: &Sizes) -> Result<Model> {
    let json = model_file::parse(model_json, options.json_bytes)?;
    expect_layers_model(&json, options)?;
    let (root, keras_version) = topology_root(&json)?;
    let network = Network::parse(root).at(|| "modelTopology".into())?;
    let (mut manifest, mut tensors, mut warnings) = (Manifest::default(), HashMap::new(), Vec::new());
    if options.random_weights.is_none() {
        manifest = Manifest::parse(json.get("weightsManifest")).at(|| "weightsManifest".into())?;
        (tensors, warnings) = shards::read(&manifest, source, options.weights)?;
    }
    let weights = WeightTable::new(&manifest, tensors, warnings);
    let header = Header {
        format: format_line(&json, keras_version),
        keras_version: keras_version.map(str::to_string),
        is_converted: json.get("convertedBy").is_some_and(Value::is_string),
    };
    open::model(Artifact::new(network, weights, manifest.summaries(), header, options), sizes)
}

/// An error that says what the file is, if it is something else.
fn expect_layers_model(json: &Map<String, Value>, options: LoadOptions) -> Result<()> {
    let graph_def = json.get("modelTopology").and_then(|topology| topology.get("node")).is_some();
    if json.get("format").and_then(Value::as_str) == Some("graph-model") || graph_def {
        return Err(Error::new(ErrorKind::Unsupported, "is a TF.js graph model, not a layers model")
            .cause("its topology is a TensorFlow graph (tf.loadGraphModel), without layers")
            .hint("convert the Keras model again with --output_format=tfjs_layers_model"));
    }
    if is_bare_topology(json) && options.random_weights.is_none() {
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
