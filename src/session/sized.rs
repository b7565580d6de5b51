//! A model at one set of sizes, and the graphs that answer for it.
//!
//! What a model leaves open besides the batch is decided by the inputs of a prediction. Graphs, plans and kernels' parameters
//! are made for certain sizes, so a session makes all of that for each set of sizes that it meets, on the engine that it has
//! opened. A model without open dimensions has one set. One user meets many candidates: the inputs that describe the user have
//! one row, and what follows from them alone is computed once. Which inputs those are is known only when a prediction is made,
//! so a graph is prepared for each set of them as well.

use super::ids::{self, IdChecks};
use super::inputs::{BoundInputs, InputSignature};
use super::open::rewritten;
use crate::deadline::Deadline;
use crate::engine::{Engine, PreparedGraph};
use crate::error::Result;
use crate::graph::Graph;
use crate::made_once::MadeOnce;
use crate::model::{Model, OnBadId};
use crate::passes::{ActivationPrecision, Passes};
use crate::plan::Retain;
use crate::telemetry::{Stage, Timeline};
use crate::tensor::{NamedTensors, Tensor};
use std::sync::Arc;
use std::time::Duration;

/// Sets of shared inputs whose graphs are kept.
const MOST_SHARED: usize = 5;

/// How long a set that could not be prepared is not tried again.
const FAILURES_STAND: Duration = Duration::from_secs(1);

/// A model at one set of sizes.
#[derive(Debug)]
pub(super) struct SizedModel {
    pub(super) model: Model,
    pub(super) signature: InputSignature,
    pub(super) id_checks: Vec<IdChecks>,
    /// What answering graphs are made of: the model's graph, with its constants as they are stored.
    graph: Arc<Graph>,
    passes: Passes,
    precision: ActivationPrecision,
    /// By the positions of shared inputs.
    prepared: MadeOnce<Vec<usize>, Arc<dyn PreparedGraph>>,
}

/// An error if no session can answer for the model.
pub(super) fn expect_answerable(model: &Model) -> Result<()> {
    if model.options().on_bad_id == OnBadId::Error {
        ids::expect_all_watched(model)?;
    }
    Ok(())
}

impl SizedModel {
    /// `model` at its own sizes, with nothing prepared.
    pub(super) fn new(model: Model, passes: Passes, precision: ActivationPrecision) -> Result<SizedModel> {
        expect_answerable(&model)?;
        let graph = precision.constants(model.graph())?;
        let (signature, id_checks) = (InputSignature::of(&model), ids::id_checks(model.graph()));
        let prepared = MadeOnce::at_most(MOST_SHARED).remembering_failures(FAILURES_STAND);
        Ok(SizedModel { model, signature, id_checks, graph, passes, precision, prepared })
    }

    /// What answers for inputs of which those at some positions are shared.
    pub(super) fn prepared(
        &self,
        engine: &dyn Engine,
        shared: &Vec<usize>,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>> {
        let prepare = |timeline: &mut Timeline| {
            let graph = timeline.span(Stage::Plan, || {
                if engine.takes_rewritten() {
                    rewritten(&self.graph, self.passes, self.precision, shared, engine.facts())
                } else {
                    self.precision.run(&self.graph)
                }
            })?;
            engine.prepare(&graph, Retain::Outputs, deadline, timeline)
        };
        let prepared = self.prepared.get(shared, deadline, || timeline.span_with(Stage::OpenGraph, prepare))?;
        Ok(prepared.0)
    }

    /// What answers for inputs.
    pub(super) fn prepared_for(
        &self,
        engine: &dyn Engine,
        inputs: &BoundInputs<'_>,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>> {
        self.prepared(engine, &inputs.shared, deadline, timeline)
    }

    /// All that is prepared.
    pub(super) fn all_prepared(&self) -> Vec<Arc<dyn PreparedGraph>> {
        self.prepared.all()
    }

    /// The outputs of a batch of no rows.
    pub(super) fn empty_outputs(&self) -> Result<NamedTensors> {
        let graph = self.model.graph();
        let output = |(name, id): &(String, crate::graph::ValueId)| {
            let ty = graph.ty(*id);
            Ok((name.clone(), Tensor::from_words(&ty.shape.resolve(0), ty.dtype, &[])?))
        };
        graph.outputs().iter().map(output).collect::<Result<Vec<_>>>().map(|outputs| outputs.into_iter().collect())
    }
}
