//! Where the time of a prediction goes, step by step: what was measured, not what it means.
//!
//! Predictions as usual and predictions whose steps are timed take turns, so that both meet the same machine, and what timing
//! adds is known. On a GPU each kernel runs in a pass of its own between two timestamps, which keeps kernels apart that could
//! overlap; without timestamps each is submitted and waited for by itself. The CPU engine reads a clock behind every step.
//! Both kinds of predictions work in the memory of the one before ([`Session::predict_into`]).

use super::Session;
use crate::engine::{ProfileStep, StepClock, TimedSteps};
use crate::error::{Error, Result};
use crate::setters::setters;
use crate::telemetry::{Span, Stage, Timeline};
use crate::tensor::{NamedTensors, RecycledOutputs};
use serde::{Deserialize, Serialize};

/// How often a profile predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileOptions {
    /// Pairs of predictions before those that count, besides the first.
    pub warmup_runs: usize,
    /// Pairs of predictions that count, one as usual and one timed; at least one.
    pub runs: usize,
}

setters!(ProfileOptions { warmup_runs: usize, runs: usize });

impl Default for ProfileOptions {
    fn default() -> Self {
        ProfileOptions { warmup_runs: 3, runs: 20 }
    }
}

/// A stage of a prediction on the host, as its timeline calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStage {
    /// What was done.
    pub name: String,
    /// Nanoseconds in each prediction as usual.
    pub usual_ns: Vec<u64>,
    /// Nanoseconds in each prediction that was timed.
    pub timed_ns: Vec<u64>,
}

/// A stretch of time on the clock of a [`Recording`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSpan {
    /// What was done.
    pub name: String,
    /// Nanoseconds from the start of opening.
    pub start_ns: u64,
    /// Nanoseconds.
    pub duration_ns: u64,
}

/// What happened when, for one prediction of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recording {
    /// The session was opened.
    pub opening: Vec<RecordedSpan>,
    /// The first prediction of the profile, which prepares what later ones find.
    pub first: Vec<RecordedSpan>,
    /// The last prediction as usual.
    pub usual: Vec<RecordedSpan>,
    /// The last prediction that was timed.
    pub timed: Vec<RecordedSpan>,
    /// The steps of the latter, in order. The clock of a device is not the host's: its kernels are put where the submit ends,
    /// or as much earlier as they must be to end with the wait. Times summed over blocks and threads are put end to end.
    pub steps: Vec<RecordedSpan>,
}

/// Where the time of a prediction goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Which device, and why.
    pub device: String,
    /// Rows of a prediction.
    pub batch: usize,
    /// Who took the times of steps.
    pub clock: StepClock,
    /// Nanoseconds of a tick of the device's clock.
    pub tick_ns: Option<f64>,
    /// In running order.
    pub steps: Vec<ProfileStep>,
    /// Nanoseconds from the start of the first step to the end of the last, by run: with what lies between steps.
    pub elapsed_ns: Vec<u64>,
    /// Host to host, of predictions as usual, in nanoseconds.
    pub usual_ns: Vec<u64>,
    /// Host to host, of predictions that were timed, which took turns with the others.
    pub timed_ns: Vec<u64>,
    /// Stages of both.
    pub stages: Vec<ProfileStage>,
    /// One prediction of each kind, span by span.
    pub recording: Recording,
}

impl Session {
    /// Predicts for `inputs` many times and tells where the time goes.
    pub fn profile(&self, inputs: &NamedTensors, options: ProfileOptions) -> Result<Profile> {
        if options.runs == 0 {
            return Err(Error::input("a profile of no run says nothing").hint("give at least one run"));
        }
        let mut usual = self.predict(inputs)?;
        let first = usual.timeline.clone();
        let (deadline, mut opening) = (self.deadline(), Timeline::start());
        let opened = self.engines.current(deadline, &mut opening)?;
        let (arranged, _) = self.arrange(&opened, inputs, deadline, &mut opening)?;
        let batch = arranged.inputs.batch;
        let mut steps = arranged.prepared.as_ref().ok_or_else(nothing)?.steps(batch)?;
        // Room for timestamps is made by the first that takes them.
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

    /// One prediction whose steps are timed, and what it took.
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

/// From the first start to the last end.
fn elapsed(spans: &[Span]) -> u64 {
    let first = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let last = spans.iter().map(|span| span.start_ns + span.duration_ns).max().unwrap_or(0);
    last - first
}

/// Adds one run of each kind to the stages; each name counts once a run, with all its spans.
fn add_stages(stages: &mut Vec<ProfileStage>, usual: &Timeline, timed: &Timeline) {
    for span in usual.spans().iter().chain(timed.spans()).filter(|span| span.stage != Stage::Predict) {
        if !stages.iter().any(|stage| stage.name == span.stage.name()) {
            // A stage of no run so far, as the first that allocates: it took no time then.
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
    fn a_stage_that_comes_late_took_no_time_before() {
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
