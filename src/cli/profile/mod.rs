//! `profile`: shows where the time of a prediction goes, step by step.

mod object;
mod report;

use crate::arguments::{MeasuredModelArguments, SessionArguments};
use crate::input::{self, Inputs, Origin};
use crate::message::{self, Failure};
use crate::model_file::ModelFile;
use crate::output_file;
use clap::ValueEnum;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tfjs_wgpu::internals::replace;
use tfjs_wgpu::study::chrome_trace;
use tfjs_wgpu::study::{Breakdown, Ceilings};
use tfjs_wgpu::{Error, ErrorKind, Result, Session};
use tfjs_wgpu::{Profile, ProfileOptions};

/// Show where the time of a prediction goes, step by step on the device and on the host
#[derive(Debug, clap::Args)]
#[command(after_long_help = object::HELP)]
pub(crate) struct ProfileArguments {
    /// A model.json, an .onnx file, or the folder that holds one
    model: PathBuf,
    /// A file of inputs by name, batch first: .safetensors, .npz, .json or .pb, or a folder of .pb files, as test data of
    /// ONNX is [default: the file `input` beside the model, otherwise random inputs]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Use random inputs of N rows
    #[arg(long, value_name = "N", conflicts_with = "input", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    #[command(flatten)]
    session: SessionArguments,
    #[command(flatten)]
    reading: MeasuredModelArguments,
    /// Pairs of predictions, one usual and one with timed steps
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The rows of the table
    #[arg(long, value_enum, default_value = "step", conflicts_with = "json")]
    by: By,
    /// The order of the rows
    #[arg(long, value_enum, default_value = "run", conflicts_with = "json")]
    sort: Sort,
    /// Write a trace that ui.perfetto.dev and chrome://tracing open
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// `--by`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// A kernel of a GPU, a step of the CPU
    Step,
    /// All steps of one operator
    Operator,
}

/// `--sort`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// As they run
    Run,
    /// The longest first
    Time,
}

/// A profile, and the inputs of the measurement.
struct Profiled<'a> {
    arguments: &'a ProfileArguments,
    file: &'a ModelFile,
    origin: &'a Origin,
    profile: &'a Profile,
    breakdown: &'a Breakdown,
    ceilings: Option<&'a Ceilings>,
}

/// Runs the verb.
pub(crate) fn profile(arguments: &ProfileArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let inputs = match arguments.batch {
        Some(batch) => Inputs::random(batch as usize),
        None => Inputs::of(arguments.input.as_deref(), &arguments.model, 1),
    };
    let file = inputs.load(&arguments.model, arguments.reading.options())?;
    let (inputs, origin) = inputs.into_tensors(&file)?;
    if let Some(path) = &arguments.trace {
        let input = origin.path().map(|path| (path, "the input"));
        output_file::expect_not_read("--trace", path, &file, &input.into_iter().collect::<Vec<_>>())?;
    }
    let options = arguments.session.options(input::shared(&file.model, &inputs));
    let session = Session::open_with(&file.model, options.clone())?;
    message::device(session.device());
    let runs = ProfileOptions::default().runs(arguments.runs as usize);
    let profile = session.profile(&inputs, runs).map_err(|error| origin.blame(error))?;
    let ceilings = Ceilings::measure(&options)?;
    let breakdown = Breakdown::of(&profile, ceilings.as_ref());
    if let Some(path) = &arguments.trace {
        write_trace(path, &profile, file.model.name())?;
    }
    let (ceilings, profile, breakdown) = (ceilings.as_ref(), &profile, &breakdown);
    let profiled = Profiled { arguments, file: &file, origin: &origin, profile, breakdown, ceilings };
    if arguments.json {
        serde_json::to_writer(&mut *out, &object::object(&profiled))?;
        writeln!(out)?;
    } else {
        report::write(profile, breakdown, ceilings, arguments.by, arguments.sort, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_trace(path: &Path, profile: &Profile, model: &str) -> Result<()> {
    replace(path, chrome_trace(profile, model).to_string().as_bytes()).map_err(|cause| {
        Error::new(ErrorKind::Io, "the trace cannot be written")
            .at(path.display().to_string())
            .cause(cause.to_string())
            .hint("give --trace the path of a file that you may write")
    })?;
    message::note(&format!("trace: {} (open it at https://ui.perfetto.dev)", path.display()));
    Ok(())
}
