//! What a session prepares at first need, and keeps as long as it is used.
//!
//! One user meets many candidates: the inputs that describe the user have one row, and what follows from them alone is
//! computed once. Which inputs those are is known only when a prediction is made, so a session prepares an engine for
//! each set of them that it meets; and so for each set of sizes of what the model leaves open.

use crate::error::Result;
use std::sync::{Arc, Mutex, PoisonError};

/// Sets of shared inputs whose engines are kept besides the first.
const MOST_SHARED: usize = 4;

/// Sets of sizes that are kept besides the first: each has the weights in its own engine.
const MOST_SIZES: usize = 7;

/// Rankings that are kept. Whoever ranks asks for the same number of rows of batches of few sizes.
const MOST_RANKINGS: usize = 4;

/// What was prepared, by what it was prepared for: the positions of shared inputs, or the sizes of open dimensions.
#[derive(Debug)]
pub(super) struct Variants<E> {
    /// What the session was opened for. Others are made of it, so it stays.
    opened: (Vec<usize>, Arc<E>),
    others: Kept<E>,
}

/// The few that were used last, by what they were prepared for.
#[derive(Debug)]
pub(super) struct Kept<E> {
    /// Most recently used last.
    entries: Mutex<Vec<(Vec<usize>, Arc<E>)>>,
    /// How many there are at most.
    most: usize,
}

impl<E> Kept<E> {
    fn at_most(most: usize) -> Self {
        Kept { entries: Mutex::default(), most }
    }

    /// By the rows of a batch and how many of them are ranked.
    pub(super) fn of_rankings() -> Self {
        Kept::at_most(MOST_RANKINGS)
    }

    /// All, the one longest unused first.
    pub(super) fn all(&self) -> Vec<Arc<E>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|(_, engine)| Arc::clone(engine)).collect()
    }

    /// What is prepared for `key`, made by `make` if it is new.
    pub(super) fn get(&self, key: &[usize], make: impl FnOnce() -> Result<E>) -> Result<Arc<E>> {
        // Held while an engine is made, so that two threads do not make one each.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let position = entries.iter().position(|(known, _)| known == key);
        let (key, engine) = match position {
            Some(position) => entries.remove(position),
            None => (key.to_vec(), Arc::new(make()?)),
        };
        if entries.len() == self.most {
            entries.remove(0);
        }
        entries.push((key, Arc::clone(&engine)));
        Ok(engine)
    }
}

impl<E> Variants<E> {
    /// By the positions of shared inputs.
    pub(super) fn of_shared(shared: &[usize], engine: E) -> Self {
        Variants { opened: (shared.to_vec(), Arc::new(engine)), others: Kept::at_most(MOST_SHARED) }
    }

    /// By the sizes of open dimensions.
    pub(super) fn of_sizes(sizes: Vec<usize>, model: E) -> Self {
        Variants { opened: (sizes, Arc::new(model)), others: Kept::at_most(MOST_SIZES) }
    }

    /// What the session was opened for.
    pub(super) fn first(&self) -> &E {
        &self.opened.1
    }

    /// The same, to be held on to.
    pub(super) fn opened(&self) -> Arc<E> {
        Arc::clone(&self.opened.1)
    }

    /// The shared inputs or sizes that this is.
    pub(super) fn first_key(&self) -> &[usize] {
        &self.opened.0
    }

    /// All, the first first.
    pub(super) fn all(&self) -> Vec<Arc<E>> {
        std::iter::once(self.opened()).chain(self.others.all()).collect()
    }

    /// What is prepared for `key`, made by `make` of the first if it is new.
    pub(super) fn get(&self, key: &[usize], make: impl FnOnce(&E) -> Result<E>) -> Result<Arc<E>> {
        let (opened, first) = &self.opened;
        if key == opened {
            return Ok(Arc::clone(first));
        }
        self.others.get(key, || make(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_made_once_for_each_set_and_the_oldest_goes() {
        let variants = Variants::of_shared(&[], String::from("plain"));
        let made = Mutex::new(0);
        let get = |shared: &[usize]| {
            let make = |plain: &String| {
                *made.lock().expect("a count") += 1;
                Ok(format!("{plain} {shared:?}"))
            };
            variants.get(shared, make).expect("an engine").to_string()
        };
        assert_eq!(get(&[]), "plain");
        assert_eq!((get(&[1]), get(&[1])), ("plain [1]".into(), "plain [1]".into()));
        assert_eq!(*made.lock().expect("a count"), 1);
        for other in 2..=4 {
            get(&[other]);
        }
        get(&[1]);
        assert_eq!(*made.lock().expect("a count"), 4, "one of four is still there");
        get(&[5]);
        get(&[1]);
        assert_eq!(*made.lock().expect("a count"), 5, "the one longest unused went");
        get(&[2]);
        assert_eq!(*made.lock().expect("a count"), 6);
    }
}
