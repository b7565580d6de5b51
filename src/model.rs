//! A loaded model: its graph, and facts from the file that the graph does not express.
//!
//! Front ends produce a [`Model`], and sessions run it. It is plain data.

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
pub(crate) use sizes::{EXAMPLE_SIZES, no_tensor, other_shape, sizes_hint};
pub use sizes::{OpenDimension, Sizes};

use crate::graph::Graph;
use crate::tensor::{Shape, TensorType};
use std::sync::Arc;

/// One layer, as a model summary shows it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// The layer's name.
    pub name: String,
    /// The layer's class.
    pub class: String,
    /// The number of models in which it is nested.
    pub depth: usize,
    /// The shape of its last output, with [`Dim::Open`](crate::tensor::Dim::Open) for sizes that the model leaves open.
    pub output_shape: Shape,
    /// The number of elements in its weights, including those of layers inside it.
    pub parameters: u64,
    /// The layers from which its calls take their inputs.
    pub connected_to: Vec<String>,
}

/// One weight, as the file stores it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WeightSummary {
    /// The name in the weights manifest.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// How it is stored: `float32`, `float16`, `uint8 (scale 0.02, min -1.3)`, …; `float32 (random)` for a random
    /// weight.
    pub stored: String,
    /// Its size in the file in bytes; for a random weight, its size as float32.
    pub stored_bytes: u64,
}

/// A difference between the results of TF.js and Keras for this model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Skew {
    /// The layer.
    pub layer: String,
    /// What each of them does, such as `averages over padding in TF.js, not in Keras`.
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
    /// How the runtime of its format treats an id outside its table.
    pub(crate) usual_on_bad_id: OnBadId,
    pub(crate) layers: Vec<LayerSummary>,
    pub(crate) weights: Vec<WeightSummary>,
    pub(crate) skews: Vec<Skew>,
    pub(crate) warnings: Vec<String>,
    pub(crate) notes: Vec<String>,
    /// Alternative names of each input, by its position. May be shorter than the list of inputs.
    pub(crate) aliases: Vec<Vec<String>>,
    /// Additional data of a model with open dimensions.
    pub(crate) open: Option<Open>,
    /// The data that identifies the model; `None` if it was built from a graph or has random weights.
    pub(crate) identified: Option<Arc<Identified>>,
}

impl Model {
    /// A model that consists only of a graph.
    #[doc(hidden)]
    pub fn from_graph(name: &str, graph: Graph) -> Model {
        Model {
            graph: Arc::new(graph),
            name: name.into(),
            format: "made by hand".into(),
            options: LoadOptions::default(),
            usual_on_bad_id: OnBadId::Zero,
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

    /// The operators and values. An open dimension has an example size there ([`OpenDimension::graph_size`]).
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

    /// The outputs by name in the model's order, with [`Dim::Open`](crate::tensor::Dim::Open) for sizes that depend on
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

    /// Format and origin, such as `layers-model, keras v2.17.0`.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// How an id outside its table is treated: as [`LoadOptions::on_bad_id`] says, else as the runtime of the format
    /// does. TF.js looks up zeros. onnxruntime fails, and so does a prediction with an ONNX model, if the ids come from
    /// an input; ids that the model computes look up zeros.
    pub fn on_bad_id(&self) -> OnBadId {
        self.options.on_bad_id.unwrap_or(self.usual_on_bad_id)
    }

    /// The options with which it was loaded.
    pub fn options(&self) -> &LoadOptions {
        &self.options
    }

    /// Its layers. Nested layers follow the model in which they are nested.
    pub fn layers(&self) -> &[LayerSummary] {
        &self.layers
    }

    /// Its weights in file order.
    pub fn weights(&self) -> &[WeightSummary] {
        &self.weights
    }

    /// The differences between TF.js and Keras for this model.
    pub fn skews(&self) -> &[Skew] {
        &self.skews
    }

    /// Problems with the file that the user should know about, such as weights that are not finite.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Choices made where the file can be read in several ways, such as weights that were bound by their shapes.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
