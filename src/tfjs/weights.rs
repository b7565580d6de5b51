//! Which weight belongs to which layer: the name rules and strict errors of TF.js (`container.ts`, `loadWeights`), and
//! what Keras 3 and `.keras` archives write besides.
//!
//! A layer's weight is called `layer/weight`. Where no weight of the file has that name, one with a component more
//! before its last does (`lstm/lstm_cell/kernel` for `lstm/kernel`). Keras 3 puts the names of enclosing models before
//! those names, all or some (`tower/fc1/kernel`). Every weight must find its layer, and every layer its weights.
//!
//! An archive names weights by position, `layers/dense_1/vars/0`: the layer by its class and number (`positions`), the
//! weight by its number in the order in which the layer makes them. A layer takes its weights in that order, those
//! that training does not change last, and leaves out what its options leave out; then the order of taking is the number.
//! A layer that holds others gives each a scope of its own: its name, and where it is in an archive, which is that of the
//! layer and then the attribute that holds it: `layers/bidirectional/forward_layer` (`LayerCall::archive`); a leading
//! underscore of an attribute does not matter. Where one attribute alone holds weights (`cell`, `layer`) it need not be
//! named.

use super::manifest::Manifest;
use super::random_weights::RandomWeights;
use crate::error::{Error, Place, Result};
use crate::model::WeightSummary;
use crate::tensor::{DType, Tensor, format_dims};
use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// Of an archive: the places that hold weights, by what they are called here.
    places: BTreeMap<String, String>,
    /// Of an archive: the weights that each place was asked for, in order.
    asked: HashMap<String, Vec<String>>,
    /// About weights that hold infinities: they may be meant, as in a mask.
    warnings: Vec<String>,
    /// Draws all weights where the file's are not wanted.
    random: Option<RandomWeights>,
}

#[derive(Debug)]
struct Taken {
    layer: LayerIdentity,
    file_name: String,
}

/// A weight as a layer asks for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub(super) layer: LayerIdentity,
    /// `layer/weight`
    pub(super) name: &'w str,
    /// The names of the models around the layer, outermost first; empty where the file does not write them.
    pub(super) models: &'w [String],
    /// Where the layer is in an archive.
    pub(super) archive: &'w str,
}

/// Tells one layer object from another with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LayerIdentity(pub(super) usize);

impl WeightStore {
    /// The weights of the file, or such as are drawn by the seed `random`.
    pub(super) fn new(
        manifest: &Manifest,
        mut tensors: HashMap<String, Tensor>,
        random: Option<u64>,
    ) -> Result<WeightStore> {
        let order: Vec<String> = manifest.weights().map(|spec| spec.name.clone()).collect();
        let (mut shared, mut warnings) = (HashMap::new(), Vec::new());
        if let Some(seed) = random {
            warnings.push(format!("weights are random (seed {seed}): answers mean nothing"));
        }
        for name in &order {
            let Some(tensor) = tensors.remove(name) else { continue };
            match count_infinities(name, &tensor)? {
                0 => {}
                count => warnings.push(format!("weight `{name}` holds {count} infinities")),
            }
            shared.insert(name.clone(), Arc::new(tensor));
        }
        let shortened = order.iter().filter_map(|name| Some((shorten(name)?, name.clone()))).collect();
        let places =
            order.iter().filter_map(|name| archive_place(name)).map(|place| (plain(place), place.into())).collect();
        Ok(WeightStore {
            tensors: shared,
            order,
            shortened,
            taken: HashMap::new(),
            missing: Vec::new(),
            places,
            asked: HashMap::new(),
            warnings,
            random: random.map(RandomWeights::new),
        })
    }

    /// What a reader should know of the weights.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// The weights that were drawn at random, in the order in which layers asked for them.
    pub(super) fn drawn(&self) -> &[WeightSummary] {
        self.random.as_ref().map_or(&[], RandomWeights::drawn)
    }

    /// Whether the file has a weight of this very name.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Whether the file was converted from a `.keras` archive.
    pub(super) fn is_archive(&self) -> bool {
        !self.places.is_empty()
    }

    /// The weight `wanted`, of shape `shape`. A weight that is missing is stood in for by zeros until
    /// [`WeightStore::finish`] reports all that are.
    pub(super) fn take(&mut self, wanted: Wanted<'_>, shape: &[usize]) -> Result<Arc<Tensor>> {
        if let Some(random) = &mut self.random {
            return random.take(wanted, shape);
        }
        let (name, file_name) = if self.is_archive() { self.find_in_archive(wanted) } else { self.find(wanted) };
        if self.taken.get(&name).is_some_and(|taken| taken.layer != wanted.layer) {
            return Err(Error::weights(format!("two layers want a weight called `{name}`"))
                .cause("weights find their layers by name")
                .hint("give the layers different names and convert the model again"));
        }
        let Some(file_name) = file_name else {
            let zeros = vec![0.0; expect_stand_in(shape, 0).at(|| format!("weight `{name}` is missing"))?];
            if !self.missing.contains(&name) {
                self.missing.push(name);
            }
            return Ok(Arc::new(Tensor::f32(shape, zeros)?));
        };
        let tensor = Arc::clone(&self.tensors[&file_name]);
        expect_shape(&file_name, &tensor, shape)?;
        self.taken.insert(name, Taken { layer: wanted.layer, file_name });
        Ok(if tensor.dtype() == DType::F32 { tensor } else { Arc::new(tensor.cast(DType::F32)) })
    }

    /// The name by which the weight is wanted, and that in the file, if there is one: with the names of all models around
    /// it, then of fewer.
    fn find(&self, wanted: Wanted<'_>) -> (String, Option<String>) {
        let names = (0..=wanted.models.len()).map(|from| {
            let models = wanted.models[from..].iter().map(String::as_str);
            models.chain([wanted.name]).collect::<Vec<_>>().join("/")
        });
        let names: Vec<String> = names.collect();
        if let Some(name) = names.iter().find(|name| self.tensors.contains_key(*name)) {
            return (name.clone(), Some(name.clone()));
        }
        match names.iter().find_map(|name| Some((name, self.shortened.get(name)?))) {
            Some((name, file_name)) => (name.clone(), Some(file_name.clone())),
            None => (wanted.name.into(), None),
        }
    }

    /// The same by position, `layers/dense/vars/0`.
    fn find_in_archive(&mut self, wanted: Wanted<'_>) -> (String, Option<String>) {
        let asked = self.asked.entry(wanted.archive.into()).or_default();
        let index = asked.iter().position(|name| name == wanted.name).unwrap_or_else(|| {
            asked.push(wanted.name.into());
            asked.len() - 1
        });
        let place = plain(wanted.archive);
        let below = format!("{place}/");
        let inside = self.places.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below));
        let mut inside = inside.map(|(_, place)| place);
        let held = match (self.places.get(&place), inside.next(), inside.next()) {
            (Some(place), _, _) | (None, Some(place), None) => place.as_str(),
            _ => wanted.archive,
        };
        let name = format!("{held}/vars/{index}");
        let found = self.tensors.contains_key(&name).then(|| name.clone());
        (name, found)
    }

    /// An error if a layer lacks a weight, or a weight a layer.
    pub(super) fn finish(&self) -> Result<()> {
        let used: HashSet<&str> = self.taken.values().map(|taken| taken.file_name.as_str()).collect();
        // The state of random numbers, which an archive keeps, has no say at inference.
        let is_unused = |name: &&String| !used.contains(name.as_str()) && !name.contains("/seed_generator/");
        let unused: Vec<String> = self.order.iter().filter(is_unused).cloned().collect();
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
        let error = error.hint("topology and weights must be of one conversion");
        if unused.is_empty() { error } else { error.cause(format!("no layer takes {} of the file", list(unused))) }
    }
}

/// An error if the weight `name` has another shape than the layer needs.
pub(super) fn expect_shape(name: &str, tensor: &Tensor, shape: &[usize]) -> Result<()> {
    if tensor.shape() == shape {
        return Ok(());
    }
    let (wanted, found) = (format_dims(shape), format_dims(tensor.shape()));
    Err(Error::weights(format!("weight `{name}` has shape {found}, the layer needs {wanted}"))
        .hint("topology and weights must be of one conversion"))
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

/// The part of an archive that holds this weight: `layers/dense` of `layers/dense/vars/0`.
fn archive_place(name: &str) -> Option<&str> {
    let (place, index) = name.rsplit_once("/vars/")?;
    index.parse::<usize>().is_ok().then_some(place)
}

/// A place without the underscores that private attributes begin with.
fn plain(place: &str) -> String {
    let parts: Vec<&str> = place.split('/').map(|part| part.strip_prefix('_').unwrap_or(part)).collect();
    parts.join("/")
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
