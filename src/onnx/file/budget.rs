//! How much the messages of a file may take: an account that is charged before memory is claimed.
//!
//! A few bytes of a file become a message of a hundred bytes in memory, and functions multiply nodes. The account bounds
//! both by the size of the file. Weights are not charged: they stay in the file, or are decoded from as many bytes.

use crate::error::{Error, Result};
use std::cell::Cell;

/// What a small file may take beyond twice its size.
const LEAST_BYTES: usize = 14 << 20;

/// The most nodes of all graphs and functions of a file, and after functions are replaced by their bodies.
const MOST_NODES: usize = 1_000_000;

/// Memory and nodes that are left to a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Budget {
    total: usize,
    bytes: Cell<usize>,
    nodes: Cell<usize>,
}

impl Budget {
    /// The budget of a file of this many bytes.
    pub(super) fn of_file(length: usize) -> Budget {
        let total = length.saturating_mul(2).saturating_add(LEAST_BYTES);
        Budget { total, bytes: Cell::new(total), nodes: Cell::new(MOST_NODES) }
    }

    /// Charges for `count` values of type `T`.
    pub(super) fn charge<T>(&self, count: usize) -> Result<()> {
        let left = count.checked_mul(size_of::<T>()).and_then(|bytes| self.bytes.get().checked_sub(bytes));
        self.bytes.set(left.ok_or_else(|| self.exceeded())?);
        Ok(())
    }

    /// An empty list with room for `count` items, which must be present in the file.
    pub(super) fn list<T>(&self, count: usize) -> Result<Vec<T>> {
        self.charge::<T>(count)?;
        Ok(Vec::with_capacity(count))
    }

    /// Adds an item to a list of unknown length. What was charged for a list is not given back when it grows, since both
    /// the old and the new one exist for a moment.
    pub(super) fn push<T>(&self, list: &mut Vec<T>, item: T) -> Result<()> {
        if list.len() == list.capacity() {
            let room = (2 * list.len()).max(4);
            self.charge::<T>(room)?;
            list.reserve_exact(room - list.len());
        }
        list.push(item);
        Ok(())
    }

    /// Counts nodes.
    pub(super) fn count_nodes(&self, count: usize) -> Result<()> {
        let left = self.nodes.get().checked_sub(count).ok_or_else(|| {
            Error::limit(format!("the model exceeds the limit of {MOST_NODES} nodes"))
                .cause("the nodes of all graphs count, and those of a function at each of its calls")
                .hint("export a smaller model; a recommender has a few hundred nodes")
        })?;
        self.nodes.set(left);
        Ok(())
    }

    fn exceeded(&self) -> Error {
        Error::limit(format!("the structure of the model exceeds the limit of {} bytes of memory", self.total))
            .cause(format!("the limit is twice the size of the file and {} MiB", LEAST_BYTES >> 20))
            .hint("the file is damaged, or made to exhaust memory; export the model again")
    }
}
