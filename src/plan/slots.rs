//! Memory planning: assigns the values of nodes to shared slots by size and lifetime.

use crate::kernel::DeviceFacts;
use crate::tensor::TensorType;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// A buffer that grows with the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Bytes for each sample of the batch.
    pub bytes_per_sample: u64,
    /// Minimum size in bytes, required by values that do not depend on the batch.
    pub fixed_bytes: u64,
    /// Bytes in addition to either: gaps between the outputs of one node, and those of its outputs that do not depend
    /// on the batch if the first one does.
    pub extra_bytes: u64,
}

impl Slot {
    /// The slot for consecutive outputs of these types, with `scratch_bytes` of scratch space for each row of the
    /// first.
    pub(super) fn for_types(types: &[&TensorType], scratch_bytes: u64, facts: &DeviceFacts) -> Self {
        let bytes = |ty: &&TensorType| 4 * ty.shape.sample_len() as u64;
        let (per_sample, others): (Vec<_>, Vec<_>) = types.iter().partition(|ty| ty.shape.is_per_sample());
        let sum = |types: &[&TensorType]| types.iter().map(bytes).fold(0, u64::saturating_add);
        let gaps = (types.len() as u64 - 1).saturating_mul(facts.binding_alignment_bytes);
        let fixed = sum(&others);
        if per_sample.is_empty() {
            // The number of rows is fixed, so the scratch space is too.
            let rows = types[0].shape.resolve(1).first().map_or(1, |rows| *rows as u64);
            let fixed_bytes = fixed.saturating_add(scratch_bytes.saturating_mul(rows));
            return Slot { bytes_per_sample: 0, fixed_bytes, extra_bytes: gaps };
        }
        let bytes_per_sample = sum(&per_sample).saturating_add(scratch_bytes);
        Slot { bytes_per_sample, fixed_bytes: 0, extra_bytes: gaps.saturating_add(fixed) }
    }

    /// Grows this slot to hold another of the given size.
    fn grow(&mut self, other: &Slot) {
        self.bytes_per_sample = self.bytes_per_sample.max(other.bytes_per_sample);
        self.fixed_bytes = self.fixed_bytes.max(other.fixed_bytes);
        self.extra_bytes = self.extra_bytes.max(other.extra_bytes);
    }

    /// The size in bytes at one batch size. It is never 0, because a buffer must not be empty.
    pub fn bytes(&self, batch: usize) -> u64 {
        let rows = self.bytes_per_sample.saturating_mul(batch as u64);
        rows.max(self.fixed_bytes).max(4).saturating_add(self.extra_bytes)
    }
}

/// The memory of one node: its size, and its lifetime from the node that writes it to the last node that needs it. Two
/// tenants that are needed at the same node never share a slot, because a kernel must not read the buffer that it
/// writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenant {
    pub(super) slot: Slot,
    /// The node that writes it.
    pub(super) first: usize,
    /// The last node that needs it; `usize::MAX` if it is kept.
    pub(super) last: usize,
}

/// The batch size at which slots are compared: large enough for values to count more than the gaps between them.
const USUAL_BATCH: usize = 32;

/// Maximum number of tenants for which assignment by size is tried, because it takes quadratic time.
const MOST_BY_SIZE: usize = 1 << 12;

/// The slot of each tenant, and the slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) of: Vec<usize>,
    pub(super) slots: Vec<Slot>,
}

impl Assignment {
    /// Assigns slots to `tenants`, which are given in the order in which they are written. No fast algorithm is known
    /// for the minimum, so two heuristics are tried: in order of writing, and largest first.
    pub(super) fn new(tenants: &[Tenant]) -> Assignment {
        let in_turn = Assignment::in_turn(tenants);
        if tenants.len() > MOST_BY_SIZE {
            return in_turn;
        }
        let by_size = Assignment::by_size(tenants);
        if by_size.bytes() < in_turn.bytes() { by_size } else { in_turn }
    }

    fn bytes(&self) -> u64 {
        self.slots.iter().map(|slot| slot.bytes(USUAL_BATCH)).fold(0, u64::saturating_add)
    }

    fn in_turn(tenants: &[Tenant]) -> Assignment {
        let mut assignment = Assignment::default();
        let mut free: Vec<usize> = Vec::new();
        // Slots in use by the last node that needs them; the earliest is on top.
        let mut taken = BinaryHeap::new();
        for tenant in tenants {
            while let Some(&Reverse((last, slot))) = taken.peek()
                && last < tenant.first
            {
                taken.pop();
                free.push(slot);
            }
            let slot = assignment.choose(&free, tenant);
            free.retain(|other| *other != slot);
            taken.push(Reverse((tenant.last, slot)));
            assignment.of.push(slot);
        }
        assignment
    }

    fn by_size(tenants: &[Tenant]) -> Assignment {
        let mut assignment = Assignment { of: vec![0; tenants.len()], slots: Vec::new() };
        let mut order: Vec<usize> = (0..tenants.len()).collect();
        order.sort_by_key(|&tenant| Reverse(tenants[tenant].slot.bytes(USUAL_BATCH)));
        // By slot: the intervals during which it is in use, from first to last node. They never overlap.
        let mut taken: Vec<BTreeMap<usize, usize>> = Vec::new();
        for index in order {
            let tenant = &tenants[index];
            let is_free = |slot: &usize| {
                let before = taken[*slot].range(..=tenant.last).next_back();
                before.is_none_or(|(_, last)| *last < tenant.first)
            };
            let free: Vec<usize> = (0..taken.len()).filter(is_free).collect();
            let slot = assignment.choose(&free, tenant);
            taken.resize_with(assignment.slots.len(), BTreeMap::new);
            taken[slot].insert(tenant.first, tenant.last);
            assignment.of[index] = slot;
        }
        assignment
    }

    /// Chooses the smallest free slot that is large enough. Otherwise the largest free slot is grown, or a new one is
    /// added.
    fn choose(&mut self, free: &[usize], tenant: &Tenant) -> usize {
        let size = |slot: usize| self.slots[slot].bytes(USUAL_BATCH);
        let fits = |slot: &usize| size(*slot) >= tenant.slot.bytes(USUAL_BATCH);
        let best = free.iter().copied().filter(fits).min_by_key(|&slot| size(slot));
        let Some(slot) = best.or_else(|| free.iter().copied().max_by_key(|&slot| size(slot))) else {
            self.slots.push(tenant.slot);
            return self.slots.len() - 1;
        };
        self.slots[slot].grow(&tenant.slot);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    fn tenant(bytes_per_sample: u64, first: usize, last: usize) -> Tenant {
        Tenant { slot: Slot { bytes_per_sample, fixed_bytes: 0, extra_bytes: 0 }, first, last }
    }

    fn sizes(assignment: &Assignment) -> Vec<u64> {
        assignment.slots.iter().map(|slot| slot.bytes_per_sample).collect()
    }

    #[test]
    fn every_row_has_its_scratch_memory() {
        let slot_for = |shape| Slot::for_types(&[&TensorType::f32(shape)], 256, &DeviceFacts::FLOOR);
        assert_eq!(slot_for(Shape::batched(&[2])).bytes_per_sample, 256 + 8);
        assert_eq!(slot_for(Shape::shared(&[2])).fixed_bytes, 256 + 8);
        assert_eq!(slot_for(Shape::fixed(&[5, 2])).fixed_bytes, 5 * (256 + 8));
    }

    #[test]
    fn a_free_slot_is_reused_with_least_waste() {
        let tenants = [tenant(8, 0, 2), tenant(64, 1, 2), tenant(8, 3, 9), tenant(100, 4, 9), tenant(4, 5, 9)];
        let assignment = Assignment::in_turn(&tenants);
        assert_eq!((&assignment.of[..], sizes(&assignment)), (&[0, 1, 0, 1, 2][..], vec![8, 100, 4]));
    }

    #[test]
    fn what_a_step_reads_and_writes_has_two_slots() {
        let assignment = Assignment::new(&[tenant(8, 0, 1), tenant(8, 1, 2), tenant(8, 2, usize::MAX)]);
        assert_eq!(assignment.of, [0, 1, 0]);
    }

    /// A small, long-lived value would occupy a large slot if it were placed first.
    #[test]
    fn large_values_have_their_slots_first_where_that_is_less() {
        let tenants = [tenant(64, 0, 1), tenant(8, 2, 9), tenant(64, 3, 4)];
        let in_turn = Assignment::in_turn(&tenants);
        assert_eq!(sizes(&in_turn), [64, 64]);
        let best = Assignment::new(&tenants);
        assert_eq!((sizes(&best), &best.of[..]), (vec![64, 8], &[0, 1, 0][..]));
    }
}
