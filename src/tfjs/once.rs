//! What is said once, however often it is found.

use std::collections::HashSet;
use std::hash::Hash;

/// Values in the order in which they were first added.
#[derive(Debug)]
pub(super) struct Once<T> {
    pub(super) all: Vec<T>,
    seen: HashSet<T>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once { all: Vec::new(), seen: HashSet::new() }
    }
}

impl<T: Clone + Eq + Hash> Once<T> {
    /// Adds a value unless it is there.
    pub(super) fn add(&mut self, value: T) {
        if self.seen.insert(value.clone()) {
            self.all.push(value);
        }
    }
}

impl<T: Clone + Eq + Hash> FromIterator<T> for Once<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut once = Once::default();
        values.into_iter().for_each(|value| once.add(value));
        once
    }
}
