//! The mask beside each tensor, as TF.js and as Keras would have it.
//!
//! Both are followed whatever the semantics, because where they differ at a layer that reads a mask, the model's
//! answers differ between training and serving, and its owner wants to know. Masks that nothing reads are dropped
//! with the rest of the dead graph.

use crate::graph::ValueId;
use crate::model::Semantics;

/// A tensor on its way through the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) id: ValueId,
    pub(super) masks: Masks,
}

/// Boolean tensors `[N, T]` that say which steps count; none where every step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Masks {
    pub(super) tfjs: Option<ValueId>,
    pub(super) keras: Option<ValueId>,
}

impl Masks {
    pub(super) const NONE: Masks = Masks { tfjs: None, keras: None };

    /// The same mask for both.
    pub(super) fn both(mask: ValueId) -> Self {
        Masks { tfjs: Some(mask), keras: Some(mask) }
    }

    /// What Keras passes on where TF.js drops it.
    pub(super) fn keras_only(self) -> Self {
        Masks { tfjs: None, ..self }
    }

    pub(super) fn of(&self, semantics: Semantics) -> Option<ValueId> {
        match semantics {
            Semantics::TfJs => self.tfjs,
            Semantics::Keras => self.keras,
        }
    }
}

impl Value {
    pub(super) fn unmasked(id: ValueId) -> Self {
        Value { id, masks: Masks::NONE }
    }

    pub(super) fn with(id: ValueId, masks: Masks) -> Self {
        Value { id, masks }
    }
}
