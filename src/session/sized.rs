//! A model at one set of sizes, and its prepared graphs.
//!
//! The inputs of a prediction determine the sizes of open dimensions. Graphs and plans have fixed sizes, so a session
//! prepares the model for each new set of sizes, on the open engine. A model without open dimensions has one set.
//! Inputs may have one row for the whole batch, such as those that describe the user of many candidates; values that
//! depend on them alone are computed once. A graph is therefore also prepared for each set of shared inputs.

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

/// Sets of shared inputs whose prepared graphs are kept.
const MOST_SHARED: usize = 5;

/// The time for which a failure to prepare a set is remembered, and preparing is not tried again.
const REMEMBER_FAILURES: Duration = Duration::from_secs(1);

/// A model at one set of sizes.
#[derive(Debug)]
pub(super) struct SizedModel {
    pub(super) model: Model,
    pub(super) signature: InputSignature,
    pub(super) id_checks: Vec<IdChecks>,
    /// The model's graph, with constants in the precision of activations.
    graph: Arc<Graph>,
    passes: Passes,
    precision: ActivationPrecision,
    /// Prepared graphs by the positions of shared inputs.
    prepared: MadeOnce<Vec<usize>, Arc<dyn PreparedGraph>>,
}

/// Fails if the session cannot predict the model as it was loaded.
pub(super) fn expect_predictable(model: &Model) -> Result<()> {
    if model.options().on_bad_id == Some(OnBadId::Error) {
        ids::expect_all_checked(model)?;
    }
    Ok(())
}

impl SizedModel {
    /// `model` at its own sizes. No graph is prepared yet.
    pub(super) fn new(model: Model, passes: Passes, precision: ActivationPrecision) -> Result<SizedModel> {
        expect_predictable(&model)?;
        let graph = precision.constants(model.graph())?;
        let (signature, id_checks) = (InputSignature::of(&model), ids::id_checks(model.graph()));
        let prepared = MadeOnce::at_most(MOST_SHARED).remembering_failures(REMEMBER_FAILURES);
        Ok(SizedModel { model, signature, id_checks, graph, passes, precision, prepared })
    }

    /// The graph that is prepared for inputs of which those at the positions `shared` are shared.
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

    /// The graph that is prepared for these inputs.
    pub(super) fn prepared_for(
        &self,
        engine: &dyn Engine,
        inputs: &BoundInputs<'_>,
        deadline: Deadline,
        timeline: &mut Timeline,
    ) -> Result<Arc<dyn PreparedGraph>> {
        self.prepared(engine, &inputs.shared, deadline, timeline)
    }

    /// All prepared graphs.
    pub(super) fn all_prepared(&self) -> Vec<Arc<dyn PreparedGraph>> {
        self.prepared.all()
    }

    /// The outputs of a batch of 0 rows.
    pub(super) fn empty_outputs(&self) -> Result<NamedTensors> {
        let graph = self.model.graph();
        let output = |(name, id): &(String, crate::graph::ValueId)| {
            let ty = graph.ty(*id);
            Ok((name.clone(), Tensor::from_words(&ty.shape.resolve(0), ty.dtype, &[])?))
        };
        graph.outputs().iter().map(output).collect::<Result<Vec<_>>>().map(|outputs| outputs.into_iter().collect())
    }
}
