//! The whole study of a model, as a list of steps that each measure one thing and add it to the report.
//!
//! The list is a plain value, made before anything is measured. The report is handed out after every step, so that whoever
//! keeps it loses nothing by an interruption. A step that cannot be done, as a plan that the device refuses, is a note in the
//! report, and the next one follows.

mod ablations;
mod cold;
mod curves;
mod dispatches;
mod precision;
mod profiles;
mod published;
mod steps;

pub use steps::{Step, steps};

use super::measurement::{RunOptions, measure};
use super::process::Launcher;
use super::report::{Report, Sporadic, StudyResults};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::session::{Device, SessionOptions};
use crate::setters::setters;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// What is studied.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StudyOptions {
    /// On which devices, [`Device::Gpu`] and [`Device::Cpu`] among them.
    pub devices: Vec<Device>,
    /// The inputs that describe the user: they are given once for all candidates in some of the curves.
    pub shared: Vec<String>,
    /// Part of the name of the GPU adapter; `None` for the best.
    pub adapter: Option<String>,
    /// The folder for compiled pipelines of the sessions in this process ([`SessionOptions::cache_folder`]).
    pub cache_folder: Option<PathBuf>,
    /// How a process of its own is started. Without it what needs one is left out: cold starts, and what ablations do to
    /// the first answer.
    #[doc(hidden)]
    pub launcher: Option<Launcher>,
    /// The seed of all inputs.
    pub seed: u64,
    /// Whether a few runs stand for many: to see that a study works.
    pub quick: bool,
}

impl Default for StudyOptions {
    fn default() -> Self {
        StudyOptions {
            devices: vec![Device::Gpu, Device::Cpu],
            shared: Vec::new(),
            adapter: None,
            cache_folder: None,
            launcher: None,
            seed: 1,
            quick: false,
        }
    }
}

setters!(StudyOptions {
    devices: Vec<Device>,
    shared: Vec<String>,
    adapter: Option<String>,
    cache_folder: Option<PathBuf>,
    seed: u64,
    quick: bool,
});

impl StudyOptions {
    /// Sets how processes are started.
    #[doc(hidden)]
    pub fn launcher(self, launcher: Launcher) -> Self {
        StudyOptions { launcher: Some(launcher), ..self }
    }

    /// Runs of at least so many seconds.
    pub(super) fn runs(&self, batch: usize, seconds: f64) -> RunOptions {
        let (runs, min_seconds) = if self.quick { (2, 0.0) } else { (10, seconds) };
        let max_seconds = min_seconds.max(0.1) * 10.0;
        RunOptions { batch, warmup_runs: 2, runs, min_seconds, max_seconds, seed: self.seed, ..RunOptions::default() }
    }

    fn repeats(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }
}

/// Where a study is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepProgress<'s> {
    /// What comes next; `None` at the end.
    pub step: Option<&'s Step>,
    /// How many steps are done.
    pub done: usize,
    /// Of how many.
    pub count: usize,
}

/// Does all steps. `observe` sees the report before each and at the end, and may end the study.
pub fn study(
    model: &Model,
    options: &StudyOptions,
    observe: &mut dyn FnMut(&Report, StepProgress<'_>) -> Result<ControlFlow<()>>,
) -> Result<Report> {
    if options.devices.is_empty() {
        return Err(Error::input("a study needs a device").hint("name the GPU, the CPU, or both"));
    }
    let steps = steps(model, options);
    let mut report = Report::new(model, options.seed, options.adapter.as_deref());
    report.study = Some(StudyResults { quick: options.quick, ..StudyResults::default() });
    let count = steps.len();
    for (done, step) in steps.iter().enumerate() {
        if observe(&report, StepProgress { step: Some(step), done, count })?.is_break() {
            return Ok(report);
        }
        if let Err(error) = take(step, model, options, &mut report) {
            let cause = error.cause_text().map_or(String::new(), |cause| format!(" ({cause})"));
            results(&mut report).notes.push(format!("{step}: {error}{cause}"));
        }
    }
    conclude(&mut report);
    let _ = observe(&report, StepProgress { step: None, done: count, count })?;
    Ok(report)
}

fn results(report: &mut Report) -> &mut StudyResults {
    report.study.get_or_insert_default()
}

/// Measures what a step says.
fn take(step: &Step, model: &Model, options: &StudyOptions, report: &mut Report) -> Result<()> {
    let go_on = &mut |_| ControlFlow::Continue(());
    match step {
        Step::Warm { session, batch } => {
            report.results.push(measure(model, session, &options.runs(*batch, 0.6), go_on)?);
        }
        Step::Cold { session, cached } => {
            let found = cold::start(launcher(options)?, options, session, 1, *cached)?;
            results(report).cold.push(found);
        }
        Step::Sporadic { session, interval_ms } => {
            let run = curves::sporadic(options, *interval_ms);
            let found = measure(model, session, &run, go_on)?;
            if let Some(warm_ms) = found.warm_ms {
                let (device, passes) = (found.device, found.passes);
                results(report).sporadic.push(Sporadic { device, passes, interval_ms: *interval_ms, warm_ms });
            }
        }
        Step::Candidates { session, candidates } => {
            let found = measure(model, session, &options.runs(*candidates, 0.2), go_on)?;
            curves::add(&mut results(report).curves, found);
        }
        Step::Dispatches { session, dispatches } => {
            let found = dispatches::measure_chain(options, session, *dispatches)?;
            dispatches::add(results(report), found);
        }
        Step::Ablation { habit, session, batch } => {
            let found = ablations::measure_habit(model, options, *habit, session, *batch)?;
            results(report).ablations.push(found);
        }
        Step::Profile { session, batch } => {
            let found = profiles::profile(model, options, session, *batch, &results(report).profiles)?;
            results(report).profiles.push(found);
        }
        Step::Precision { session, name } => {
            let found = precision::compare(model, options, session, name)?;
            results(report).precision.push(found);
        }
    }
    Ok(())
}

fn launcher(options: &StudyOptions) -> Result<&Launcher> {
    options.launcher.as_ref().ok_or_else(|| Error::input("no process can be started").hint("give a launcher"))
}

/// What follows from all that was measured.
fn conclude(report: &mut Report) {
    let results = results(report);
    results.break_even = curves::break_even(&results.curves);
    results.published = published::beside(&results.cold);
    results.complete = true;
}

/// The options of a session on `device`.
fn session(device: Device, passes: crate::passes::Passes) -> SessionOptions {
    SessionOptions { device, passes, ..SessionOptions::default() }
}
