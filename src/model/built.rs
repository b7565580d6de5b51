//! Models built by a function whose inputs have named sizes: they are rebuilt for each set of sizes.

use super::{Model, OpenDimension, Resize};
use crate::error::Result;
use crate::graph::{Builder, Graph, ValueId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

type Build = dyn Fn(&mut Builder) -> Result<Vec<(String, ValueId)>> + Send + Sync;

/// The function that builds a model.
struct Built {
    name: String,
    build: Box<Build>,
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Model {
    /// A model built by the function `build`, which adds inputs and operators, and returns the outputs by name. Inputs
    /// may have dimensions with named sizes besides the batch ([`Builder::input_of`]). `build` is then called again for
    /// each set of sizes, and must add the same operators each time except for their sizes. If `build` returns an
    /// error, this function returns it, or the prediction whose inputs have the unsupported sizes.
    ///
    /// ```
    /// use tfjs_wgpu::internals::graph::InputDim;
    /// use tfjs_wgpu::internals::ops::{Reduce, Reduction};
    /// use tfjs_wgpu::{DType, Device, Model, Session, Tensor};
    /// let model = Model::build("mean", |builder| {
    ///     let history = InputDim::Named { name: "history", example: 20 };
    ///     let x = builder.input_of("x", DType::F32, &[InputDim::Batch, history])?;
    ///     let mean = builder.op("mean", Reduce { reduction: Reduction::Mean, axis: 1 }, &[x])?;
    ///     Ok(vec![("mean".into(), mean)])
    /// })?;
    /// let session = Session::open(&model, Device::Cpu)?;
    /// let x = Tensor::f32(&[1, 3], vec![1.0, 2.0, 6.0])?;
    /// let outputs = session.predict(&[("x", x)].into_iter().collect())?.outputs;
    /// assert_eq!(outputs.get("mean").map(Tensor::to_f64), Some(vec![3.0]));
    /// # Ok::<(), tfjs_wgpu::Error>(())
    /// ```
    #[doc(hidden)]
    pub fn build(
        name: &str,
        build: impl Fn(&mut Builder) -> Result<Vec<(String, ValueId)>> + Send + Sync + 'static,
    ) -> Result<Model> {
        let built = Arc::new(Built { name: name.into(), build: Box::new(build) });
        let graph = built.graph(Vec::new())?;
        if graph.named_dimensions().is_empty() {
            return Ok(Model::from_graph(name, graph));
        }
        let ranks: HashMap<&str, usize> =
            graph.inputs().map(|(id, node)| (node.name.as_str(), graph.ty(id).shape.rank())).collect();
        let open = |named: &crate::graph::NamedDimension| OpenDimension {
            input: named.input.clone(),
            axis: named.axis,
            name: Some(named.name.clone()),
            size: None,
            graph_size: named.size,
            rank: ranks.get(named.input.as_str()).copied().unwrap_or_default(),
        };
        let dimensions = graph.named_dimensions().iter().map(open).collect();
        built.resized(dimensions)
    }
}

impl Built {
    fn graph(&self, sizes: Vec<(String, usize)>) -> Result<Graph> {
        let mut builder = Builder::with_sizes(sizes);
        let outputs = (self.build)(&mut builder)?;
        builder.finish(outputs)
    }

    /// The model with the sizes in `dimensions`. A dimension without a size gets its example plus `more`.
    fn model(&self, dimensions: &[OpenDimension], more: usize) -> Result<Model> {
        let size = |open: &OpenDimension| open.size.unwrap_or(open.graph_size + more);
        let sizes = dimensions.iter().filter_map(|open| Some((open.name.clone()?, size(open)))).collect();
        Ok(Model::from_graph(&self.name, self.graph(sizes)?))
    }
}

impl Resize for Built {
    fn resized(self: Arc<Self>, mut dimensions: Vec<OpenDimension>) -> Result<Model> {
        for dimension in &mut dimensions {
            dimension.graph_size = dimension.size.unwrap_or(dimension.graph_size);
        }
        let model = self.model(&dimensions, 0)?;
        // Sizes that differ in the larger model depend on open ones. Some models work only at their example sizes.
        let larger = self.model(&dimensions, 1).ok();
        let mut model = model.opened(self, dimensions);
        if let Some(larger) = larger {
            model.open_where_not(&larger);
        }
        Ok(model)
    }
}
