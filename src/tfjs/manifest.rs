//! The weights manifest: which weights stand in which files, in what form, in which order.
//!
//! Within a group the bytes of all paths follow each other, and the weights follow each other in them without gaps.
//! Nothing is read or allocated here.

use super::canonical;
use super::json::{array, member, number, object, show, size, string};
use super::quantization::Quantization;
use crate::error::{Context, Error, Result};
use crate::model::WeightSummary;
use crate::tensor::element_count;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// All groups in order.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) groups: Vec<Group>,
}

/// Files whose bytes, one after the other, hold weights, one after the other.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) paths: Vec<String>,
    pub(super) weights: Vec<WeightSpec>,
    /// The bytes that the weights take in all.
    pub(super) bytes: u64,
}

/// One weight as the manifest describes it.
#[derive(Debug, Clone)]
pub(super) struct WeightSpec {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) dtype: StoredDType,
    pub(super) quantization: Option<Quantization>,
    /// Whether it belongs to the optimizer and not to a layer.
    pub(super) optimizer: bool,
    pub(super) elements: usize,
    pub(super) bytes: u64,
    /// What its entry says of all this, in canonical form.
    pub(super) entry: String,
}

/// The dtype a weight has once decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredDType {
    F32,
    I32,
    U8,
    Bool,
}

impl StoredDType {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "float32" => Ok(StoredDType::F32),
            "int32" => Ok(StoredDType::I32),
            "uint8" => Ok(StoredDType::U8),
            "bool" => Ok(StoredDType::Bool),
            "string" | "complex64" => {
                Err(Error::unsupported(format!("weights of dtype {name} cannot belong to a layer here")))
            }
            other => Err(Error::format(format!("`{other}` is not a dtype of the weights manifest"))
                .hint("known are float32, int32, bool, uint8")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            StoredDType::F32 => "float32",
            StoredDType::I32 => "int32",
            StoredDType::U8 => "uint8",
            StoredDType::Bool => "bool",
        }
    }

    fn bytes(self) -> u64 {
        match self {
            StoredDType::F32 | StoredDType::I32 => 4,
            StoredDType::U8 | StoredDType::Bool => 1,
        }
    }
}

impl Manifest {
    pub(super) fn parse(json: Option<&Value>) -> Result<Manifest> {
        let Some(json) = json else {
            return Err(Error::format("is missing").hint(
                "save the weights with the model, or have random ones drawn to measure it \
                (LoadOptions::random_weights)",
            ));
        };
        let groups = array("weightsManifest", json)?.iter().enumerate();
        let groups = groups.map(|(index, group)| Group::parse(group).at(|| format!("group {index}")));
        let manifest = Manifest { groups: groups.collect::<Result<_>>()? };
        let mut names = HashSet::new();
        for spec in manifest.weights() {
            if !names.insert(spec.name.as_str()) {
                return Err(Error::weights(format!("weight `{}` is listed twice", spec.name))
                    .cause("a model that is used in two places is written twice, or two layers have one name")
                    .hint("give the layers different names, or use the nested model in one place, and convert again"));
            }
        }
        Ok(manifest)
    }

    /// The weights of the model, those of the optimizer left out.
    pub(super) fn weights(&self) -> impl Iterator<Item = &WeightSpec> {
        self.groups.iter().flat_map(|group| &group.weights).filter(|spec| !spec.optimizer)
    }

    pub(super) fn summaries(&self) -> Vec<WeightSummary> {
        let summary = |spec: &WeightSpec| WeightSummary {
            name: spec.name.clone(),
            shape: spec.shape.clone(),
            stored: spec.quantization.as_ref().map_or(spec.dtype.name().into(), ToString::to_string),
            stored_bytes: spec.bytes,
        };
        self.weights().map(summary).collect()
    }
}

impl Group {
    fn parse(json: &Value) -> Result<Group> {
        let group = object("group", json)?;
        let paths = array("paths", member(group, "paths")?)?;
        let paths: Vec<String> = paths.iter().map(shard_path).collect::<Result<_>>()?;
        let mut weights = Vec::new();
        let mut bytes = 0u64;
        for json in array("weights", member(group, "weights")?)? {
            let spec = WeightSpec::parse(object("weight", json)?)?;
            bytes = bytes
                .checked_add(spec.bytes)
                .ok_or_else(|| Error::limit(format!("weight `{}`: the sizes overflow", spec.name)))?;
            weights.push(spec);
        }
        Ok(Group { paths, weights, bytes })
    }
}

impl WeightSpec {
    fn parse(json: &Map<String, Value>) -> Result<WeightSpec> {
        let name = string("name", member(json, "name")?)?;
        Self::parse_named(name, json).at(|| format!("weight `{name}`"))
    }

    fn parse_named(name: &str, json: &Map<String, Value>) -> Result<WeightSpec> {
        let shape = array("shape", member(json, "shape")?)?;
        let shape: Vec<usize> = shape.iter().map(|dim| size("shape", dim)).collect::<Result<_>>()?;
        let dtype = StoredDType::parse(string("dtype", member(json, "dtype")?)?)?;
        let quantization = json.get("quantization").filter(|json| !json.is_null());
        let quantization = quantization.map(|json| parse_quantization(json, dtype)).transpose()?;
        let elements = element_count(&shape)?;
        let element_bytes = quantization.as_ref().map_or(dtype.bytes(), Quantization::bytes);
        Ok(WeightSpec {
            // Python writes TensorFlow's variable names, `kernel:0` among them.
            name: name.strip_suffix(":0").unwrap_or(name).into(),
            shape,
            dtype,
            quantization,
            optimizer: json.get("group").and_then(Value::as_str) == Some("optimizer"),
            elements,
            bytes: elements as u64 * element_bytes,
            entry: entry(json),
        })
    }
}

/// What the entry of a weight says of it, in canonical form.
fn entry(json: &Map<String, Value>) -> String {
    let said = ["name", "shape", "dtype", "quantization"].into_iter();
    let said = said.filter_map(|key| Some((key.to_string(), json.get(key).filter(|json| !json.is_null())?.clone())));
    canonical::text(&Value::Object(said.collect()))
}

fn parse_quantization(json: &Value, dtype: StoredDType) -> Result<Quantization> {
    let quantization = object("quantization", json)?;
    let kind = string("dtype", member(quantization, "dtype")?)?;
    let affine = || -> Result<(f64, f64)> {
        let value = |key: &str| {
            let missing = || Error::weights(format!("its {kind} quantization has no `{key}`"));
            number(key, quantization.get(key).ok_or_else(missing)?)
        };
        Ok((value("scale")?, value("min")?))
    };
    if !matches!(dtype, StoredDType::F32 | StoredDType::I32) {
        return Err(Error::weights(format!("a weight of dtype {} cannot be quantized", dtype.name())));
    }
    match kind {
        "uint8" => affine().map(|(scale, min)| Quantization::U8 { scale, min }),
        "uint16" => affine().map(|(scale, min)| Quantization::U16 { scale, min }),
        "float16" if dtype == StoredDType::F32 => Ok(Quantization::F16),
        "float16" => Err(Error::weights("float16 quantization is for float32 weights only")),
        other => {
            Err(Error::weights(format!("`{other}` is not a quantization")).hint("known are uint8, uint16 and float16"))
        }
    }
}

/// A path below the folder of model.json, and nothing else: the file is not trusted to name others.
fn shard_path(json: &Value) -> Result<String> {
    let path = string("paths", json)?;
    let leaves = path.split('/').any(|part| part == "..");
    if path.is_empty() || path.starts_with('/') || path.contains(['\\', ':', '\0']) || leaves {
        return Err(Error::weights(format!("weight file {} is not a path below the model's folder", show(json)))
            .hint("put the weight files beside model.json and name them by relative paths"));
    }
    Ok(path.into())
}
