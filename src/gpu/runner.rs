//! Answers predictions of one plan on one device, for several threads at once.

use super::device::Gpu;
use super::execution::Execution;
use super::flight::Flight;
use super::loaded::Loaded;
use super::step_times::StepTimes;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::kernel::DeviceFacts;
use crate::plan::{Plan, Retain};
use crate::reference::input;
use crate::tensor::{NamedTensors, Spare, Tensor};
use crate::timeline::Timeline;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Predictions under way at once. While one waits for the device, a second is encoded and a third is read back; more
/// would only hold memory.
const MAX_FLIGHTS: usize = 3;

/// Flights that were not needed during this many predictions are given up.
const PREDICTIONS_BEFORE_GIVING_UP: u32 = 64;

/// How a plan is loaded and run.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunnerOptions {
    /// The values that can be read.
    pub(crate) retain: Retain,
    /// How predictions are handed to the device.
    pub(crate) execution: Execution,
    /// Where new pipelines are kept on disk, if the driver can.
    pub(crate) cache_folder: Option<PathBuf>,
    /// Who writes the inputs.
    pub(crate) inputs_by: Writer,
}

/// Who writes the inputs of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Writer {
    /// The host, with each prediction.
    #[default]
    Host,
    /// A copy of what another plan has computed ([`predict_chained`](super::predict_chained)). No such copy goes into memory
    /// that the host has mapped.
    Device,
}

/// A plan on a device, ready to answer.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(super) loaded: Loaded,
    flights: Mutex<Flights>,
    landed: Condvar,
}

/// The flights of a runner.
#[derive(Debug, Default)]
struct Flights {
    /// Most recently used last.
    idle: Vec<Flight>,
    /// How many are under way.
    under_way: usize,
    /// Since surplus flights were last given up.
    predictions: u32,
    most_under_way: usize,
}

impl Flights {
    /// Starts a prediction: in an idle flight, if there is one. Returns also the bytes of flights that nobody needed
    /// for long and that are given up.
    fn start(&mut self) -> (Option<Flight>, u64) {
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

/// A prediction under way. However it ends, another may start.
struct UnderWay<'r>(&'r Runner);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.flights().under_way -= 1;
        self.0.landed.notify_one();
    }
}

impl Runner {
    /// Uploads the weights and compiles the pipelines of `plan`.
    pub(crate) fn new(gpu: Gpu, plan: Plan, options: RunnerOptions, timeline: &mut Timeline) -> Result<Runner> {
        let loaded = Loaded::new(gpu, plan, options, timeline)?;
        Ok(Runner { loaded, flights: Mutex::default(), landed: Condvar::new() })
    }

    /// A runner of another graph of the same model: on the same device, and with the same tables.
    pub(crate) fn share(&self, graph: Arc<Graph>, timeline: &mut Timeline) -> Result<Runner> {
        let loaded = self.loaded.share(graph, timeline)?;
        Ok(Runner { loaded, flights: Mutex::default(), landed: Condvar::new() })
    }

    /// A runner on the same device whose only input is the first output of this one, by
    /// [`predict_chained`](super::predict_chained).
    pub(crate) fn follow(&self, graph: Arc<Graph>, timeline: &mut Timeline) -> Result<Runner> {
        let loaded = self.loaded.follow(graph, timeline)?;
        Ok(Runner { loaded, flights: Mutex::default(), landed: Condvar::new() })
    }

    /// The limits of the device.
    pub(crate) fn facts(&self) -> &DeviceFacts {
        self.loaded.gpu.facts()
    }

    /// How predictions are handed to the device.
    pub(crate) fn execution(&self) -> Execution {
        self.loaded.options.execution
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.loaded.plan
    }

    /// The bytes of its buffers of weights, of tables, of what grows with the batch, and of parameters. Predictions under way
    /// are not counted.
    pub(crate) fn held_bytes(&self) -> [u64; 4] {
        let [weights, tables] = self.loaded.constants.bytes();
        let idle = &self.flights().idle;
        let sum = |bytes: fn(&Flight) -> u64| idle.iter().map(bytes).sum::<u64>();
        [weights, tables, sum(Flight::bytes), sum(Flight::params_bytes)]
    }

    /// Whether its tables are those of `other`, in the same memory.
    pub(crate) fn shares_tables(&self, other: &Runner) -> bool {
        self.loaded.constants.tables == other.loaded.constants.tables
    }

    /// The outputs for `inputs`: one tensor for each input of the graph in its order, of `batch` rows.
    pub(crate) fn predict(
        &self,
        inputs: &[&Tensor],
        batch: usize,
        spare: &mut Spare,
        timeline: &mut Timeline,
    ) -> Result<NamedTensors> {
        Ok(self.named(self.run(inputs, batch, spare, None, timeline)?))
    }

    pub(super) fn named(&self, values: Vec<(ValueId, Tensor)>) -> NamedTensors {
        let names = self.plan().graph().outputs().iter().map(|(name, _)| name.clone());
        names.zip(values.into_iter().map(|(_, value)| value)).collect()
    }

    /// The values of all operators, for a runner that retains them; an error if a kernel wrote past its output.
    pub(crate) fn inspect(
        &self,
        inputs: &NamedTensors,
        batch: usize,
        timeline: &mut Timeline,
    ) -> Result<Vec<(ValueId, Tensor)>> {
        let graph = self.plan().graph();
        let inputs = graph.inputs().map(|(_, node)| input(inputs, &node.name)).collect::<Result<Vec<_>>>()?;
        self.run(&inputs, batch, &mut Spare::default(), None, timeline)
    }

    /// Predicts and tells when each kernel ran.
    pub(crate) fn time_steps(
        &self,
        inputs: &[&Tensor],
        batch: usize,
        spare: &mut Spare,
        timeline: &mut Timeline,
    ) -> Result<(NamedTensors, StepTimes)> {
        let mut times = StepTimes::default();
        let values = self.run(inputs, batch, spare, Some(&mut times), timeline)?;
        Ok((self.named(values), times))
    }

    fn run(
        &self,
        inputs: &[&Tensor],
        batch: usize,
        spare: &mut Spare,
        times: Option<&mut StepTimes>,
        timeline: &mut Timeline,
    ) -> Result<Vec<(ValueId, Tensor)>> {
        self.in_flight(batch, timeline, |flight, timeline| {
            flight.run(&self.loaded, inputs, batch, spare, times, timeline)
        })
    }

    /// What `run` makes of a flight that nobody else works in.
    pub(super) fn in_flight<T>(
        &self,
        batch: usize,
        timeline: &mut Timeline,
        run: impl FnOnce(&mut Flight, &mut Timeline) -> Result<T>,
    ) -> Result<T> {
        let (under_way, flight) = timeline.span_with("take turn", |timeline| self.start(timeline));
        let mut flight = flight.unwrap_or_else(|| Flight::new(&self.loaded, batch, timeline));
        // A flight that failed is dropped: it may hold a buffer that could not be made, or that is still mapped.
        let answer = run(&mut flight, timeline)?;
        if flight.is_too_large(&self.loaded, batch) {
            timeline.count("released_bytes", flight.bytes());
        } else {
            self.flights().idle.push(flight);
        }
        drop(under_way);
        Ok(answer)
    }

    /// Waits until one more prediction may be under way. With it goes a flight that is idle, if there is one.
    fn start(&self, timeline: &mut Timeline) -> (UnderWay<'_>, Option<Flight>) {
        let full = |flights: &mut Flights| flights.under_way >= MAX_FLIGHTS;
        let flights = self.landed.wait_while(self.flights(), full);
        let mut flights = flights.unwrap_or_else(PoisonError::into_inner);
        let (flight, released) = flights.start();
        if released > 0 {
            timeline.count("released_bytes", released);
        }
        (UnderWay(self), flight)
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
