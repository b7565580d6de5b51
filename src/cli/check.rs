//! `check`: whether a device computes what the reference computes.

use crate::arguments::ReadArguments;
use crate::input::{self, Origin};
use crate::message::{self, Failure};
use crate::model_file::{ModelFile, skew_lines};
use crate::table::{Align, Table};
use clap::ValueEnum;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tfjs_wgpu::gpu::LimitsPreset;
use tfjs_wgpu::study::{self, CheckDevice, CheckReport, NodeCheck};
use tfjs_wgpu::tensor::Difference;
use tfjs_wgpu::{Error, ErrorKind, Model, NamedTensors, Result, tensor_file};

/// Rows of random input: enough for a kernel's edges to lie inside.
const RANDOM_BATCH: usize = 3;

/// Compare a device with the plain reference, operator by operator and end to end
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all within tolerance; 1 not so; 2 it could not be checked.")]
pub(crate) struct CheckArguments {
    /// A model.json, or the folder that holds it
    model: PathBuf,
    /// The inputs: .safetensors, .npz or .json, tensors by input name, batch first [default: the file `input` beside
    /// the model, else random numbers]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Outputs recorded elsewhere to compare with too, for example by TF.js
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// What to check
    #[arg(long, value_enum, default_value = "gpu")]
    device: CheckDeviceArgument,
    #[command(flatten)]
    read: ReadArguments,
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
    let file = ModelFile::load(&arguments.model, arguments.read.options())?;
    let (inputs, origin) = input::inputs(arguments.input.as_deref(), &file, RANDOM_BATCH)?;
    if let (Some(_), Origin::Random { .. }) = (&arguments.expected, &origin) {
        let error = Error::new(ErrorKind::Input, "expected outputs do not belong to random inputs");
        return Err(error.hint("give the inputs they were recorded for with --input").into());
    }
    let expected = arguments.expected.as_deref().map(|path| expected(path, &file.model)).transpose()?;
    for line in skew_lines(&file.model) {
        message::note(&line);
    }
    let device = match arguments.device {
        CheckDeviceArgument::Gpu => CheckDevice::Gpu(LimitsPreset::Full),
        CheckDeviceArgument::Cpu => CheckDevice::Cpu,
    };
    let report = study::check(&file.model, &inputs, expected.as_ref(), device).map_err(|error| {
        match (&arguments.expected, error.kind()) {
            // The model's own shapes fit: they were inferred when it was loaded.
            (Some(path), ErrorKind::Shape) => error.at(path.display().to_string()),
            _ => origin.blame(error),
        }
    })?;
    message::note(&format!("device: {}", report.device));
    write_report(&report, out)?;
    Ok(if report.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The expected outputs; an error if one of them is none of the model's, or if there are none.
fn expected(path: &Path, model: &Model) -> Result<NamedTensors> {
    let expected = tensor_file::read(path)?;
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

fn write_report(report: &CheckReport, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::with_header(&[
        ("output", Align::Left),
        ("against", Align::Left),
        ("max abs", Align::Right),
        ("max rel", Align::Right),
        ("ulp", Align::Right),
        ("allowed", Align::Right),
        ("verdict", Align::Left),
    ]);
    for output in &report.outputs {
        let difference = &output.difference;
        table.row([
            output.name.clone(),
            output.against.into(),
            scientific(difference.max_absolute),
            scientific(difference.max_relative),
            ulps(difference.max_ulps),
            scientific(difference.allowed),
            if difference.is_within() { "ok".into() } else { "WRONG".into() },
        ]);
    }
    table.write(out, "")?;
    for output in report.outputs.iter().filter(|output| !output.difference.is_within()) {
        writeln!(out, "output `{}` against {}:", message::printable(&output.name), output.against)?;
        write_worst(&output.difference, out)?;
    }
    let wrong = report.nodes.iter().filter(|node| !node.difference.is_within()).count();
    let checked = format!("{} operators checked on a batch of {}", report.nodes.len(), report.batch);
    match report.first_wrong_node() {
        None => writeln!(out, "{checked}, all within tolerance"),
        Some(first) => {
            writeln!(out, "{checked}, {wrong} outside tolerance; the first:")?;
            write_operator(first, out)
        }
    }
}

fn write_operator(node: &NodeCheck, out: &mut impl Write) -> io::Result<()> {
    let name = message::printable(&node.name);
    writeln!(out, "  {}  \"{name}\", tolerance {}", node.operator, node.tolerance)?;
    write_worst(&node.difference, out)
}

fn write_worst(difference: &Difference, out: &mut impl Write) -> io::Result<()> {
    let (expected, actual) = difference.worst_values;
    writeln!(
        out,
        "  worst at {:?}: expected {:?}, found {:?}, allowed {}; wrong elements: {}",
        difference.worst_index,
        expected as f32,
        actual as f32,
        scientific(difference.allowed),
        difference.wrong_elements
    )
}

fn scientific(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.1e}") }
}

fn ulps(ulps: u64) -> String {
    // The distance to a NaN.
    if ulps == u64::MAX { "nan".into() } else { ulps.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfjs_wgpu::study::OutputCheck;

    fn difference(wrong_elements: usize) -> Difference {
        Difference {
            max_absolute: 0.25,
            max_relative: 0.5,
            max_ulps: u64::MAX,
            worst_share: 4.0,
            worst_index: vec![3, 1],
            worst_values: (0.5, 0.25),
            allowed: 0.0625,
            wrong_elements,
        }
    }

    #[test]
    fn the_first_wrong_operator_is_named_with_its_worst_element() {
        let node = |name: &str, wrong_elements| NodeCheck {
            name: name.into(),
            operator: "dense".into(),
            tolerance: "sum(8)".into(),
            difference: difference(wrong_elements),
        };
        let output = OutputCheck { name: "score".into(), against: "reference", difference: difference(2) };
        let nodes = vec![node("fc1", 0), node("fc2", 5), node("fc3", 7)];
        let report = CheckReport { device: "gpu".into(), batch: 4, nodes, outputs: vec![output] };
        let mut out = Vec::new();
        write_report(&report, &mut out).expect("write");
        let expected = "\
output  against    max abs  max rel  ulp  allowed  verdict
score   reference   2.5e-1   5.0e-1  nan   6.2e-2  WRONG
output `score` against reference:
  worst at [3, 1]: expected 0.5, found 0.25, allowed 6.2e-2; wrong elements: 2
3 operators checked on a batch of 4, 2 outside tolerance; the first:
  dense  \"fc2\", tolerance sum(8)
  worst at [3, 1]: expected 0.5, found 0.25, allowed 6.2e-2; wrong elements: 5
";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}
