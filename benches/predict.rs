//! How long opening a model, its first prediction and warm predictions take, end to end through the public interface:
//!
//! ```sh
//! cargo bench --bench predict -- MODEL [--device gpu|cpu] [--threads 1] [--weight-format keep|f32] [--batch 1,32,256]
//!     [--shared user_id,history]
//! ```
//!
//! One JSON line for opening and one per batch, in nanoseconds. With `--rounds-from-stdin` it is the child of a
//! comparison (benches/peers): it answers every batch size it reads with one round. It judges nothing.

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tfjs_wgpu::internals::session;
use tfjs_wgpu::telemetry::Timeline;
use tfjs_wgpu::{
    Device, Error, ErrorKind, LoadOptions, Model, NamedTensors, Prediction, Result, Session, SessionOptions, Tensor,
    WeightFormat, tensor_file,
};

/// A percentile of fewer runs means nothing.
const FEWEST_RUNS: usize = 5;
const MOST_RUNS: usize = 100_000;
const SEED: u64 = 1;

/// Times a model from loading to warm predictions.
#[derive(Debug, Parser)]
struct Arguments {
    /// A model.json or a folder that holds one
    #[arg(default_value = "examples/shop_rank")]
    model: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value = "gpu")]
    device: DeviceArgument,
    /// Whether quantised weights stay as small as the file has them
    #[arg(long, value_enum, default_value = "keep")]
    weight_format: WeightFormatArgument,
    /// Batch sizes
    #[arg(long, value_delimiter = ',', default_value = "1,32,256")]
    batch: Vec<usize>,
    /// Threads of the CPU [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Inputs given with one row for the whole batch: one user, many candidates
    #[arg(long, value_delimiter = ',', value_name = "INPUT")]
    shared: Vec<String>,
    /// How long a round of warm predictions lasts, in milliseconds; it has 5 runs at least
    #[arg(long, value_name = "MS", default_value_t = 500)]
    round: u64,
    /// After opening, answer every batch size read from stdin with one round
    #[arg(long)]
    rounds_from_stdin: bool,
    /// Write the inputs of every batch size to FOLDER/BATCH.safetensors and end
    #[arg(long, value_name = "FOLDER")]
    write_inputs: Option<PathBuf>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DeviceArgument {
    Gpu,
    Cpu,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WeightFormatArgument {
    Keep,
    F32,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.cause_text().into_iter().for_each(|cause| eprintln!("cause: {cause}"));
            error.hint_text().into_iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::from(2)
        }
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let weight_format = match arguments.weight_format {
        WeightFormatArgument::Keep => WeightFormat::Keep,
        WeightFormatArgument::F32 => WeightFormat::F32,
    };
    let options = LoadOptions::default().weight_format(weight_format);
    let (model, load_ns) = timed(|| Model::load(&arguments.model, options));
    let model = model?;
    if let Some(folder) = &arguments.write_inputs {
        return write_inputs(&model, arguments, folder);
    }
    let device = match arguments.device {
        DeviceArgument::Gpu => Device::Gpu,
        DeviceArgument::Cpu => Device::Cpu,
    };
    let options = SessionOptions::default().device(device).cpu_threads(arguments.threads);
    let (session, open_ns) = timed(|| Session::open_with(&model, options));
    let session = match session {
        Ok(session) => session,
        // A machine without a GPU is no fault of the benchmark.
        Err(error)
            if matches!(arguments.device, DeviceArgument::Gpu) && tfjs_wgpu::internals::gpu::adapters().is_empty() =>
        {
            say(&json!({"missing": error.to_string(), "hint": error.hint_text()}));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let opening = counters(session.timeline());
    say(&json!({"engine": session.device().to_string(), "load_ns": load_ns, "open_ns": open_ns, "opening": opening}));
    let mut rounds = Rounds { session: &session, arguments, inputs: HashMap::new() };
    if !arguments.rounds_from_stdin {
        for &batch in &arguments.batch {
            say(&rounds.round(batch)?);
        }
        return Ok(());
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| bad_input("stdin cannot be read").cause(error.to_string()))?;
        let batch = line.trim().parse().map_err(|_| bad_input(&format!("`{line}` is no batch size")))?;
        say(&rounds.round(batch)?);
    }
    Ok(())
}

/// Rounds of warm predictions; the first of a batch size tells what its first prediction took.
struct Rounds<'a> {
    session: &'a Session,
    arguments: &'a Arguments,
    inputs: HashMap<usize, NamedTensors>,
}

impl Rounds<'_> {
    fn round(&mut self, batch: usize) -> Result<Value> {
        let mut line = json!({"batch": batch});
        if !self.inputs.contains_key(&batch) {
            let inputs = inputs(self.session.model(), self.arguments, batch)?;
            let (first, first_ns) = timed(|| self.session.predict(&inputs));
            let first = first?;
            line["first_ns"] = json!(first_ns);
            line["sample"] = json!(first.outputs.iter().next().map(|(_, tensor)| sample(tensor)));
            self.inputs.insert(batch, inputs);
        }
        let inputs = &self.inputs[&batch];
        let budget = Duration::from_millis(self.arguments.round);
        let start = Instant::now();
        let mut runs_ns = Vec::new();
        let mut prediction = Prediction::default();
        while runs_ns.len() < FEWEST_RUNS || (start.elapsed() < budget && runs_ns.len() < MOST_RUNS) {
            let (outcome, run_ns) = timed(|| self.session.predict_into(inputs, &mut prediction));
            outcome?;
            runs_ns.push(run_ns);
        }
        runs_ns.sort_unstable();
        let quantile = |part: f64| runs_ns[((runs_ns.len() - 1) as f64 * part).round() as usize];
        line["runs"] = json!(runs_ns.len());
        line["median_ns"] = json!(quantile(0.5));
        line["min_ns"] = json!(quantile(0.0));
        line["p90_ns"] = json!(quantile(0.9));
        line["predicting"] = counters(&prediction.timeline);
        Ok(line)
    }
}

/// Eight values spread over an output, by which engines are seen to compute the same.
fn sample(tensor: &Tensor) -> Vec<f64> {
    let values = tensor.to_f64();
    (0..8).filter_map(|eighth| values.get(eighth * values.len() / 8).copied()).collect()
}

/// Seeded inputs, the shared ones cut to their first row.
fn inputs(model: &Model, arguments: &Arguments, batch: usize) -> Result<NamedTensors> {
    let inputs = session::random_inputs(model, batch, SEED)?;
    if let Some(unknown) = arguments.shared.iter().find(|name| inputs.get(name).is_none()) {
        let names: Vec<&str> = inputs.names().collect();
        return Err(
            bad_input(&format!("no input `{unknown}` to share")).hint(format!("the inputs are {}", names.join(", ")))
        );
    }
    let cut = |(name, tensor): (&str, &Tensor)| {
        let rows = if arguments.shared.iter().any(|shared| shared == name) { 1 } else { batch };
        Ok((name.to_string(), tensor.rows(0, rows)?))
    };
    inputs.iter().map(cut).collect()
}

fn write_inputs(model: &Model, arguments: &Arguments, folder: &Path) -> Result<()> {
    for &batch in &arguments.batch {
        let path = folder.join(format!("{batch}.safetensors"));
        tensor_file::write(path, &inputs(model, arguments, batch)?)?;
    }
    Ok(())
}

fn bad_input(what: &str) -> Error {
    Error::new(ErrorKind::Input, what)
}

fn counters(timeline: &Timeline) -> Value {
    timeline.counters().iter().map(|(counter, total)| (counter.to_string(), json!(total))).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let start = Instant::now();
    let value = work();
    (value, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// One line, at once: a parent may be waiting for it.
fn say(line: &Value) {
    println!("{line}");
    std::io::stdout().flush().ok();
}
