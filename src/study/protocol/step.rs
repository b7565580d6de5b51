//! One step of a study and its text. The order of steps is in `mod.rs`.

use super::technique::Technique;
use crate::session::SessionOptions;
use std::fmt;

/// One measurement of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A cold start: new processes from their start to the first prediction.
    Cold {
        /// The options of the session.
        session: SessionOptions,
        /// Whether compiled pipelines of an earlier process are on disk.
        cached: bool,
    },
    /// Warm predictions.
    Warm {
        /// The options of the session.
        session: SessionOptions,
        /// The batch size.
        batch: usize,
    },
    /// Predictions with pauses between them.
    Sporadic {
        /// The options of the session.
        session: SessionOptions,
        /// Milliseconds from the start of one prediction to the start of the next.
        interval_ms: u64,
    },
    /// A point of the curve of time against candidates.
    Candidates {
        /// The options of the session.
        session: SessionOptions,
        /// The batch size.
        candidates: usize,
    },
    /// A chain of almost empty dispatches.
    Dispatches {
        /// The options of the session.
        session: SessionOptions,
        /// The number of dispatches.
        dispatches: usize,
    },
    /// The effect of removing a technique of TF.js.
    Ablation {
        /// The technique.
        technique: Technique,
        /// The options of the session.
        session: SessionOptions,
        /// The batch size.
        batch: usize,
    },
    /// A profile of the steps of a prediction.
    Profile {
        /// The options of the session.
        session: SessionOptions,
        /// The batch size.
        batch: usize,
    },
    /// The order of candidates, compared with the reference's.
    Precision {
        /// The options of the session.
        session: SessionOptions,
        /// The name of the execution mode.
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
