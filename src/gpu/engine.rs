//! The GPU as an [`Engine`]: a device, and the state that the graphs of one session share on it.

use super::chained;
use super::device_plan::DevicePlan;
use super::device_thread;
use super::in_flight::{InFlight, Rows};
use super::pieces;
use super::pipelines::Pipelines;
use super::runner::Runner;
use super::runner_options::{RunnerOptions, Writer};
use super::shared_devices::{self, DeviceRequest, Gpu};
use super::step_times::{StepTimes, steps};
use super::uploads::Uploads;
use crate::deadline::Deadline;
use crate::engine::{Call, Engine, EngineKind, Holdings, PreparedGraph, ProfileStep, StepClock, TimedSteps};
use crate::error::{Error, ErrorKind, Result};
use crate::execution::{Execution, Programs};
use crate::graph::{Graph, ValueId};
use crate::kernel::DeviceFacts;
use crate::made_once::MadeOnce;
use crate::plan::{Counts, Plan, Retain};
use crate::telemetry::{Stage, Timeline};
use crate::tensor::{NamedTensors, RecycledOutputs, Tensor};
use std::path::PathBuf;
use std::sync::Arc;

/// Chained graphs that are kept. Rankings mostly ask for the same number of rows, of batches of few sizes.
const MOST_SECONDS: usize = 4;

/// How a GPU is opened and driven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct GpuOptions {
    pub(crate) device: DeviceRequest,
    pub(crate) execution: Execution,
    /// The folder for compiled pipelines; `None` to keep none.
    pub(crate) cache_folder: Option<PathBuf>,
    /// The most rows that are predicted at once; `None` for the limit of the device.
    pub(crate) max_rows: Option<usize>,
}

/// A GPU engine of one session.
#[derive(Debug)]
pub(crate) struct GpuEngine(Arc<Driven>);

/// The state that the graphs of a session share.
#[derive(Debug)]
struct Driven {
    gpu: Gpu,
    options: GpuOptions,
    /// Those of the device, or of the session.
    pipelines: Arc<Pipelines>,
    uploads: Arc<Uploads>,
    /// The runners of chained graphs, by their keys.
    seconds: MadeOnce<[usize; 2], Arc<Runner>>,
}

impl GpuEngine {
    /// Opens the requested device.
    pub(crate) fn open(mut options: GpuOptions, deadline: Deadline, timeline: &mut Timeline) -> Result<GpuEngine> {
        let request = options.device.clone();
        let gpu = device_thread::call(deadline, "the GPU was being opened", timeline, move |timeline| {
            shared_devices::open(&request, deadline, timeline)
        })?;
        let pipelines = match options.execution.programs {
            Programs::Shared => Arc::clone(gpu.pipelines()),
            Programs::PerShape => {
                options.cache_folder = None;
                Arc::new(Pipelines::new(Programs::PerShape))
            }
        };
        let seconds = MadeOnce::at_most(MOST_SECONDS);
        Ok(GpuEngine(Arc::new(Driven { gpu, options, pipelines, uploads: Arc::default(), seconds })))
    }
}

impl Driven {
    /// Plans `graph`, and loads the plan on the device.
    fn load(
        &self,
        graph: Arc<Graph>,
        retain: Retain,
        inputs_by: Writer,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<Runner>> {
        let plan = timeline.span(Stage::Plan, || Plan::new(graph, self.gpu.facts(), retain))?;
        let GpuOptions { execution, ref cache_folder, .. } = self.options;
        let options = RunnerOptions { retain, execution, cache_folder: cache_folder.clone(), inputs_by };
        let shared = (Arc::clone(&self.pipelines), Arc::clone(&self.uploads));
        DevicePlan::new(Arc::clone(self.gpu.device()), plan, options, shared, deadline, timeline).map(Runner::new)
    }
}

impl Engine for GpuEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Gpu
    }

    fn adapter(&self) -> Option<String> {
        let adapter = self.0.gpu.adapter();
        let (kind, driver, version) = (adapter.kind.name(), &adapter.driver, &adapter.driver_version);
        Some(format!("{} ({kind}, {driver} {version})", adapter.name))
    }

    fn facts(&self) -> &DeviceFacts {
        self.0.gpu.facts()
    }

    fn prepare(
        &self,
        graph: &Arc<Graph>,
        retain: Retain,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>> {
        let (driven, graph) = (Arc::clone(&self.0), Arc::clone(graph));
        let runner =
            device_thread::call(deadline, "the model was being loaded on the GPU", timeline, move |timeline| {
                driven.load(graph, retain, Writer::Host, deadline, timeline)
            })?;
        Ok(Arc::new(GpuGraph { driven: Arc::clone(&self.0), runner }))
    }

    fn add_memory(&self, holdings: &mut Holdings) {
        self.0.seconds.all().iter().for_each(|second| second.add_memory(holdings));
    }

    fn trim(&self) {
        self.0.seconds.clear();
    }
}

/// A graph on a GPU.
#[derive(Debug)]
struct GpuGraph {
    driven: Arc<Driven>,
    runner: Arc<Runner>,
}

impl GpuGraph {
    /// The largest batch that is predicted at once.
    fn max_rows(&self) -> usize {
        self.runner.plan().max_batch().min(self.driven.options.max_rows.unwrap_or(usize::MAX))
    }

    /// Runs `work` in the memory of a turn, until the deadline of `call`.
    fn run_in_flight<T: Send + 'static>(
        &self,
        call: &Call<'_>,
        timeline: &mut Timeline,
        work: impl FnOnce(&DevicePlan, &mut InFlight, &[&Tensor], &mut Timeline) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.runner.take_turn(call.deadline, timeline)?;
        let (batch, deadline) = (call.batch, call.deadline);
        if deadline.is_never() {
            let inputs = call.references();
            return device_thread::guarded(|| {
                turn.run(batch, timeline, |device_plan, in_flight, timeline| {
                    work(device_plan, in_flight, &inputs, timeline)
                })
            });
        }
        // Copied: the device may read them after the caller has stopped waiting.
        let inputs: Vec<Tensor> = call.inputs.iter().map(|input| (**input).clone()).collect();
        device_thread::call(deadline, "the GPU was computing a prediction", timeline, move |timeline| {
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            turn.run(batch, timeline, |device_plan, in_flight, timeline| {
                work(device_plan, in_flight, &inputs, timeline)
            })
        })
    }

    /// Runs the graph and reads values back, into the memory of `spare`.
    fn values(
        &self,
        call: &Call<'_>,
        spare: &mut RecycledOutputs,
        timeline: &mut Timeline,
    ) -> Result<Vec<(ValueId, Tensor)>> {
        let mut own = std::mem::take(spare);
        let (batch, deadline) = (call.batch, call.deadline);
        let (values, own) = self.run_in_flight(call, timeline, move |device_plan, in_flight, inputs, timeline| {
            let values = in_flight.run(device_plan, Rows { inputs, batch, deadline }, &mut own, None, timeline)?;
            Ok((values, own))
        })?;
        *spare = own;
        Ok(values)
    }
}

impl PreparedGraph for GpuGraph {
    fn graph(&self) -> &Arc<Graph> {
        self.runner.plan().graph()
    }

    fn predict(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<NamedTensors> {
        let predict = |call: &Call<'_>| Ok(self.runner.named(self.values(call, spare, timeline)?));
        pieces::predict(self.graph(), call, self.max_rows(), predict)
    }

    /// `None` also if the batch is predicted in pieces, if the execution is not the default, and if the second graph
    /// exceeds the limits of the device.
    fn predict_chained(
        &self,
        call: &Call<'_>,
        key: [usize; 2],
        second: &dyn Fn() -> Result<Graph>,
        timeline: &mut Timeline,
    ) -> Result<Option<NamedTensors>> {
        let (batch, deadline) = (call.batch, call.deadline);
        if batch > self.max_rows() || self.runner.execution() != Execution::default() {
            return Ok(None);
        }
        let open = |timeline: &mut Timeline| {
            let (driven, graph) = (Arc::clone(&self.driven), Arc::new(second()?));
            device_thread::call(deadline, "a ranking was being loaded on the GPU", timeline, move |timeline| {
                driven.load(graph, Retain::Outputs, Writer::Device, deadline, timeline)
            })
        };
        let opened = self
            .driven
            .seconds
            .get(&key, deadline, || timeline.span_with(Stage::OpenRanking, open))
            .map(|opened| opened.0);
        let follower = match opened {
            Ok(follower) => follower,
            // The device cannot sort so many rows.
            Err(error) if error.kind() == ErrorKind::Limit => return Ok(None),
            Err(error) => return Err(error),
        };
        // This cannot deadlock: turns of a second runner are only taken by holders of a turn of a first one.
        let next = follower.clone();
        let values = self.run_in_flight(call, timeline, move |device_plan, in_flight, inputs, timeline| {
            let turn = next.take_turn(deadline, timeline)?;
            chained::run((device_plan, in_flight), turn, inputs, batch, deadline, timeline)
        })?;
        Ok(Some(follower.named(values)))
    }

    fn inspect(&self, call: &Call<'_>, timeline: &mut Timeline) -> Result<Vec<(ValueId, Tensor)>> {
        self.values(call, &mut RecycledOutputs::default(), timeline)
    }

    fn counts(&self, batch: usize) -> Result<Counts> {
        self.runner.plan().counts(batch)
    }

    fn steps(&self, batch: usize) -> Result<Vec<ProfileStep>> {
        let most = self.max_rows();
        if batch > most {
            return Err(Error::limit(format!("a batch of {batch} is predicted in pieces"))
                .cause(format!("it exceeds the limit of {most} rows of this plan on this device"))
                .hint("profile a smaller batch"));
        }
        steps(self.runner.plan(), batch)
    }

    fn time_steps(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<TimedSteps> {
        let mut own = std::mem::take(spare);
        let (batch, deadline) = (call.batch, call.deadline);
        let (values, times) = self.run_in_flight(call, timeline, move |device_plan, in_flight, inputs, timeline| {
            let mut times = StepTimes::default();
            let values =
                in_flight.run(device_plan, Rows { inputs, batch, deadline }, &mut own, Some(&mut times), timeline)?;
            Ok((values, times))
        })?;
        let clock = if times.tick_ns.is_some() { StepClock::Device } else { StepClock::HostPerSubmit };
        let outputs = self.runner.named(values);
        Ok(TimedSteps { outputs, spans: times.spans, tick_ns: times.tick_ns, clock })
    }

    fn add_memory(&self, holdings: &mut Holdings) {
        self.runner.add_memory(holdings);
    }
}
