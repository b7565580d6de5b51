//! A loaded model: its graph, and what the file said that the graph no longer shows.
//!
//! Front ends make a [`Model`]; sessions run it. It is a plain value.

mod built;
mod identity;
mod names;
mod open;
mod options;
mod sizes;

pub use identity::ModelIdentity;
pub(crate) use identity::{Identified, StoredBytes, StoredWeight};
pub(crate) use names::InputNames;
pub(crate) use open::{Open, Resize};
pub use options::{LoadOptions, OnBadId, Semantics, TfjsOptions, WeightFormat};
pub use sizes::{OpenDimension, Sizes};
pub(crate) use sizes::{no_tensor, other_shape, sizes_hint};

use crate::graph::Graph;
use crate::tensor::{Shape, TensorType};
use std::sync::Arc;

/// One layer as a model summary shows it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// The layer's name.
    pub name: String,
    /// The layer's class.
    pub class: String,
    /// How many models it is nested in.
    pub depth: usize,
    /// The shape of its last output, with [`Dim::Open`](crate::tensor::Dim::Open) for sizes that the model leaves open.
    pub output_shape: Shape,
    /// Numbers in its weights, those of layers inside it included.
    pub parameters: u64,
    /// The layers its calls take their inputs from.
    pub connected_to: Vec<String>,
}

/// One weight as the file holds it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WeightSummary {
    /// The name in the weights manifest.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// How it is stored: `float32`, `float16`, `uint8 (scale 0.02, min -1.3)`, …; `float32 (random)` where none is.
    pub stored: String,
    /// Bytes in the file; of a random weight, those that its float32 take.
    pub stored_bytes: u64,
}

/// A place where TF.js and Keras give this model different answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Skew {
    /// The layer.
    pub layer: String,
    /// What each of them does, as `averages over padding in TF.js, not in Keras`.
    pub difference: &'static str,
}

/// A loaded model. Cloning it is cheap: graph and weights are shared.
///
/// ```
/// use tfjs_wgpu::{LoadOptions, Model};
///
/// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
/// let (name, ty) = model.inputs().next().expect("an input");
/// assert_eq!((name, ty.shape.to_string().as_str()), ("user_id", "[N, 1]"));
/// assert_eq!(model.outputs().map(|(name, _)| name).collect::<Vec<_>>(), ["score"]);
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) graph: Arc<Graph>,
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) options: LoadOptions,
    pub(crate) layers: Vec<LayerSummary>,
    pub(crate) weights: Vec<WeightSummary>,
    pub(crate) skews: Vec<Skew>,
    pub(crate) warnings: Vec<String>,
    pub(crate) notes: Vec<String>,
    /// Other names under which each input is taken, by its position; what has no place here has none.
    pub(crate) aliases: Vec<Vec<String>>,
    /// What there is besides of a model with open dimensions.
    pub(crate) open: Option<Open>,
    /// Which model it is, unless it was made by hand or has random weights.
    pub(crate) identified: Option<Arc<Identified>>,
}

impl Model {
    /// A model that is only a graph, made by hand.
    #[doc(hidden)]
    pub fn from_graph(name: &str, graph: Graph) -> Model {
        Model {
            graph: Arc::new(graph),
            name: name.into(),
            format: "made by hand".into(),
            options: LoadOptions::default(),
            layers: Vec::new(),
            weights: Vec::new(),
            skews: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
            aliases: Vec::new(),
            open: None,
            identified: None,
        }
    }

    /// The operators and values. A dimension that is open stands at the size of an example there
    /// ([`OpenDimension::graph_size`]).
    #[doc(hidden)]
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The inputs by name in the model's order, with [`Dim::Open`](crate::tensor::Dim::Open) for sizes that are open.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &TensorType)> {
        let inputs = self.graph.inputs().enumerate();
        inputs.map(|(position, (id, node))| {
            let ty = self.graph.ty(id);
            (&*node.name, self.open.as_ref().map_or(ty, |open| &open.inputs[position]))
        })
    }

    /// The outputs by name in the model's order, with [`Dim::Open`](crate::tensor::Dim::Open) for sizes that follow from
    /// open ones.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &TensorType)> {
        let outputs = self.graph.outputs().iter().enumerate();
        outputs.map(|(position, (name, id))| {
            let ty = self.graph.ty(*id);
            (name.as_str(), self.open.as_ref().map_or(ty, |open| &open.outputs[position]))
        })
    }

    /// The model's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Format and origin, as `layers-model, keras v2.17.0`.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// How it was read.
    pub fn options(&self) -> &LoadOptions {
        &self.options
    }

    /// Its layers, nested ones after the model they are nested in.
    pub fn layers(&self) -> &[LayerSummary] {
        &self.layers
    }

    /// Its weights in file order.
    pub fn weights(&self) -> &[WeightSummary] {
        &self.weights
    }

    /// Where TF.js and Keras differ for this model.
    pub fn skews(&self) -> &[Skew] {
        &self.skews
    }

    /// What the reader should know about the file: weights that are not finite, for example.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How the file was read where it can be read in several ways: weights that were bound by their shapes, for example.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
