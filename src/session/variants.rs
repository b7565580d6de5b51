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

/// What was prepared, by what it was prepared for: the positions of shared inputs, or the sizes of open dimensions.
#[derive(Debug)]
pub(super) struct Variants<E> {
    /// What the session was opened for. Others are made of it, so it stays.
    opened: (Vec<usize>, Arc<E>),
    /// Most recently used last.
    others: Mutex<Vec<(Vec<usize>, Arc<E>)>>,
    /// How many of them there are at most.
    most: usize,
}

impl<E> Variants<E> {
    /// By the positions of shared inputs.
    pub(super) fn of_shared(shared: &[usize], engine: E) -> Self {
        Variants { opened: (shared.to_vec(), Arc::new(engine)), others: Mutex::default(), most: MOST_SHARED }
    }

    /// By the sizes of open dimensions.
    pub(super) fn of_sizes(sizes: Vec<usize>, model: E) -> Self {
        Variants { opened: (sizes, Arc::new(model)), others: Mutex::default(), most: MOST_SIZES }
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
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let others = others.iter().map(|(_, engine)| Arc::clone(engine));
        std::iter::once(Arc::clone(&self.opened.1)).chain(others).collect()
    }

    /// What is prepared for `key`, made by `make` of the first if it is new.
    pub(super) fn get(&self, key: &[usize], make: impl FnOnce(&E) -> Result<E>) -> Result<Arc<E>> {
        let (opened, first) = &self.opened;
        if key == opened {
            return Ok(Arc::clone(first));
        }
        // Held while an engine is made, so that two threads do not make one each.
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let position = others.iter().position(|(known, _)| known == key);
        let (key, engine) = match position {
            Some(position) => others.remove(position),
            None => (key.to_vec(), Arc::new(make(first)?)),
        };
        if others.len() == self.most {
            others.remove(0);
        }
        others.push((key, Arc::clone(&engine)));
        Ok(engine)
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
