//! Measures a model: the time of opening, of the first prediction and of later ones, and the work that is done.
//!
//! The conventions are those of LiteRT's `benchmark_model`: a number of warm-up runs, then a minimum number of runs and
//! of seconds. A run is a prediction from host to host: checking and uploading inputs, and reading back outputs, are
//! included.

use super::machine::peak_resident_bytes;
use super::statistics::{Summary, median};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::passes::{self, Passes};
use crate::session::{EngineKind, Prediction, Session, SessionOptions, random_inputs};
use crate::setters::setters;
use crate::telemetry::{Counter, Stage, Timeline};
use crate::tensor::NamedTensors;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Runs that one measurement keeps, at most: eight megabytes of times.
const MOST_RUNS: usize = 1_000_000;

/// Samples that a measurement hands out, at most: of more, evenly spaced ones.
const MOST_SAMPLES: usize = 1000;

/// When the next run starts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Pace {
    /// When the one before ends.
    #[default]
    BackToBack,
    /// So long after the one before ends.
    Delay(Duration),
    /// So long after the one before started, or when it ends, if that is later.
    Interval(Duration),
}

/// What is run, and how often.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// Rows of a prediction.
    pub batch: usize,
    /// Runs before those that count. The first prediction of all comes before them and is timed by itself.
    pub warmup_runs: usize,
    /// Runs that count, at least.
    pub runs: usize,
    /// Seconds that they take together, at least. A million runs are enough all the same.
    pub min_seconds: f64,
    /// Seconds after which no more are started, even if they are too few.
    pub max_seconds: f64,
    /// When the next one starts.
    pub pace: Pace,
    /// The seed of the inputs.
    pub seed: u64,
}

setters!(RunOptions {
    batch: usize,
    warmup_runs: usize,
    runs: usize,
    min_seconds: f64,
    max_seconds: f64,
    pace: Pace,
    seed: u64
});

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            batch: 1,
            warmup_runs: 3,
            runs: 50,
            min_seconds: 1.0,
            max_seconds: 150.0,
            pace: Pace::BackToBack,
            seed: 1,
        }
    }
}

/// One stage and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// What was done, as the timeline calls it.
    pub name: String,
    /// Milliseconds.
    pub ms: f64,
}

/// What one model took on one device at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// `gpu`, `cpu` or `reference`.
    pub device: String,
    /// Which device that is, with its driver.
    pub engine: String,
    /// The list of passes.
    pub passes: String,
    /// What was set otherwise than usual, as `submits per-kernel`; empty if nothing was.
    pub settings: Vec<String>,
    /// Rows of a prediction.
    pub batch: usize,
    /// The inputs that were given with one row for the whole batch.
    pub shared: Vec<String>,
    /// Reading and decoding the model's file, if this process did it once.
    pub load_ms: Option<f64>,
    /// Opening: the device if this process had not opened it, the plan, pipelines it had not compiled, weights uploaded.
    pub open_ms: f64,
    /// The stages of opening. Pipelines are compiled while weights are uploaded.
    pub open_stages: Vec<StageTime>,
    /// The first prediction.
    pub first_ms: f64,
    /// Its stages.
    pub first_stages: Vec<StageTime>,
    /// Later predictions; `None` if there were no runs.
    pub warm_ms: Option<Summary>,
    /// Medians of their stages.
    pub warm_stages: Vec<StageTime>,
    /// The times of later predictions in milliseconds, in order; of many, evenly spaced ones.
    pub samples_ms: Vec<f64>,
    /// Dispatches of one prediction; zero where no GPU is.
    pub dispatches: u64,
    /// Submits of one prediction.
    pub submits: u64,
    /// Waits for the device in one prediction.
    pub waits: u64,
    /// Pipelines compiled by opening and the first prediction, those that this process had not.
    pub pipelines: u64,
    /// Allocations on the device during the runs; zero in a steady state.
    pub allocations: u64,
    /// Bytes of the inputs of one prediction.
    pub upload_bytes: u64,
    /// Bytes of its outputs.
    pub download_bytes: u64,
    /// Bytes of the weights that the session holds on its device.
    pub weight_bytes: u64,
    /// Bytes of the inputs, values between operators and outputs that it holds there.
    pub activation_bytes: u64,
    /// The most memory the process has held until the end of the runs, where the system tells it.
    pub peak_resident_bytes: Option<u64>,
    /// Operations on floats of one prediction.
    pub flops: u64,
    /// Bytes that its operators read and write, each once.
    pub traffic_bytes: u64,
    /// Billions of them in a second, at the median.
    pub gflop_per_s: Option<f64>,
    /// Billions of bytes in a second, at the median.
    pub gb_per_s: Option<f64>,
}

/// What is told while runs go on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Runs that are done.
    pub runs: usize,
    /// How much of the whole, 0 to 1.
    pub fraction: f64,
}

/// Opens `model` and measures: opening, the first prediction, and the runs. `progress` hears of every run and may end them
/// early; what was measured until then is what is returned.
///
/// For a cold start nothing may have touched the driver, its adapters or the weights in this process before: a
/// [`Report`](super::report::Report), which does, is made afterwards.
pub fn measure(
    model: &Model,
    session: &SessionOptions,
    run: &RunOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Measurement> {
    expect_possible(run)?;
    let inputs = random_inputs_of(model, &session.shared, run.batch, run.seed)?;
    let (opened, open_ns) = timed(|| Session::open_with(model, session.clone()));
    let opened = opened?;
    let (first, first_ns) = timed(|| opened.predict(&inputs));
    let mut prediction = first?;
    let first = std::mem::take(&mut prediction.timeline);
    let warm = warm(&opened, &inputs, &mut prediction, run, progress)?;
    // Before anything is gathered that only the report needs.
    let peak_resident_bytes = peak_resident_bytes();
    let counts = opened.counts(run.batch)?;
    let device = opened.engine().map_or("none", EngineKind::name);
    // The reference knows no passes.
    let passes = if device == "reference" { Passes::PLAIN } else { session.passes };
    let held = opened.memory();
    let summary = Summary::of(&warm.samples_ms);
    let per_second = |amount: u64| summary.map(|summary| amount as f64 / (summary.p50 * 1e6));
    let last = if warm.samples_ms.is_empty() { &first } else { &prediction.timeline };
    Ok(Measurement {
        device: device.into(),
        engine: opened.device().to_string(),
        passes: passes.name().into(),
        settings: settings(session),
        batch: run.batch,
        shared: session.shared.clone(),
        load_ms: None,
        open_ms: milliseconds(open_ns),
        open_stages: stages(&[opened.timeline()]),
        first_ms: milliseconds(first_ns),
        first_stages: stages(&[&first]),
        warm_ms: summary,
        warm_stages: warm.stages,
        samples_ms: thinned(&warm.samples_ms),
        dispatches: last.counter(Counter::Dispatches),
        submits: last.counter(Counter::Submits),
        waits: last.counter(Counter::Waits),
        pipelines: opened.timeline().counter(Counter::Pipelines) + first.counter(Counter::Pipelines),
        allocations: warm.allocations,
        upload_bytes: counts.upload_bytes,
        download_bytes: counts.download_bytes,
        weight_bytes: held.weight_bytes,
        activation_bytes: held.activation_bytes,
        peak_resident_bytes,
        flops: counts.work.flops,
        traffic_bytes: counts.work.bytes,
        gflop_per_s: per_second(counts.work.flops),
        gb_per_s: per_second(counts.work.bytes),
    })
}

fn expect_possible(run: &RunOptions) -> Result<()> {
    if run.runs > MOST_RUNS {
        return Err(Error::input(format!("{} runs are more than the {MOST_RUNS} that are kept", run.runs)));
    }
    if !(run.min_seconds >= 0.0 && run.max_seconds >= run.min_seconds) {
        let (least, most) = (run.min_seconds, run.max_seconds);
        return Err(Error::input(format!("runs cannot take at least {least} and at most {most} seconds"))
            .hint("let the least be no more than the most"));
    }
    Ok(())
}

/// Random inputs, those that are shared with one row.
pub(super) fn random_inputs_of(model: &Model, shared: &[String], batch: usize, seed: u64) -> Result<NamedTensors> {
    let names: Vec<&str> = shared.iter().map(String::as_str).collect();
    passes::expect_shareable(model.graph(), &names)?;
    let inputs = random_inputs(model, batch, seed)?;
    let one_row = |(name, tensor): (String, crate::tensor::Tensor)| {
        let is_shared = shared.contains(&name) && batch > 1;
        Ok((name, if is_shared { tensor.rows(0, 1)? } else { tensor }))
    };
    inputs.into_iter().map(one_row).collect::<Result<Vec<_>>>().map(|inputs| inputs.into_iter().collect())
}

struct Warm {
    samples_ms: Vec<f64>,
    stages: Vec<StageTime>,
    allocations: u64,
}

fn warm(
    session: &Session,
    inputs: &NamedTensors,
    prediction: &mut Prediction,
    run: &RunOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Warm> {
    for _ in 0..if run.runs == 0 { 0 } else { run.warmup_runs } {
        session.predict_into(inputs, prediction)?;
    }
    let (begun, mut samples_ms, mut timelines, mut allocations) = (Instant::now(), Vec::new(), Vec::new(), 0);
    let mut due = begun;
    let wants_more = |done: usize| {
        let seconds = begun.elapsed().as_secs_f64();
        let enough = done >= run.runs && seconds >= run.min_seconds;
        run.runs > 0 && done < MOST_RUNS && !enough && (seconds < run.max_seconds || done == 0)
    };
    while wants_more(samples_ms.len()) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let start = Instant::now();
        let (answer, ns) = timed(|| session.predict_into(inputs, prediction));
        answer?;
        samples_ms.push(milliseconds(ns));
        allocations += prediction.timeline.counter(Counter::Allocations);
        // Only the first runs keep their stages: all timelines would be most of the memory.
        if timelines.len() < MOST_SAMPLES {
            timelines.push(prediction.timeline.clone());
        }
        due = match run.pace {
            Pace::BackToBack => start,
            Pace::Delay(delay) => Instant::now() + delay,
            Pace::Interval(interval) => start + interval,
        };
        let by_time = begun.elapsed().as_secs_f64() / run.min_seconds.max(f64::MIN_POSITIVE);
        let fraction = by_time.min(samples_ms.len() as f64 / run.runs as f64).min(1.0);
        if progress(Progress { runs: samples_ms.len(), fraction }).is_break() {
            break;
        }
    }
    let stages = stages(&timelines.iter().collect::<Vec<_>>());
    Ok(Warm { samples_ms, stages, allocations })
}

/// The median of each span over timelines of the same work, in the order in which they start.
pub(super) fn stages(timelines: &[&Timeline]) -> Vec<StageTime> {
    let Some(first) = timelines.first() else { return Vec::new() };
    let mut spans: Vec<_> = first.spans().iter().collect();
    spans.sort_by_key(|span| (span.start_ns, u64::MAX - span.duration_ns));
    let mut stages: Vec<Stage> = Vec::new();
    for span in spans {
        if !stages.contains(&span.stage) {
            stages.push(span.stage);
        }
    }
    let time = |stage: Stage| {
        let times: Vec<f64> = timelines.iter().map(|timeline| milliseconds(timeline.total_ns(stage))).collect();
        StageTime { name: stage.to_string(), ms: median(&times) }
    };
    stages.into_iter().map(time).collect()
}

/// What is set otherwise than usual, in the words of the command line.
fn settings(options: &SessionOptions) -> Vec<String> {
    let SessionOptions { execution, activation_precision, cpu_threads, .. } = options;
    let usual = SessionOptions::default();
    let named = [
        ("activation-precision", activation_precision.name(), usual.activation_precision.name()),
        ("programs", execution.programs.name(), usual.execution.programs.name()),
        ("submits", execution.submits.name(), usual.execution.submits.name()),
        ("read-back", execution.read_back.name(), usual.execution.read_back.name()),
    ];
    let changed = named.into_iter().filter(|(_, name, usual)| name != usual);
    let threads = cpu_threads.map(|threads| format!("threads {threads}"));
    changed.map(|(option, name, _)| format!("{option} {name}")).chain(threads).collect()
}

fn thinned(samples: &[f64]) -> Vec<f64> {
    let few = samples.len().min(MOST_SAMPLES);
    (0..few).map(|index| samples[index * samples.len() / few]).collect()
}

pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let start = Instant::now();
    let value = work();
    (value, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

pub(super) fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}
