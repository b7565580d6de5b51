//! The weights of a layer, and the constants that it makes, while it is lowered.

use super::lowering::{LayerCall, Lowering};
use super::topology::LayerIdentity;
use super::weights::{Wanted, expect_stand_in};
use crate::error::Result;
use crate::graph::ValueId;
use crate::tensor::Tensor;
use std::sync::Arc;

impl LayerCall<'_, '_> {
    /// A number as a constant.
    pub(super) fn number(&mut self, number: f32) -> Result<ValueId> {
        self.filled(&format!("number_{number}"), &[1], number)
    }

    /// Whether the file has a weight of this name for the layer, or weights in a scope of this name.
    pub(super) fn has_weight(&self, weight: &str) -> bool {
        let Lowering { weights, models, origin, .. } = &*self.lowering;
        let models = if origin.is_keras_3 { models.as_slice() } else { &[] };
        let with_models = |from: usize| {
            let parts = models[from..].iter().map(String::as_str).chain([self.name, weight]);
            parts.collect::<Vec<_>>().join("/")
        };
        (0..=models.len()).any(|from| weights.holds(&with_models(from)))
    }

    /// The weight tensor `weight` of this layer.
    pub(super) fn weight_tensor(&mut self, weight: &str, shape: &[usize]) -> Result<Arc<Tensor>> {
        self.take(format!("{}/{weight}", self.name), shape)
    }

    /// The same for weights that Keras stores without the layer's name where it made them before the layer was called.
    pub(super) fn weight_tensor_or_unscoped(&mut self, weight: &str, shape: &[usize]) -> Result<Arc<Tensor>> {
        if !self.has_weight(weight) && self.lowering.weights.holds(weight) {
            return self.take(weight.into(), shape);
        }
        self.weight_tensor(weight, shape)
    }

    fn take(&mut self, name: String, shape: &[usize]) -> Result<Arc<Tensor>> {
        let Lowering { weights, models, origin, .. } = &mut *self.lowering;
        let names_models = origin.is_keras_3;
        let wanted = Wanted { layer: self.identity, name: &name, models, names_models, archive: self.archive };
        let tensor = weights.take(wanted, shape)?;
        let counted = self.lowering.parameters.entry(self.identity).or_default();
        counted.insert(format!("{} {name}", self.archive), tensor.len() as u64);
        Ok(tensor)
    }

    /// The weight `weight` of this layer as a constant of the graph.
    pub(super) fn weight(&mut self, weight: &str, shape: &[usize]) -> Result<ValueId> {
        let tensor = self.weight_tensor(weight, shape)?;
        self.constant(weight, tensor)
    }

    /// A constant under the layer's name. What is called `suffix` has the same value in every call of the layer.
    pub(super) fn constant(&mut self, suffix: &str, value: Arc<Tensor>) -> Result<ValueId> {
        self.constant_of(suffix, |_| Ok(value))
    }

    /// The same of a value that is made only where no call has made it yet.
    fn constant_of(
        &mut self,
        suffix: &str,
        value: impl FnOnce(&mut Lowering) -> Result<Arc<Tensor>>,
    ) -> Result<ValueId> {
        let name = format!("{}/{suffix}", self.name);
        // Two cells of one layer may have one name, but not one place.
        let key = (self.identity, format!("{} {name}", self.archive));
        if let Some(&id) = self.lowering.constants.get(&key) {
            return Ok(id);
        }
        let value = value(self.lowering)?;
        let id = self.lowering.builder.constant(&name, value)?;
        self.lowering.constants.insert(key, id);
        Ok(id)
    }

    /// A constant of `shape` filled with `value`, for weights that the layer does without.
    pub(super) fn filled(&mut self, suffix: &str, shape: &[usize], value: f32) -> Result<ValueId> {
        self.constant_of(suffix, |lowering| {
            let count = lowering.count_stand_in(shape)?;
            Ok(Arc::new(Tensor::f32(shape, vec![value; count])?))
        })
    }

    /// A constant that all layers share: what is called `name` has the same value wherever it is made.
    pub(super) fn shared_constant(
        &mut self,
        name: &str,
        shape: &[usize],
        element: impl Fn(usize) -> f32,
    ) -> Result<ValueId> {
        let key = (LayerIdentity::ALL, name.to_string());
        if let Some(&id) = self.lowering.constants.get(&key) {
            return Ok(id);
        }
        let count = self.lowering.count_stand_in(shape)?;
        let value = Tensor::f32(shape, (0..count).map(element).collect())?;
        let id = self.lowering.builder.constant(name, Arc::new(value))?;
        self.lowering.constants.insert(key, id);
        Ok(id)
    }
}

impl Lowering {
    /// The elements of a constant that is made now; an error if with those before it they are beyond reason.
    fn count_stand_in(&mut self, shape: &[usize]) -> Result<usize> {
        let count = expect_stand_in(shape, self.stand_in_elements)?;
        self.stand_in_elements += count;
        Ok(count)
    }
}
