//! Weights drawn at random, for a topology whose own are not there: what it costs to run does not depend on them.
//!
//! A weight is told by its name and those of the models around its layer, so that the same topology and seed give the
//! same weights on every machine. Where archives tell layers of one name apart by position, the later ones are numbered.

use super::rules::{Wanted, expect_shape};
use crate::error::{Context, Error, Result};
use crate::model::WeightSummary;
use crate::random::SplitMix64;
use crate::tensor::{Tensor, element_count};
use crate::tfjs::topology::LayerIdentity;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Elements of all weights together, at most: 4 GiB. A topology may ask for any size in a few bytes.
const MOST_ELEMENTS: usize = 1 << 30;

/// What was drawn of one file, for as long as a model has it: lowered at other sizes, the model has the same weights.
pub(in crate::tfjs) type Drawn = Arc<Mutex<HashMap<(String, Vec<usize>), Weak<Tensor>>>>;

/// What has been drawn so far, and for which layer.
#[derive(Debug)]
pub(in crate::tfjs) struct RandomWeights {
    seed: u64,
    tensors: HashMap<(LayerIdentity, String), Arc<Tensor>>,
    /// Layers that asked for a weight of this name.
    askers: HashMap<String, usize>,
    drawn: Vec<WeightSummary>,
    elements: usize,
    /// What any lowering of the file has drawn.
    known: Drawn,
}

impl RandomWeights {
    pub(in crate::tfjs) fn new(seed: u64, known: Drawn) -> Self {
        RandomWeights { seed, tensors: HashMap::new(), askers: HashMap::new(), drawn: Vec::new(), elements: 0, known }
    }

    pub(in crate::tfjs) fn seed(&self) -> u64 {
        self.seed
    }

    /// What was drawn, in the order in which layers asked for it.
    pub(in crate::tfjs) fn drawn(&self) -> &[WeightSummary] {
        &self.drawn
    }

    /// The weight `wanted`: the same whenever the same layer asks for it.
    pub(in crate::tfjs) fn take(&mut self, wanted: Wanted<'_>, shape: &[usize]) -> Result<Arc<Tensor>> {
        let models = wanted.models.iter().filter(|_| wanted.names_models).map(String::as_str);
        let name = models.chain([wanted.name]).collect::<Vec<_>>().join("/");
        let key = (wanted.layer, name.clone());
        if let Some(tensor) = self.tensors.get(&key) {
            expect_shape(&name, tensor.shape(), shape)?;
            return Ok(Arc::clone(tensor));
        }
        let askers = self.askers.entry(name.clone()).or_default();
        *askers += 1;
        let name = if *askers == 1 { name } else { format!("{name}_{askers}") };
        let tensor = self.known_or_drawn(&name, shape).at(|| format!("weight `{name}`"))?;
        let stored_bytes = 4 * tensor.len() as u64;
        self.drawn.push(WeightSummary { name, shape: shape.to_vec(), stored: "float32 (random)".into(), stored_bytes });
        self.tensors.insert(key, Arc::clone(&tensor));
        Ok(tensor)
    }

    fn known_or_drawn(&mut self, name: &str, shape: &[usize]) -> Result<Arc<Tensor>> {
        let key = (name.to_string(), shape.to_vec());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).and_then(Weak::upgrade);
        if let Some(tensor) = known {
            return Ok(tensor);
        }
        let tensor = Arc::new(self.draw(name, shape)?);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::downgrade(&tensor));
        Ok(tensor)
    }

    fn draw(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let count = element_count(shape)?;
        self.elements = self.elements.saturating_add(count);
        let mut values = Vec::new();
        if self.elements > MOST_ELEMENTS || values.try_reserve_exact(count).is_err() {
            return Err(Error::limit(format!("random weights for {} numbers are beyond reason", self.elements)));
        }
        let mut generator = SplitMix64::named(self.seed, name);
        let [low, high] = range(name, shape);
        values.extend((0..count).map(|_| low + (high - low) * generator.unit()));
        Tensor::f32(shape, values)
    }
}

/// What a weight is drawn from, uniformly. What is divided by, or multiplies all of a layer, is about 1. Matrices have the
/// variance 1 / fan-in (LeCun 1998), by which sums are about as large as what is summed, however deep the model is.
fn range(name: &str, shape: &[usize]) -> [f32; 2] {
    let weight = name.rsplit('/').next().unwrap_or(name);
    if weight.contains("variance") || weight.contains("gamma") {
        return [0.5, 1.5];
    }
    let high = match shape {
        [] | [_] => 0.05,
        [fan_in @ .., _] => (3.0 / fan_in.iter().product::<usize>().max(1) as f32).sqrt(),
    };
    [-high, high]
}
