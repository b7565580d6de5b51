//! `bench`: the times of opening, of the first prediction and of later ones, by device, passes and batch size.
//!
//! A single row is measured in this process, before anything else opens the driver or reads the weights. Several rows
//! are measured in a new process each, so that none finds an open device or compiled pipelines.

mod table;

use crate::arguments::{ActivationArguments, ExecutionArguments, GpuArguments, MeasuredModelArguments, emulation};
use crate::dims;
use crate::environment;
use crate::input;
use crate::message::{self, Failure};
use crate::model_file::ModelFile;
use crate::progress::ProgressBar;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::has_gpu;
use tfjs_wgpu::internals::passes;
use tfjs_wgpu::internals::replace;
use tfjs_wgpu::internals::study::process::{Launcher, PATIENCE};
use tfjs_wgpu::study::Report;
use tfjs_wgpu::study::{Measurement, Pace, RunOptions, measure};
use tfjs_wgpu::{Device, Error, ErrorKind, Result, SessionOptions};

/// Measure opening, first and warm predictions, by device, passes and batch size
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct BenchArguments {
    /// A model.json, an .onnx file, or the folder that holds one
    model: PathBuf,
    /// The devices to measure [default: the GPU, if there is one, even a software GPU; and the CPU]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "DEVICES")]
    device: Vec<Device>,
    /// The lists of passes that rewrite the graph. The reference ignores them
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LISTS", default_value = "fused")]
    passes: Vec<Passes>,
    /// A file of inputs whose sizes to use for open dimensions: .safetensors, .npz or .json. The values are random
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The batch sizes
    #[arg(long, value_delimiter = ',', value_name = "SIZES", default_value = "1,32,256")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    batch: Vec<u32>,
    /// Inputs that have one row for the whole batch: one user, many candidates
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    shared: Vec<String>,
    #[command(flatten)]
    gpu: GpuArguments,
    #[command(flatten)]
    runs: RunsArguments,
    /// The number of CPU threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    #[command(flatten)]
    reading: MeasuredModelArguments,
    #[command(flatten)]
    activations: ActivationArguments,
    #[command(flatten)]
    execution: ExecutionArguments,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Also write the quantities to a CSV file, one per row
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// How often, and how soon after one another.
#[derive(Debug, clap::Args)]
struct RunsArguments {
    /// Warm-up predictions before the measured ones, after the first prediction
    #[arg(long, value_name = "N", default_value_t = 3)]
    warmup_runs: u32,
    /// The minimum number of measured predictions; 0 to measure only the first prediction
    #[arg(long, value_name = "N", default_value_t = 50)]
    runs: u32,
    /// The minimum total duration of the measured predictions; ends early at a million predictions
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    min_secs: f64,
    /// The duration after which no further prediction starts
    #[arg(long, value_name = "SECONDS", default_value_t = 150.0)]
    max_secs: f64,
    /// The pause after each prediction
    #[arg(long, value_name = "SECONDS", conflicts_with = "run_frequency")]
    run_delay: Option<f64>,
    /// The maximum number of predictions per second. Each starts at least one period after the previous start
    #[arg(long, value_name = "HERTZ")]
    run_frequency: Option<f64>,
    /// The seed of the random inputs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl RunsArguments {
    fn options(&self, batch: u32) -> Result<RunOptions> {
        let seconds = |name: &str, value: f64| {
            Duration::try_from_secs_f64(value).map_err(|_| {
                Error::new(ErrorKind::Input, format!("{name} must be at least 0, not {value}"))
                    .hint("give a number of seconds")
            })
        };
        let pace = match (self.run_delay, self.run_frequency) {
            (Some(delay), _) => Pace::Delay(seconds("--run-delay", delay)?),
            (_, Some(frequency)) if frequency > 0.0 => Pace::Interval(seconds("--run-frequency", 1.0 / frequency)?),
            (_, Some(frequency)) => {
                return Err(Error::new(ErrorKind::Input, format!("--run-frequency must be above 0, not {frequency}"))
                    .hint("give a number per second, or omit it for predictions back to back"));
            }
            (None, None) => Pace::BackToBack,
        };
        Ok(RunOptions::default()
            .batch(batch as usize)
            .warmup_runs(self.warmup_runs as usize)
            .runs(self.runs as usize)
            .min_seconds(self.min_secs)
            .max_seconds(self.max_secs)
            .pace(pace)
            .seed(self.seed))
    }
}

const HELP: &str = "\
Each combination of device, passes and batch size is measured in a new process, except a single one
on a named device. A prediction is timed from host memory to host memory: it includes checking and
uploading inputs, and reading back outputs. Inputs are random.

The object that --json prints, which `compare` reads:
  schema    2; incremented when the meaning of a field changes
  created   the time in UTC
  model     {name, format, identity, layers, operators, weight_bytes}
  machine   {cpu, cores, os, architecture, version, build, adapter: {name, backend, kind, driver,
            driver_version, limits, features}}
  seed      the seed of the random inputs
  results   [{device, engine, passes, settings, batch, shared, load_ms, open_ms, open_stages, first_ms,
            first_stages, warm_ms: {n, min, mean, p50, p90, p95, p99, max, p50_ci95}, warm_stages,
            samples_ms, dispatches, submits, waits, pipelines, allocations, upload_bytes,
            download_bytes, weight_bytes, activation_bytes, peak_resident_bytes, flops,
            traffic_bytes, gflop_per_s, gb_per_s}]
Stages are [{name, ms}]. p50_ci95 is the 95 % confidence interval of the median (bootstrap).";

/// Runs the verb.
pub(crate) fn bench(arguments: &BenchArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let reading = &arguments.reading;
    let file = ModelFile::load(&arguments.model, reading.options())?;
    let file = match &arguments.input {
        Some(path) => input::with_sizes_of(file, path)?,
        None => input::with_sizes_beside(file)?,
    };
    file.model.expect_sized()?;
    let shared: Vec<&str> = arguments.shared.iter().map(String::as_str).collect();
    passes::expect_shareable(file.model.graph(), &shared)?;
    let rows = rows(arguments)?;
    let results = if let ([(session, run)], false) = (&rows[..], arguments.device.is_empty()) {
        let mut bar = ProgressBar::new();
        let progress = &mut |progress| bar.show(&label(session, run), progress);
        let mut measurement = measure(&file.model, session, run, progress)?;
        bar.clear();
        measurement.load_ms = Some(file.load_time.as_secs_f64() * 1e3);
        vec![measurement]
    } else {
        let reading = [reading.words(), dims::words_of(file.model.open_dimensions())].concat();
        in_processes(&arguments.model, reading, &rows)?
    };
    let adapter = arguments.gpu.adapter.adapter_for(Device::Gpu);
    let report = Report { results, ..Report::new(&file.model, arguments.runs.seed, adapter.as_deref()) };
    let mut engines: Vec<&str> = report.results.iter().map(|result| result.engine.as_str()).collect();
    engines.dedup();
    engines.into_iter().for_each(|engine| message::note(&format!("device: {engine}")));
    if cfg!(debug_assertions) {
        message::warning("this is a debug build: its times mean little");
    }
    if let Some(path) = &arguments.csv {
        write_csv(path, &report)?;
    }
    if arguments.json {
        writeln!(out, "{}", report.to_json()?)?;
    } else {
        table::write(&report.results, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

type Row = (SessionOptions, RunOptions);

/// The measurements, in the order of devices, lists of passes and batch sizes.
fn rows(arguments: &BenchArguments) -> Result<Vec<Row>> {
    let devices = if arguments.device.is_empty() { usual_devices() } else { arguments.device.clone() };
    if arguments.threads.is_some() && !devices.contains(&Device::Cpu) {
        return Err(Error::new(ErrorKind::Input, "a number of threads has an effect on the CPU alone")
            .hint("leave --threads out, or add cpu to --device"));
    }
    let mut rows = Vec::new();
    for &device in &devices {
        // The reference ignores passes, so one row is enough.
        let lists = if device == Device::Reference { &arguments.passes[..1] } else { &arguments.passes[..] };
        for &passes in lists {
            for &batch in &arguments.batch {
                let is_cpu = device == Device::Cpu;
                let takes_gpu = matches!(device, Device::Gpu | Device::Auto);
                let session = SessionOptions::default()
                    .device(device)
                    .passes(passes)
                    .emulate(emulation(&arguments.activations, &arguments.execution))
                    .shared(arguments.shared.iter())
                    .cpu_threads(arguments.threads.filter(|_| is_cpu).map(|threads| threads as usize))
                    .adapter(arguments.gpu.adapter.adapter_for(device).filter(|_| takes_gpu))
                    .cache_folder(environment::cache_folder())
                    .timeout(arguments.gpu.timeout);
                rows.push((session, arguments.runs.options(batch)?));
            }
        }
    }
    Ok(rows)
}

/// The default devices. This queries the driver, which a process that measures must not do first.
fn usual_devices() -> Vec<Device> {
    if !has_gpu() {
        message::note("no GPU adapter was found: measuring the CPU alone");
        vec![Device::Cpu]
    } else {
        vec![Device::Gpu, Device::Cpu]
    }
}

fn in_processes(model: &Path, reading: Vec<OsString>, rows: &[Row]) -> Result<Vec<Measurement>> {
    let launcher = launcher(model, reading)?;
    let mut bar = ProgressBar::new();
    let measure = |(index, (session, run)): (usize, &Row)| {
        bar.step(&label(session, run), index, rows.len());
        launcher.measure(session, run, None).map(|launched| launched.measurement)
    };
    let measured = rows.iter().enumerate().map(measure).collect();
    bar.clear();
    measured
}

/// How to start this executable in a new process.
pub(crate) fn launcher(model: &Path, reading: Vec<OsString>) -> Result<Launcher> {
    let program = std::env::current_exe().map_err(|cause| {
        Error::new(ErrorKind::Io, "the command does not find itself to start again")
            .cause(cause.to_string())
            .hint("measure one device, list of passes and batch size at a time")
    })?;
    Ok(Launcher { program, model: model.to_path_buf(), reading, patience: PATIENCE })
}

fn label(session: &SessionOptions, run: &RunOptions) -> String {
    format!("{} {} batch {}", session.device.name(), session.passes, run.batch)
}

fn write_csv(path: &Path, report: &Report) -> Result<()> {
    replace(path, report.to_csv().as_bytes()).map_err(|cause| {
        Error::new(ErrorKind::Io, "cannot be written")
            .at(path.display().to_string())
            .cause(cause.to_string())
            .hint("give --csv the path of a file that you may write")
    })?;
    message::note(&format!("quantities: {}", path.display()));
    Ok(())
}
