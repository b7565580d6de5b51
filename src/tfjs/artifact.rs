//! A file that was read: topology and weights, of which models are lowered for one set of options after another.

use super::lowering::{Finished, Lowering};
use super::matching::Match;
use super::network;
use super::shared_objects::SharedObjects;
use super::topology::Network;
use super::weights::{WeightStore, WeightTable};
use crate::error::Result;
use crate::model::{LayerSummary, LoadOptions, Model, Semantics, WeightSummary};
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
        Artifact { network, weights: Arc::new(weights), shared, summaries, format, options, is_keras_3 }
    }

    /// The model, lowered once more if its weights had to be matched.
    pub(super) fn model(&self) -> Result<Model> {
        let mut options = self.options;
        if self.is_keras_3 || self.weights.is_archive() {
            // TF.js loads neither.
            options.semantics = Semantics::Keras;
        }
        let store = WeightStore::new(&self.weights, &self.shared, options.random_weights);
        let (finished, layers) = match self.lower(store, options)? {
            (Finished { open: Some(Match { matched, notes }), .. }, _) => {
                let store = WeightStore::new(&self.weights, &self.shared, None).matched(Arc::new(matched));
                let (mut finished, layers) = self.lower(store, options)?;
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
        })
    }

    fn lower(&self, store: WeightStore, options: LoadOptions) -> Result<(Finished, Vec<LayerSummary>)> {
        let mut lowering = Lowering::new(store, options, self.is_keras_3);
        let (outputs, layers) = network::lower_model(&self.network, &mut lowering)?;
        Ok((lowering.finish(outputs)?, layers))
    }
}
