//! The engine of a session, and its replacement when its device fails.
//!
//! An engine may be replaced while threads predict. Each prediction keeps the engine that it started with. A lost
//! device is opened again after a pause, and the prediction that met the loss is repeated on it. A device that is lost
//! again within a minute is given up. With [`Device::Auto`] the CPU takes over from a GPU that fails.

use super::device_status::{DeviceStatus, fallback_note, with_cause};
use super::open::{open_engine, shared_positions};
use super::sized::SizedModel;
use super::{Device, SessionOptions};
use crate::deadline::Deadline;
use crate::engine::{Engine, PreparedGraph};
use crate::error::{DeviceError, Error, ErrorKind, Result};
use crate::made_once::MadeOnce;
use crate::model::Model;
use crate::telemetry::{Counter, Stage, Timeline};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sets of sizes that are kept. Each has its own parameters and activations.
const MOST_SIZES: usize = 8;

/// A device that is lost again within this time is given up.
const LOST_AGAIN: Duration = Duration::from_secs(60);

/// The pause before a lost device is opened again. Drivers need a moment to recover.
const PAUSE: Duration = Duration::from_millis(100);

/// The time for which a failure to open a device is remembered, and opening is not tried again.
const REMEMBER_FAILURES: Duration = Duration::from_secs(1);

/// An engine, and the model on it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) engine: Arc<dyn Engine>,
    /// Why this engine replaced a GPU, if it did. Such an engine is never replaced.
    failure: Option<Error>,
    /// The prepared models, by the sizes of the open dimensions.
    pub(super) sized: MadeOnce<Vec<usize>, Arc<SizedModel>>,
}

impl Opened {
    pub(super) fn status(&self) -> DeviceStatus {
        DeviceStatus::open(&*self.engine, self.failure.clone())
    }

    fn is_fallback(&self) -> bool {
        self.failure.is_some()
    }
}

/// Opens the engine of a device.
type OpenEngine = dyn Fn(Device, &SessionOptions, Deadline, &mut Timeline) -> Result<Arc<dyn Engine>> + Send + Sync;

/// The engines of a session.
pub(super) struct Engines {
    model: Model,
    options: SessionOptions,
    open: Box<OpenEngine>,
    current: MadeOnce<(), Arc<Opened>>,
    /// With [`Device::Auto`]: a CPU engine for single calls that exceed the limits of the GPU.
    beside: MadeOnce<(), Arc<Opened>>,
    state: Mutex<State>,
}

/// The engine in use, and the history of failures.
#[derive(Debug, Clone, Default)]
struct State {
    last_loss: Option<Instant>,
    /// Why no GPU is opened any more.
    gave_up: Option<Error>,
    /// A note for the next prediction, because the call that caused it failed and could not carry it.
    pending_note: Option<String>,
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engines").field("current", &self.current).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Engines {
    /// The engines of `model`. None is open yet.
    pub(super) fn new(model: Model, options: SessionOptions) -> Engines {
        Engines::opened_by(model, options, Box::new(open_engine))
    }

    /// The same, with another function that opens an engine.
    pub(super) fn opened_by(model: Model, options: SessionOptions, open: Box<OpenEngine>) -> Engines {
        let current = MadeOnce::default().remembering_failures(REMEMBER_FAILURES);
        Engines { model, options, open, current, beside: MadeOnce::default(), state: Mutex::default() }
    }

    /// The sizes of the open dimensions in the model's graph.
    pub(super) fn first_sizes(&self) -> Vec<usize> {
        let open = self.model.open_dimensions().iter().filter(|dimension| dimension.size.is_none());
        open.map(|dimension| dimension.graph_size).collect()
    }

    /// The engine in use; opens one if none is open.
    pub(super) fn current(&self, deadline: Deadline, timeline: &mut Timeline) -> Result<Arc<Opened>> {
        let open = || timeline.span_with(Stage::Open, |timeline| self.open(deadline, timeline));
        Ok(self.current.get(&(), deadline, open)?.0)
    }

    /// The engine in use, if one is open.
    pub(super) fn peek(&self) -> Option<Arc<Opened>> {
        self.current.peek(&())
    }

    /// Why no engine is opened any more, if the session gave up.
    pub(super) fn gave_up(&self) -> Option<Error> {
        self.state().gave_up.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, deadline: Deadline, timeline: &mut Timeline) -> Result<Arc<Opened>> {
        let State { last_loss, gave_up, .. } = self.state().clone();
        let pause = last_loss.map_or(Duration::ZERO, |loss| PAUSE.saturating_sub(loss.elapsed()));
        std::thread::sleep(deadline.remaining().unwrap_or(pause).min(pause));
        match (self.options.device, gave_up) {
            (Device::Auto, Some(why)) => self.open_cpu(why, deadline, timeline),
            (_, Some(why)) => Err(why),
            // Half of the time is reserved for the CPU, in case the GPU hangs.
            (Device::Auto, None) => self
                .open_device(Device::Auto, None, deadline.halfway(), timeline)
                .or_else(|error| self.open_cpu(error, deadline, timeline)),
            (device, None) => self.open_device(device, None, deadline, timeline),
        }
    }

    fn open_cpu(&self, failure: Error, deadline: Deadline, timeline: &mut Timeline) -> Result<Arc<Opened>> {
        self.open_device(Device::Cpu, Some(failure), deadline, timeline)
    }

    /// Opens a device and prepares the model on it for the shared inputs of the options.
    fn open_device(
        &self,
        device: Device,
        failure: Option<Error>,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<Opened>> {
        let engine = (self.open)(device, &self.options, deadline, timeline)?;
        let opened = Opened { engine, failure, sized: MadeOnce::at_most(MOST_SIZES) };
        self.first(&opened, deadline, timeline)?;
        Ok(Arc::new(opened))
    }

    /// The model at sizes of its open dimensions, on an engine.
    pub(super) fn sized(
        &self,
        opened: &Opened,
        sizes: &Vec<usize>,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<SizedModel>> {
        let SessionOptions { passes, activation_precision: precision, .. } = self.options;
        let make = || {
            let model = if self.model.is_open() { self.model.with_open_sizes(sizes)? } else { self.model.clone() };
            SizedModel::new(model, passes, precision).map(Arc::new)
        };
        let make = || if self.model.is_open() { timeline.span(Stage::OpenSizes, make) } else { make() };
        Ok(opened.sized.get(sizes, deadline, make)?.0)
    }

    /// The model at its first sizes, prepared for the shared inputs of the options.
    pub(super) fn first(
        &self,
        opened: &Opened,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>> {
        let sized = self.sized(opened, &self.first_sizes(), deadline, timeline)?;
        let shared = match opened.engine.takes_rewritten() {
            true => shared_positions(sized.model.graph(), &self.options)?,
            false => Vec::new(),
        };
        sized.prepared(&*opened.engine, &shared, deadline, timeline)
    }

    /// Runs `work` on the engine in use. If the device fails, `work` runs again on the engine that replaces it, and a
    /// note is added.
    pub(super) fn with<T>(
        &self,
        deadline: Deadline,
        notes: &mut Vec<String>,
        timeline: &mut Timeline,
        mut work: impl FnMut(&Opened, &mut Timeline) -> Result<T>,
    ) -> Result<T> {
        loop {
            let opened = self.current(deadline, timeline)?;
            let error = match work(&opened, timeline) {
                Ok(answer) => {
                    if opened.is_fallback() {
                        notes.extend(self.state().pending_note.take());
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if self.may_move_aside(&opened, &error) {
                let open = || self.open_cpu(error.clone(), deadline, timeline);
                let (beside, _) = self.beside.get(&(), deadline, open)?;
                notes.push(fallback_note(&error));
                return work(&beside, timeline);
            }
            let was_abandoned = timeline.counter(Counter::AbandonedCalls) > 0;
            notes.push(self.replace(&opened, error, was_abandoned)?);
            timeline.count(Counter::Recoveries, 1);
        }
    }

    /// Whether the error is a limit that only this call exceeds, so that the CPU may answer it.
    fn may_move_aside(&self, opened: &Opened, error: &Error) -> bool {
        let is_limit = error.kind() == ErrorKind::Limit && error.suggests_fallback();
        self.options.device == Device::Auto && is_limit && !opened.is_fallback()
    }

    /// Replaces an engine that failed, and returns a note. Returns the error if there is no replacement.
    fn replace(&self, opened: &Arc<Opened>, error: Error, was_abandoned: bool) -> Result<String> {
        let is_auto = self.options.device == Device::Auto && !opened.is_fallback();
        let is_it = |current: &Arc<Opened>| Arc::ptr_eq(current, opened);
        match error.device_error() {
            Some(DeviceError::Lost) => {
                let mut state = self.state();
                if !self.current.remove_if(&(), is_it) {
                    // Another call met the same loss and replaced the engine.
                    return Ok("the GPU device was lost and has been opened again".into());
                }
                let before = state.last_loss.replace(Instant::now());
                if before.is_none_or(|before| before.elapsed() >= LOST_AGAIN) {
                    return Ok(format!("{} and has been opened again", with_cause(&error)));
                }
                let why = error.hint("run on the CPU (Device::Cpu), or open another session later");
                state.gave_up = Some(why.clone());
                drop(state);
                if is_auto { Ok(fallback_note(&why)) } else { Err(why) }
            }
            // The call has no time left. If the driver has not returned, later calls go to the CPU.
            Some(DeviceError::Timeout) if is_auto => {
                if was_abandoned && self.give_up(&error, is_it) {
                    self.state().pending_note = Some(fallback_note(&error));
                }
                Err(error)
            }
            Some(_) if is_auto && self.give_up(&error, is_it) => Ok(fallback_note(&error)),
            // Another call replaced the engine meanwhile.
            Some(_) if is_auto => Ok(format!("tried again, because {}", with_cause(&error))),
            _ => Err(error),
        }
    }

    /// Stops opening GPUs if the engine in use is the one that failed. Returns whether it is.
    fn give_up(&self, why: &Error, is_it: impl Fn(&Arc<Opened>) -> bool) -> bool {
        let mut state = self.state();
        let is_in_use = self.current.remove_if(&(), is_it);
        if is_in_use {
            state.gave_up.get_or_insert_with(|| why.clone());
        }
        is_in_use
    }

    /// Frees all that is prepared on the engines. The engine in use stays open.
    pub(super) fn trim(&self) {
        self.beside.clear();
        if let Some(opened) = self.peek() {
            opened.sized.clear();
            opened.engine.trim();
        }
    }

    /// All open engines.
    pub(super) fn all(&self) -> Vec<Arc<Opened>> {
        [self.current.all(), self.beside.all()].concat()
    }
}

#[cfg(test)]
mod tests;
