//! Where the time of a prediction goes, step by step: what was measured, not what it means.
//!
//! Predictions as usual and predictions whose steps are timed take turns, so that both meet the same machine, and what timing
//! adds is known. On a GPU each kernel runs in a pass of its own between two timestamps, which keeps kernels apart that could
//! overlap; without timestamps each is submitted and waited for by itself. The CPU engine reads a clock behind every step.
//! Both kinds of predictions work in the memory of the one before ([`Session::predict_into`]).

use super::Session;
use super::inputs::Fitted;
use super::sized::{Engine, SizedModel};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Source};
use crate::plan::Plan;
use crate::tensor::{NamedTensors, Spare};
use crate::timeline::{Span, Timeline};
use crate::{cpu, reference};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Instant;

/// How often a profile predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileOptions {
    /// Pairs of predictions before those that count, besides the first.
    pub warmup_runs: usize,
    /// Pairs of predictions that count, one as usual and one timed; at least one.
    pub runs: usize,
}

impl Default for ProfileOptions {
    fn default() -> Self {
        ProfileOptions { warmup_runs: 3, runs: 20 }
    }
}

/// Who took the times of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// A stage of a prediction on the host, as its timeline calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStage {
    /// What was done.
    pub name: String,
    /// Nanoseconds in each prediction as usual.
    pub usual_ns: Vec<u64>,
    /// Nanoseconds in each prediction that was timed.
    pub timed_ns: Vec<u64>,
}

/// A stretch of time on the clock of a [`Recording`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSpan {
    /// What was done.
    pub name: String,
    /// Nanoseconds from the start of opening.
    pub start_ns: u64,
    /// Nanoseconds.
    pub duration_ns: u64,
}

/// What happened when, for one prediction of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recording {
    /// The session was opened.
    pub opening: Vec<RecordedSpan>,
    /// The first prediction of the profile, which prepares what later ones find.
    pub first: Vec<RecordedSpan>,
    /// The last prediction as usual.
    pub usual: Vec<RecordedSpan>,
    /// The last prediction that was timed.
    pub timed: Vec<RecordedSpan>,
    /// The steps of the latter, in order. The clock of a device is not the host's: its kernels are put where the submit ends,
    /// or as much earlier as they must be to end with the wait. Times summed over blocks and threads are put end to end.
    pub steps: Vec<RecordedSpan>,
}

/// Where the time of a prediction goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Which device, and why.
    pub device: String,
    /// Rows of a prediction.
    pub batch: usize,
    /// Who took the times of steps.
    pub clock: StepClock,
    /// Nanoseconds of a tick of the device's clock.
    pub tick_ns: Option<f64>,
    /// In running order.
    pub steps: Vec<ProfileStep>,
    /// Nanoseconds from the start of the first step to the end of the last, by run: with what lies between steps.
    pub elapsed_ns: Vec<u64>,
    /// Host to host, of predictions as usual, in nanoseconds.
    pub usual_ns: Vec<u64>,
    /// Host to host, of predictions that were timed, which took turns with the others.
    pub timed_ns: Vec<u64>,
    /// Stages of both.
    pub stages: Vec<ProfileStage>,
    /// One prediction of each kind, span by span.
    pub recording: Recording,
}

/// The steps of one prediction and when they ran.
struct Timed {
    outputs: NamedTensors,
    timeline: Timeline,
    spans: Vec<Span>,
    tick_ns: Option<f64>,
    clock: StepClock,
}

impl Session {
    /// Predicts for `inputs` many times and tells where the time goes.
    pub fn profile(&self, inputs: &NamedTensors, options: ProfileOptions) -> Result<Profile> {
        if options.runs == 0 {
            return Err(Error::input("a profile of no run says nothing").hint("give at least one run"));
        }
        let mut usual = self.predict(inputs)?;
        let first = usual.timeline.clone();
        let sized = self.sized(inputs, &mut Timeline::start())?;
        let fitted = self.arrange(&sized, inputs, &mut Timeline::start())?.0;
        let (batch, mut steps) = (fitted.batch, self.steps(&sized, &fitted)?);
        // Room for timestamps is made by the first that takes them.
        let mut timed = self.time_steps(inputs, Spare::default())?;
        for _ in 0..options.warmup_runs {
            self.predict_into(inputs, &mut usual)?;
            timed = self.time_steps(inputs, Spare::of(timed.outputs))?;
        }
        let [mut usual_ns, mut timed_ns, mut elapsed_ns] = [const { Vec::new() }; 3];
        let mut stages = Vec::new();
        for _ in 0..options.runs {
            self.predict_into(inputs, &mut usual)?;
            timed = self.time_steps(inputs, Spare::of(timed.outputs))?;
            usual_ns.push(usual.timeline.total_ns("predict"));
            timed_ns.push(timed.timeline.total_ns("predict"));
            elapsed_ns.push(elapsed(&timed.spans));
            add_stages(&mut stages, &usual.timeline, &timed.timeline);
            for (step, span) in steps.iter_mut().zip(&timed.spans) {
                step.times_ns.push(span.duration_ns);
            }
        }
        let usual = usual.timeline;
        let since_opening = |timeline: &Timeline, spans: &[Span]| {
            let offset = timeline.origin().saturating_duration_since(self.timeline.origin()).as_nanos() as u64;
            let span = |span: &Span| {
                let (name, start_ns) = (span.name.to_string(), offset + span.start_ns);
                RecordedSpan { name, start_ns, duration_ns: span.duration_ns }
            };
            spans.iter().map(span).collect::<Vec<_>>()
        };
        let mut recording = Recording {
            opening: since_opening(&self.timeline, self.timeline.spans()),
            first: since_opening(&first, first.spans()),
            usual: since_opening(&usual, usual.spans()),
            timed: since_opening(&timed.timeline, timed.timeline.spans()),
            steps: since_opening(&timed.timeline, &timed.spans),
        };
        for (span, step) in recording.steps.iter_mut().zip(&steps) {
            span.name.clone_from(&step.name);
        }
        let (device, clock, tick_ns) = (self.chosen.clone(), timed.clock, timed.tick_ns);
        Ok(Profile { device, batch, clock, tick_ns, steps, elapsed_ns, usual_ns, timed_ns, stages, recording })
    }

    /// One prediction whose steps are timed.
    fn time_steps(&self, inputs: &NamedTensors, mut spare: Spare) -> Result<Timed> {
        let mut timeline = Timeline::start();
        let (outputs, spans, tick_ns, clock) = timeline.span_with("predict", |timeline| {
            let sized = self.sized(inputs, timeline)?;
            let (inputs, _) = self.arrange(&sized, inputs, timeline)?;
            let batch = inputs.batch;
            match &sized.engine {
                Engine::Reference(graph) => {
                    let inputs = inputs.into_named(&sized.expected);
                    let start_ns = timeline.elapsed_ns();
                    let times = timeline.span("compute", || time_reference(graph, &inputs))?;
                    Ok((NamedTensors::new(), end_to_end(start_ns, &times), None, StepClock::Host))
                }
                Engine::Cpu(variants) => {
                    let engine = sized.cpu_engine(variants, &inputs)?;
                    let start_ns = timeline.elapsed_ns();
                    let compute = || engine.time_steps(&inputs.references(), batch, &mut spare);
                    let (outputs, times) = timeline.span("compute", compute)?;
                    Ok((outputs, end_to_end(start_ns, &times), None, StepClock::Host))
                }
                Engine::Gpu(variants) => {
                    let runner = sized.runner(variants, &inputs, timeline)?;
                    let (outputs, times) = runner.time_steps(&inputs.references(), batch, &mut spare, timeline)?;
                    let clock = if times.tick_ns.is_some() { StepClock::Device } else { StepClock::HostPerSubmit };
                    Ok((outputs, times.spans, times.tick_ns, clock))
                }
            }
        })?;
        Ok(Timed { outputs, timeline, spans, tick_ns, clock })
    }

    /// The steps of a prediction for `inputs`, in running order and not yet timed.
    fn steps(&self, sized: &SizedModel, inputs: &Fitted<'_>) -> Result<Vec<ProfileStep>> {
        let batch = inputs.batch;
        if batch == 0 {
            return Err(Error::input("there is nothing to profile in a batch of 0").hint("give at least one row"));
        }
        match &sized.engine {
            Engine::Reference(graph) => {
                let operators = graph.ids().filter(|id| matches!(graph.node(*id).source, Source::Op(_)));
                Ok(operators.map(|id| step(graph, id, batch, "plain answer".into())).collect())
            }
            Engine::Cpu(variants) => Ok(cpu_steps(&*sized.cpu_engine(variants, inputs)?, batch)),
            Engine::Gpu(variants) => {
                let runner = sized.runner(variants, inputs, &mut Timeline::start())?;
                let most = runner.plan().max_batch().min(self.pipeline.most_rows().unwrap_or(usize::MAX));
                if batch > most {
                    return Err(Error::limit(format!("a batch of {batch} is predicted in pieces"))
                        .cause(format!("this plan on this device takes {most} rows at once"))
                        .hint("profile a smaller batch"));
                }
                gpu_steps(runner.plan(), batch)
            }
        }
    }
}

fn step(graph: &Graph, id: NodeId, batch: usize, kernel: String) -> ProfileStep {
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

/// The kernels of a plan. The cost of a node is shared out among its kernels.
fn gpu_steps(plan: &Plan, batch: usize) -> Result<Vec<ProfileStep>> {
    let dispatches = plan.dispatches(batch)?;
    let mut steps: Vec<ProfileStep> = Vec::with_capacity(dispatches.len());
    for kernels in dispatches.chunk_by(|left, right| left.node == right.node) {
        let workgroups =
            kernels.iter().map(|dispatch| dispatch.kernel.workgroups.iter().map(|&n| u64::from(n)).product());
        let workgroups: Vec<u64> = workgroups.collect();
        let whole = step(plan.graph(), kernels[0].node, batch, String::new());
        let (flops, bytes) = (share_out(whole.flops, &workgroups), share_out(whole.bytes, &workgroups));
        for ((dispatch, flops), bytes) in kernels.iter().zip(flops).zip(bytes) {
            steps.push(ProfileStep { kernel: dispatch.kernel.to_string(), flops, bytes, ..whole.clone() });
        }
    }
    Ok(steps)
}

/// The steps of the CPU engine. What only brings a value to where it is wanted costs its bytes.
fn cpu_steps(engine: &cpu::Engine, batch: usize) -> Vec<ProfileStep> {
    let mut computed = HashSet::new();
    let steps = engine.steps().into_iter().map(|(id, once)| {
        let often = if once { "once" } else { "for each block of rows" };
        let step = step(engine.graph(), id, batch, often.into());
        if computed.insert(id) && !matches!(step.operator.as_str(), "input" | "constant") {
            return step;
        }
        let bytes = 8 * step.shape.iter().product::<usize>() as u64;
        ProfileStep { operator: "copy".into(), flops: 0, bytes, ..step }
    });
    steps.collect()
}

/// `total` in parts that are to each other as `weights`, equal ones if all are 0; they add up to it.
fn share_out(total: u64, weights: &[u64]) -> Vec<u64> {
    let is_zero = weights.iter().all(|weight| *weight == 0);
    // Clamped so that no product overflows; no grid is as large.
    let weights = weights.iter().map(|weight| if is_zero { 1 } else { u128::from(*weight).min(1 << 48) });
    let sum: u128 = weights.clone().sum::<u128>().max(1);
    let (mut seen, mut given) = (0u128, 0u64);
    let part = |weight| {
        seen += weight;
        let until = (u128::from(total) * seen / sum) as u64;
        let part = until - given;
        given = until;
        part
    };
    weights.map(part).collect()
}

/// How long the plain answer of each operator takes.
fn time_reference(graph: &Graph, inputs: &NamedTensors) -> Result<Vec<u64>> {
    let (mut times, mut last) = (Vec::new(), Instant::now());
    reference::run_all(graph, inputs, |_, _, value| {
        let now = Instant::now();
        times.push(now.duration_since(last).as_nanos() as u64);
        last = now;
        Ok(value)
    })?;
    Ok(times)
}

fn end_to_end(mut start_ns: u64, times_ns: &[u64]) -> Vec<Span> {
    let span = |&duration_ns: &u64| {
        let span = Span { name: "step", start_ns, duration_ns };
        start_ns += duration_ns;
        span
    };
    times_ns.iter().map(span).collect()
}

/// From the first start to the last end.
fn elapsed(spans: &[Span]) -> u64 {
    let first = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let last = spans.iter().map(|span| span.start_ns + span.duration_ns).max().unwrap_or(0);
    last - first
}

/// Adds one run of each kind to the stages; each name counts once a run, with all its spans.
fn add_stages(stages: &mut Vec<ProfileStage>, usual: &Timeline, timed: &Timeline) {
    for span in usual.spans().iter().chain(timed.spans()).filter(|span| span.name != "predict") {
        if !stages.iter().any(|stage| stage.name == span.name) {
            // A stage of no run so far, as the first that allocates: it took no time then.
            let before = vec![0; stages.first().map_or(0, |stage| stage.usual_ns.len())];
            stages.push(ProfileStage { name: span.name.into(), usual_ns: before.clone(), timed_ns: before });
        }
    }
    for stage in stages {
        stage.usual_ns.push(usual.total_ns(&stage.name));
        stage.timed_ns.push(timed.total_ns(&stage.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_out_adds_up() {
        assert_eq!(share_out(10, &[1, 1, 1]), [3, 3, 4]);
        assert_eq!(share_out(7, &[0, 0]), [3, 4]);
        assert_eq!(share_out(100, &[3, 1]), [75, 25]);
        assert_eq!(share_out(u64::MAX, &[u64::MAX, 1 << 48]), [u64::MAX / 2, u64::MAX / 2 + 1]);
        assert!(share_out(5, &[]).is_empty());
    }

    #[test]
    fn a_stage_that_comes_late_took_no_time_before() {
        let timeline = |names: &[&'static str]| {
            let mut timeline = Timeline::start();
            names.iter().for_each(|name| timeline.span(name, || ()));
            timeline
        };
        let mut stages = Vec::new();
        add_stages(&mut stages, &timeline(&["encode", "predict"]), &timeline(&["encode"]));
        add_stages(&mut stages, &timeline(&["encode"]), &timeline(&["grow", "encode", "encode"]));
        let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(names, ["encode", "grow"]);
        assert!(stages.iter().all(|stage| stage.usual_ns.len() == 2 && stage.timed_ns.len() == 2));
        assert_eq!((stages[1].usual_ns[1], stages[1].timed_ns[0]), (0, 0));
    }
}
