//! The offsets of the model's inputs in their common buffer.

use crate::kernel::DeviceFacts;
use crate::ops::ConcreteType;
use crate::tensor::TensorType;
use std::sync::{Arc, Mutex, PoisonError};

/// The types of the inputs, and the ends of their regions at the most recent batch size. They are cached because
/// summing them again for every input would take quadratic time.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) types: Vec<TensorType>,
    last: Mutex<Option<(usize, Arc<[u64]>)>>,
}

impl Clone for Inputs {
    fn clone(&self) -> Self {
        Inputs::new(self.types.clone())
    }
}

impl Inputs {
    pub(super) fn new(types: Vec<TensorType>) -> Inputs {
        Inputs { types, last: Mutex::default() }
    }

    /// The size in bytes of the first `count` inputs, each aligned so that it can be bound.
    pub(super) fn bytes(&self, count: usize, batch: usize, facts: &DeviceFacts) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, ends)) = last.as_ref().filter(|(known, _)| *known == batch) {
            return ends[count];
        }
        let ends = self.ends(batch, facts);
        let bytes = ends[count];
        *last = Some((batch, ends));
        bytes
    }

    /// The offset of each input, followed by the end of the last one.
    fn ends(&self, batch: usize, facts: &DeviceFacts) -> Arc<[u64]> {
        let mut end = 0u64;
        let behind = self.types.iter().map(|ty| {
            end = end.saturating_add(aligned_bytes(ty, batch, facts));
            end
        });
        std::iter::once(0).chain(behind).collect()
    }
}

/// The size of a value in bytes, padded to the binding alignment. A binding must not be empty, so an empty value takes
/// the space of one element.
pub(super) fn aligned_bytes(ty: &TensorType, batch: usize, facts: &DeviceFacts) -> u64 {
    let bytes = 4 * ConcreteType::of(ty, batch).len().max(1) as u64;
    bytes.next_multiple_of(facts.binding_alignment_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    #[test]
    fn inputs_stand_one_behind_the_other_at_every_batch_size() {
        let types = [3, 64, 0].map(|size| TensorType::f32(Shape::batched(&[size]))).to_vec();
        let (inputs, facts) = (Inputs::new(types), &DeviceFacts::FLOOR);
        let ends = |batch| [0, 1, 2, 3].map(|count| inputs.bytes(count, batch, facts));
        assert_eq!(ends(1), [0, 256, 512, 768]);
        assert_eq!(ends(100), [0, 1280, 26_880, 27_136]);
        assert_eq!(ends(1), [0, 256, 512, 768]);
    }

    /// Without the cache, computing the regions of so many inputs would take quadratic time.
    #[test]
    fn the_sizes_of_many_large_inputs_do_not_wrap() {
        let count = 1 << 18;
        let inputs = Inputs::new(vec![TensorType::f32(Shape::batched(&[1 << 42])); count]);
        let regions: Vec<u64> = (0..=count).map(|count| inputs.bytes(count, 1, &DeviceFacts::FLOOR)).collect();
        assert!(regions.is_sorted() && regions[count] == 1 << 62);
        assert_eq!(inputs.bytes(count, 1 << 8, &DeviceFacts::FLOOR), u64::MAX);
    }
}
