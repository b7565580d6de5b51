//! The traits of the engines: an [`Engine`] prepares graphs, and a [`PreparedGraph`] predicts.
//!
//! An engine is a GPU, the threads of the CPU, or the reference implementation. A prepared graph predicts batches of
//! any size, and several threads may use it at once. Sessions use engines only through these traits. Engines know
//! neither models nor input names: they receive tensors that match the graph.

use crate::deadline::Deadline;
use crate::error::Result;
use crate::graph::{Graph, NodeId, Source, ValueId};
use crate::kernel::DeviceFacts;
use crate::names::names;
use crate::plan::{Counts, Retain};
use crate::telemetry::{Span, Stage, Timeline};
use crate::tensor::{NamedTensors, RecycledOutputs, Tensor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The kind of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineKind {
    /// Compute shaders on a GPU.
    Gpu,
    /// Threads of the CPU.
    Cpu,
    /// The reference implementations of the operators.
    Reference,
}

names!(EngineKind, "engine", { Gpu = "gpu", Cpu = "cpu", Reference = "reference" });

/// A GPU, the threads of the CPU, or the reference implementation.
pub(crate) trait Engine: fmt::Debug + Send + Sync {
    /// The kind of engine.
    fn kind(&self) -> EngineKind;

    /// The name, kind and driver of its GPU; `None` for engines without a GPU.
    fn adapter(&self) -> Option<String> {
        None
    }

    /// The limits that passes and plans respect.
    fn facts(&self) -> &DeviceFacts;

    /// Whether it accepts rewritten graphs. In a graph that is not rewritten, every input has one row per sample.
    fn takes_rewritten(&self) -> bool {
        true
    }

    /// Prepares `graph`. If possible, constants are shared with other prepared graphs that contain them too.
    fn prepare(
        &self,
        graph: &Arc<Graph>,
        retain: Retain,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>>;

    /// Adds the memory that the engine holds in addition to prepared graphs.
    fn add_memory(&self, _holdings: &mut Holdings) {}

    /// Frees the memory that the engine holds in addition to prepared graphs and the device.
    fn trim(&self) {}
}

/// A graph that is ready to predict. Threads may share it.
pub(crate) trait PreparedGraph: fmt::Debug + Send + Sync {
    /// The graph that runs.
    fn graph(&self) -> &Arc<Graph>;

    /// Computes the outputs, reusing buffers from `spare` if there are any.
    fn predict(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<NamedTensors>;

    /// Computes the outputs of a second graph, whose only input is the first output of this graph. Returns `None` if
    /// the engine cannot do so without reading back the first output. `key` identifies the second graph.
    fn predict_chained(
        &self,
        _call: &Call<'_>,
        _key: [usize; 2],
        _second: &dyn Fn() -> Result<Graph>,
        _timeline: &mut Timeline,
    ) -> Result<Option<NamedTensors>> {
        Ok(None)
    }

    /// Computes the values of all operators. The graph must be prepared with [`Retain::All`].
    fn inspect(&self, call: &Call<'_>, timeline: &mut Timeline) -> Result<Vec<(ValueId, Tensor)>>;

    /// The cost of a prediction of `batch` rows. An engine without a GPU reports the dispatches that a GPU would run.
    fn counts(&self, batch: usize) -> Result<Counts>;

    /// The steps of a prediction of `batch` rows in execution order, without times.
    fn steps(&self, batch: usize) -> Result<Vec<ProfileStep>>;

    /// Predicts and times each step.
    fn time_steps(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<TimedSteps>;

    /// Adds the memory that the graph holds between predictions.
    fn add_memory(&self, holdings: &mut Holdings);
}

/// The inputs of a prediction, and its deadline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'c> {
    /// One tensor for each input of the graph, in its order.
    pub(crate) inputs: &'c [Cow<'c, Tensor>],
    /// By position: whether the input has a row for each sample.
    pub(crate) per_sample: &'c [bool],
    /// The number of samples; at least 1.
    pub(crate) batch: usize,
    /// The deadline of the prediction.
    pub(crate) deadline: Deadline,
}

impl Call<'_> {
    /// The inputs by reference.
    pub(crate) fn references(&self) -> Vec<&Tensor> {
        self.inputs.iter().map(AsRef::as_ref).collect()
    }

    /// The inputs by their names in `graph`.
    pub(crate) fn named(&self, graph: &Graph) -> NamedTensors {
        let names = graph.inputs().map(|(_, node)| node.name.clone());
        names.zip(self.inputs.iter().map(|input| (**input).clone())).collect()
    }
}

/// The memory that a session holds on its device between predictions, in bytes. It is the total over all sets of shared
/// inputs and of sizes. In-flight predictions are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MemoryUsage {
    /// Weights and lookup tables. On a GPU this is the size of the buffers. On the CPU it is an estimate of four bytes
    /// per element of the graph's constants: some of them are in mapped files, and some are also held in another
    /// layout.
    pub weight_bytes: u64,
    /// Inputs, values between operators, and read-back buffers. It grows with the largest recent batch. The reference
    /// engine holds none.
    pub activation_bytes: u64,
    /// Parameters of kernels; 0 without a GPU.
    pub parameter_bytes: u64,
}

impl MemoryUsage {
    /// The total.
    pub fn total_bytes(&self) -> u64 {
        self.weight_bytes + self.activation_bytes + self.parameter_bytes
    }
}

/// Sums up memory and counts shared memory only once.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    shared: HashSet<u64>,
    usage: MemoryUsage,
}

impl Holdings {
    /// Adds weights that may be shared. `identity` identifies their memory.
    pub(crate) fn add_weights(&mut self, identity: u64, bytes: u64) {
        if self.shared.insert(identity) {
            self.usage.weight_bytes += bytes;
        }
    }

    /// Adds the constants of `graph` as held on the host, at four bytes per element.
    pub(crate) fn add_constants(&mut self, graph: &Graph) {
        for node in graph.nodes() {
            if let Source::Constant(value) = &node.source {
                self.add_weights(Arc::as_ptr(value) as u64, 4 * value.len() as u64);
            }
        }
    }

    /// Adds memory that grows with the batch.
    pub(crate) fn add_activations(&mut self, bytes: u64) {
        self.usage.activation_bytes += bytes;
    }

    /// Adds parameters of kernels.
    pub(crate) fn add_parameters(&mut self, bytes: u64) {
        self.usage.parameter_bytes += bytes;
    }

    /// The total.
    pub(crate) fn usage(&self) -> MemoryUsage {
        self.usage
    }
}

/// The clock that timed the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepClock {
    /// Timestamps of the GPU before and after each kernel.
    Device,
    /// The host, from the submit of a single kernel until the wait for it returns. This is much longer than the kernel
    /// takes.
    HostPerSubmit,
    /// The host, around each step on the CPU. Times are sums over blocks of rows and threads.
    Host,
}

impl StepClock {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            StepClock::Device => "device",
            StepClock::HostPerSubmit => "host-per-submit",
            StepClock::Host => "host",
        }
    }
}

/// One kernel on a GPU, or one step of another engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStep {
    /// The name of the node that it computes, in whole or in part.
    pub name: String,
    /// The name of the operator.
    pub operator: String,
    /// The kernel with its constants and its grid; on the CPU, how often the step runs.
    pub kernel: String,
    /// The shape of the node's value.
    pub shape: Vec<usize>,
    /// Floating-point operations. If an operator has several kernels, they are divided in proportion to the sizes of
    /// the grids.
    pub flops: u64,
    /// Bytes read and written, counting each value once; divided in the same way.
    pub bytes: u64,
    /// Nanoseconds of each run.
    pub times_ns: Vec<u64>,
}

impl ProfileStep {
    /// The step that computes a node with one kernel.
    pub(crate) fn of_node(graph: &Graph, id: NodeId, batch: usize, kernel: String) -> ProfileStep {
        let node = graph.node(id);
        let operator = match &node.source {
            Source::Op(op) => op.operator().name(),
            Source::Input => "input",
            Source::Constant(_) => "constant",
        };
        let cost = graph.cost(id, batch);
        ProfileStep {
            name: node.name.clone(),
            operator: operator.into(),
            kernel,
            shape: graph.ty(node.output()).shape.resolve(batch),
            flops: cost.flops,
            bytes: cost.bytes,
            times_ns: Vec::new(),
        }
    }
}

/// A prediction with timed steps.
#[derive(Debug)]
pub(crate) struct TimedSteps {
    pub(crate) outputs: NamedTensors,
    /// A span for each step, on the clock of the prediction's timeline.
    pub(crate) spans: Vec<Span>,
    /// Nanoseconds per tick of the device's clock; `None` if the host took the times.
    pub(crate) tick_ns: Option<f64>,
    pub(crate) clock: StepClock,
}

impl TimedSteps {
    /// Steps that the host timed. Their spans are consecutive, starting at `start_ns`.
    pub(crate) fn end_to_end(outputs: NamedTensors, mut start_ns: u64, times_ns: &[u64]) -> TimedSteps {
        let span = |&duration_ns: &u64| {
            let span = Span { stage: Stage::Step, start_ns, duration_ns };
            start_ns += duration_ns;
            span
        };
        TimedSteps { outputs, spans: times_ns.iter().map(span).collect(), tick_ns: None, clock: StepClock::Host }
    }
}
