//! Values that are built once per key, on first use.
//!
//! A caller that needs a value under construction waits for it until its own deadline. No lock is held during
//! construction, so that a construction that hangs does not block other keys. The most recently used values are kept,
//! up to a fixed number.

use crate::deadline::Deadline;
use crate::error::{DeviceError, Error, Result};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Values by key.
#[derive(Debug)]
pub(crate) struct MadeOnce<K, V> {
    entries: Mutex<Entries<K, V>>,
    changed: Condvar,
    /// Maximum number of values that are kept.
    most: usize,
    /// How long a failure is returned again without another attempt.
    remember_failures: Duration,
}

#[derive(Debug)]
struct Entries<K, V> {
    /// A tree: with few keys, comparing them is faster than hashing.
    by_key: BTreeMap<K, Entry<V>>,
    /// The number of uses so far.
    uses: u64,
}

#[derive(Debug)]
enum Entry<V> {
    BeingMade,
    Made { value: V, last_use: u64 },
    Failed { error: Error, until: Instant },
}

/// An entry under construction. It is removed if construction fails.
struct Making<'m, K: Ord + Clone, V> {
    all: &'m MadeOnce<K, V>,
    key: K,
}

impl<K: Ord + Clone, V> Drop for Making<'_, K, V> {
    fn drop(&mut self) {
        let mut entries = self.all.lock();
        if matches!(entries.by_key.get(&self.key), Some(Entry::BeingMade)) {
            entries.by_key.remove(&self.key);
        }
        drop(entries);
        self.all.changed.notify_all();
    }
}

impl<K, V> Default for MadeOnce<K, V> {
    fn default() -> Self {
        MadeOnce::at_most(usize::MAX)
    }
}

impl<K, V> MadeOnce<K, V> {
    /// Keeps the `most` most recently used values.
    pub(crate) fn at_most(most: usize) -> Self {
        let entries = Mutex::new(Entries { by_key: BTreeMap::new(), uses: 0 });
        MadeOnce { entries, changed: Condvar::new(), most, remember_failures: Duration::ZERO }
    }

    /// After a failure, returns the same error for `time`, without another attempt.
    pub(crate) fn remembering_failures(mut self, time: Duration) -> Self {
        self.remember_failures = time;
        self
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone, V: Clone> MadeOnce<K, V> {
    /// The value of `key`, and whether this call built it.
    pub(crate) fn get(&self, key: &K, deadline: Deadline, make: impl FnOnce() -> Result<V>) -> Result<(V, bool)> {
        self.get_by(key, deadline, |value| Some(value.clone()), || make().map(|value| (value.clone(), value)))
    }

    /// All values, most recently used last.
    pub(crate) fn all(&self) -> Vec<V> {
        let entries = self.lock();
        let mut made: Vec<(u64, V)> = Vec::new();
        for entry in entries.by_key.values() {
            if let Entry::Made { value, last_use } = entry {
                made.push((*last_use, value.clone()));
            }
        }
        drop(entries);
        made.sort_by_key(|(last_use, _)| *last_use);
        made.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of `key`, if there is one.
    pub(crate) fn peek(&self, key: &K) -> Option<V> {
        match self.lock().by_key.get(key) {
            Some(Entry::Made { value, .. }) => Some(value.clone()),
            _ => None,
        }
    }
}

impl<K: Ord + Clone, V> MadeOnce<K, V> {
    /// Maps the value of `key` with `reuse`, and also returns whether this call built the value. If `reuse` returns
    /// `None`, the value is built again. `make` returns the value and its mapping.
    pub(crate) fn get_by<R>(
        &self,
        key: &K,
        deadline: Deadline,
        reuse: impl Fn(&V) -> Option<R>,
        make: impl FnOnce() -> Result<(V, R)>,
    ) -> Result<(R, bool)> {
        let waits = |entries: &mut Entries<K, V>| matches!(entries.by_key.get(key), Some(Entry::BeingMade));
        let what = "another thread was still preparing what this one needs";
        let mut entries = deadline.wait_while(&self.changed, self.lock(), what, waits)?;
        entries.uses += 1;
        let use_number = entries.uses;
        match entries.by_key.get_mut(key) {
            Some(Entry::Made { value, last_use }) => {
                if let Some(reused) = reuse(value) {
                    *last_use = use_number;
                    return Ok((reused, false));
                }
            }
            Some(Entry::Failed { error, until }) if Instant::now() < *until => return Err(error.clone()),
            _ => {}
        }
        let replaced = entries.by_key.insert(key.clone(), Entry::BeingMade);
        drop(entries);
        // After releasing the lock, because dropping a value may take long.
        drop(replaced);
        // Wakes waiting callers when dropped, even after a panic.
        let _making = Making { all: self, key: key.clone() };
        match make() {
            Ok((value, made)) => {
                self.fill(key, value, use_number);
                Ok((made, true))
            }
            Err(error) => {
                self.note_failure(key, &error);
                Err(error)
            }
        }
    }

    /// Remembers a failure for a while. A timeout is not remembered: other callers have other deadlines.
    fn note_failure(&self, key: &K, error: &Error) {
        if self.remember_failures.is_zero() || error.device_error() == Some(DeviceError::Timeout) {
            return;
        }
        let until = Instant::now() + self.remember_failures;
        self.lock().by_key.insert(key.clone(), Entry::Failed { error: error.clone(), until });
    }

    fn fill(&self, key: &K, value: V, last_use: u64) {
        let mut entries = self.lock();
        let made = |(key, entry): (&K, &Entry<V>)| match entry {
            Entry::Made { last_use, .. } => Some((*last_use, key.clone())),
            _ => None,
        };
        let mut uses: Vec<(u64, K)> = entries.by_key.iter().filter_map(made).collect();
        let mut evicted = Vec::new();
        if uses.len() >= self.most {
            uses.sort_by_key(|(last_use, _)| *last_use);
            let surplus = uses.len() + 1 - self.most;
            evicted.extend(uses.iter().take(surplus).filter_map(|(_, key)| entries.by_key.remove(key)));
        }
        entries.by_key.insert(key.clone(), Entry::Made { value, last_use });
        drop(entries);
        drop(evicted);
    }

    /// Whether there is a value of `key`.
    pub(crate) fn has(&self, key: &K) -> bool {
        matches!(self.lock().by_key.get(key), Some(Entry::Made { .. }))
    }

    /// Removes the value of `key` if `is_it` returns true for it. Returns whether it was removed.
    pub(crate) fn remove_if(&self, key: &K, is_it: impl Fn(&V) -> bool) -> bool {
        let mut entries = self.lock();
        let found = matches!(entries.by_key.get(key), Some(Entry::Made { value, .. }) if is_it(value));
        let removed = if found { entries.by_key.remove(key) } else { None };
        drop(entries);
        removed.is_some()
    }

    /// Removes all values and failures.
    pub(crate) fn clear(&self) {
        let mut entries = self.lock();
        let keys: Vec<K> = entries.by_key.keys().cloned().collect();
        let mut removed = Vec::new();
        for key in keys {
            if !matches!(entries.by_key.get(&key), Some(Entry::BeingMade)) {
                removed.extend(entries.by_key.remove(&key));
            }
        }
        drop(entries);
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_value_is_made_once_and_the_one_longest_unused_goes() {
        let all = MadeOnce::at_most(2);
        let get = |key: u32| all.get(&key, Deadline::NEVER, || Ok(key.to_string())).expect("a value");
        assert_eq!((get(1), get(1)), (("1".into(), true), ("1".into(), false)));
        get(2);
        get(1);
        get(3);
        assert_eq!((get(1).1, get(2).1), (false, true), "the second went");
        assert_eq!(all.all(), ["1", "2"]);
        all.clear();
        assert!(!all.has(&1));
    }

    #[test]
    fn a_failure_stands_as_long_as_it_is_remembered() {
        let brief = MadeOnce::<u32, u32>::default();
        let long = MadeOnce::<u32, u32>::default().remembering_failures(Duration::from_secs(60));
        let fail = |all: &MadeOnce<u32, u32>, device| {
            all.get(&1, Deadline::NEVER, || Err(Error::device(device, "no"))).expect_err("it fails").to_string()
        };
        let succeeds = |all: &MadeOnce<u32, u32>| all.get(&1, Deadline::NEVER, || Ok(7)).is_ok();
        fail(&brief, DeviceError::OutOfMemory);
        assert!(succeeds(&brief));
        assert_eq!(fail(&long, DeviceError::Timeout), "no");
        fail(&long, DeviceError::OutOfMemory);
        assert!(!succeeds(&long));
        long.clear();
        assert!(succeeds(&long));
    }

    #[test]
    fn who_waits_for_one_that_hangs_gives_up_and_nobody_else_waits() {
        let all = MadeOnce::<u32, u32>::default();
        let (release, released) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        thread::scope(|scope| {
            let all = &all;
            let hung = scope.spawn(move || {
                all.get(&1, Deadline::NEVER, || {
                    started.send(()).expect("somebody listens");
                    released.recv().expect("released");
                    Ok(7)
                })
            });
            starts.recv().expect("it has started");
            let soon = Deadline::after(Some(Duration::from_millis(5)));
            let error = all.get(&1, soon, || Ok(8)).expect_err("it is still being made");
            assert_eq!(error.device_error(), Some(DeviceError::Timeout));
            assert_eq!(all.get(&2, soon, || Ok(9)).expect("another"), (9, true));
            release.send(()).expect("it waits");
            assert_eq!(hung.join().expect("no panic").expect("a value"), (7, true));
        });
        assert_eq!(all.get(&1, Deadline::NEVER, || Ok(8)).expect("made"), (7, false));
    }

    #[test]
    fn a_maker_that_panics_leaves_the_place_empty() {
        let all = MadeOnce::<u32, u32>::default();
        let panics = || all.get(&1, Deadline::NEVER, || panic!("while making"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        assert_eq!(all.get(&1, Deadline::NEVER, || Ok(7)).expect("made"), (7, true));
    }
}
