//! The deadline of a call: an instant on the monotonic clock, or never.
//!
//! All code that waits takes a deadline. A deadline is not a timer: it does not interrupt anything.

use crate::error::{DeviceError, Error, Result};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time by which a call must return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// No deadline.
    pub(crate) const NEVER: Deadline = Deadline(None);

    /// The instant `timeout` from now. There is no deadline if `timeout` is `None` or beyond the range of the clock.
    pub(crate) fn after(timeout: Option<Duration>) -> Deadline {
        Deadline(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// Whether there is no deadline.
    pub(crate) fn is_never(self) -> bool {
        self.0.is_none()
    }

    /// The time left; `None` if there is no deadline.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// A deadline after half of the remaining time.
    pub(crate) fn halfway(self) -> Deadline {
        Deadline(self.remaining().map(|left| Instant::now() + left / 2))
    }

    /// Returns an error if the deadline has passed. `what` describes the work as a clause in the past tense.
    pub(crate) fn expect_ahead(self, what: &str) -> Result<()> {
        match self.remaining() {
            Some(Duration::ZERO) => Err(self.passed(what)),
            _ => Ok(()),
        }
    }

    /// The error of a call whose deadline passed during `what`.
    pub(crate) fn passed(self, what: &str) -> Error {
        Error::device(DeviceError::Timeout, format!("the timeout passed while {what}"))
            .hint("give it more time (SessionOptions::timeout)")
    }

    /// Waits on `changed` while `is_waiting` returns true for the value of `guard`. Returns an error if the deadline
    /// passes first.
    pub(crate) fn wait_while<'m, T>(
        self,
        changed: &Condvar,
        guard: MutexGuard<'m, T>,
        what: &str,
        mut is_waiting: impl FnMut(&mut T) -> bool,
    ) -> Result<MutexGuard<'m, T>> {
        let mut guard = guard;
        while is_waiting(&mut guard) {
            guard = match self.remaining() {
                None => changed.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Err(self.passed(what)),
                Some(left) => changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        Ok(guard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_wait_ends_when_its_deadline_passes() {
        let (flag, changed) = (Mutex::new(false), Condvar::new());
        let wait = |deadline: Deadline| {
            let guard = flag.lock().expect("not poisoned");
            deadline.wait_while(&changed, guard, "the flag was not set", |flag| !*flag).map(|_| ())
        };
        let error = wait(Deadline::after(Some(Duration::from_millis(5)))).expect_err("the flag is not set");
        assert_eq!(error.device_error(), Some(DeviceError::Timeout));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                *flag.lock().expect("not poisoned") = true;
                changed.notify_all();
            });
            assert!(wait(Deadline::NEVER).is_ok());
        });
        assert!(Deadline::after(Some(Duration::ZERO)).expect_ahead("nothing was done").is_err());
        assert!(Deadline::after(Some(Duration::MAX)).is_never(), "beyond the range of the clock");
    }
}
