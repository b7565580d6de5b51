//! Measures the steps of a prediction. It does not interpret the times; `study` does.
//!
//! Usual predictions and predictions with timed steps alternate, so that both run under the same conditions, and the
//! cost of timing is known. On a GPU each kernel runs in a pass of its own between two timestamps, so kernels do not
//! overlap. Without timestamps each kernel is submitted and waited for alone. The CPU engine reads a clock after every
//! step. Both kinds of predictions reuse the memory of the one before ([`Session::predict_into`]).

use super::Session;
use crate::engine::{ProfileStep, StepClock, TimedSteps};
use crate::error::{Error, Result};
use crate::setters::setters;
use crate::telemetry::{Span, Stage, Timeline};
use crate::tensor::{NamedTensors, RecycledOutputs};
use serde::{Deserialize, Serialize};

/// How many predictions a profile makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileOptions {
    /// Warm-up pairs of predictions that are not measured, after the first prediction.
    pub warmup_runs: usize,
    /// Measured pairs of predictions, one usual and one timed. Must be at least 1.
    pub runs: usize,
}

setters!(ProfileOptions { warmup_runs: usize, runs: usize });

impl Default for ProfileOptions {
    fn default() -> Self {
        ProfileOptions { warmup_runs: 3, runs: 20 }
    }
}

/// A stage of a prediction on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStage {
    /// The name of the stage in timelines.
    pub name: String,
    /// Nanoseconds in each usual prediction.
    pub usual_ns: Vec<u64>,
    /// Nanoseconds in each timed prediction.
    pub timed_ns: Vec<u64>,
}

/// A span on the clock of a [`Recording`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSpan {
    /// The name of the stage in timelines.
    pub name: String,
    /// Nanoseconds from the start of opening.
    pub start_ns: u64,
    /// The duration in nanoseconds.
    pub duration_ns: u64,
}

/// The spans of opening, and of one prediction of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recording {
    /// Opening the session.
    pub opening: Vec<RecordedSpan>,
    /// The first prediction of the profile. It includes preparation.
    pub first: Vec<RecordedSpan>,
    /// The last usual prediction.
    pub usual: Vec<RecordedSpan>,
    /// The last timed prediction.
    pub timed: Vec<RecordedSpan>,
    /// The steps of the last timed prediction, in order. The clocks of device and host are not synchronised: kernels
    /// start where the submit ends, or earlier if they would otherwise end after the wait. The times of the CPU engine
    /// are sums over blocks and threads, and are placed one after the other without gaps.
    pub steps: Vec<RecordedSpan>,
}

/// The times of the steps of a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The device, as the text of a [`DeviceStatus`](super::DeviceStatus).
    pub device: String,
    /// The batch size.
    pub batch: usize,
    /// The clock of the steps.
    pub clock: StepClock,
    /// Nanoseconds per tick of the device's clock; `None` if the host took the times.
    pub tick_ns: Option<f64>,
    /// The steps in execution order.
    pub steps: Vec<ProfileStep>,
    /// Nanoseconds from the start of the first step to the end of the last, by run. Gaps between steps are included.
    pub elapsed_ns: Vec<u64>,
    /// Nanoseconds of each usual prediction, from call to return.
    pub usual_ns: Vec<u64>,
    /// Nanoseconds of each timed prediction, from call to return.
    pub timed_ns: Vec<u64>,
    /// The stages of both kinds of predictions.
    pub stages: Vec<ProfileStage>,
    /// The spans of one prediction of each kind.
    pub recording: Recording,
}

impl Session {
    /// Predicts for `inputs` repeatedly, and returns the times of steps and stages.
    ///
    /// # Errors
    ///
    /// Those of [`Session::predict`]; [`ErrorKind::Input`](crate::ErrorKind::Input) also for a batch of 0 and for 0
    /// runs; [`ErrorKind::Limit`](crate::ErrorKind::Limit) for a batch that the device predicts in pieces.
    pub fn profile(&self, inputs: &NamedTensors, options: ProfileOptions) -> Result<Profile> {
        if options.runs == 0 {
            return Err(Error::input("the number of runs of a profile must be at least 1"));
        }
        let mut usual = self.predict(inputs)?;
        let first = usual.timeline.clone();
        let (deadline, mut opening) = (self.deadline(), Timeline::start());
        let opened = self.engines.current(deadline, &mut opening)?;
        let (arranged, _) = self.arrange(&opened, inputs, deadline, &mut opening)?;
        let batch = arranged.inputs.batch;
        let mut steps = arranged.prepared.as_ref().ok_or_else(nothing)?.steps(batch)?;
        // The first timed prediction allocates the timestamp queries.
        let (mut timed, mut timeline) = self.time_steps(inputs, RecycledOutputs::default())?;
        for _ in 0..options.warmup_runs {
            self.predict_into(inputs, &mut usual)?;
            (timed, timeline) = self.time_steps(inputs, RecycledOutputs::of(timed.outputs))?;
        }
        let [mut usual_ns, mut timed_ns, mut elapsed_ns] = [const { Vec::new() }; 3];
        let mut stages = Vec::new();
        for _ in 0..options.runs {
            self.predict_into(inputs, &mut usual)?;
            (timed, timeline) = self.time_steps(inputs, RecycledOutputs::of(timed.outputs))?;
            usual_ns.push(usual.timeline.total_ns(Stage::Predict));
            timed_ns.push(timeline.total_ns(Stage::Predict));
            elapsed_ns.push(elapsed(&timed.spans));
            add_stages(&mut stages, &usual.timeline, &timeline);
            for (step, span) in steps.iter_mut().zip(&timed.spans) {
                step.times_ns.push(span.duration_ns);
            }
        }
        let usual = usual.timeline;
        let since_opening = |timeline: &Timeline, spans: &[Span]| {
            let offset = timeline.origin().saturating_duration_since(self.timeline.origin()).as_nanos() as u64;
            let span = |span: &Span| {
                let (name, start_ns) = (span.stage.to_string(), offset + span.start_ns);
                RecordedSpan { name, start_ns, duration_ns: span.duration_ns }
            };
            spans.iter().map(span).collect::<Vec<_>>()
        };
        let mut recording = Recording {
            opening: since_opening(&self.timeline, self.timeline.spans()),
            first: since_opening(&first, first.spans()),
            usual: since_opening(&usual, usual.spans()),
            timed: since_opening(&timeline, timeline.spans()),
            steps: since_opening(&timeline, &timed.spans),
        };
        for (span, step) in recording.steps.iter_mut().zip(&steps) {
            span.name.clone_from(&step.name);
        }
        let (device, clock, tick_ns) = (opened.status().to_string(), timed.clock, timed.tick_ns);
        Ok(Profile { device, batch, clock, tick_ns, steps, elapsed_ns, usual_ns, timed_ns, stages, recording })
    }

    /// One prediction with timed steps, and its timeline.
    fn time_steps(&self, inputs: &NamedTensors, mut spare: RecycledOutputs) -> Result<(TimedSteps, Timeline)> {
        let (mut timeline, deadline) = (Timeline::start(), self.deadline());
        let timed = timeline.span_with(Stage::Predict, |timeline| {
            let (arranged, _) =
                self.arrange(&*self.engines.current(deadline, timeline)?, inputs, deadline, timeline)?;
            let prepared = arranged.prepared.as_ref().ok_or_else(nothing)?;
            prepared.time_steps(&arranged.call(deadline), &mut spare, timeline)
        })?;
        Ok((timed, timeline))
    }
}

fn nothing() -> Error {
    Error::input("there is nothing to profile in a batch of 0").hint("give at least one row")
}

/// The time from the first start to the last end.
fn elapsed(spans: &[Span]) -> u64 {
    let first = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let last = spans.iter().map(|span| span.start_ns + span.duration_ns).max().unwrap_or(0);
    last - first
}

/// Adds one run of each kind to the stages. The spans of a stage are summed.
fn add_stages(stages: &mut Vec<ProfileStage>, usual: &Timeline, timed: &Timeline) {
    for span in usual.spans().iter().chain(timed.spans()).filter(|span| span.stage != Stage::Predict) {
        if !stages.iter().any(|stage| stage.name == span.stage.name()) {
            // A stage that is missing in earlier runs took no time in them.
            let before = vec![0; stages.first().map_or(0, |stage| stage.usual_ns.len())];
            stages.push(ProfileStage { name: span.stage.to_string(), usual_ns: before.clone(), timed_ns: before });
        }
    }
    let total_ns = |timeline: &Timeline, name: &str| name.parse().map_or(0, |stage| timeline.total_ns(stage));
    for stage in stages {
        stage.usual_ns.push(total_ns(usual, &stage.name));
        stage.timed_ns.push(total_ns(timed, &stage.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_first_occurs_later_took_no_time_before() {
        let timeline = |stages: &[Stage]| {
            let mut timeline = Timeline::start();
            stages.iter().for_each(|&stage| timeline.span(stage, || ()));
            timeline
        };
        let mut stages = Vec::new();
        add_stages(&mut stages, &timeline(&[Stage::Encode, Stage::Predict]), &timeline(&[Stage::Encode]));
        add_stages(
            &mut stages,
            &timeline(&[Stage::Encode]),
            &timeline(&[Stage::Prepare, Stage::Encode, Stage::Encode]),
        );
        let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(names, ["encode", "prepare"]);
        assert!(stages.iter().all(|stage| stage.usual_ns.len() == 2 && stage.timed_ns.len() == 2));
        assert_eq!((stages[1].usual_ns[1], stages[1].timed_ns[0]), (0, 0));
    }
}
