//! `check`: compares a device with the reference.

mod object;
mod report;

use crate::arguments::{
    AdapterArguments, BadIdArguments, PassesArguments, RandomWeightsArguments, ReadArguments, WeightFormatArguments,
};
use crate::environment;
use crate::input::{Inputs, Origin};
use crate::message::{self, Failure};
use crate::model_file::skew_lines;
use crate::tensors::{self, Role};
use crate::warnings;
use clap::ValueEnum;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tfjs_wgpu::study;
use tfjs_wgpu::study::{CheckReport, OutputCheck};
use tfjs_wgpu::{Device, Error, ErrorKind, Model, NamedTensors, Result, Semantics, SessionOptions};

/// Rows of random input: enough for the edges of a kernel to lie inside the batch.
const RANDOM_BATCH: usize = 3;

const EXIT_CODES: &str = "Exit codes: 0 all within tolerance, 1 not all within tolerance, 2 error.";

/// Compare a device with the reference, operator by operator and end to end
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES, after_long_help = object::help(EXIT_CODES))]
pub(crate) struct CheckArguments {
    /// A model.json, an .onnx file, or the folder that holds one
    model: PathBuf,
    /// A file of inputs by name, batch first: .safetensors, .npz, .json or .pb, or a folder of .pb files, as test data of
    /// ONNX is [default: the file `input` beside the model, otherwise random inputs]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// A file of recorded outputs to compare with as well, for example from TF.js, or a folder of .pb files
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// The device to check
    #[arg(long, value_enum, default_value = "gpu")]
    device: CheckDeviceArgument,
    #[command(flatten)]
    adapter: AdapterArguments,
    #[command(flatten)]
    read: ReadArguments,
    #[command(flatten)]
    bad_ids: BadIdArguments,
    #[command(flatten)]
    weights: WeightFormatArguments,
    #[command(flatten)]
    random: RandomWeightsArguments,
    #[command(flatten)]
    passes: PassesArguments,
    /// Print the report as one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// `--device`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckDeviceArgument {
    /// The GPU
    Gpu,
    /// The CPU
    Cpu,
}

/// Runs the verb.
pub(crate) fn check(arguments: &CheckArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (on_bad_id, weight_format) = (arguments.bad_ids.policy(), arguments.weights.format());
    let options = arguments.read.options().on_bad_id(on_bad_id).weight_format(weight_format);
    let options = options.random_weights(arguments.random.seed());
    let inputs = Inputs::of(arguments.input.as_deref(), &arguments.model, RANDOM_BATCH);
    let file = inputs.load(&arguments.model, options)?;
    let (inputs, origin) = inputs.into_tensors(&file)?;
    if let (Some(_), Origin::Random { .. }) = (&arguments.expected, &origin) {
        let error = Error::new(ErrorKind::Input, "expected outputs do not belong to random inputs");
        return Err(error.hint("give the inputs they were recorded for with --input").into());
    }
    let expected = arguments.expected.as_deref().map(|path| expected(path, &file.model)).transpose()?;
    for line in skew_lines(&file.model) {
        message::note(&line);
    }
    let report = compare(arguments, &file.model, &inputs, expected.as_ref(), &origin)?;
    let not_finite = warnings::not_finite_inputs(&inputs);
    for line in warnings::bad_ids(&report.bad_ids, file.model.on_bad_id()).iter().chain(&not_finite) {
        message::warning(line);
    }
    if arguments.json {
        let object = object::object(&report, &file.model, &origin, &not_finite);
        serde_json::to_writer(&mut *out, &object)?;
        writeln!(out)?;
    } else {
        report::write(&report, out)?;
    }
    // Hints follow the report.
    out.flush()?;
    if let Some(hint) = semantics_hint(arguments, &file.model, &report) {
        message::hint(&hint);
    }
    Ok(if report.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks the device, and prints which one it is.
fn compare(
    arguments: &CheckArguments,
    model: &Model,
    inputs: &NamedTensors,
    expected: Option<&NamedTensors>,
    origin: &Origin,
) -> Result<CheckReport> {
    let device = match arguments.device {
        CheckDeviceArgument::Gpu => Device::Gpu,
        CheckDeviceArgument::Cpu => Device::Cpu,
    };
    let options = SessionOptions::default()
        .device(device)
        .passes(arguments.passes.passes())
        .adapter(arguments.adapter.adapter_for(device))
        .cache_folder(environment::cache_folder());
    let report = study::check_with(model, inputs, expected, &options).map_err(|error| {
        match (&arguments.expected, error.kind()) {
            // The model's own shapes were inferred when it was loaded, so the expected outputs must be wrong.
            (Some(path), ErrorKind::Shape) => {
                error.at(path.display().to_string()).hint("give the outputs that were recorded for these inputs")
            }
            _ => origin.blame(error),
        }
    })?;
    message::note(&format!("device: {}", report.device));
    Ok(report)
}

/// A hint if every operator is right and only the comparison with the expected outputs fails.
fn semantics_hint(arguments: &CheckArguments, model: &Model, report: &CheckReport) -> Option<String> {
    let path = arguments.expected.as_ref()?;
    let is_met = |output: &OutputCheck| output.difference.is_within();
    if model.skews().is_empty() || report.first_wrong_node().is_some() || report.outputs.iter().all(is_met) {
        return None;
    }
    let (other, option) = match model.options().tfjs.semantics {
        Semantics::TfJs => ("Keras", Semantics::Keras),
        Semantics::Keras => ("TF.js", Semantics::TfJs),
    };
    Some(format!(
        "TF.js and Keras differ for this model; was {} recorded from {other}? try --semantics {option}",
        path.display()
    ))
}

/// Reads the expected outputs. Fails if there are none, or if the model lacks one of them.
fn expected(path: &Path, model: &Model) -> Result<NamedTensors> {
    let expected = tensors::for_model(tensors::read(path, Role::Output)?, path, model, Role::Output)?;
    let outputs: Vec<&str> = model.graph().outputs().iter().map(|(name, _)| name.as_str()).collect();
    let unknown = expected.names().find(|name| !outputs.contains(name)).map(str::to_string);
    let what = match unknown {
        Some(name) => format!("the model has no output called `{name}`"),
        None if expected.is_empty() => "there are no tensors in it".to_string(),
        None => return Ok(expected),
    };
    Err(Error::new(ErrorKind::Input, what)
        .at(path.display().to_string())
        .hint(format!("the model's outputs are: {}", outputs.join(", "))))
}
