//! The weights of a file, by name and by what else they may be found by.

use crate::tensor::Tensor;
use crate::tfjs::manifest::Manifest;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// All weights of a file.
#[derive(Debug, Default)]
pub(in crate::tfjs) struct WeightTable {
    pub(super) tensors: HashMap<String, Arc<Tensor>>,
    /// Names in file order, for errors and fallbacks that do not depend on hashing.
    order: Vec<String>,
    /// File names by the name without the component before the last. A name that two weights share matches neither.
    shortened: HashMap<String, Option<String>>,
    /// The first weight of each shape.
    by_shape: HashMap<Vec<usize>, Arc<Tensor>>,
    /// All scopes of weights: `a` and `a/b` of `a/b/kernel`.
    scopes: HashSet<String>,
    /// Of an archive: the places that hold weights, by what they are called here.
    pub(super) places: BTreeMap<String, String>,
    /// About weights that hold infinities or NaN, which may be meant, and such as quantization has spoilt.
    warnings: Vec<String>,
}

impl WeightTable {
    pub(in crate::tfjs) fn new(
        manifest: &Manifest,
        mut tensors: HashMap<String, Tensor>,
        warnings: Vec<String>,
    ) -> WeightTable {
        let mut table = WeightTable { warnings, ..WeightTable::default() };
        for spec in manifest.weights() {
            let name = &spec.name;
            let Some(tensor) = tensors.remove(name) else { continue };
            table.warnings.extend(not_finite(name, &tensor));
            table.warnings.extend(spec.quantization.as_ref().and_then(|kind| kind.loss(name, &tensor)));
            let tensor = Arc::new(tensor);
            table.by_shape.entry(tensor.shape().to_vec()).or_insert_with(|| Arc::clone(&tensor));
            table.tensors.insert(name.clone(), tensor);
            table.scopes.extend(scopes(name).map(str::to_string));
            if let Some(short) = shorten(name) {
                table.shortened.entry(short).and_modify(|known| *known = None).or_insert_with(|| Some(name.clone()));
            }
            if let Some(place) = archive_place(name) {
                table.places.insert(plain(place), place.into());
            }
            table.order.push(name.clone());
        }
        table
    }

    /// Whether the file was converted from a `.keras` archive.
    pub(in crate::tfjs) fn is_archive(&self) -> bool {
        !self.places.is_empty()
    }

    /// What a reader should know of the weights.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The names in file order.
    pub(super) fn names(&self) -> &[String] {
        &self.order
    }

    /// Whether there is a weight of this very name, or weights in a scope of this name.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name) || self.scopes.contains(name)
    }

    /// The shape of the weight `name`, if there is one.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape())
    }

    /// Whether a weight of this shape is called `name`.
    pub(super) fn fits(&self, name: &str, shape: &[usize]) -> bool {
        self.shape(name) == Some(shape)
    }

    /// The weight called `name` but for the component before its last.
    pub(super) fn by_short_name(&self, name: &str) -> Option<&str> {
        self.shortened.get(name)?.as_deref()
    }

    /// Any weight of this shape.
    pub(super) fn of_shape(&self, shape: &[usize]) -> Option<Arc<Tensor>> {
        self.by_shape.get(shape).map(Arc::clone)
    }
}

/// How many scopes of a name are listed, from the inside: models are not nested deeper, and a name may be of slashes alone.
const MOST_SCOPES: usize = 64;

/// The scopes that a weight is in, the innermost first.
fn scopes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.rsplit_once('/'), |(scope, _)| scope.rsplit_once('/'))
        .map(|(scope, _)| scope)
        .take(MOST_SCOPES)
}

/// The part of an archive that holds this weight: `layers/dense` of `layers/dense/vars/0`.
fn archive_place(name: &str) -> Option<&str> {
    let (place, index) = name.rsplit_once("/vars/")?;
    index.parse::<usize>().is_ok().then_some(place)
}

/// A place without the underscores that private attributes begin with.
pub(super) fn plain(place: &str) -> String {
    let parts: Vec<&str> = place.split('/').map(|part| part.strip_prefix('_').unwrap_or(part)).collect();
    parts.join("/")
}

/// The name without the component before its last.
pub(super) fn shorten(name: &str) -> Option<String> {
    let (scope, last) = name.rsplit_once('/')?;
    let (scope, _) = scope.rsplit_once('/')?;
    Some(format!("{scope}/{last}"))
}

/// What to say of a weight that holds infinities or NaN. TF.js and Keras load both.
fn not_finite(name: &str, tensor: &Tensor) -> Option<String> {
    let count = tensor.count_floats(|value| !value.is_finite());
    if count == 0 {
        return None;
    }
    match tensor.count_floats(f32::is_nan) {
        0 => Some(format!("weight `{name}` holds {count} infinities")),
        nan => {
            Some(format!("weight `{name}` holds {nan} NaN of {} numbers: answers that use them are NaN", tensor.len()))
        }
    }
}
