//! A model prepared for the inputs that one prediction shares with all its samples.
//!
//! One user meets many candidates: the inputs that describe the user have one row, and what follows from them alone is
//! computed once. Which inputs those are is known only when a prediction is made, so a session prepares an engine for
//! each set of them that it meets.

use crate::error::Result;
use std::sync::{Arc, Mutex, PoisonError};

/// Sets of shared inputs whose engines are kept besides the first.
const MOST_VARIANTS: usize = 4;

/// Engines by the positions of the shared inputs.
#[derive(Debug)]
pub(super) struct Variants<E> {
    /// What the session was opened for. Others are made of it, so it stays.
    opened: (Vec<usize>, Arc<E>),
    /// Most recently used last.
    others: Mutex<Vec<(Vec<usize>, Arc<E>)>>,
}

impl<E> Variants<E> {
    pub(super) fn new(shared: Vec<usize>, engine: E) -> Self {
        Variants { opened: (shared, Arc::new(engine)), others: Mutex::default() }
    }

    /// What the session was opened for.
    pub(super) fn first(&self) -> &E {
        &self.opened.1
    }

    /// All engines, the first first.
    pub(super) fn all(&self) -> Vec<Arc<E>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let others = others.iter().map(|(_, engine)| Arc::clone(engine));
        std::iter::once(Arc::clone(&self.opened.1)).chain(others).collect()
    }

    /// The engine for these shared inputs, made by `make` of the first if it is new.
    pub(super) fn get(&self, shared: &[usize], make: impl FnOnce(&E) -> Result<E>) -> Result<Arc<E>> {
        let (opened, first) = &self.opened;
        if shared == opened {
            return Ok(Arc::clone(first));
        }
        // Held while an engine is made, so that two threads do not make one each.
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let position = others.iter().position(|(inputs, _)| inputs == shared);
        let (inputs, engine) = match position {
            Some(position) => others.remove(position),
            None => (shared.to_vec(), Arc::new(make(first)?)),
        };
        if others.len() == MOST_VARIANTS {
            others.remove(0);
        }
        others.push((inputs, Arc::clone(&engine)));
        Ok(engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_made_once_for_each_set_and_the_oldest_goes() {
        let variants = Variants::new(Vec::new(), String::from("plain"));
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
