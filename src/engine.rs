//! What every engine does: it prepares graphs, and what it has prepared answers.
//!
//! An [`Engine`] is a device, or the threads of the host. A [`PreparedGraph`] graph on it answers predictions of any batch, for several
//! threads at once. A session knows engines by these two traits alone. An engine knows nothing of models, of input names or of
//! what a caller may have meant: it is given tensors that fit the graph.

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
    /// The plain definitions of the operators.
    Reference,
}

names!(EngineKind, "engine", { Gpu = "gpu", Cpu = "cpu", Reference = "reference" });

/// A device, or the threads of the host.
pub(crate) trait Engine: fmt::Debug + Send + Sync {
    /// The kind of engine.
    fn kind(&self) -> EngineKind;

    /// The name, kind and driver of its GPU; `None` if it has none.
    fn adapter(&self) -> Option<String> {
        None
    }

    /// The limits that rewrites and plans go by.
    fn facts(&self) -> &DeviceFacts;

    /// Whether graphs are rewritten for it. One that is not has a row for every sample of every input.
    fn takes_rewritten(&self) -> bool {
        true
    }

    /// Prepares `graph`. Constants that it has in common with graphs that are prepared already are shared with them where the
    /// device can.
    fn prepare(
        &self,
        graph: &Arc<Graph>,
        retain: Retain,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>>;

    /// Adds what the engine holds besides its prepared graphs.
    fn add_memory(&self, _holdings: &mut Holdings) {}

    /// Gives up what it holds besides its prepared graphs and the device itself.
    fn trim(&self) {}
}

/// A graph, ready to answer. May be shared by threads.
pub(crate) trait PreparedGraph: fmt::Debug + Send + Sync {
    /// The graph that answers.
    fn graph(&self) -> &Arc<Graph>;

    /// The outputs, in the memory of `spare` if there is any.
    fn predict(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<NamedTensors>;

    /// The outputs of a second graph, whose only input is the first output of this one; `None` if the engine does not compute
    /// both without handing the first output to the host. `key` stands for the second graph.
    fn predict_chained(
        &self,
        _call: &Call<'_>,
        _key: [usize; 2],
        _second: &dyn Fn() -> Result<Graph>,
        _timeline: &mut Timeline,
    ) -> Result<Option<NamedTensors>> {
        Ok(None)
    }

    /// The values that operators made, of a graph prepared to retain all.
    fn inspect(&self, call: &Call<'_>, timeline: &mut Timeline) -> Result<Vec<(ValueId, Tensor)>>;

    /// What a prediction of `batch` rows costs. An engine without a GPU tells what one would run.
    fn counts(&self, batch: usize) -> Result<Counts>;

    /// The steps of a prediction of `batch` rows, in running order and not yet timed.
    fn steps(&self, batch: usize) -> Result<Vec<ProfileStep>>;

    /// Predicts, and tells when each of the steps ran.
    fn time_steps(&self, call: &Call<'_>, spare: &mut RecycledOutputs, timeline: &mut Timeline) -> Result<TimedSteps>;

    /// Adds what it holds between predictions.
    fn add_memory(&self, holdings: &mut Holdings);
}

/// What is to be predicted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'c> {
    /// One tensor for each input of the graph, in its order.
    pub(crate) inputs: &'c [Cow<'c, Tensor>],
    /// By position: whether the input has a row for each sample.
    pub(crate) per_sample: &'c [bool],
    /// The rows of those that have; at least one.
    pub(crate) batch: usize,
    /// When the answer must be there.
    pub(crate) deadline: Deadline,
}

impl Call<'_> {
    /// The inputs by reference.
    pub(crate) fn references(&self) -> Vec<&Tensor> {
        self.inputs.iter().map(AsRef::as_ref).collect()
    }

    /// The inputs by the names that `graph` gives them.
    pub(crate) fn named(&self, graph: &Graph) -> NamedTensors {
        let names = graph.inputs().map(|(_, node)| node.name.clone());
        names.zip(self.inputs.iter().map(|input| (**input).clone())).collect()
    }
}

/// What a session holds on its device between predictions, in bytes: for all sets of shared inputs and of sizes that it keeps
/// something for. Predictions that are under way are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MemoryUsage {
    /// Weights and tables: the buffers of a GPU. On the CPU the elements of the graph's constants at four bytes each, which
    /// says little of what is only mapped or is kept in another order besides.
    pub weight_bytes: u64,
    /// Inputs, values between operators and what is read back. Grows with the largest batch of late; the reference keeps none.
    pub activation_bytes: u64,
    /// Parameters of kernels, on a GPU alone.
    pub parameter_bytes: u64,
}

impl MemoryUsage {
    /// All of it.
    pub fn total_bytes(&self) -> u64 {
        self.weight_bytes + self.activation_bytes + self.parameter_bytes
    }
}

/// A sum of what is held, in which each piece of memory that several share counts once.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    shared: HashSet<u64>,
    usage: MemoryUsage,
}

impl Holdings {
    /// Adds weights that others may hold too: `identity` is that of their memory.
    pub(crate) fn add_weights(&mut self, identity: u64, bytes: u64) {
        if self.shared.insert(identity) {
            self.usage.weight_bytes += bytes;
        }
    }

    /// Adds the constants of `graph` as the host holds them: four bytes an element.
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

    /// The sum.
    pub(crate) fn usage(&self) -> MemoryUsage {
        self.usage
    }
}

/// Who took the times of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepClock {
    /// The GPU, by timestamps before and after each kernel.
    Device,
    /// The host, from the submit of a kernel alone to the end of the wait for it: far more than the kernel takes.
    HostPerSubmit,
    /// The host, around each step that it computes; sums over blocks of rows and the threads that took them.
    Host,
}

impl StepClock {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            StepClock::Device => "device",
            StepClock::HostPerSubmit => "host-per-submit",
            StepClock::Host => "host",
        }
    }
}

/// One kernel of a GPU, or one step of another engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStep {
    /// The node that it computes, or a part of it.
    pub name: String,
    /// The operator.
    pub operator: String,
    /// The kernel with its constants and its grid, or how often the step runs.
    pub kernel: String,
    /// The shape of the node's value.
    pub shape: Vec<usize>,
    /// Operations on floats. Those of an operator with several kernels are shared out by the size of their grids.
    pub flops: u64,
    /// Bytes read and written, each once; shared out alike.
    pub bytes: u64,
    /// Nanoseconds, by run.
    pub times_ns: Vec<u64>,
}

impl ProfileStep {
    /// The step that computes all of a node, by `kernel`.
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

/// A prediction whose steps were timed.
#[derive(Debug)]
pub(crate) struct TimedSteps {
    pub(crate) outputs: NamedTensors,
    /// A span for each step, on the clock of the prediction's timeline.
    pub(crate) spans: Vec<Span>,
    /// Nanoseconds of a tick of the device's clock, where that took the times.
    pub(crate) tick_ns: Option<f64>,
    pub(crate) clock: StepClock,
}

impl TimedSteps {
    /// Steps timed by the host, put end to end from `start_ns` on.
    pub(crate) fn end_to_end(outputs: NamedTensors, mut start_ns: u64, times_ns: &[u64]) -> TimedSteps {
        let span = |&duration_ns: &u64| {
            let span = Span { stage: Stage::Step, start_ns, duration_ns };
            start_ns += duration_ns;
            span
        };
        TimedSteps { outputs, spans: times_ns.iter().map(span).collect(), tick_ns: None, clock: StepClock::Host }
    }
}
