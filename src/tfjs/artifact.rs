//! A file that was read: topology and weights, of which models are lowered, for one set of sizes after another where it leaves
//! dimensions open.

use super::lowering::{Finished, Lowering};
use super::matching::Match;
use super::network;
use super::random_weights::{Drawn, RandomWeights};
use super::shared_objects::SharedObjects;
use super::topology::Network;
use super::weights::{WeightStore, WeightTable};
use crate::error::Result;
use crate::model::{InputNames, LayerSummary, LoadOptions, Model, OpenDimension, Semantics, WeightSummary};
use std::sync::Arc;

/// Topology and weights of one file.
#[derive(Debug)]
pub(super) struct Artifact {
    network: Network,
    weights: Arc<WeightTable>,
    shared: Arc<SharedObjects>,
    /// What a summary says of the weights of the file.
    summaries: Vec<WeightSummary>,
    /// Format and origin in a line.
    format: String,
    options: LoadOptions,
    /// Whether Keras 3 wrote the topology.
    is_keras_3: bool,
    drawn: Drawn,
}

impl Artifact {
    pub(super) fn new(
        network: Network,
        weights: WeightTable,
        summaries: Vec<WeightSummary>,
        format: String,
        options: LoadOptions,
        is_keras_3: bool,
    ) -> Artifact {
        let shared = Arc::new(SharedObjects::of(&network));
        Artifact {
            network,
            weights: Arc::new(weights),
            shared,
            summaries,
            format,
            options,
            is_keras_3,
            drawn: Drawn::default(),
        }
    }

    /// The dimensions besides the batch that the file leaves open.
    pub(super) fn open_dimensions(&self) -> Vec<OpenDimension> {
        network::open_dimensions(&self.network)
    }

    /// The names of the inputs.
    pub(super) fn input_names(&self) -> InputNames {
        InputNames::new(network::input_names(&self.network), self.aliases())
    }

    /// Other names under which each input is taken.
    fn aliases(&self) -> Vec<Vec<String>> {
        Vec::new()
    }

    /// The model with open dimensions of these sizes ([`OpenDimension::graph_size`]), lowered once more if its weights had to
    /// be matched.
    pub(super) fn model(&self, open: &[OpenDimension]) -> Result<Model> {
        let mut options = self.options;
        if self.is_keras_3 || self.weights.is_archive() {
            // TF.js loads neither.
            options.semantics = Semantics::Keras;
        }
        let random = options.random_weights.map(|seed| RandomWeights::new(seed, Arc::clone(&self.drawn)));
        let store = WeightStore::new(&self.weights, &self.shared, random);
        let (finished, layers) = match self.lower(store, options, open)? {
            (Finished { open: Some(Match { matched, notes }), .. }, _) => {
                let store = WeightStore::new(&self.weights, &self.shared, None).matched(Arc::new(matched));
                let (mut finished, layers) = self.lower(store, options, open)?;
                finished.warnings.extend(notes);
                (finished, layers)
            }
            lowered => lowered,
        };
        Ok(Model {
            graph: Arc::new(finished.graph),
            name: self.network.name.clone(),
            format: self.format.clone(),
            options,
            layers,
            weights: [self.summaries.clone(), finished.drawn].concat(),
            skews: finished.skews,
            warnings: finished.warnings,
            aliases: self.aliases(),
            open: None,
        })
    }

    fn lower(
        &self,
        store: WeightStore,
        options: LoadOptions,
        open: &[OpenDimension],
    ) -> Result<(Finished, Vec<LayerSummary>)> {
        let mut lowering = Lowering::new(store, options, self.is_keras_3);
        lowering.open = open.to_vec();
        let (outputs, layers) = network::lower_model(&self.network, &mut lowering)?;
        Ok((lowering.finish(outputs)?, layers))
    }
}
