//! One step of a study and its text. The order of steps is in `mod.rs`.

use super::technique::Technique;
use crate::session::SessionOptions;
use std::fmt;

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
    /// A technique of TF.js that is given up.
    Ablation {
        /// Which.
        technique: Technique,
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
    pub(super) fn session_mut(&mut self) -> &mut SessionOptions {
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
            Step::Ablation { technique, batch, .. } => write!(f, "ablation, {}, batch {batch}", technique.name()),
            Step::Profile { session, batch } => write!(f, "profile, {}, batch {batch}", on(session)),
            Step::Precision { name, .. } => write!(f, "precision, {name}"),
        }
    }
}
