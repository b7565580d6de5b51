//! The predictions of one plan on one device: how many are under way at once, and in what memory.

use super::device_plan::DevicePlan;
use super::in_flight::InFlight;
use crate::deadline::Deadline;
use crate::engine::Holdings;
use crate::error::Result;
use crate::execution::Execution;
use crate::graph::ValueId;
use crate::plan::Plan;
use crate::telemetry::{Counter, Stage, Timeline};
use crate::tensor::{NamedTensors, Tensor};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Predictions under way at once. While one waits for the device, a second is encoded and a third is read back; more
/// would only hold memory.
const MAX_FLIGHTS: usize = 3;

/// Flights that were not needed during this many predictions are given up.
const PREDICTIONS_BEFORE_GIVING_UP: u32 = 64;

/// A plan on a device, ready to answer.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) loaded: DevicePlan,
    flights: Mutex<Flights>,
    landed: Condvar,
}

/// The flights of a runner.
#[derive(Debug, Default)]
struct Flights {
    /// Most recently used last.
    idle: Vec<InFlight>,
    /// How many are under way.
    under_way: usize,
    /// Since surplus flights were last given up.
    predictions: u32,
    most_under_way: usize,
}

impl Flights {
    /// Starts a prediction: in an idle flight, if there is one. Returns also the bytes of flights that nobody needed
    /// for long and that are given up.
    fn start(&mut self) -> (Option<InFlight>, u64) {
        let flight = self.idle.pop();
        self.under_way += 1;
        self.most_under_way = self.most_under_way.max(self.under_way);
        self.predictions += 1;
        if self.predictions < PREDICTIONS_BEFORE_GIVING_UP {
            return (flight, 0);
        }
        let needed = self.most_under_way - self.under_way;
        let surplus = self.idle.len().saturating_sub(needed);
        (self.predictions, self.most_under_way) = (0, self.under_way);
        (flight, self.idle.drain(..surplus).map(|flight| flight.bytes()).sum())
    }
}

/// A place among the predictions under way, and a flight if one is idle. However the prediction ends, another may start.
#[derive(Debug)]
pub(super) struct Turn {
    runner: Arc<Runner>,
    flight: Option<InFlight>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut flights = self.runner.flights();
        flights.under_way -= 1;
        flights.idle.extend(self.flight.take());
        drop(flights);
        self.runner.landed.notify_one();
    }
}

impl Turn {
    /// What `work` makes of a flight that nobody else works in. A caller may have given up meanwhile: the place is taken until
    /// the device is done.
    pub(super) fn run<T>(
        mut self,
        batch: usize,
        timeline: &mut Timeline,
        work: impl FnOnce(&DevicePlan, &mut InFlight, &mut Timeline) -> Result<T>,
    ) -> Result<T> {
        let idle = self.flight.take();
        let loaded = &self.runner.loaded;
        let (answer, mut flight) = loaded.gpu.scoped(|| {
            let mut flight = idle.unwrap_or_else(|| InFlight::new(loaded, batch, timeline));
            // A flight that failed is dropped: it may hold a buffer that could not be made, or that is still mapped.
            Ok((work(loaded, &mut flight, timeline)?, flight))
        })?;
        if flight.is_too_large(loaded, batch) {
            timeline.count(Counter::ReleasedBytes, flight.bytes());
        } else {
            self.flight = Some(flight);
        }
        Ok(answer)
    }
}

impl Runner {
    /// A runner of what is loaded.
    pub(super) fn new(loaded: DevicePlan) -> Arc<Runner> {
        Arc::new(Runner { loaded, flights: Mutex::default(), landed: Condvar::new() })
    }

    /// How predictions are handed to the device.
    pub(super) fn execution(&self) -> Execution {
        self.loaded.options.execution
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.loaded.plan
    }

    /// Adds its constants, what grows with the batch, and parameters. Predictions under way are not counted.
    pub(super) fn add_memory(&self, holdings: &mut Holdings) {
        self.loaded.constants.add_memory(holdings);
        for flight in &self.flights().idle {
            holdings.add_activations(flight.bytes());
            holdings.add_parameters(flight.params_bytes());
        }
    }

    /// The outputs by name.
    pub(super) fn named(&self, values: Vec<(ValueId, Tensor)>) -> NamedTensors {
        let names = self.plan().graph().outputs().iter().map(|(name, _)| name.clone());
        names.zip(values.into_iter().map(|(_, value)| value)).collect()
    }

    /// Waits until one more prediction may be under way.
    pub(super) fn take_turn(self: &Arc<Self>, deadline: Deadline, timeline: &mut Timeline) -> Result<Turn> {
        let full = |flights: &mut Flights| flights.under_way >= MAX_FLIGHTS;
        let what = "the predictions before this one were still under way on the GPU";
        let wait = || deadline.wait_while(&self.landed, self.flights(), what, full);
        let mut flights = timeline.span(Stage::TakeTurn, wait)?;
        let (flight, released) = flights.start();
        drop(flights);
        if released > 0 {
            timeline.count(Counter::ReleasedBytes, released);
        }
        Ok(Turn { runner: Arc::clone(self), flight })
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
