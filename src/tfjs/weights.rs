//! Which weight belongs to which layer: the name rules and strict errors of TF.js (`container.ts`, `loadWeights`).
//!
//! A layer's weight is called `layer/weight`. Where no weight of the file has that name, one with a component more
//! before its last does (`lstm/lstm_cell/kernel` for `lstm/kernel`). Every weight must find its layer, and every
//! layer its weights.

use super::manifest::Manifest;
use crate::error::{Error, Place, Result};
use crate::tensor::{DType, Tensor, format_dims};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Elements of all constants that stand in for weights that layers do without, at most. A file may ask for any size in
/// a few bytes; a weight that it holds is as large as the file at most.
const MAX_STAND_IN: usize = 1 << 24;

/// All weights of the file, and which layer took which.
#[derive(Debug)]
pub(super) struct WeightStore {
    tensors: HashMap<String, Arc<Tensor>>,
    /// Names in file order, for errors and fallbacks that do not depend on hashing.
    order: Vec<String>,
    /// File names by the name without the component before the last.
    shortened: HashMap<String, String>,
    /// What each wanted name was resolved to, and for which layer.
    taken: HashMap<String, Taken>,
    /// Wanted names that the file does not have, in the order of the layers.
    missing: Vec<String>,
    /// About weights that hold infinities: they may be meant, as in a mask.
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Taken {
    layer: LayerIdentity,
    file_name: String,
}

/// Tells one layer object from another with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LayerIdentity(pub(super) usize);

impl WeightStore {
    pub(super) fn new(manifest: &Manifest, mut tensors: HashMap<String, Tensor>) -> Result<WeightStore> {
        let order: Vec<String> = manifest.weights().map(|spec| spec.name.clone()).collect();
        let (mut shared, mut warnings) = (HashMap::new(), Vec::new());
        for name in &order {
            let Some(tensor) = tensors.remove(name) else { continue };
            match count_infinities(name, &tensor)? {
                0 => {}
                count => warnings.push(format!("weight `{name}` holds {count} infinities")),
            }
            shared.insert(name.clone(), Arc::new(tensor));
        }
        let shortened = order.iter().filter_map(|name| Some((shorten(name)?, name.clone()))).collect();
        let (taken, missing) = (HashMap::new(), Vec::new());
        Ok(WeightStore { tensors: shared, order, shortened, taken, missing, warnings })
    }

    /// What a reader should know of the weights.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// Whether the file has a weight of this very name.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The weight called `name` of `layer`, of shape `shape`. A weight that is missing is stood in for by zeros
    /// until [`WeightStore::finish`] reports all that are.
    pub(super) fn take(&mut self, layer: LayerIdentity, name: &str, shape: &[usize]) -> Result<Arc<Tensor>> {
        if self.taken.get(name).is_some_and(|taken| taken.layer != layer) {
            return Err(Error::weights(format!("two layers want a weight called `{name}`"))
                .cause("weights find their layers by name")
                .hint("give the layers different names and convert the model again"));
        }
        let exact = self.tensors.contains_key(name).then(|| name.to_string());
        let Some(file_name) = exact.or_else(|| self.shortened.get(name).cloned()) else {
            if !self.missing.iter().any(|missing| missing == name) {
                self.missing.push(name.into());
            }
            let zeros = vec![0.0; expect_stand_in(shape, 0).at(|| format!("weight `{name}` is missing"))?];
            return Ok(Arc::new(Tensor::f32(shape, zeros)?));
        };
        let tensor = Arc::clone(&self.tensors[&file_name]);
        if tensor.shape() != shape {
            let (wanted, found) = (format_dims(shape), format_dims(tensor.shape()));
            return Err(Error::weights(format!("weight `{file_name}` has shape {found}, the layer needs {wanted}"))
                .hint("topology and weights must be of one conversion"));
        }
        self.taken.insert(name.into(), Taken { layer, file_name });
        Ok(if tensor.dtype() == DType::F32 { tensor } else { Arc::new(tensor.cast(DType::F32)) })
    }

    /// An error if a layer lacks a weight, or a weight a layer.
    pub(super) fn finish(&self) -> Result<()> {
        let used: HashSet<&str> = self.taken.values().map(|taken| taken.file_name.as_str()).collect();
        let unused: Vec<String> = self.order.iter().filter(|name| !used.contains(name.as_str())).cloned().collect();
        if !self.missing.is_empty() {
            return Err(self.missing_weights(&unused));
        }
        if used.len() < self.taken.len() {
            let twice = |name: &&String| self.taken.values().filter(|taken| taken.file_name == **name).count() > 1;
            let name = self.order.iter().find(twice).cloned().unwrap_or_default();
            return Err(Error::weights(format!("two layers would take the weight `{name}`"))
                .cause("one wants it by its name, the other by its name without the part before the last")
                .hint("topology and weights must be of one conversion"));
        }
        if unused.is_empty() {
            return Ok(());
        }
        Err(Error::weights(format!("no layer of the model takes the weight {}", list(&unused)))
            .hint("topology and weights must be of one conversion"))
    }

    fn missing_weights(&self, unused: &[String]) -> Error {
        let (count, wanted) = (self.missing.len(), self.missing.len() + self.taken.len());
        let error = Error::weights(format!("{count} of {wanted} weights are missing: {}", list(&self.missing)));
        let positional = |name: &String| name.starts_with("layers/") && name.contains("/vars/");
        if unused.iter().any(positional) {
            return error
                .cause("the file names weights by position (layers/…/vars/0), as .keras archives do once converted")
                .hint("save the model as .h5 or SavedModel and convert that; TF.js cannot load this file either");
        }
        let error = error.hint("topology and weights must be of one conversion");
        if unused.is_empty() { error } else { error.cause(format!("no layer takes {} of the file", list(unused))) }
    }
}

/// The elements of a stand-in of this shape; an error if with those `before` it they are beyond reason.
pub(super) fn expect_stand_in(shape: &[usize], before: usize) -> Result<usize> {
    let count = crate::tensor::element_count(shape)?;
    if count.saturating_add(before) > MAX_STAND_IN {
        let dims = crate::tensor::format_dims(shape);
        return Err(Error::limit(format!("a layer without a weight of shape {dims} is beyond reason")));
    }
    Ok(count)
}

/// The name without the component before its last.
fn shorten(name: &str) -> Option<String> {
    let (scope, last) = name.rsplit_once('/')?;
    let (scope, _) = scope.rsplit_once('/')?;
    Some(format!("{scope}/{last}"))
}

/// The first names, and how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// The infinities in a weight; an error if it holds NaN.
fn count_infinities(name: &str, tensor: &Tensor) -> Result<usize> {
    let not_finite = tensor.count_floats(|value| !value.is_finite());
    if not_finite == 0 {
        return Ok(0);
    }
    match tensor.count_floats(f32::is_nan) {
        0 => Ok(not_finite),
        count => Err(Error::weights(format!("weight `{name}` holds {count} NaN"))
            .cause("the training diverged, or the file is damaged")
            .hint("export the model again from a good checkpoint")),
    }
}
