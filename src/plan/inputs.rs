//! The offsets of the model's inputs in their common buffer.

use crate::kernel::DeviceFacts;
use crate::ops::ConcreteType;
use crate::tensor::TensorType;
use std::sync::{Arc, Mutex, PoisonError};

/// The types of the inputs, and their regions at the batch size that was asked for last: summed for each input anew, they would
/// take the square of the number of inputs.
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

    /// The bytes of the first `count` inputs, each at an offset that can be bound.
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

    /// Where each input begins, and where the last ends.
    fn ends(&self, batch: usize, facts: &DeviceFacts) -> Arc<[u64]> {
        let mut end = 0u64;
        let behind = self.types.iter().map(|ty| {
            end = end.saturating_add(aligned_bytes(ty, batch, facts));
            end
        });
        std::iter::once(0).chain(behind).collect()
    }
}

/// The bytes of a value up to where the next may begin. Nothing cannot be bound, so a value without elements has room for
/// one.
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

    /// Found anew for each input, the regions of so many would take the square of their number.
    #[test]
    fn the_sizes_of_many_large_inputs_do_not_wrap() {
        let count = 1 << 18;
        let inputs = Inputs::new(vec![TensorType::f32(Shape::batched(&[1 << 42])); count]);
        let regions: Vec<u64> = (0..=count).map(|count| inputs.bytes(count, 1, &DeviceFacts::FLOOR)).collect();
        assert!(regions.is_sorted() && regions[count] == 1 << 62);
        assert_eq!(inputs.bytes(count, 1 << 8, &DeviceFacts::FLOOR), u64::MAX);
    }
}
