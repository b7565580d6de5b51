//! Memory that values share: which slot a value takes, by size and lifetime.

use crate::tensor::TensorType;

/// A buffer that grows with the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Bytes for each sample of the batch.
    pub bytes_per_sample: u64,
    /// Bytes that do not depend on the batch.
    pub fixed_bytes: u64,
}

impl Slot {
    /// The slot a value of this type needs with so many bytes before each row of it.
    pub(super) fn for_type(ty: &TensorType, scratch_bytes: u64) -> Self {
        let bytes = (4 * ty.shape.sample_len() as u64).saturating_add(scratch_bytes);
        if ty.shape.is_batched() && !ty.shape.is_shared() {
            Slot { bytes_per_sample: bytes, fixed_bytes: 0 }
        } else {
            Slot { bytes_per_sample: 0, fixed_bytes: bytes }
        }
    }

    /// The size at one batch size; never 0, because a buffer cannot be.
    pub fn bytes(&self, batch: usize) -> u64 {
        (self.bytes_per_sample * batch as u64).max(self.fixed_bytes).max(4)
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

    fn slot(bytes_per_sample: u64) -> Slot {
        Slot { bytes_per_sample, fixed_bytes: 0 }
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
