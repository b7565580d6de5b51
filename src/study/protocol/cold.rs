//! Cold starts: a new process for each, with or without compiled pipelines of an earlier process on disk.

use super::options::StudyOptions;
use crate::error::{Error, Result};
use crate::session::SessionOptions;
use crate::study::measurement::{Measurement, RunOptions, StageTime};
use crate::study::process::{Launched, Launcher};
use crate::study::report::ColdStart;
use crate::study::statistics::{Summary, median};
use std::path::Path;
use tempfile::TempDir;

/// Starts processes that each open `session` and predict once.
pub(super) fn start(
    launcher: &Launcher,
    options: &StudyOptions,
    session: &SessionOptions,
    batch: usize,
    cached: bool,
) -> Result<ColdStart> {
    let run = RunOptions { batch, runs: 0, min_seconds: 0.0, seed: options.seed, ..RunOptions::default() };
    let folder = if cached { Some(cache_folder()?) } else { None };
    let place = folder.as_ref().map_or(Path::new(""), TempDir::path);
    let launch = || launcher.measure(session, &run, Some(place));
    if cached {
        launch()?;
    }
    let launched = (0..options.repeats()).map(|_| launch()).collect::<Result<Vec<_>>>()?;
    let of = |time: &dyn Fn(&Launched) -> f64| -> Vec<f64> { launched.iter().map(time).collect() };
    let load = |launched: &Launched| launched.measurement.load_ms.unwrap_or_default();
    let (open, first) = (of(&|launched| launched.measurement.open_ms), of(&|launched| launched.measurement.first_ms));
    let total = of(&|launched| load(launched) + launched.measurement.open_ms + launched.measurement.first_ms);
    let some = |samples: &[f64]| Summary::of(samples).ok_or_else(|| Error::input("no process was started"));
    let measured = &launched[0].measurement;
    Ok(ColdStart {
        device: measured.device.clone(),
        engine: measured.engine.clone(),
        passes: measured.passes.clone(),
        settings: measured.settings.clone(),
        cached,
        total_ms: some(&total)?,
        process_ms: some(&of(&|launched| launched.process_ms))?,
        load_ms: median(&of(&load)),
        open_ms: median(&open),
        first_ms: median(&first),
        open_stages: medians(&launched, |measurement| &measurement.open_stages),
        first_stages: medians(&launched, |measurement| &measurement.first_stages),
        pipelines: measured.pipelines,
        dispatches: measured.dispatches,
    })
}

/// The medians of the stages over processes that did the same work.
fn medians(launched: &[Launched], stages: impl Fn(&Measurement) -> &[StageTime]) -> Vec<StageTime> {
    let all = || launched.iter().map(|launched| stages(&launched.measurement));
    let of = |stage: &StageTime| {
        let times =
            all().filter_map(|stages| stages.iter().find(|other| other.name == stage.name)).map(|other| other.ms);
        StageTime { name: stage.name.clone(), ms: median(&times.collect::<Vec<_>>()) }
    };
    stages(&launched[0].measurement).iter().map(of).collect()
}

/// A temporary folder for compiled pipelines, removed when dropped.
fn cache_folder() -> Result<TempDir> {
    tempfile::tempdir().map_err(|cause| {
        let folder = std::env::temp_dir();
        Error::io(&folder, cause).hint("let TMPDIR name a folder that you may write")
    })
}
