//! A model at one set of sizes, and the engines that answer for it.
//!
//! What a model leaves open besides the batch is decided by the inputs of a prediction. Graphs, plans and kernels' parameters
//! are made for certain sizes, so a session makes all of that for each set of sizes that it meets, on the device that it has
//! opened. A model without open dimensions has one set.

use super::ids::{self, Watched};
use super::inputs::{Expected, Fitted};
use super::open::rewritten;
use super::variants::Variants;
use crate::cpu;
use crate::error::Result;
use crate::gpu::Runner;
use crate::graph::Graph;
use crate::kernel::DeviceFacts;
use crate::model::{Model, OnBadId};
use crate::passes::{Pipeline, Storage};
use crate::plan::{Counts, Plan, Retain};
use crate::tensor::{NamedTensors, Tensor};
use crate::timeline::Timeline;
use std::sync::Arc;

/// A model at one set of sizes.
#[derive(Debug)]
pub(super) struct SizedModel {
    pub(super) model: Model,
    pub(super) expected: Expected,
    pub(super) watched: Vec<Watched>,
    /// What engines are made of: the model's graph, with its constants as they are stored.
    pub(super) graph: Arc<Graph>,
    pub(super) pipeline: Pipeline,
    pub(super) storage: Storage,
    pub(super) engine: Engine,
}

#[derive(Debug)]
pub(super) enum Engine {
    Reference(Arc<Graph>),
    Cpu(Variants<cpu::Engine>),
    Gpu(Box<Variants<Runner>>),
}

/// An error if no session can answer for the model.
pub(super) fn expect_answerable(model: &Model) -> Result<()> {
    if model.options().on_bad_id == OnBadId::Error {
        ids::expect_all_watched(model)?;
    }
    Ok(())
}

impl SizedModel {
    pub(super) fn new(
        model: Model,
        graph: Arc<Graph>,
        pipeline: Pipeline,
        storage: Storage,
        engine: Engine,
    ) -> SizedModel {
        let (expected, watched) = (Expected::of(&model), ids::watched(model.graph()));
        SizedModel { model, expected, watched, graph, pipeline, storage, engine }
    }

    /// The same model at other sizes, on the same device or threads.
    pub(super) fn at(&self, model: Model, timeline: &mut Timeline) -> Result<SizedModel> {
        expect_answerable(&model)?;
        let (pipeline, storage) = (self.pipeline, self.storage);
        let graph = storage.constants(model.graph())?;
        let made = |shared: &[usize], facts: &DeviceFacts| rewritten(&graph, pipeline, storage, shared, facts);
        let engine = match &self.engine {
            Engine::Reference(_) => Engine::Reference(storage.run(&graph)?),
            Engine::Cpu(variants) => {
                let (shared, first) = (variants.first_key(), variants.first());
                Engine::Cpu(Variants::of_shared(shared, first.share(&made(shared, &DeviceFacts::HOST)?)?))
            }
            Engine::Gpu(variants) => {
                let (shared, first) = (variants.first_key(), variants.first());
                let runner = first.share(made(shared, first.facts())?, timeline)?;
                Engine::Gpu(Box::new(Variants::of_shared(shared, runner)))
            }
        };
        Ok(SizedModel::new(model, graph, pipeline, storage, engine))
    }

    /// The engine for inputs of which some are shared.
    pub(super) fn cpu_engine(&self, variants: &Variants<cpu::Engine>, inputs: &Fitted<'_>) -> Result<Arc<cpu::Engine>> {
        variants.get(&inputs.shared, |first| first.share(&self.rewritten(&inputs.shared, &DeviceFacts::HOST)?))
    }

    /// The same on a GPU.
    pub(super) fn runner(
        &self,
        variants: &Variants<Runner>,
        inputs: &Fitted<'_>,
        timeline: &mut Timeline,
    ) -> Result<Arc<Runner>> {
        variants.get(&inputs.shared, |first| {
            timeline.span_with("open variant", |timeline| {
                first.share(self.rewritten(&inputs.shared, first.facts())?, timeline)
            })
        })
    }

    /// The graph for predictions in which the inputs at these positions are shared.
    fn rewritten(&self, shared: &[usize], facts: &DeviceFacts) -> Result<Arc<Graph>> {
        rewritten(&self.graph, self.pipeline, self.storage, shared, facts)
    }

    /// What a prediction of `batch` rows costs, by the plan of the inputs that the session was opened for.
    pub(super) fn counts(&self, batch: usize) -> Result<Counts> {
        let on_host = |graph: Arc<Graph>| Plan::new(graph, &DeviceFacts::HOST, Retain::Outputs)?.counts(batch);
        match &self.engine {
            Engine::Reference(graph) => on_host(Arc::clone(graph)),
            Engine::Cpu(variants) => on_host(Arc::new(variants.first().graph().clone())),
            Engine::Gpu(variants) => variants.first().plan().counts(batch),
        }
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
