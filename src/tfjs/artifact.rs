//! A file that was read: topology and weights, of which models are lowered, for one set of sizes after another where it leaves
//! dimensions open.

use super::lowering::{Finished, Origin};
use super::network;
use super::topology::Network;
use super::weights::{
    Contradiction, Drawn, Match, NameForm, NameRules, RandomWeights, SharedObjects, WeightStore, WeightTable,
    leave_out_shared,
};
use crate::error::{ErrorKind, Result};
use crate::model::{
    Identified, InputNames, LayerSummary, LoadOptions, Model, OnBadId, OpenDimension, Semantics, WeightSummary,
};
use std::collections::HashSet;
use std::sync::Arc;

/// The largest size in the file that an open dimension is tried at; and how many are tried.
const MOST_DECLARED: usize = 4096;
const MOST_TRIED: usize = 24;

/// Topology and weights of one file.
#[derive(Debug)]
pub(super) struct Artifact {
    network: Network,
    /// Layers in the file.
    layer_count: usize,
    weights: Arc<WeightTable>,
    shared: Arc<SharedObjects>,
    /// What a summary says of the weights of the file.
    summaries: Vec<WeightSummary>,
    header: Header,
    options: LoadOptions,
    origin: Origin,
    drawn: Drawn,
}

/// What the file says of itself.
#[derive(Debug)]
pub(super) struct Header {
    /// Format and origin in a line.
    pub(super) format: String,
    pub(super) keras_version: Option<String>,
    /// Whether a converter wrote it, from what Keras saved.
    pub(super) is_converted: bool,
    /// Which model it is, unless its weights are random.
    pub(super) identified: Option<Arc<Identified>>,
}

impl Artifact {
    pub(super) fn new(
        mut network: Network,
        layer_count: usize,
        weights: WeightTable,
        summaries: Vec<WeightSummary>,
        header: Header,
        options: LoadOptions,
    ) -> Artifact {
        let keras_version = header.keras_version.as_deref();
        let minor = keras_version.and_then(|version| version.strip_prefix("3.")?.split('.').next()?.parse().ok());
        let origin = Origin {
            is_keras_3: keras_version.is_some_and(|version| version.starts_with("3.")) || network.has_keras_3_form(),
            keras_3_minor: minor,
            is_read_by_tfjs: !weights.is_archive() && !network.has_keras_3_form(),
        };
        if weights.is_archive() && !origin.is_keras_3 {
            leave_out_shared(&mut network);
        }
        let shared = Arc::new(SharedObjects::of(&network));
        Artifact {
            network,
            layer_count,
            weights: Arc::new(weights),
            shared,
            summaries,
            header,
            options,
            origin,
            drawn: Drawn::default(),
        }
    }

    /// The dimensions besides the batch that the file leaves open.
    pub(super) fn open_dimensions(&self) -> Vec<OpenDimension> {
        network::open_dimensions(&self.network)
    }

    /// Sizes that open dimensions may have to be: of the inputs of models inside, and of weights.
    pub(super) fn declared_sizes(&self) -> Vec<usize> {
        let weights = self.summaries.iter().flat_map(|weight| &weight.shape).copied();
        let mut sizes: Vec<usize> = network::declared_sizes(&self.network).into_iter().chain(weights).collect();
        sizes.retain(|size| (1..=MOST_DECLARED).contains(size));
        let mut seen = HashSet::new();
        sizes.retain(|size| seen.insert(*size));
        sizes.truncate(MOST_TRIED);
        sizes
    }

    /// The names of the inputs.
    pub(super) fn input_names(&self) -> InputNames {
        InputNames::new(network::input_names(&self.network), &self.aliases())
    }

    /// Other names under which each input is taken.
    fn aliases(&self) -> Vec<Vec<String>> {
        vec![self.network.input_aliases.clone()]
    }

    /// The model with open dimensions of these sizes ([`OpenDimension::graph_size`]). What TF.js refuses follows Keras as a
    /// whole: files of a form that TF.js does not read, layers with options that it refuses, and models whose layers do not fit
    /// each other any more where it ignores an option.
    pub(super) fn model(&self, open: &[OpenDimension]) -> Result<Model> {
        if !self.origin.is_read_by_tfjs || self.options.tfjs.semantics == Semantics::Keras {
            return Ok(self.model_as(Semantics::Keras, open)?.0);
        }
        match self.model_as(Semantics::TfJs, open) {
            Ok((model, Some(refusal))) if !model.skews.is_empty() => self.refused_by_tfjs(&refusal, open),
            Ok((model, _)) => Ok(model),
            // Where Keras refuses it too, its reason is the better one.
            Err(error) if matches!(error.kind(), ErrorKind::Shape | ErrorKind::Format | ErrorKind::Weights) => {
                self.refused_by_tfjs(&error.to_string(), open)
            }
            Err(error) => Err(error),
        }
    }

    /// The model as Keras means it, with a note that TF.js refuses it. Then nothing differs between the two.
    fn refused_by_tfjs(&self, why: &str, open: &[OpenDimension]) -> Result<Model> {
        let (mut model, _) = self.model_as(Semantics::Keras, open)?;
        let mut differences: Vec<(&str, &str, usize)> = Vec::new();
        for skew in &model.skews {
            match differences.iter_mut().find(|(_, difference, _)| *difference == skew.difference) {
                Some((.., others)) => *others += 1,
                None => differences.push((&skew.layer, skew.difference, 0)),
            }
        }
        let text = |(layer, difference, others): &(&str, &str, usize)| match others {
            0 => format!("layer `{layer}` {difference}"),
            others => format!("layer `{layer}`, like {others} more, {difference}"),
        };
        let differences: Vec<String> = differences.iter().map(text).collect();
        let besides = if differences.is_empty() { String::new() } else { format!(" ({})", differences.join("; ")) };
        model.notes.push(format!("TF.js refuses this model, so it answers as Keras does: {why}{besides}"));
        model.skews.clear();
        Ok(model)
    }

    /// The model as one of the two means it, lowered once more if its weights had to be matched, and why TF.js refuses it if
    /// a layer says so.
    fn model_as(&self, semantics: Semantics, open: &[OpenDimension]) -> Result<(Model, Option<String>)> {
        let options = self.options.clone().semantics(semantics);
        let random = options.random_weights.map(|seed| RandomWeights::new(seed, Arc::clone(&self.drawn)));
        let rules = self.name_rules(semantics);
        let store = |random| WeightStore::new(&self.weights, &self.shared, rules, random);
        let (mut finished, mut layers) = self.lower(store(random), &options, open)?;
        if let Some(Match { matched, notes, is_new }) = finished.open.take() {
            if is_new {
                (finished, layers) = self.lower(store(None).matched(Arc::new(matched)), &options, open)?;
            }
            finished.notes.extend(notes);
        }
        let model = Model {
            usual_on_bad_id: OnBadId::Zero,
            graph: Arc::new(finished.graph),
            name: self.network.name.clone(),
            format: self.header.format.clone(),
            options,
            layers,
            weights: [self.summaries.clone(), finished.drawn].concat(),
            skews: finished.skews,
            warnings: finished.warnings,
            notes: finished.notes,
            aliases: self.aliases(),
            open: None,
            identified: self.header.identified.clone(),
        };
        Ok((model, finished.refusal))
    }

    /// What the names of weights are worth. Keras finds them by their order and not by name, so that is what its answers are
    /// held against.
    fn name_rules(&self, semantics: Semantics) -> NameRules {
        let form = if self.origin.is_read_by_tfjs { NameForm::TfJs } else { NameForm::Keras3 };
        let contradiction = match (self.header.is_converted, form, semantics) {
            (false, ..) => Contradiction::Ignored,
            (true, NameForm::TfJs, Semantics::TfJs) => Contradiction::Noted,
            _ => Contradiction::Refused,
        };
        NameRules { form, is_sequential: self.network.is_sequential, contradiction }
    }

    fn lower(
        &self,
        store: WeightStore,
        options: &LoadOptions,
        open: &[OpenDimension],
    ) -> Result<(Finished, Vec<LayerSummary>)> {
        let mut lowering = network::lowering(store, options.clone(), self.origin, self.layer_count);
        lowering.open = open.to_vec();
        let (outputs, layers) = network::lower_model(&self.network, &mut lowering)?;
        Ok((lowering.finish(outputs)?, layers))
    }
}
