//! Threads that call into the driver, so that a caller with a deadline can abandon a call that hangs.
//!
//! A call into a driver cannot be interrupted. Without a deadline the caller makes the call itself. With a deadline a
//! thread makes the call, and the caller stops waiting when the deadline passes. The thread, and the memory that the
//! call uses, are kept until the call returns; then the thread is reused. If too many abandoned calls have not
//! returned, the next call waits.

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::telemetry::{Counter, Timeline};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Abandoned calls that have not returned. No further call starts while there are more.
const MOST_ABANDONED: usize = 64;

/// Idle threads that are kept for later calls.
const MOST_IDLE: usize = 8;

type Work = Box<dyn FnOnce() + Send>;

static IDLE: Mutex<Vec<Sender<Work>>> = Mutex::new(Vec::new());

/// The number of abandoned calls, and a signal when it changes.
static ABANDONED: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

fn abandoned() -> MutexGuard<'static, usize> {
    ABANDONED.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until all abandoned calls have returned, for at most `time`. Returns whether they have. A process that ends
/// during a call into a driver may crash.
pub fn await_abandoned_calls(time: Duration) -> bool {
    let waits = |count: &mut usize| *count > 0;
    Deadline::after(Some(time))
        .wait_while(&ABANDONED.1, abandoned(), "calls into the driver had not returned", waits)
        .is_ok()
}

/// Runs `work`, on another thread if there is a deadline. `what` describes the work in a timeout error, as a clause in
/// the past tense.
pub(super) fn call<T: Send + 'static>(
    deadline: Deadline,
    what: &str,
    timeline: &mut Timeline,
    work: impl FnOnce(&mut Timeline) -> Result<T> + Send + 'static,
) -> Result<T> {
    if deadline.is_never() {
        return guarded(|| work(timeline));
    }
    deadline.expect_ahead(what)?;
    let mut apart = timeline.apart();
    let (sender, receiver) = mpsc::channel();
    // Set by whichever of caller and thread finishes first.
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let work: Work = Box::new(move || {
        let result = guarded(|| work(&mut apart));
        // If the caller has stopped waiting, the result is dropped on this thread.
        drop(sender.send((result, apart)));
        if over.swap(true, Ordering::SeqCst) {
            *abandoned() -= 1;
            ABANDONED.1.notify_all();
        }
    });
    start(deadline, work)?;
    match receiver.recv_timeout(deadline.remaining().unwrap_or_default()) {
        Ok((result, apart)) => {
            timeline.absorb(apart);
            result
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(Error::internal("a thread that calls the driver ended unexpectedly"))
        }
        Err(RecvTimeoutError::Timeout) => {
            *abandoned() += 1;
            if is_over.swap(true, Ordering::SeqCst) {
                *abandoned() -= 1;
            }
            timeline.count(Counter::AbandonedCalls, 1);
            let hint = "give it more time (SessionOptions::timeout), or run on the CPU (Device::Cpu)";
            Err(deadline.passed(what).hint(hint))
        }
    }
}

/// Runs `work`, and turns a panic into an error. wgpu panics if a device is in an unexpected state.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Error::internal("wgpu or the driver panicked").cause(text))
    })
}

/// Runs `work` on an idle thread, or on a new one.
fn start(deadline: Deadline, mut work: Work) -> Result<()> {
    let too_many = |count: &mut usize| *count >= MOST_ABANDONED;
    let what = "the GPU driver had not returned from abandoned calls";
    drop(deadline.wait_while(&ABANDONED.1, abandoned(), what, too_many)?);
    loop {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(idle) = idle else { break };
        match idle.send(work) {
            Ok(()) => return Ok(()),
            Err(returned) => work = returned.0,
        }
    }
    let (sender, receiver) = mpsc::channel::<Work>();
    let serve = move || {
        work();
        loop {
            let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() >= MOST_IDLE {
                return;
            }
            idle.push(sender.clone());
            drop(idle);
            match receiver.recv() {
                Ok(next) => next(),
                Err(_) => return,
            }
        }
    };
    let thread = std::thread::Builder::new().name("tfjs-wgpu device".into());
    let failed = |cause| {
        let error = Error::internal("no thread could be started to call the GPU driver").because(cause);
        error.hint("leave the timeout out (SessionOptions::timeout), or run on the CPU (Device::Cpu)")
    };
    thread.spawn(serve).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DeviceError;

    #[test]
    fn a_call_that_hangs_is_abandoned_and_its_thread_reused() {
        let (release, released) = mpsc::channel::<()>();
        let mut timeline = Timeline::start();
        let soon = Deadline::after(Some(Duration::from_millis(10)));
        let hang = move |_: &mut Timeline| {
            let _ = released.recv();
            Ok(())
        };
        let error = call(soon, "a call", &mut timeline, hang).expect_err("it hangs");
        assert_eq!(error.device_error(), Some(DeviceError::Timeout));
        assert_eq!(timeline.counter(Counter::AbandonedCalls), 1);
        assert!(!await_abandoned_calls(Duration::from_millis(1)));
        release.send(()).expect("it still waits");
        let later = Deadline::after(Some(Duration::from_secs(60)));
        let answer = call(later, "another", &mut timeline, |timeline| {
            timeline.count(Counter::Dispatches, 1);
            Ok(7)
        });
        assert_eq!((answer.expect("an answer"), timeline.counter(Counter::Dispatches)), (7, 1));
    }

    #[test]
    fn a_panic_is_an_error() {
        for deadline in [Deadline::NEVER, Deadline::after(Some(Duration::from_secs(60)))] {
            let answer: Result<()> = call(deadline, "a call", &mut Timeline::start(), |_| panic!("as wgpu does"));
            let error = answer.expect_err("it panicked");
            assert_eq!(error.device_error(), Some(DeviceError::Internal));
            assert_eq!(error.cause_text(), Some("as wgpu does"));
        }
    }
}
