//! `run`: predicts, and prints the outputs, the device and the times.

use crate::answer::Answer;
use crate::arguments::{
    BadIdArguments, RandomWeightsArguments, ReadArguments, SessionArguments, WeightFormatArguments,
};
use crate::input::{self, Inputs, Origin};
use crate::message::{self, Failure};
use crate::model_file::{ModelFile, skew_lines};
use crate::output_file;
use crate::ranking::{self, Labelled};
use crate::values;
use crate::warnings;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tfjs_wgpu::telemetry::{Counter, Stage};
use tfjs_wgpu::{Result, Session, tensor_file};

/// Rows of random input: without a ranking, and with one.
const RANDOM_BATCH: (usize, usize) = (1, 16);

/// Predict: print the outputs, write them to a file, or rank the batch
#[derive(Debug, clap::Args)]
#[command(after_long_help = JSON_HELP)]
pub(crate) struct RunArguments {
    /// A model.json, an .onnx file, or the folder that holds one
    model: PathBuf,
    /// A file of inputs by name, batch first: .safetensors, .npz, .json or .pb, or a folder of .pb files, as test data of
    /// ONNX is [default: the file `input` beside the model, otherwise random inputs]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write all outputs to a .safetensors, .npz or .json file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the K rows of the batch with the highest first output: rank, label and score. Without labels the label is
    /// the row number from 0. NaN ranks last
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// A file of labels for --top, one per line [default: `labels.txt` beside the model, if the input is from there]
    #[arg(long, value_name = "FILE", requires = "top")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    session: SessionArguments,
    #[command(flatten)]
    read: ReadArguments,
    #[command(flatten)]
    bad_ids: BadIdArguments,
    #[command(flatten)]
    weights: WeightFormatArguments,
    #[command(flatten)]
    random: RandomWeightsArguments,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

const JSON_HELP: &str = "\
The object that --json prints:
  schema    1; incremented when the meaning of a field changes
  model, device, input
            the model, the device that answered, and the source of the inputs
  batch     the batch size
  outputs   by name: {dtype, shape, values as nested arrays}; with --top instead:
  top       [{rank, row, label, score}], best first; label is null without labels
  bad_ids   [{input, layer, table_rows, count, first}]
  differences_between_tfjs_and_keras, warnings, notes
            lines of text
  times_ns  {load, open, first_predict, warm_predict}
  dispatches, submits
            of one prediction on the GPU; 0 elsewhere
NaN and infinities are the strings \"NaN\", \"Infinity\" and \"-Infinity\".";

/// Runs the verb.
pub(crate) fn run(arguments: &RunArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    if let Some(path) = &arguments.output {
        tensor_file::expect_writable(path)?;
    }
    let (on_bad_id, weight_format) = (arguments.bad_ids.policy(), arguments.weights.format());
    let options = arguments.read.options().on_bad_id(on_bad_id).weight_format(weight_format);
    let options = options.random_weights(arguments.random.seed());
    let random_batch = if arguments.top.is_some() { RANDOM_BATCH.1 } else { RANDOM_BATCH.0 };
    let inputs = Inputs::of(arguments.input.as_deref(), &arguments.model, random_batch);
    let file = inputs.load(&arguments.model, options)?;
    if arguments.top.is_some() {
        ranking::score_output(&file.model)?;
    }
    let (inputs, origin) = inputs.into_tensors(&file)?;
    let labels = labels(arguments, &file, &origin)?;
    if let Some(path) = &arguments.output {
        expect_not_read(path, &file, &origin, labels.as_ref())?;
    }
    for line in skew_lines(&file.model) {
        message::note(&line);
    }
    let session = Session::open_with(&file.model, arguments.session.options(input::shared(&file.model, &inputs)))?;
    message::device(session.device());
    let top = arguments.top.map(|count| count as usize);
    // A file needs all outputs. Otherwise only the best rows have to be read back.
    let ask = || match top {
        Some(count) if arguments.output.is_none() => Answer::best(&session, &inputs, count),
        _ => Answer::all(&session, &inputs, top),
    };
    let first = ask().map_err(|error| origin.blame(error))?;
    for line in warnings::bad_ids(&first.bad_ids, file.model.on_bad_id()) {
        message::warning(&line);
    }
    if let Some(count) = top {
        expect_rows(first.batch, count, labels.as_ref())?;
    }
    let warm = ask()?;
    let not_finite = warm.not_finite(&file.model, &inputs);
    for line in &not_finite {
        message::warning(line);
    }
    let run = Run { file: &file, session: &session, origin, first: &first, warm: &warm, not_finite };
    message::note(&run.times_line());
    if let Some(path) = &arguments.output {
        tensor_file::write(path, &warm.outputs)?;
        message::note(&format!("outputs: {}", path.display()));
    }
    run.answer(arguments, labels.as_ref(), out)?;
    Ok(ExitCode::SUCCESS)
}

/// Labels, and the path of their file.
type Labels = (Vec<String>, PathBuf);

fn labels(arguments: &RunArguments, file: &ModelFile, origin: &Origin) -> Result<Option<Labels>> {
    if arguments.top.is_none() {
        return Ok(None);
    }
    if let Some(path) = &arguments.labels {
        return Ok(Some((ranking::read_labels(path)?, path.clone())));
    }
    // They belong to the rows of the input file beside them.
    let beside = matches!(origin, Origin::Beside(_)).then(|| input::beside(&file.folder, &["labels.txt"])).flatten();
    let Some(path) = beside else {
        message::note("labels: none (--labels FILE names the rows)");
        return Ok(None);
    };
    message::note(&format!("labels: {}", path.display()));
    Ok(Some((ranking::read_labels(&path)?, path)))
}

/// Fails if `output` is a file that this run reads.
fn expect_not_read(output: &Path, file: &ModelFile, origin: &Origin, labels: Option<&Labels>) -> Result<()> {
    let input = origin.path().map(|path| (path, "the input"));
    let labels = labels.map(|(_, path)| (path.as_path(), "the file of labels"));
    let others: Vec<(&Path, &str)> = input.into_iter().chain(labels).collect();
    output_file::expect_not_read("--output", output, file, &others)
}

/// Fails unless every row has a label. Prints a note if there are fewer rows than requested.
fn expect_rows(batch: usize, count: usize, labels: Option<&Labels>) -> Result<()> {
    if let Some((labels, path)) = labels {
        ranking::expect_one_label_a_row(labels, path, batch)?;
    }
    if batch == 0 {
        message::note("the batch is empty: nothing to rank");
    } else if count > batch {
        message::note(&format!("the batch has only {batch} rows; all of them are ranked"));
    }
    Ok(())
}

/// A completed run.
struct Run<'a> {
    file: &'a ModelFile,
    session: &'a Session,
    origin: Origin,
    first: &'a Answer,
    warm: &'a Answer,
    /// Warnings about outputs that are NaN or infinite.
    not_finite: Vec<String>,
}

impl Run<'_> {
    fn open_ns(&self) -> u64 {
        self.session.timeline().total_ns(Stage::Open)
    }

    fn load_ns(&self) -> u64 {
        u64::try_from(self.file.load_time.as_nanos()).unwrap_or(u64::MAX)
    }

    fn times_line(&self) -> String {
        let predict = |answer: &Answer| milliseconds(answer.timeline.total_ns(Stage::Predict));
        let mut line = format!(
            "load {}, open {}, first predict {}, warm predict {}",
            milliseconds(self.load_ns()),
            milliseconds(self.open_ns()),
            predict(self.first),
            predict(self.warm)
        );
        let dispatches = self.warm.timeline.counter(Counter::Dispatches);
        if dispatches > 0 {
            let submits = self.warm.timeline.counter(Counter::Submits);
            line.push_str(&format!(
                " ({}, {})",
                counted(dispatches, "dispatch", "es"),
                counted(submits, "submit", "s")
            ));
        }
        line
    }

    fn answer(&self, arguments: &RunArguments, labels: Option<&Labels>, out: &mut impl Write) -> Result<(), Failure> {
        let labels = labels.map(|(labels, _)| labels.as_slice());
        let ranking = self.warm.ranking.as_ref().map(|ranking| Labelled { ranking, labels });
        if arguments.json {
            serde_json::to_writer(&mut *out, &self.to_json(ranking.as_ref()))?;
            writeln!(out)?;
        } else if let Some(ranking) = ranking {
            ranking.write(out)?;
        } else if arguments.output.is_none() {
            for (name, tensor) in self.warm.outputs.iter() {
                values::write_readable(out, name, tensor)?;
            }
        }
        Ok(())
    }

    fn to_json(&self, ranking: Option<&Labelled<'_>>) -> Value {
        let model = &self.file.model;
        let mut object = Map::new();
        object.insert("schema".into(), 1.into());
        object.insert("model".into(), model.name().into());
        object.insert("device".into(), self.session.device().to_string().into());
        object.insert("input".into(), self.origin.to_string().into());
        object.insert("batch".into(), self.warm.batch.into());
        match ranking {
            Some(ranking) => object.insert("top".into(), ranking.to_json()),
            None => object.insert("outputs".into(), self.outputs_json()),
        };
        object.insert("bad_ids".into(), warnings::bad_ids_json(&self.warm.bad_ids));
        object.insert("differences_between_tfjs_and_keras".into(), skew_lines(model).into());
        object.insert("warnings".into(), [model.warnings(), &self.not_finite].concat().into());
        object.insert("notes".into(), model.notes().into());
        let predict_ns = |answer: &Answer| answer.timeline.total_ns(Stage::Predict);
        let times = json!({
            "load": self.load_ns(),
            "open": self.open_ns(),
            "first_predict": predict_ns(self.first),
            "warm_predict": predict_ns(self.warm),
        });
        object.insert("times_ns".into(), times);
        for counter in [Counter::Dispatches, Counter::Submits] {
            object.insert(counter.name().into(), self.warm.timeline.counter(counter).into());
        }
        object.into()
    }

    fn outputs_json(&self) -> Value {
        let output = |(name, tensor): (&str, &tfjs_wgpu::Tensor)| {
            let value = json!({
                "dtype": tensor.dtype().to_string(),
                "shape": tensor.shape(),
                "values": values::nested_json(tensor),
            });
            (name.to_string(), value)
        };
        Value::Object(self.warm.outputs.iter().map(output).collect())
    }
}

fn counted(count: u64, noun: &str, plural: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { plural })
}

/// A time in milliseconds, with three digits.
fn milliseconds(ns: u64) -> String {
    let ms = ns as f64 / 1e6;
    let decimals = if ms >= 100.0 {
        0
    } else if ms >= 10.0 {
        1
    } else if ms >= 1.0 {
        2
    } else {
        3
    };
    format!("{ms:.decimals$} ms")
}
