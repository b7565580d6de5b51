//! The result of a session for `run`: all outputs, or only the best rows of the batch.

use crate::warnings;
use tfjs_wgpu::telemetry::Timeline;
use tfjs_wgpu::{BadIdCount, Ranking};
use tfjs_wgpu::{Model, NamedTensors, Result, Session};

/// An answer, with what happened while it was computed.
pub(crate) struct Answer {
    /// All outputs; empty if only the best rows were requested.
    pub(crate) outputs: NamedTensors,
    /// The best rows, if requested.
    pub(crate) ranking: Option<Ranking>,
    pub(crate) batch: usize,
    pub(crate) bad_ids: Vec<BadIdCount>,
    pub(crate) timeline: Timeline,
}

impl Answer {
    /// Returns all outputs, and their best `top` rows.
    pub(crate) fn all(session: &Session, inputs: &NamedTensors, top: Option<usize>) -> Result<Answer> {
        let prediction = session.predict(inputs)?;
        let first = prediction.outputs.iter().next().map(|(_, tensor)| tensor);
        let ranking = first.zip(top).map(|(scores, count)| Ranking::of(scores, count)).transpose()?;
        let batch = first.and_then(|tensor| tensor.shape().first().copied()).unwrap_or(0);
        let (bad_ids, timeline) = (prediction.bad_ids, prediction.timeline);
        Ok(Answer { outputs: prediction.outputs, ranking, batch, bad_ids, timeline })
    }

    /// Returns the best `count` rows.
    pub(crate) fn best(session: &Session, inputs: &NamedTensors, count: usize) -> Result<Answer> {
        let ranked = session.rank(inputs, count)?;
        let (bad_ids, timeline, batch) = (ranked.bad_ids, ranked.timeline, ranked.ranking.batch);
        Ok(Answer { outputs: NamedTensors::default(), ranking: Some(ranked.ranking), batch, bad_ids, timeline })
    }

    /// A line for each known output that holds NaN or infinities.
    pub(crate) fn not_finite(&self, model: &Model, inputs: &NamedTensors) -> Vec<String> {
        let scores = model.graph().outputs().first().filter(|_| self.outputs.iter().next().is_none());
        match scores.zip(self.ranking.as_ref()) {
            Some(((name, _), ranking)) => warnings::not_finite_scores(name, ranking, inputs).into_iter().collect(),
            None => warnings::not_finite_outputs(&self.outputs, inputs),
        }
    }
}
