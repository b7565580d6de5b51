//! The layers of a model as rows of a summary.

use super::lowering::Lowering;
use super::once::Once;
use super::topology::{Layer, Network};
use crate::model::LayerSummary;
use crate::tensor::Shape;
use std::sync::Arc;

/// All layers in file order, those of a nested model after the model.
pub(super) fn layers(network: &Network, lowering: &Lowering) -> Vec<LayerSummary> {
    let mut rows = Vec::new();
    push(network, 0, lowering, &mut rows);
    rows
}

fn push(network: &Network, depth: usize, lowering: &Lowering, rows: &mut Vec<LayerSummary>) {
    for layer in &network.layers {
        let arguments = layer.calls.iter().flat_map(|call| &call.arguments);
        let connected_to: Once<String> = arguments.map(|tensor| tensor.layer.clone()).collect();
        rows.push(LayerSummary {
            name: layer.name.clone(),
            class: layer.class.clone(),
            depth,
            // A layer that no output needs is not lowered.
            output_shape: lowering.shapes.get(&layer.identity).cloned().unwrap_or_else(|| Shape::fixed(&[])),
            parameters: parameters(layer, lowering),
            connected_to: connected_to.all,
        });
        if let Some(network) = inside(layer, lowering) {
            push(network, depth + 1, lowering, rows);
        }
    }
}

/// The model that the layer is, or that it wraps.
fn inside<'m>(layer: &'m Layer, lowering: &'m Lowering) -> Option<&'m Network> {
    layer.network.as_ref().or_else(|| lowering.wrapped_by(layer.identity).map(Arc::as_ref))
}

fn parameters(layer: &Layer, lowering: &Lowering) -> u64 {
    let inner = inside(layer, lowering).into_iter().flat_map(|network| &network.layers);
    lowering.parameters_of(layer.identity) + inner.map(|layer| parameters(layer, lowering)).sum::<u64>()
}
