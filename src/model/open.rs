//! What is needed to lower a model with open dimensions again, and which of its sizes depend on them.

use super::{Model, OpenDimension};
use crate::error::Result;
use crate::tensor::TensorType;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Provides a model at other sizes: a file that was read, or a function that builds a graph.
pub(crate) trait Resize: fmt::Debug + Send + Sync {
    /// The model with these open dimensions. A dimension without a size gets an example.
    fn resized(self: Arc<Self>, dimensions: Vec<OpenDimension>) -> Result<Model>;
}

/// The data of a model with open dimensions besides its graph.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    /// Ordered by input and axis.
    pub(crate) dimensions: Vec<OpenDimension>,
    /// The types of the inputs, with `?` for open sizes.
    pub(crate) inputs: Vec<TensorType>,
    /// The types of the outputs, with `?` for sizes that depend on open ones.
    pub(crate) outputs: Vec<TensorType>,
    pub(crate) source: Arc<dyn Resize>,
}

impl Model {
    /// This model with the data for lowering it again.
    pub(crate) fn opened(mut self, source: Arc<dyn Resize>, dimensions: Vec<OpenDimension>) -> Model {
        let (mut inputs, outputs) = (self.input_types(), self.output_types());
        let mut unsized_axes: HashMap<&str, Vec<usize>> = HashMap::new();
        for open in dimensions.iter().filter(|open| open.size.is_none()) {
            unsized_axes.entry(&open.input).or_default().push(open.axis);
        }
        for ((_, node), ty) in self.graph.inputs().zip(&mut inputs) {
            let axes = unsized_axes.get(node.name.as_str()).into_iter().flatten();
            ty.shape = axes.fold(ty.shape.clone(), |shape, axis| shape.open_at(*axis));
        }
        self.open = Some(Open { dimensions, inputs, outputs, source });
        self
    }

    /// Marks the sizes that depend on open ones: those that differ in `other`.
    pub(crate) fn open_where_not(&mut self, other: &Model) {
        for (layer, other) in self.layers.iter_mut().zip(&other.layers) {
            layer.output_shape = layer.output_shape.open_where_not(&other.output_shape);
        }
        let Some(open) = &mut self.open else { return };
        for (types, others) in [(&mut open.inputs, other.input_types()), (&mut open.outputs, other.output_types())] {
            for (ty, other) in types.iter_mut().zip(others) {
                ty.shape = ty.shape.open_where_not(&other.shape);
            }
        }
    }

    fn input_types(&self) -> Vec<TensorType> {
        self.graph.inputs().map(|(id, _)| self.graph.ty(id).clone()).collect()
    }

    fn output_types(&self) -> Vec<TensorType> {
        self.graph.outputs().iter().map(|(_, id)| self.graph.ty(*id).clone()).collect()
    }
}
