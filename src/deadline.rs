//! The time by which a call must have its answer.
//!
//! A deadline is a moment on the monotonic clock, or never. Whatever waits is given one: a lock, a condition, a device. It is no
//! timer: nothing is interrupted when it passes.

use crate::error::{DeviceError, Error, Result};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When a call must have its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// No deadline.
    pub(crate) const NEVER: Deadline = Deadline(None);

    /// `timeout` from now on; never if `None`, or if no clock goes that far.
    pub(crate) fn after(timeout: Option<Duration>) -> Deadline {
        Deadline(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// Whether there is none.
    pub(crate) fn is_never(self) -> bool {
        self.0.is_none()
    }

    /// The time that is left; `None` where there is no deadline.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// When half of the time that is left will have passed.
    pub(crate) fn halfway(self) -> Deadline {
        Deadline(self.remaining().map(|left| Instant::now() + left / 2))
    }

    /// An error if it has passed. `what`, a clause in the past, says what was going on.
    pub(crate) fn expect_ahead(self, what: &str) -> Result<()> {
        match self.remaining() {
            Some(Duration::ZERO) => Err(self.passed(what)),
            _ => Ok(()),
        }
    }

    /// The error of a call whose deadline passed while `what` went on.
    pub(crate) fn passed(self, what: &str) -> Error {
        Error::device(DeviceError::Timeout, format!("the timeout passed while {what}"))
            .hint("give it more time (SessionOptions::timeout)")
    }

    /// Waits on `changed` until `is_waiting` is false of what `guard` locks; an error if the deadline passes before.
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
        let error = wait(Deadline::after(Some(Duration::from_millis(5)))).expect_err("nobody sets the flag");
        assert_eq!(error.device_error(), Some(DeviceError::Timeout));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                *flag.lock().expect("not poisoned") = true;
                changed.notify_all();
            });
            assert!(wait(Deadline::NEVER).is_ok());
        });
        assert!(Deadline::after(Some(Duration::ZERO)).expect_ahead("nothing was done").is_err());
        assert!(Deadline::after(Some(Duration::MAX)).is_never(), "no clock goes that far");
    }
}
