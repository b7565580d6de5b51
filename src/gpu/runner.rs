//! The predictions of one plan on one device: limits how many are in flight, and reuses their memory.

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

/// Predictions in flight at once. While one waits for the device, a second one is encoded and a third one is read back.
/// More would only take memory.
const MAX_IN_FLIGHT: usize = 3;

/// Memory of a prediction that was not needed during this many predictions is freed.
const PREDICTIONS_BEFORE_FREEING: u32 = 64;

/// A plan on a device that predicts.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) device_plan: DevicePlan,
    pool: Mutex<Pool>,
    /// Signals that a prediction has ended.
    ended: Condvar,
}

/// The memory of idle predictions, and the number of those in flight.
#[derive(Debug, Default)]
struct Pool {
    /// Most recently used last.
    idle: Vec<InFlight>,
    in_flight: usize,
    /// Predictions since surplus memory was last freed.
    predictions: u32,
    /// The most in flight since then.
    most_in_flight: usize,
}

impl Pool {
    /// Starts a prediction, with idle memory if there is any. Returns also the bytes of surplus memory that was freed.
    fn start(&mut self) -> (Option<InFlight>, u64) {
        let idle = self.idle.pop();
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        self.predictions += 1;
        if self.predictions < PREDICTIONS_BEFORE_FREEING {
            return (idle, 0);
        }
        let needed = self.most_in_flight - self.in_flight;
        let surplus = self.idle.len().saturating_sub(needed);
        (self.predictions, self.most_in_flight) = (0, self.in_flight);
        (idle, self.idle.drain(..surplus).map(|surplus| surplus.bytes()).sum())
    }
}

/// A permit for one prediction in flight, with idle memory if there was any. Dropping it lets another prediction start.
#[derive(Debug)]
pub(super) struct Turn {
    runner: Arc<Runner>,
    in_flight: Option<InFlight>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut pool = self.runner.pool();
        pool.in_flight -= 1;
        pool.idle.extend(self.in_flight.take());
        drop(pool);
        self.runner.ended.notify_one();
    }
}

impl Turn {
    /// Runs `work` in the memory of this turn. The turn lasts until the device is done, even if the caller has stopped
    /// waiting.
    pub(super) fn run<T>(
        mut self,
        batch: usize,
        timeline: &mut Timeline,
        work: impl FnOnce(&DevicePlan, &mut InFlight, &mut Timeline) -> Result<T>,
    ) -> Result<T> {
        let idle = self.in_flight.take();
        let device_plan = &self.runner.device_plan;
        let (answer, mut in_flight) = device_plan.gpu.scoped(|| {
            let mut in_flight = idle.unwrap_or_else(|| InFlight::new(device_plan, batch, timeline));
            // After an error the memory is dropped: a buffer may be invalid or still mapped.
            Ok((work(device_plan, &mut in_flight, timeline)?, in_flight))
        })?;
        if in_flight.is_too_large(device_plan, batch) {
            timeline.count(Counter::ReleasedBytes, in_flight.bytes());
        } else {
            self.in_flight = Some(in_flight);
        }
        Ok(answer)
    }
}

impl Runner {
    pub(super) fn new(device_plan: DevicePlan) -> Arc<Runner> {
        Arc::new(Runner { device_plan, pool: Mutex::default(), ended: Condvar::new() })
    }

    /// How predictions are handed to the device.
    pub(super) fn execution(&self) -> Execution {
        self.device_plan.options.execution
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.device_plan.plan
    }

    /// Adds constants, and activations and parameters of idle predictions. Those in flight are not counted.
    pub(super) fn add_memory(&self, holdings: &mut Holdings) {
        self.device_plan.constants.add_memory(holdings);
        for idle in &self.pool().idle {
            holdings.add_activations(idle.bytes());
            holdings.add_parameters(idle.params_bytes());
        }
    }

    /// The outputs by name.
    pub(super) fn named(&self, values: Vec<(ValueId, Tensor)>) -> NamedTensors {
        let names = self.plan().graph().outputs().iter().map(|(name, _)| name.clone());
        names.zip(values.into_iter().map(|(_, value)| value)).collect()
    }

    /// Waits until another prediction may start.
    pub(super) fn take_turn(self: &Arc<Self>, deadline: Deadline, timeline: &mut Timeline) -> Result<Turn> {
        let is_full = |pool: &mut Pool| pool.in_flight >= MAX_IN_FLIGHT;
        let what = "earlier predictions were still in flight on the GPU";
        let wait = || deadline.wait_while(&self.ended, self.pool(), what, is_full);
        let mut pool = timeline.span(Stage::TakeTurn, wait)?;
        let (in_flight, released) = pool.start();
        drop(pool);
        if released > 0 {
            timeline.count(Counter::ReleasedBytes, released);
        }
        Ok(Turn { runner: Arc::clone(self), in_flight })
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
