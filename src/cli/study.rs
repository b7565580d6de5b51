//! `study`: runs the whole protocol, and writes the report after every step.

use crate::arguments::{AdapterArguments, MeasuredModelArguments};
use crate::bench::launcher;
use crate::environment;
use crate::input;
use crate::message::{self, Failure};
use crate::model_file::ModelFile;
use crate::progress::ProgressBar;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tfjs_wgpu::internals::has_gpu;
use tfjs_wgpu::internals::replace;
use tfjs_wgpu::study::Report;
use tfjs_wgpu::study::{StudyOptions, study as run_study};
use tfjs_wgpu::{Device, Error, ErrorKind, Result, tensor_file};

/// Run all measurements of a model and write a report
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct StudyArguments {
    /// A model.json, an .onnx file, or the folder that holds one
    model: PathBuf,
    /// The folder for report.html, report.json and report.csv. It is created if it does not exist
    #[arg(long, value_name = "FOLDER")]
    report: PathBuf,
    /// Inputs that describe the user: they have one row for all candidates [default: those with one row in the file
    /// `input` beside the model]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    shared: Vec<String>,
    /// The seed of the random inputs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Make only a few runs of each step, to test the setup. The numbers are not representative
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    adapter: AdapterArguments,
    #[command(flatten)]
    reading: MeasuredModelArguments,
}

const HELP: &str = "\
The files are written after every step, so an interrupted study keeps its results so far. It
measures: cold starts in new processes, without and with compiled pipelines on disk; warm
predictions; the effect of removing the techniques of TF.js on WebGL one after the other; the cost
of a dispatch; the order of candidates with half floats; time against the number of candidates; and
predictions with pauses. Inputs are random.

report.json has the fields that `bench --json` prints, and the object `study`. `compare` reads it.";

/// Runs the verb.
pub(crate) fn study(arguments: &StudyArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let reading = &arguments.reading;
    let file = ModelFile::load(&arguments.model, reading.options())?;
    let file = input::with_sizes_beside(file)?;
    file.model.expect_sized()?;
    let folder = &arguments.report;
    std::fs::create_dir_all(folder).map_err(|cause| unwritable(folder, &cause))?;
    if cfg!(debug_assertions) {
        message::warning("this is a debug build: its times mean little (cargo run --release -- study …)");
    }
    let mut devices = vec![Device::Gpu, Device::Cpu];
    if !has_gpu() {
        message::note("no GPU adapter was found: studying the CPU alone");
        devices.remove(0);
    }
    let options = StudyOptions::default()
        .devices(devices)
        .adapter(arguments.adapter.adapter_for(Device::Gpu))
        .cache_folder(environment::cache_folder())
        .shared(shared(arguments, &file)?)
        .launcher(launcher(&arguments.model, arguments.reading.words())?)
        .seed(arguments.seed)
        .quick(arguments.quick);
    let mut bar = ProgressBar::new();
    let report = run_study(&file.model, &options, &mut |report, progress| {
        keep(folder, report)?;
        if let Some(step) = progress.step {
            bar.step(&step.to_string(), progress.done, progress.count);
        }
        Ok(ControlFlow::Continue(()))
    });
    bar.clear();
    for note in report?.study.iter().flat_map(|study| &study.notes) {
        message::warning(note);
    }
    for name in FILES {
        writeln!(out, "{}", folder.join(name).display())?;
    }
    Ok(ExitCode::SUCCESS)
}

const FILES: [&str; 3] = ["report.html", "report.json", "report.csv"];

/// The inputs that have one row in the file beside the model while others have several.
fn shared(arguments: &StudyArguments, file: &ModelFile) -> Result<Vec<String>> {
    if !arguments.shared.is_empty() {
        return Ok(arguments.shared.clone());
    }
    let Some(path) = input::beside(&file.folder, &input::BESIDE_THE_MODEL) else { return Ok(Vec::new()) };
    let (inputs, _) = file.model.own_names(tensor_file::read(&path)?)?;
    let shared = input::shared(&file.model, &inputs);
    if !shared.is_empty() {
        message::note(&format!("one row for all candidates, as in {}: {}", path.display(), shared.join(", ")));
    }
    Ok(shared)
}

/// Replaces the files of the report, each atomically.
fn keep(folder: &Path, report: &Report) -> Result<()> {
    for (name, text) in FILES.iter().zip([report.to_html(), report.to_json()?, report.to_csv()]) {
        let path = folder.join(name);
        replace(&path, text.as_bytes()).map_err(|cause| unwritable(&path, &cause))?;
    }
    Ok(())
}

fn unwritable(path: &Path, cause: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot be written")
        .at(path.display().to_string())
        .cause(cause.to_string())
        .hint("give --report a folder that you may write")
}
