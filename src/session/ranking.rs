//! Ranks the rows of a batch by the model's first output, as the candidates of one user.
//!
//! On a GPU the ranking is a second plan, of a graph without a batch: the rows of the model's batch are the elements of
//! a list. Both plans run in one submit, and only the best scores are read back. Other engines compute all scores, and
//! the host ranks them by the same rule; so does a GPU that predicts the batch in pieces.

use super::ids::BadIdCount;
use super::{Arranged, Session};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::graph::{Builder, Graph};
use crate::ops::{ArgReduce, Cast, Class, FloatClass, Reduce, Reduction, TopK};
use crate::telemetry::{Stage, Timeline};
use crate::tensor::{DType, Data, NamedTensors, RecycledOutputs, Shape, Tensor, TensorType};
use std::cmp::Ordering;

/// The best rows of a batch: highest scores first, equal scores in row order, NaN last.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Ranking {
    /// The rows, counted from 0.
    pub rows: Vec<usize>,
    /// One score for each of `rows`.
    pub scores: Tensor,
    /// The number of rows of the batch.
    pub batch: usize,
    /// The number of scores in the batch that are NaN or infinite.
    pub not_finite: usize,
    /// The first row with a score that is NaN or infinite.
    pub first_not_finite: Option<usize>,
}

/// The result of [`Session::rank`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Ranked {
    /// The best rows.
    pub ranking: Ranking,
    /// Ids that were outside their tables.
    pub bad_ids: Vec<BadIdCount>,
    /// Notes for a person to read, as in [`Prediction::notes`](super::Prediction::notes).
    pub notes: Vec<String>,
    /// Stages with their times, and counters.
    pub timeline: Timeline,
}

impl Ranking {
    /// The best `count` rows of `scores`, which have one number per row.
    #[doc(hidden)]
    pub fn of(scores: &Tensor, count: usize) -> Result<Ranking> {
        let batch = scores.len();
        if scores.shape().first() != Some(&batch) {
            return Err(Error::input(format!("scores of shape {:?} do not have one number per row", scores.shape())));
        }
        let values = scores.to_f64();
        let mut rows: Vec<usize> = (0..batch).collect();
        rows.sort_by(|&left, &right| descending(values[left], values[right]));
        rows.truncate(count);
        let best = match scores.data() {
            Data::F32(values) => Data::F32(rows.iter().map(|&row| values[row]).collect()),
            Data::I32(values) => Data::I32(rows.iter().map(|&row| values[row]).collect()),
            Data::Bool(values) => Data::Bool(rows.iter().map(|&row| values[row]).collect()),
        };
        let not_finite = values.iter().filter(|value| !value.is_finite()).count();
        let first_not_finite = values.iter().position(|value| !value.is_finite());
        Ok(Ranking { scores: Tensor::new(&[rows.len()], best)?, rows, batch, not_finite, first_not_finite })
    }

    /// Reads the outputs of [`graph`] for `batch` scores.
    fn read(values: &NamedTensors, batch: usize) -> Result<Ranking> {
        let value = |name| values.get(name).ok_or_else(|| Error::internal("a ranking was not read back"));
        let integers = |name| value(name)?.as_i32();
        let not_finite = batch.saturating_sub(integers("finite")?[0] as usize);
        let first = integers("first not finite")?[0] as usize;
        Ok(Ranking {
            rows: integers("positions")?.iter().map(|&position| position as usize).collect(),
            scores: value("scores")?.clone(),
            batch,
            not_finite,
            first_not_finite: (not_finite > 0).then_some(first),
        })
    }
}

fn descending(left: f64, right: f64) -> Ordering {
    // `partial_cmp` does not order NaN.
    right.partial_cmp(&left).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// A graph that ranks `batch` scores. Its outputs are the best `count` scores and their positions, the number of finite
/// scores, and the first position with a score that is not finite (0 if there is none).
fn graph(batch: usize, count: usize) -> Result<Graph> {
    let mut builder = Builder::new();
    let all = builder.input("all scores", TensorType::f32(Shape::fixed(&[batch])))?;
    let best = builder.outputs_of("best", TopK { axis: 0, count, largest: true }, &[all])?;
    let are_finite = builder.op("are finite", FloatClass { class: Class::Finite }, &[all])?;
    // float32 cannot count beyond 2^24, int32 can.
    let ones = builder.op("ones", Cast { to: DType::I32 }, &[are_finite])?;
    let finite = builder.op("finite", Reduce { reduction: Reduction::Sum, axis: 0 }, &[ones])?;
    let first = builder.op("first not finite", ArgReduce { axis: 0, largest: false }, &[ones])?;
    let outputs = [("scores", best[0]), ("positions", best[1]), ("finite", finite), ("first not finite", first)];
    builder.finish(outputs.into_iter().map(|(name, id)| (name.to_string(), id)).collect())
}

impl Session {
    /// The best `count` rows of the batch by the model's first output, which must have one number per row; all rows if
    /// the batch has fewer. A GPU ranks in the submit of the prediction, and reads back nothing else. The ranking is
    /// prepared at the first call for each batch and count. The four used last are kept.
    ///
    /// ```
    /// use tfjs_wgpu::{Device, LoadOptions, Model, Session, tensor_file};
    ///
    /// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
    /// let session = Session::open(&model, Device::Cpu)?;
    /// let ranked = session.rank(&tensor_file::read("examples/shop_rank/input.safetensors")?, 3)?;
    /// assert_eq!((ranked.ranking.rows[0], ranked.ranking.batch), (141, 200));
    /// # Ok::<(), tfjs_wgpu::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Session::predict`], and [`ErrorKind::Input`](crate::ErrorKind::Input) if the first output does not
    /// have one number per row.
    pub fn rank(&self, inputs: &NamedTensors, count: usize) -> Result<Ranked> {
        let (mut bad_ids, mut notes, mut timeline) = (Vec::new(), Vec::new(), Timeline::start());
        let deadline = self.deadline();
        let ranking = timeline.span_with(Stage::Predict, |timeline| {
            let rank = |arranged: Arranged<'_>, timeline: &mut Timeline| arranged.rank(count, deadline, timeline);
            self.answer(inputs, deadline, (&mut bad_ids, &mut notes), timeline, rank)
        })?;
        Ok(Ranked { ranking, bad_ids, notes, timeline })
    }
}

impl Arranged<'_> {
    fn rank(&self, count: usize, deadline: Deadline, timeline: &mut Timeline) -> Result<Ranking> {
        let scores = score_output(self.sized.model.graph())?;
        if let Some(ranking) = self.rank_on_device(count, deadline, timeline)? {
            return Ok(ranking);
        }
        let outputs = self.predict(&mut RecycledOutputs::default(), deadline, timeline)?;
        let scores = outputs.get(scores).ok_or_else(|| Error::internal("the scores were not computed"))?;
        timeline.span(Stage::Rank, || Ranking::of(scores, count))
    }

    /// `None` if the host has to rank: the engine does not rank, or the scores are not float32.
    fn rank_on_device(&self, count: usize, deadline: Deadline, timeline: &mut Timeline) -> Result<Option<Ranking>> {
        let Some(prepared) = &self.prepared else { return Ok(None) };
        let (batch, count) = (self.inputs.batch, count.min(self.inputs.batch));
        if count == 0 || !has_float_scores(prepared.graph()) {
            return Ok(None);
        }
        let second = || graph(batch, count);
        let values = prepared.predict_chained(&self.call(deadline), [batch, count], &second, timeline)?;
        values.map(|values| Ranking::read(&values, batch)).transpose()
    }
}

/// The name of the first output; an error if it does not have one number per row.
fn score_output(graph: &Graph) -> Result<&str> {
    let (name, id) = graph.outputs().first().ok_or_else(|| Error::input("the model has no output to rank by"))?;
    let shape = &graph.ty(*id).shape;
    if shape.is_per_sample() && shape.sample_len() == 1 {
        return Ok(name);
    }
    Err(Error::input("rows are ranked by the first output, which must have one number per row")
        .cause(format!("output `{name}` has shape {shape}")))
}

/// Whether the first output is float32, and has one row per sample also in the rewritten graph.
fn has_float_scores(graph: &Graph) -> bool {
    graph.outputs().first().is_some_and(|(_, id)| {
        let ty = graph.ty(*id);
        ty.dtype == DType::F32 && ty.shape.is_per_sample()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;

    fn ranked(scores: &[f32], count: usize) -> Ranking {
        let scores = Tensor::f32(&[scores.len(), 1], scores.to_vec()).expect("tensor");
        Ranking::of(&scores, count).expect("a ranking")
    }

    #[test]
    fn ties_keep_their_order_and_nan_comes_last() {
        assert_eq!(ranked(&[0.5, f32::NAN, 0.9, 0.5, f32::NEG_INFINITY], 9).rows, [2, 0, 3, 4, 1]);
        assert_eq!(ranked(&[-0.0, 0.0, f32::NAN, f32::NAN], 9).rows, [0, 1, 2, 3]);
        assert_eq!(ranked(&[1.0, 2.0, 3.0], 2).rows, [2, 1]);
        assert!(ranked(&[], 2).rows.is_empty());
        assert!(Ranking::of(&Tensor::f32(&[2, 2], vec![0.0; 4]).expect("tensor"), 1).is_err());
    }

    #[test]
    fn the_graph_ranks_as_the_host_does() {
        let scores = [0.5, f32::NAN, 0.9, -0.0, 0.5, f32::INFINITY, 0.0];
        for count in 1..=scores.len() {
            let inputs = [("all scores", Tensor::f32(&[scores.len()], scores.to_vec()).expect("tensor"))];
            let graph = graph(scores.len(), count).expect("a graph");
            let values = reference::run(&graph, &inputs.into_iter().collect()).expect("values");
            let (host, plan) = (ranked(&scores, count), Ranking::read(&values, scores.len()).expect("a ranking"));
            assert_eq!((host.rows, host.scores.to_words()), (plan.rows, plan.scores.to_words()));
            assert_eq!((plan.not_finite, plan.first_not_finite), (2, Some(1)));
            assert_eq!((host.not_finite, host.first_not_finite), (2, Some(1)));
        }
    }
}
