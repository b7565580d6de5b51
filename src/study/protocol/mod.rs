//! The whole study of a model, as a list of steps. Each step measures one thing and adds it to the report.
//!
//! The list is a plain value, created before anything is measured. The report is passed to the caller after every step,
//! so an interruption loses at most one step. A step that fails, for example because the device refuses its plan,
//! becomes a note in the report, and the study continues.

mod ablations;
mod cold;
mod curves;
mod dispatches;
mod options;
mod precision;
mod profiles;
mod published;
mod step;
mod technique;

pub use options::StudyOptions;
pub use step::Step;
pub use technique::Technique;

use super::measurement::measure;
use super::process::Launcher;
use super::report::{Report, Sporadic, StudyResults};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::session::Device;
use options::{lists_of_passes, session};
use std::ops::ControlFlow;

/// Batch sizes of warm predictions.
const BATCHES: [usize; 3] = [1, 32, 256];

/// The progress of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepProgress<'s> {
    /// The next step; `None` at the end.
    pub step: Option<&'s Step>,
    /// The number of completed steps.
    pub done: usize,
    /// The total number of steps.
    pub count: usize,
}

/// Runs all steps of a study. `observe` is called with the report before each step and at the end. If it breaks, the
/// study ends early and returns the report so far, with [`StudyResults::complete`] false. A step that fails becomes a
/// note in the report ([`StudyResults::notes`]).
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use tfjs_wgpu::study::{StudyOptions, study};
/// use tfjs_wgpu::{Device, LoadOptions, Model};
///
/// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
/// let options = StudyOptions::default().devices(vec![Device::Cpu]).quick(true);
/// let report = study(&model, &options, &mut |_, progress| {
///     println!("{} of {} steps", progress.done, progress.count);
///     Ok(ControlFlow::Continue(()))
/// })?;
/// println!("{}", report.to_csv());
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Input`](crate::ErrorKind::Input) if the options name no device; any error that `observe` returns.
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

/// Runs one step and adds its result to the report.
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
        Step::Ablation { technique, session, batch } => {
            let found = ablations::measure_technique(model, options, *technique, session, *batch)?;
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

/// Adds the results that are derived from all steps.
fn conclude(report: &mut Report) {
    let results = results(report);
    results.break_even = curves::break_even(&results.curves);
    results.published = published::beside(&results.cold);
    results.complete = true;
}

/// All steps of a study, in execution order: fast and frequently needed measurements first.
pub fn steps(model: &Model, options: &StudyOptions) -> Vec<Step> {
    let devices = || options.devices.iter().copied();
    let each =
        || devices().flat_map(|device| lists_of_passes(device).iter().map(move |&passes| session(device, passes)));
    let mut steps = Vec::new();
    if options.launcher.is_some() {
        for session in each() {
            let cached = if session.device == Device::Gpu { &[false, true][..] } else { &[false] };
            steps.extend(cached.iter().map(|&cached| Step::Cold { session: session.clone(), cached }));
        }
    }
    for session in each() {
        steps.extend(BATCHES.map(|batch| Step::Warm { session: session.clone(), batch }));
    }
    if options.devices.contains(&Device::Gpu) {
        steps.extend(ablations::steps());
        steps.extend(dispatches::steps());
    }
    steps.extend(profiles::steps(options));
    steps.extend(precision::steps(model, options));
    steps.extend(curves::candidates(options));
    steps.extend(curves::sporadics(options));
    for session in steps.iter_mut().map(Step::session_mut) {
        session.adapter = options.adapter.clone().filter(|_| matches!(session.device, Device::Gpu | Device::Auto));
        session.cache_folder = options.cache_folder.clone();
    }
    steps
}
