//! Measures a model: the times of opening, of the first prediction and of later ones, and the work of a prediction.
//!
//! The conventions are those of LiteRT's `benchmark_model`: a number of warm-up runs, then a minimum number of runs and
//! a minimum duration. A run is a prediction from host memory to host memory, including checking and uploading inputs
//! and reading back outputs.

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

/// The maximum number of runs of one measurement. Their times take 8 MB.
const MOST_RUNS: usize = 1_000_000;

/// The maximum number of samples in a [`Measurement`]. Of more, evenly spaced ones are kept.
const MOST_SAMPLES: usize = 1000;

/// The time at which the next run starts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Pace {
    /// When the previous run ends.
    #[default]
    BackToBack,
    /// This long after the previous run ends.
    Delay(Duration),
    /// This long after the previous run started, or when it ends, whichever is later.
    Interval(Duration),
}

/// The runs of a measurement. Each option has a setter of its name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// The batch size.
    pub batch: usize,
    /// Warm-up runs that are not measured, after the first prediction, which is timed separately.
    pub warmup_runs: usize,
    /// The minimum number of measured runs, at most 1 000 000. With 0 only the first prediction is measured.
    pub runs: usize,
    /// The minimum total duration of the measured runs, in seconds. Measuring also ends after 1 000 000 runs.
    pub min_seconds: f64,
    /// The duration in seconds after which no further run starts, even if there were fewer than the minimum. Must be at
    /// least `min_seconds`.
    pub max_seconds: f64,
    /// The time at which the next run starts.
    pub pace: Pace,
    /// The seed of the random inputs.
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

/// A stage and its duration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// The name of the stage in timelines.
    pub name: String,
    /// The duration in milliseconds.
    pub ms: f64,
}

/// The measurement of one model on one device at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// `gpu`, `cpu` or `reference`.
    pub device: String,
    /// The device with its driver, as the text of a [`DeviceStatus`](crate::DeviceStatus).
    pub engine: String,
    /// The name of the list of passes.
    pub passes: String,
    /// The settings that are not the default, such as `submits per-kernel`.
    pub settings: Vec<String>,
    /// The batch size.
    pub batch: usize,
    /// The names of the inputs that had one row for the whole batch.
    pub shared: Vec<String>,
    /// The time of reading and decoding the model in milliseconds, if this process did it once.
    pub load_ms: Option<f64>,
    /// The time of opening in milliseconds: the device unless this process had it open, the plan, pipelines that were
    /// not compiled yet, and the upload of the weights.
    pub open_ms: f64,
    /// The stages of opening. They overlap: pipelines are compiled while weights are uploaded.
    pub open_stages: Vec<StageTime>,
    /// The time of the first prediction in milliseconds.
    pub first_ms: f64,
    /// The stages of the first prediction.
    pub first_stages: Vec<StageTime>,
    /// The times of the measured predictions in milliseconds; `None` if there were no runs.
    pub warm_ms: Option<Summary>,
    /// The medians of the stages of the measured predictions.
    pub warm_stages: Vec<StageTime>,
    /// The times of the measured predictions in milliseconds, in order. Of more than 1000, evenly spaced ones.
    pub samples_ms: Vec<f64>,
    /// Dispatches of one prediction; 0 without a GPU.
    pub dispatches: u64,
    /// Submits of one prediction.
    pub submits: u64,
    /// Waits for the device in one prediction.
    pub waits: u64,
    /// Pipelines that opening and the first prediction compiled.
    pub pipelines: u64,
    /// Allocations on the device during the measured predictions; 0 in a steady state.
    pub allocations: u64,
    /// Bytes of the inputs of one prediction.
    pub upload_bytes: u64,
    /// Bytes of the outputs of one prediction.
    pub download_bytes: u64,
    /// Bytes of the weights that the session holds on its device.
    pub weight_bytes: u64,
    /// Bytes of inputs, intermediate values and outputs that the session holds on its device.
    pub activation_bytes: u64,
    /// The peak resident memory of the process up to the end of the runs, in bytes; `None` if the system does not
    /// report it.
    pub peak_resident_bytes: Option<u64>,
    /// Floating-point operations of one prediction.
    pub flops: u64,
    /// Bytes that the operators of one prediction read and write, counting each value once.
    pub traffic_bytes: u64,
    /// Billions of floating-point operations per second, at the median time.
    pub gflop_per_s: Option<f64>,
    /// Billions of these bytes per second, at the median time.
    pub gb_per_s: Option<f64>,
}

/// The progress of a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The number of completed runs.
    pub runs: usize,
    /// The completed fraction of the measurement, 0 to 1.
    pub fraction: f64,
}

/// Opens `model` with random inputs of `run.batch` rows, and measures opening, the first prediction and the runs.
/// `progress` is called after every run. If it breaks, the measurement ends early and has the runs so far.
///
/// A cold start can be measured only if nothing in this process has used the driver, its adapters or the weights
/// before. [`Report::new`](super::Report::new) enumerates the adapters, so create the report afterwards.
///
/// ```
/// use std::ops::ControlFlow;
/// use tfjs_wgpu::study::{RunOptions, measure};
/// use tfjs_wgpu::{Device, LoadOptions, Model, SessionOptions};
///
/// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
/// let session = SessionOptions::default().device(Device::Cpu);
/// let run = RunOptions::default().batch(32).runs(5).min_seconds(0.0);
/// let measurement = measure(&model, &session, &run, &mut |_| ControlFlow::Continue(()))?;
/// println!("opening took {:.1} ms", measurement.open_ms);
/// assert!(measurement.warm_ms.is_some_and(|summary| summary.n >= 5));
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
///
/// # Errors
///
/// - [`ErrorKind::Input`](crate::ErrorKind::Input): there are more than 1 000 000 runs, or `max_seconds` is less than
///   `min_seconds`; the model has an open dimension without a size; or `session.shared` names an input that the model
///   lacks or that cannot be shared.
/// - Those of [`Session::open_with`] and [`Session::predict`].
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
    // Read before the report allocates memory of its own.
    let peak_resident_bytes = peak_resident_bytes();
    let counts = opened.counts(run.batch)?;
    let device = opened.engine().map_or("none", EngineKind::name);
    // The reference ignores passes.
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

/// Random inputs. Shared inputs have one row.
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
        // Only the first runs keep their stages, because all timelines would dominate the memory.
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

/// The median duration of each stage over timelines of the same work, in the order in which the stages start.
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

/// The settings that are not the default, in the words of the command line.
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
