//! Memory that values share: which slot a value takes, by size and lifetime.

use crate::kernel::DeviceFacts;
use crate::tensor::TensorType;

/// A buffer that grows with the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Bytes for each sample of the batch.
    pub bytes_per_sample: u64,
    /// Bytes that do not depend on the batch, where no value that does is larger.
    pub fixed_bytes: u64,
    /// Bytes beside either: gaps between the outputs of one node, and those of its outputs that do not depend on the batch
    /// where the first does.
    pub extra_bytes: u64,
}

impl Slot {
    /// The slot that outputs of these types need one after the other, with so many bytes before each row of the first.
    pub(super) fn for_types(types: &[&TensorType], scratch_bytes: u64, facts: &DeviceFacts) -> Self {
        let bytes = |ty: &&TensorType| 4 * ty.shape.sample_len() as u64;
        let (per_sample, others): (Vec<_>, Vec<_>) = types.iter().partition(|ty| ty.shape.is_per_sample());
        let sum = |types: &[&TensorType]| types.iter().map(bytes).fold(0, u64::saturating_add);
        let gaps = (types.len() as u64 - 1) * facts.binding_alignment_bytes;
        let fixed = sum(&others);
        if per_sample.is_empty() {
            // Rows that do not depend on the batch are as many as there are.
            let rows = types[0].shape.resolve(1).first().map_or(1, |rows| *rows as u64);
            let fixed_bytes = fixed.saturating_add(scratch_bytes.saturating_mul(rows));
            return Slot { bytes_per_sample: 0, fixed_bytes, extra_bytes: gaps };
        }
        let bytes_per_sample = sum(&per_sample).saturating_add(scratch_bytes);
        Slot { bytes_per_sample, fixed_bytes: 0, extra_bytes: gaps.saturating_add(fixed) }
    }

    /// The size at one batch size; never 0, because a buffer cannot be.
    pub fn bytes(&self, batch: usize) -> u64 {
        (self.bytes_per_sample * batch as u64).max(self.fixed_bytes).max(4) + self.extra_bytes
    }
}

/// Hands out slots and takes them back. Greedy by the least waste.
#[derive(Debug, Default)]
pub(super) struct SlotPool {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

impl SlotPool {
    /// A slot with room for `wanted`: the smallest free one that is large enough, else the largest free one, grown,
    /// else a new one.
    pub(super) fn take(&mut self, wanted: Slot) -> usize {
        let size = |slot: usize| self.slots[slot].bytes(1);
        let fits = |slot: &usize| size(*slot) >= wanted.bytes(1);
        let best = self.free.iter().copied().filter(fits).min_by_key(|&slot| size(slot));
        let Some(slot) = best.or_else(|| self.free.iter().copied().max_by_key(|&slot| size(slot))) else {
            self.slots.push(wanted);
            return self.slots.len() - 1;
        };
        self.free.retain(|&free| free != slot);
        let taken = &mut self.slots[slot];
        taken.bytes_per_sample = taken.bytes_per_sample.max(wanted.bytes_per_sample);
        taken.fixed_bytes = taken.fixed_bytes.max(wanted.fixed_bytes);
        taken.extra_bytes = taken.extra_bytes.max(wanted.extra_bytes);
        slot
    }

    pub(super) fn give_back(&mut self, slot: usize) {
        debug_assert!(!self.free.contains(&slot));
        self.free.push(slot);
    }

    pub(super) fn into_slots(self) -> Vec<Slot> {
        self.slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    fn slot(bytes_per_sample: u64) -> Slot {
        Slot { bytes_per_sample, fixed_bytes: 0, extra_bytes: 0 }
    }

    #[test]
    fn every_row_has_its_scratch_memory() {
        let slot_for = |shape| Slot::for_types(&[&TensorType::f32(shape)], 256, &DeviceFacts::FLOOR);
        assert_eq!(slot_for(Shape::batched(&[2])), slot(256 + 8));
        assert_eq!(slot_for(Shape::shared(&[2])).fixed_bytes, 256 + 8);
        assert_eq!(slot_for(Shape::fixed(&[5, 2])).fixed_bytes, 5 * (256 + 8));
    }

    #[test]
    fn a_free_slot_is_reused_with_least_waste() {
        let mut pool = SlotPool::default();
        let (small, large) = (pool.take(slot(8)), pool.take(slot(64)));
        pool.give_back(small);
        pool.give_back(large);
        assert_eq!(pool.take(slot(8)), small);
        assert_eq!(pool.take(slot(100)), large);
        assert_eq!(pool.take(slot(4)), 2);
        assert_eq!(pool.into_slots(), [slot(8), slot(100), slot(4)]);
    }
}
