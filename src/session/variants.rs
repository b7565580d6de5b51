//! A model prepared for the inputs that one prediction shares with all its samples.
//!
//! One user meets many candidates: the inputs that describe the user have one row, and what follows from them alone is
//! computed once. Which inputs those are is known only when a prediction is made, so a session prepares an engine for
//! each set of them that it meets.

use crate::error::Result;
use std::sync::{Arc, Mutex, PoisonError};

/// Sets of shared inputs whose engines are kept.
const MOST_VARIANTS: usize = 4;

/// Engines by the positions of the shared inputs, most recently used last.
#[derive(Debug)]
pub(super) struct Variants<E> {
    known: Mutex<Vec<(Vec<usize>, Arc<E>)>>,
    /// The engine for inputs that are not shared, which all models need.
    pub(super) plain: Arc<E>,
}

impl<E> Variants<E> {
    pub(super) fn new(plain: E) -> Self {
        Variants { known: Mutex::default(), plain: Arc::new(plain) }
    }

    /// The engine for these shared inputs, made by `make` if it is new.
    pub(super) fn get(&self, shared: &[usize], make: impl FnOnce(&E) -> Result<E>) -> Result<Arc<E>> {
        if shared.is_empty() {
            return Ok(Arc::clone(&self.plain));
        }
        // Held while an engine is made, so that two threads do not make one each.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let position = known.iter().position(|(inputs, _)| inputs == shared);
        let (inputs, engine) = match position {
            Some(position) => known.remove(position),
            None => (shared.to_vec(), Arc::new(make(&self.plain)?)),
        };
        if known.len() == MOST_VARIANTS {
            known.remove(0);
        }
        known.push((inputs, Arc::clone(&engine)));
        Ok(engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_made_once_for_each_set_and_the_oldest_goes() {
        let variants = Variants::new(String::from("plain"));
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
