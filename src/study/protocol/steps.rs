//! The steps of a study and their order: what is quick and most asked for comes first.

use super::ablations::{self, Habit};
use super::{StudyOptions, curves, dispatches, precision, profiles, session};
use crate::emulation;
use crate::model::Model;
use crate::passes::Passes;
use crate::session::{Device, SessionOptions};
use std::fmt;

/// Batch sizes of warm predictions.
const BATCHES: [usize; 3] = [1, 32, 256];

/// One thing to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Processes of their own, from nothing to the first answer.
    Cold {
        /// What is opened.
        session: SessionOptions,
        /// Whether an earlier process has left its compiled pipelines on disk.
        cached: bool,
    },
    /// Warm predictions.
    Warm {
        /// What is opened.
        session: SessionOptions,
        /// Rows of a prediction.
        batch: usize,
    },
    /// Predictions with pauses.
    Sporadic {
        /// What is opened.
        session: SessionOptions,
        /// From one start to the next.
        interval_ms: u64,
    },
    /// A point of the curve of time against candidates.
    Candidates {
        /// What is opened.
        session: SessionOptions,
        /// Rows of a prediction.
        candidates: usize,
    },
    /// A chain of dispatches that do next to nothing.
    Dispatches {
        /// What is opened.
        session: SessionOptions,
        /// How many.
        dispatches: usize,
    },
    /// A habit of TF.js that is given up.
    Ablation {
        /// Which.
        habit: Habit,
        /// What is opened.
        session: SessionOptions,
        /// Rows of a prediction.
        batch: usize,
    },
    /// The steps of a prediction.
    Profile {
        /// What is opened.
        session: SessionOptions,
        /// Rows of a prediction.
        batch: usize,
    },
    /// The order of candidates against the reference's.
    Precision {
        /// What is opened.
        session: SessionOptions,
        /// What it is called.
        name: &'static str,
    },
}

impl Step {
    fn session_mut(&mut self) -> &mut SessionOptions {
        match self {
            Step::Cold { session, .. }
            | Step::Warm { session, .. }
            | Step::Sporadic { session, .. }
            | Step::Candidates { session, .. }
            | Step::Dispatches { session, .. }
            | Step::Ablation { session, .. }
            | Step::Profile { session, .. }
            | Step::Precision { session, .. } => session,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |session: &SessionOptions| format!("{} {}", session.device.name(), session.passes);
        match self {
            Step::Cold { session, cached } => {
                write!(f, "cold start, {}{}", on(session), if *cached { ", pipelines on disk" } else { "" })
            }
            Step::Warm { session, batch } => write!(f, "warm, {}, batch {batch}", on(session)),
            Step::Sporadic { session, interval_ms } => write!(f, "every {interval_ms} ms, {}", on(session)),
            Step::Candidates { session, candidates } => {
                let user = if session.shared.is_empty() { "" } else { ", one user" };
                write!(f, "{candidates} candidates, {}{user}", on(session))
            }
            Step::Dispatches { dispatches, .. } => write!(f, "{dispatches} empty dispatches"),
            Step::Ablation { habit, batch, .. } => write!(f, "ablation, {}, batch {batch}", habit.name()),
            Step::Profile { session, batch } => write!(f, "profile, {}, batch {batch}", on(session)),
            Step::Precision { name, .. } => write!(f, "precision, {name}"),
        }
    }
}

/// The pipelines that are worth measuring on a device: on a CPU there is no dispatch to save or to imitate, and WebGL 1 runs
/// what WebGL 2 does.
pub(super) fn pipelines(device: Device) -> &'static [Passes] {
    match device {
        Device::Gpu | Device::Auto => &[Passes::PLAIN, Passes::FUSED, emulation::WEBGL2],
        Device::Cpu | Device::Reference => &[Passes::FUSED],
    }
}

/// All steps of a study.
pub fn steps(model: &Model, options: &StudyOptions) -> Vec<Step> {
    let devices = || options.devices.iter().copied();
    let each = || devices().flat_map(|device| pipelines(device).iter().map(move |&passes| session(device, passes)));
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
        session.adapter = options.adapter.clone().filter(|_| session.device == Device::Gpu);
        session.cache_folder = options.cache_folder.clone();
    }
    steps
}
