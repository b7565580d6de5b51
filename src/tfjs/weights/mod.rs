//! Which weight belongs to which layer, by the exact rules of the formats: TF.js' names (`container.ts`, `loadWeights`), and
//! what Keras 3 and `.keras` archives write besides. What these rules leave open, [`matching`] decides or refuses.
//!
//! A layer's weight is called `layer/weight`. Where no weight of the file has that name, one with a component more
//! before its last does (`lstm/lstm_cell/kernel` for `lstm/kernel`). Keras 3 puts the names of enclosing models before
//! those names, all or some (`tower/fc1/kernel`), so its names are weighed together. Every weight must find its layer, and
//! every layer its weights.
//!
//! An archive names weights by position, `layers/dense_1/vars/0`: the layer by its class and number (`positions`), the
//! weight by its number in the order in which the layer makes them. A layer takes its weights in that order, those
//! that training does not change last, and leaves out what its options leave out; then the order of taking is the number.
//! A layer that holds others gives each a scope of its own: its name, and where it is in an archive, which is that of the
//! layer and then the attribute that holds it: `layers/bidirectional/forward_layer` (`LayerCall::archive`); a leading
//! underscore of an attribute does not matter. Where one attribute alone holds weights (`cell`, `layer`) it need not be
//! named. A layer object that stands in several places of a model is written at the first of them (`shared_objects`).

mod matching;
mod misfits;
mod random;
mod rules;
mod scopes;
mod shared_objects;
mod table;
mod want;

pub(super) use matching::Match;
pub(super) use random::{Drawn, RandomWeights};
pub(super) use rules::{Contradiction, NameForm, NameRules, Wanted};
pub(super) use shared_objects::{SharedObjects, leave_out_shared};
pub(super) use table::WeightTable;

use crate::error::{Error, Result};
use crate::model::WeightSummary;
use crate::tensor::{DType, Tensor, format_dims};
use rules::{WantKey, expect_shape, is_seed};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use table::plain;
use want::Want;

/// Elements of all constants that stand in for weights that layers do without, at most. A file may ask for any size in
/// a few bytes; a weight that it holds is as large as the file at most.
const MAX_STAND_IN: usize = 1 << 24;

/// Hands the weights of a file to the layers of a model while it is lowered.
#[derive(Debug)]
pub(super) struct WeightStore {
    table: Arc<WeightTable>,
    shared: Arc<SharedObjects>,
    rules: NameRules,
    /// What matching decided, by wanted weight. Without it the exact rules decide.
    matched: Option<Arc<HashMap<WantKey, String>>>,
    /// Every weight that was asked for, in the order of asking.
    wants: Vec<Want>,
    /// The positions in `wants`.
    index: HashMap<WantKey, usize>,
    /// The want that took a weight of the file first.
    takers: HashMap<String, usize>,
    /// Whether a weight found none of its own, or that of another layer.
    is_open: bool,
    /// Of an archive: the weights that each place was asked for, with their numbers in the order of asking.
    asked: HashMap<String, HashMap<String, usize>>,
    /// Draws all weights where the file's are not wanted.
    random: Option<RandomWeights>,
}

impl WeightStore {
    /// The weights of `table`, or such as are drawn.
    pub(super) fn new(
        table: &Arc<WeightTable>,
        shared: &Arc<SharedObjects>,
        rules: NameRules,
        random: Option<RandomWeights>,
    ) -> WeightStore {
        WeightStore {
            table: Arc::clone(table),
            shared: Arc::clone(shared),
            rules,
            matched: None,
            wants: Vec::new(),
            index: HashMap::new(),
            takers: HashMap::new(),
            is_open: false,
            asked: HashMap::new(),
            random,
        }
    }

    /// The same with every weight where matching put it.
    pub(super) fn matched(self, matched: Arc<HashMap<WantKey, String>>) -> WeightStore {
        WeightStore { matched: Some(matched), ..self }
    }

    /// Whether the file was converted from a `.keras` archive.
    pub(super) fn is_archive(&self) -> bool {
        self.table.is_archive()
    }

    /// What a reader should know of the weights.
    pub(super) fn warnings(&self) -> Vec<String> {
        match &self.random {
            Some(random) => vec![format!("weights are random (seed {}): answers mean nothing", random.seed())],
            None => self.table.warnings().to_vec(),
        }
    }

    /// The weights that were drawn at random, in the order in which layers asked for them.
    pub(super) fn drawn(&self) -> &[WeightSummary] {
        self.random.as_ref().map_or(&[], RandomWeights::drawn)
    }

    /// Whether the file has a weight of this very name, or weights below a scope of this name.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.table.holds(name)
    }

    /// The weight `wanted`, of shape `shape`. A weight that has no match yet is stood in for until [`WeightStore::finish`]
    /// says so.
    pub(super) fn take(&mut self, wanted: Wanted<'_>, shape: &[usize]) -> Result<Arc<Tensor>> {
        if let Some(random) = &mut self.random {
            return random.take(wanted, shape);
        }
        let key: WantKey = (wanted.archive.into(), wanted.name.into());
        let position = match self.index.get(&key) {
            Some(&position) => {
                expect_shape(&self.wants[position].name(), &self.wants[position].shape, shape)?;
                position
            }
            None => {
                let want = self.want(wanted, &key, shape)?;
                self.index.insert(key, self.wants.len());
                self.wants.push(want);
                self.wants.len() - 1
            }
        };
        match &self.wants[position].found {
            Some(name) => {
                let tensor = Arc::clone(&self.table.tensors[name]);
                Ok(if tensor.dtype() == DType::F32 { tensor } else { Arc::new(tensor.cast(DType::F32)) })
            }
            None => self.stand_in(position),
        }
    }

    /// A weight that is asked for the first time, with what the rules find for it.
    fn want(&mut self, wanted: Wanted<'_>, key: &WantKey, shape: &[usize]) -> Result<Want> {
        let mut want = Want::new(wanted, shape, self.rules);
        if self.table.is_archive() {
            let position = self.find_in_archive(wanted);
            want.found = Some(position.clone()).filter(|name| self.table.shape(name).is_some());
            want.position = Some(position);
            if let Some(name) = &want.found {
                expect_shape(name, self.table.shape(name).unwrap_or_default(), shape)?;
            }
        } else if let Some(matched) = &self.matched {
            want.found = matched.get(key).cloned();
        } else {
            want.found = self.find(&want);
        }
        let Some(name) = &want.found else {
            self.is_open = true;
            return Ok(want);
        };
        let position = self.wants.len();
        let taker = *self.takers.entry(name.clone()).or_insert(position);
        if taker != position && !self.shared.are_one(&self.wants[taker].key.0, &key.0) {
            // By position no two layers meet, unless two objects of the file are one.
            self.is_open = true;
        }
        Ok(want)
    }

    /// The name in the file: with the names of all models around it, then of fewer, then but for the component before the
    /// last.
    fn find(&self, want: &Want) -> Option<String> {
        let exact = want.names.iter().find(|name| self.table.fits(name, &want.shape)).cloned();
        exact.or_else(|| {
            let short = want.names.iter().filter_map(|name| self.table.by_short_name(name));
            short.into_iter().find(|name| self.table.fits(name, &want.shape)).map(str::to_string)
        })
    }

    /// The same by position, `layers/dense/vars/0`.
    fn find_in_archive(&mut self, wanted: Wanted<'_>) -> String {
        let asked = self.asked.entry(wanted.archive.into()).or_default();
        let next = asked.len();
        let index = *asked.entry(wanted.name.into()).or_insert(next);
        let others = || self.shared.others(wanted.archive).find_map(|place| self.holding(&place));
        let held = self.holding(wanted.archive).or_else(others);
        format!("{}/vars/{index}", held.unwrap_or(wanted.archive))
    }

    /// The place of the archive that holds the weights of the layer at `place`: that itself, or the only one below it.
    fn holding(&self, place: &str) -> Option<&str> {
        let (places, place) = (&self.table.places, plain(place));
        let below = format!("{place}/");
        let mut inside = places.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below));
        match (places.get(&place), inside.next(), inside.next()) {
            (Some(place), _, _) | (None, Some((_, place)), None) => Some(place),
            _ => None,
        }
    }

    /// What stands for a weight without a match until all are known: a weight of the file where one has the shape, since a
    /// large one costs nothing so.
    fn stand_in(&self, position: usize) -> Result<Arc<Tensor>> {
        let want = &self.wants[position];
        if let Some(tensor) = self.table.of_shape(&want.shape).filter(|tensor| tensor.dtype() == DType::F32) {
            return Ok(tensor);
        }
        let Ok(count) = expect_stand_in(&want.shape, 0) else {
            misfits::expect_fit(want, &self.table, |_| false)?;
            return Err(Error::weights(format!(
                "weight `{}` of shape {} is missing",
                want.name(),
                format_dims(&want.shape)
            ))
            .hint("take topology and weights from one conversion of one model"));
        };
        Ok(Arc::new(Tensor::f32(&want.shape, vec![0.0; count])?))
    }

    /// What was left to decide, if anything was; where the answer is new, the model is to be lowered with it once more. An
    /// error if a layer lacks a weight, or a weight a layer, and no rule says which.
    pub(super) fn finish(&self) -> Result<Option<Match>> {
        if self.random.is_some() || self.matched.is_some() {
            return Ok(None);
        }
        let used: HashSet<&str> = self.takers.keys().map(String::as_str).collect();
        let is_unused = |name: &&String| !used.contains(name.as_str()) && !is_seed(name);
        let unused: Vec<String> = self.table.names().iter().filter(is_unused).cloned().collect();
        if self.is_open && self.table.is_archive() {
            return Err(misfits::missing_weights(&self.wants, &unused));
        }
        // Where no name is exact, all have to be known.
        if !self.table.is_archive() && (self.is_open || self.rules.form == NameForm::Keras3) {
            return matching::decide(&self.wants, &self.table, self.rules).map(Some);
        }
        if !unused.is_empty() {
            return Err(misfits::unused_weights(&unused));
        }
        if self.table.is_archive() {
            return Ok(None);
        }
        let found: Vec<Option<String>> = self.wants.iter().map(|want| want.found.clone()).collect();
        let notes: Vec<String> =
            matching::weigh_order(&self.wants, &found, &self.table, self.rules)?.into_iter().collect();
        Ok((!notes.is_empty()).then(|| Match { matched: HashMap::new(), notes, is_new: false }))
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
