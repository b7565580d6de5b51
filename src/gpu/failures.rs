//! What a device reports beside the results: errors by the thread whose call made them, and its loss.
//!
//! A device is shared by sessions, and wgpu reports an error during the call that made it. So each thread finds its own
//! errors here and no others.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

/// The reports of one device.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Why the device is gone, if it is.
    lost: OnceLock<String>,
    /// The first error of each thread that has not looked since.
    errors: Mutex<Vec<(ThreadId, String)>>,
}

impl Failures {
    /// Notes an error that a call of this thread made.
    pub(super) fn report(&self, message: String) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let this = thread::current().id();
        if !errors.iter().any(|(thread, _)| *thread == this) {
            errors.push((this, message));
        }
    }

    /// Notes that the device is gone for good.
    pub(super) fn lose(&self, message: String) {
        // A second reason is a consequence of the first.
        let _ = self.lost.set(message);
    }

    /// Why the device is gone, if it is.
    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// The first error of this thread since it last took one.
    pub(super) fn take(&self) -> Option<String> {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let this = thread::current().id();
        let position = errors.iter().position(|(thread, _)| *thread == this)?;
        Some(errors.swap_remove(position).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_finds_its_own_errors_and_no_others() {
        let failures = Failures::default();
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                failures.report("the other's".into());
                failures.report("a consequence".into());
            });
            other.join().expect("no panic");
            assert_eq!(failures.take(), None);
            failures.report("mine".into());
            assert_eq!(failures.take().as_deref(), Some("mine"));
            assert_eq!(failures.take(), None);
        });
    }
}
