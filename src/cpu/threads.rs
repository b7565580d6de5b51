//! The threads that compute blocks of rows. Engines with the same number of threads share them.
//!
//! They start when a prediction first has work for them, and stop with the last engine that uses them. If the system
//! refuses to start threads, predictions run on the calling threads.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// The pools in use, keyed by their number of threads.
static POOLS: Mutex<Vec<(usize, Weak<ThreadPool>)>> = Mutex::new(Vec::new());

/// A number of threads, and their pool once it is needed.
#[derive(Debug)]
pub(super) struct Threads {
    count: usize,
    /// Contains `None` if the system refused to start threads. Starting them is not attempted again.
    pool: OnceLock<Option<Arc<ThreadPool>>>,
}

impl Threads {
    /// `wanted` threads; `None` means one per core.
    pub(super) fn new(wanted: Option<usize>) -> Threads {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Threads { count: wanted.unwrap_or_else(cores).max(1), pool: OnceLock::new() }
    }

    /// The number of threads.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The pool; `None` if the calling thread does all the work.
    pub(super) fn pool(&self) -> Option<&ThreadPool> {
        self.pool_by(started)
    }

    fn pool_by(&self, start: impl FnOnce(usize) -> Result<ThreadPool, ThreadPoolBuildError>) -> Option<&ThreadPool> {
        if self.count == 1 {
            return None;
        }
        self.pool.get_or_init(|| shared(self.count, start)).as_deref()
    }
}

/// The pool of `count` threads that other engines use, or a new one.
fn shared(
    count: usize,
    start: impl FnOnce(usize) -> Result<ThreadPool, ThreadPoolBuildError>,
) -> Option<Arc<ThreadPool>> {
    // Locked while threads start, so that two engines cannot start a pool each.
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = pools.iter().filter(|(threads, _)| *threads == count).find_map(|(_, pool)| pool.upgrade());
    if known.is_some() {
        return known;
    }
    let pool = Arc::new(start(count).ok()?);
    pools.retain(|(_, pool)| pool.strong_count() > 0);
    pools.push((count, Arc::downgrade(&pool)));
    Some(pool)
}

fn started(count: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new().num_threads(count).thread_name(move |index| format!("tfjs-wgpu {index}/{count}")).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn engines_that_want_as_many_threads_share_them_while_one_is_there() {
        let (first, second, other) = (Threads::new(Some(11)), Threads::new(Some(11)), Threads::new(Some(12)));
        let address = |threads: &Threads| std::ptr::from_ref(threads.pool().expect("threads"));
        assert_eq!(address(&first), address(&second));
        assert_ne!(address(&first), address(&other));
        let held = || {
            let pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
            pools.iter().filter(|(count, pool)| *count == 11 && pool.strong_count() > 0).count()
        };
        assert_eq!(held(), 1);
        drop(first);
        assert_eq!(held(), 1);
        drop(second);
        assert_eq!(held(), 0, "they end with the last engine");
    }

    #[test]
    fn a_system_without_threads_is_asked_once_and_leaves_the_calling_thread() {
        let threads = Threads::new(Some(13));
        let refused = |count| {
            let builder = ThreadPoolBuilder::new().num_threads(count);
            builder.spawn_handler(|_| Err(io::ErrorKind::WouldBlock.into())).build()
        };
        assert!(threads.pool_by(refused).is_none());
        assert!(threads.pool_by(|_| panic!("asked again")).is_none());
    }

    #[test]
    fn one_thread_is_the_calling_one() {
        assert!(Threads::new(Some(1)).pool_by(|_| panic!("started")).is_none());
    }
}
