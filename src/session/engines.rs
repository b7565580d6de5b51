//! The engine of a session, and what becomes of it when its device fails.
//!
//! An engine can be replaced while threads are predicting: each prediction holds on to the one that it started with. A device that
//! is lost is opened once more, after a pause, and the prediction that met the loss is answered by the new one. One that is lost
//! again within a minute is given up. Where the device was left to the session, the CPU takes over from a GPU that fails.

use super::open::{fallback, open_engine, shared_positions};
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

/// Sets of sizes that are kept: each has its own parameters and values.
const MOST_SIZES: usize = 8;

/// A device is given up if it is lost again within this time.
const LOST_AGAIN: Duration = Duration::from_secs(60);

/// How long a driver is given to come to itself before a lost device is opened again.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a device that could not be opened again is not tried.
const FAILURES_STAND: Duration = Duration::from_secs(1);

/// An engine, and the model on it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) engine: Arc<dyn Engine>,
    /// Which device answers, and why, in a line.
    pub(super) chosen: String,
    /// Whether it has taken the place of a GPU, and nothing takes its own.
    is_fallback: bool,
    /// By the sizes of the dimensions that the model leaves open.
    pub(super) sized: MadeOnce<Vec<usize>, Arc<SizedModel>>,
}

/// Opens the engine of a device.
type OpenEngine = dyn Fn(Device, &SessionOptions, Deadline, &mut Timeline) -> Result<Arc<dyn Engine>> + Send + Sync;

/// The engine of a session.
pub(super) struct Engines {
    model: Model,
    options: SessionOptions,
    open: Box<OpenEngine>,
    current: MadeOnce<(), Arc<Opened>>,
    /// The CPU, for what a GPU cannot take, where the device was left to the session.
    beside: MadeOnce<(), Arc<Opened>>,
    state: Mutex<State>,
}

/// What has become of the device.
#[derive(Debug, Clone, Default)]
struct State {
    last_loss: Option<Instant>,
    /// Why there is no GPU any more.
    gave_up: Option<Error>,
    /// What the next answer has to say, because the call that met it had none.
    unsaid: Option<String>,
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engines").field("current", &self.current).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Engines {
    /// Those of `model`. Nothing is open yet.
    pub(super) fn new(model: Model, options: SessionOptions) -> Engines {
        Engines::opened_by(model, options, Box::new(open_engine))
    }

    /// The same with engines that `open` opens.
    pub(super) fn opened_by(model: Model, options: SessionOptions, open: Box<OpenEngine>) -> Engines {
        let current = MadeOnce::default().remembering_failures(FAILURES_STAND);
        Engines { model, options, open, current, beside: MadeOnce::default(), state: Mutex::default() }
    }

    /// The sizes at which the model stands when it is opened.
    pub(super) fn first_sizes(&self) -> Vec<usize> {
        let open = self.model.open_dimensions().iter().filter(|dimension| dimension.size.is_none());
        open.map(|dimension| dimension.graph_size).collect()
    }

    /// The engine in use, opened if there is none.
    pub(super) fn current(&self, deadline: Deadline, timeline: &mut Timeline) -> Result<Arc<Opened>> {
        let open = || timeline.span_with(Stage::Open, |timeline| self.open(deadline, timeline));
        Ok(self.current.get(&(), deadline, open)?.0)
    }

    /// The engine in use, if one is open.
    pub(super) fn peek(&self) -> Option<Arc<Opened>> {
        self.current.peek(&())
    }

    /// Why no engine will be opened any more, if so.
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
            (Device::Auto, Some(why)) => self.open_cpu(&why, deadline, timeline),
            (_, Some(why)) => Err(why),
            // A GPU that hangs leaves the CPU half of the time.
            (Device::Auto, None) => self
                .open_device(Device::Auto, None, deadline.halfway(), timeline)
                .or_else(|error| self.open_cpu(&error, deadline, timeline)),
            (device, None) => self.open_device(device, None, deadline, timeline),
        }
    }

    fn open_cpu(&self, why: &Error, deadline: Deadline, timeline: &mut Timeline) -> Result<Arc<Opened>> {
        self.open_device(Device::Cpu, Some(fallback(why)), deadline, timeline)
    }

    /// Opens a device and prepares the model on it for what the options name.
    fn open_device(
        &self,
        device: Device,
        chosen: Option<String>,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<Opened>> {
        let engine = (self.open)(device, &self.options, deadline, timeline)?;
        let is_fallback = chosen.is_some();
        let chosen = chosen.unwrap_or_else(|| engine.description());
        let opened = Opened { engine, chosen, is_fallback, sized: MadeOnce::at_most(MOST_SIZES) };
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

    /// The model at the sizes at which it was opened, prepared for the inputs that the options call shared.
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

    /// What `work` gives on the engine in use. If that fails in a way that another one may not, `work` is done again on what
    /// takes its place; `notes` says so.
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
                    if opened.is_fallback {
                        notes.extend(self.state().unsaid.take());
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if self.may_move_aside(&opened, &error) {
                let open = || self.open_cpu(&error, deadline, timeline);
                let (beside, _) = self.beside.get(&(), deadline, open)?;
                notes.push(format!("answered by the {}", fallback(&error)));
                return work(&beside, timeline);
            }
            let was_abandoned = timeline.counter(Counter::AbandonedCalls) > 0;
            notes.push(self.replace(&opened, error, was_abandoned)?);
            timeline.count(Counter::Recoveries, 1);
        }
    }

    /// Whether this call alone is too much for the engine, and the CPU may answer it.
    fn may_move_aside(&self, opened: &Opened, error: &Error) -> bool {
        let is_limit = error.kind() == ErrorKind::Limit && error.suggests_fallback();
        self.options.device == Device::Auto && is_limit && !opened.is_fallback
    }

    /// Has another engine take the place of one that failed, and says what happened; gives the error back if none does.
    fn replace(&self, opened: &Arc<Opened>, error: Error, was_abandoned: bool) -> Result<String> {
        let is_auto = self.options.device == Device::Auto && !opened.is_fallback;
        let is_it = |current: &Arc<Opened>| Arc::ptr_eq(current, opened);
        match error.device_error() {
            Some(DeviceError::Lost) => {
                let mut state = self.state();
                if !self.current.remove_if(&(), is_it) {
                    // Another call has met it too.
                    return Ok("the GPU device was lost and has been opened again".into());
                }
                let before = state.last_loss.replace(Instant::now());
                if before.is_none_or(|before| before.elapsed() >= LOST_AGAIN) {
                    return Ok(format!("{} and has been opened again", with_cause(&error)));
                }
                let why = error.hint("run on the CPU (Device::Cpu), or open another session later");
                state.gave_up = Some(why.clone());
                drop(state);
                if is_auto { Ok(format!("answered by the {}", fallback(&why))) } else { Err(why) }
            }
            // The time of this call is over. If it was the driver that did not return, those after it go to the CPU.
            Some(DeviceError::Timeout) if is_auto => {
                if was_abandoned && self.give_up(&error, is_it) {
                    self.state().unsaid = Some(format!("answered by the {}", fallback(&error)));
                }
                Err(error)
            }
            Some(_) if is_auto && self.give_up(&error, is_it) => Ok(format!("answered by the {}", fallback(&error))),
            // Another call has had the engine replaced meanwhile.
            Some(_) if is_auto => Ok(format!("tried again, because {}", with_cause(&error))),
            _ => Err(error),
        }
    }

    /// Has no GPU opened any more, if the engine in use is the one that failed; whether it is.
    fn give_up(&self, why: &Error, is_it: impl Fn(&Arc<Opened>) -> bool) -> bool {
        let mut state = self.state();
        let is_in_use = self.current.remove_if(&(), is_it);
        if is_in_use {
            state.gave_up.get_or_insert_with(|| why.clone());
        }
        is_in_use
    }

    /// Gives up what is prepared on the engine in use; the engine stays.
    pub(super) fn trim(&self) {
        self.beside.clear();
        if let Some(opened) = self.peek() {
            opened.sized.clear();
            opened.engine.trim();
        }
    }

    /// All engines that are open.
    pub(super) fn all(&self) -> Vec<Arc<Opened>> {
        [self.current.all(), self.beside.all()].concat()
    }
}

fn with_cause(error: &Error) -> String {
    match error.cause_text().filter(|cause| !cause.is_empty()) {
        Some(cause) => format!("{error} ({cause})"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
