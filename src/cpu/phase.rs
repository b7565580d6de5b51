//! Steps that run one after another, and the buffers that they share by lifetime.

use super::steps::Step;
use crate::tensor::DType;

/// The element type of a buffer, and its minimum length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) dtype: DType,
    pub(super) width: usize,
    /// The number of elements per row; 0 for a buffer whose length does not depend on the number of rows.
    pub(super) row_width: usize,
}

/// Steps and their buffers.
#[derive(Debug, Default)]
pub(super) struct Phase {
    pub(super) steps: Vec<Box<dyn Step>>,
    /// By step: the node whose value it computes or copies.
    pub(super) nodes: Vec<usize>,
    pub(super) slots: Vec<Slot>,
    /// Buffers that are not in use.
    pub(super) free: Vec<usize>,
}

impl Slot {
    /// A buffer for a value with one row per sample.
    pub(super) fn per_row(dtype: DType, width: usize) -> Slot {
        Slot { dtype, width, row_width: width }
    }

    fn element_bytes(&self) -> u64 {
        if self.dtype == DType::Bool { 1 } else { 4 }
    }
}

impl Phase {
    /// Takes a buffer for `wanted`: the smallest free one that is large enough; otherwise the largest free one, grown,
    /// or a new one.
    pub(super) fn take(&mut self, wanted: Slot) -> usize {
        let free = self.free.iter().copied().filter(|&slot| self.slots[slot].dtype == wanted.dtype);
        let fitting = free.clone().filter(|&slot| self.slots[slot].width >= wanted.width);
        let best = fitting.min_by_key(|&slot| self.slots[slot].width);
        let Some(slot) = best.or_else(|| free.max_by_key(|&slot| self.slots[slot].width)) else {
            self.slots.push(wanted);
            return self.slots.len() - 1;
        };
        self.free.retain(|&free| free != slot);
        let taken = &mut self.slots[slot];
        (taken.width, taken.row_width) = (taken.width.max(wanted.width), taken.row_width.max(wanted.row_width));
        slot
    }

    /// The size in bytes of all buffers for this many rows.
    pub(super) fn bytes(&self, rows: usize) -> u64 {
        let elements = |slot: &Slot| slot.width.max(slot.row_width.saturating_mul(rows));
        self.sum(elements)
    }

    /// The size in bytes that each additional row needs.
    pub(super) fn row_bytes(&self) -> u64 {
        self.sum(|slot| slot.row_width)
    }

    fn sum(&self, elements: impl Fn(&Slot) -> usize) -> u64 {
        let bytes = self.slots.iter().map(|slot| (elements(slot) as u64).saturating_mul(slot.element_bytes()));
        bytes.fold(0, u64::saturating_add)
    }

    pub(super) fn add(&mut self, node: usize, step: Box<dyn Step>) {
        self.steps.push(step);
        self.nodes.push(node);
    }
}
