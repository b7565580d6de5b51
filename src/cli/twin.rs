//! `twin`: compares the answers of two files of one model.

use crate::arguments::{BadIdArguments, ReadArguments, SessionArguments};
use crate::input::{self, Inputs};
use crate::message::{self, Failure};
use crate::model_file::{ModelFile, skew_lines};
use crate::table::{Align, Table};
use crate::values;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tfjs_wgpu::internals::study::{self, MatchedBy, Pair, RankAgreement, TOP, TwinOutput, TwinReport};
use tfjs_wgpu::{Error, ErrorKind, Result, Session};

const EXIT_CODES: &str = "Exit codes: 0 within the tolerance, 1 not within the tolerance, 2 error.";

/// The description of the fields for `--help`.
const HELP: &str = "\
The object that --json prints:
  schema    1; incremented when the meaning of a field changes
  models    the two files
  device, input
            the device that answered, and the source of the inputs
  batch, tolerance
            the number of rows, and the value of the option
  within    whether every output is within the tolerance
  inputs    [{first, second, matched_by}]; matched_by is \"name\", \"similar name\" or \"order\"
  outputs   [{first, second, matched_by, max_absolute, largest, relative, ranking}]
            ranking is null, or {kendall_tau, ndcg_at_10, same_best} for one number a row
Infinity is the string \"Infinity\": only one of the two values is a number.

";

/// Compare the answers of two files of one model, such as its TF.js and its ONNX form
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES, after_long_help = [HELP, EXIT_CODES].concat())]
pub(crate) struct TwinArguments {
    /// The first file: a model.json, an .onnx file, or the folder that holds one
    first: PathBuf,
    /// The second file
    second: PathBuf,
    /// A file of inputs by the names of the first file, batch first: .safetensors, .npz, .json or .pb, or a folder of
    /// .pb files [default: the file `input` beside the first model, otherwise random inputs]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Random inputs of N rows
    #[arg(long, value_name = "N", conflicts_with = "input", value_parser = clap::value_parser!(u32).range(1..=65536))]
    batch: Option<u32>,
    /// The largest difference, as a part of the largest magnitude of the output
    #[arg(long, value_name = "PART", default_value_t = 1e-4)]
    tolerance: f64,
    #[command(flatten)]
    session: SessionArguments,
    #[command(flatten)]
    read: ReadArguments,
    #[command(flatten)]
    bad_ids: BadIdArguments,
    /// Print the comparison as one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Rows of random input: enough for a ranking.
const RANDOM_BATCH: usize = 16;

/// Runs the verb.
pub(crate) fn twin(arguments: &TwinArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    if arguments.tolerance.is_nan() || arguments.tolerance < 0.0 {
        return Err(Error::new(ErrorKind::Input, "--tolerance must be a number from 0").into());
    }
    let options = || arguments.read.options().on_bad_id(arguments.bad_ids.policy());
    let inputs = match arguments.batch {
        Some(batch) => Inputs::random(batch as usize),
        None => Inputs::of(arguments.input.as_deref(), &arguments.first, RANDOM_BATCH),
    };
    let first = inputs.load(&arguments.first, options())?;
    let (inputs, origin) = inputs.into_tensors(&first)?;
    let second = ModelFile::load(&arguments.second, options())?;
    for line in [&first, &second].into_iter().flat_map(|file| skew_lines(&file.model)) {
        message::note(&line);
    }
    let open = |file: &ModelFile, shared| Session::open_with(&file.model, arguments.session.options(shared));
    let sessions = [open(&first, input::shared(&first.model, &inputs))?, open(&second, Vec::new())?];
    message::device(sessions[0].device());
    let report = study::twin(&sessions[0], &sessions[1], &inputs).map_err(|error| origin.blame(error))?;
    let is_within = report.is_within(arguments.tolerance);
    if arguments.json {
        let object = json!({
            "schema": 1,
            "models": [first.path.display().to_string(), second.path.display().to_string()],
            "device": sessions[0].device().to_string(),
            "input": origin.to_string(),
            "batch": report.batch,
            "tolerance": arguments.tolerance,
            "within": is_within,
            "inputs": report.inputs.iter().map(pair_json).collect::<Value>(),
            "outputs": report.outputs.iter().map(output_json).collect::<Value>(),
        });
        serde_json::to_writer(&mut *out, &object)?;
        writeln!(out)?;
    } else {
        write_text(&report, arguments.tolerance, out)?;
    }
    Ok(if is_within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_text(report: &TwinReport, tolerance: f64, out: &mut impl Write) -> io::Result<()> {
    let mut table =
        Table::with_header(&[("input", Align::Left), ("in the second", Align::Left), ("matched by", Align::Left)]);
    for pair in &report.inputs {
        table.row([pair.first.clone(), pair.second.clone(), pair.matched_by.name().into()]);
    }
    table.write(out, "")?;
    writeln!(out)?;
    let ndcg = format!("NDCG@{TOP}");
    let mut table = Table::with_header(&[
        ("output", Align::Left),
        ("in the second", Align::Left),
        ("max abs", Align::Right),
        ("of largest", Align::Right),
        ("Kendall tau", Align::Right),
        (&ndcg, Align::Right),
        ("same best", Align::Left),
        ("verdict", Align::Left),
    ]);
    for output in &report.outputs {
        let ranked = |text: fn(&RankAgreement) -> String| output.ranking.as_ref().map_or_else(|| "-".into(), text);
        table.row([
            output.names.first.clone(),
            second_name(&output.names),
            scientific(output.max_absolute),
            scientific(output.relative()),
            ranked(|ranking| format!("{:.4}", ranking.kendall_tau)),
            ranked(|ranking| format!("{:.4}", ranking.ndcg)),
            ranked(|ranking| if ranking.same_best { "yes".into() } else { "no".into() }),
            if output.relative() <= tolerance { "ok".into() } else { "APART".into() },
        ]);
    }
    table.write(out, "")?;
    let apart = report.outputs.iter().filter(|output| output.relative() > tolerance).count();
    let of = format!("{} outputs on a batch of {}", report.outputs.len(), report.batch);
    match apart {
        0 => writeln!(out, "{of}: all within {} of the largest magnitude", scientific(tolerance)),
        _ => writeln!(out, "{of}: {apart} not within {} of the largest magnitude", scientific(tolerance)),
    }
}

/// The name in the second file, and why it is taken for the same output if that is not its name.
fn second_name(names: &Pair) -> String {
    match names.matched_by {
        MatchedBy::Name => names.second.clone(),
        by => format!("{} (by {})", names.second, by.name()),
    }
}

fn scientific(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.1e}") }
}

fn pair_json(pair: &Pair) -> Value {
    json!({"first": pair.first, "second": pair.second, "matched_by": pair.matched_by.name()})
}

fn output_json(output: &TwinOutput) -> Value {
    let ranking = output.ranking.as_ref().map(|ranking| {
        json!({"kendall_tau": ranking.kendall_tau, "ndcg_at_10": ranking.ndcg, "same_best": ranking.same_best})
    });
    let mut object = pair_json(&output.names);
    object["max_absolute"] = values::float_json(output.max_absolute as f32);
    object["largest"] = values::float_json(output.largest as f32);
    object["relative"] = values::float_json(output.relative() as f32);
    object["ranking"] = ranking.into();
    object
}
