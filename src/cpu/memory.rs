//! The memory of predictions. It is kept for later predictions, and freed if recent ones needed much less.
//!
//! The rule is the same as for in-flight predictions on a GPU: after a fixed number of predictions, memory is freed if
//! it is several times as large as the largest of them needed.

use super::frame::Arena;
use super::layout::Layout;
use super::phase::Phase;
use crate::tensor::Data;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of predictions after which memory may be freed. It is freed if their largest blocks needed at most a
/// quarter of it, or if it was never in use at the same time as the rest.
const PREDICTIONS_BEFORE_SHRINKING: u32 = 64;

/// Memory smaller than this is not freed.
const LEAST_BYTES_TO_GIVE_BACK: u64 = 1 << 20;

/// The memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// For shared values.
    pub(super) once: Arena,
    /// For a block of rows.
    pub(super) block: Arena,
}

impl Memory {
    fn new(layout: &Layout) -> Memory {
        let arena = |phase: &Phase| Arena { buffers: phase.slots.iter().map(|slot| Data::empty(slot.dtype)).collect() };
        Memory { once: arena(&layout.once), block: arena(&layout.block) }
    }

    fn bytes(&self) -> u64 {
        self.once.buffers.iter().chain(&self.block.buffers).map(Data::bytes).sum()
    }
}

/// The memory of an engine.
#[derive(Debug, Default)]
pub(super) struct Memories(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The most recently used memory is last.
    idle: Vec<Memory>,
    in_use: usize,
    /// Counted since memory was last checked, like the fields below.
    predictions: u32,
    most_in_use: usize,
    max_rows: usize,
}

impl Memories {
    /// Takes the most recently used idle memory, or new memory. It becomes idle again when it is dropped.
    pub(super) fn take(&self, layout: &Layout) -> Taken<'_> {
        let mut kept = self.kept();
        kept.in_use += 1;
        kept.most_in_use = kept.most_in_use.max(kept.in_use);
        let known = kept.idle.pop();
        drop(kept);
        Taken { memories: self, memory: known.unwrap_or_else(|| Memory::new(layout)) }
    }

    /// Records a prediction in blocks of `rows` rows, and frees memory that recent predictions did not need.
    pub(super) fn predicted(&self, rows: usize, layout: &Layout) {
        let mut kept = self.kept();
        kept.predictions += 1;
        kept.max_rows = kept.max_rows.max(rows);
        if kept.predictions < PREDICTIONS_BEFORE_SHRINKING {
            return;
        }
        let needed = layout.once.bytes(1) + layout.block.bytes(kept.max_rows);
        let limit = LEAST_BYTES_TO_GIVE_BACK.max(needed.saturating_mul(4));
        let surplus = kept.idle.len().saturating_sub(kept.most_in_use - kept.in_use);
        let mut given_back: Vec<Memory> = kept.idle.drain(..surplus).collect();
        given_back.extend(kept.idle.extract_if(.., |memory| memory.bytes() >= limit));
        (kept.predictions, kept.most_in_use, kept.max_rows) = (0, kept.in_use, 0);
        // Unlocked first, so that other threads do not wait for the allocator.
        drop(kept);
        drop(given_back);
    }

    /// The size in bytes of idle memory.
    pub(super) fn idle_bytes(&self) -> u64 {
        self.kept().idle.iter().map(Memory::bytes).sum()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory in use.
pub(super) struct Taken<'m> {
    memories: &'m Memories,
    memory: Memory,
}

impl Deref for Taken<'_> {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.memory
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut kept = self.memories.kept();
        kept.in_use -= 1;
        // After a panic a buffer may be missing, because a step had taken it out.
        if !std::thread::panicking() {
            kept.idle.push(std::mem::take(&mut self.memory));
        }
    }
}
