//! What a copy of a value of an attribute takes, charged before it is made: a call of a function may copy what it is given
//! many times.

use super::budget::Budget;
use super::graph::{AttributeProto, AttributeValue, GraphProto, NodeProto};
use super::tensor_proto::TensorProto;
use super::value_info::ValueInfoProto;
use crate::error::Result;

/// A tensor with all the dimensions that it may have.
type LargeTensor<'f> = (TensorProto<'f>, [i64; 8]);

/// A declared type with all the dimensions that it may have.
type LargeValueInfo<'f> = (ValueInfoProto<'f>, [[u64; 3]; 8]);

/// Charges for what a copy of the value takes beside the value itself.
pub(super) fn charge_copy(value: &AttributeValue<'_>, budget: &Budget) -> Result<()> {
    match value {
        AttributeValue::Floats(values) => budget.charge::<f32>(values.len()),
        AttributeValue::Ints(values) => budget.charge::<i64>(values.len()),
        AttributeValue::Strings(values) => budget.charge::<&[u8]>(values.len()),
        AttributeValue::Tensor(tensor) => budget.charge::<i64>(tensor.dims.len()),
        AttributeValue::Tensors(tensors) => budget.charge::<LargeTensor<'_>>(tensors.len()),
        AttributeValue::Graph(graph) => charge_graph(graph, budget),
        AttributeValue::Graphs(graphs) => graphs.iter().try_for_each(|graph| charge_graph(graph, budget)),
        _ => Ok(()),
    }
}

fn charge_graph(graph: &GraphProto<'_>, budget: &Budget) -> Result<()> {
    budget.count_nodes(graph.nodes.len())?;
    budget.charge::<GraphProto<'_>>(1)?;
    budget.charge::<LargeTensor<'_>>(graph.initializers.len())?;
    budget.charge::<LargeValueInfo<'_>>(graph.inputs.len() + graph.outputs.len() + graph.value_infos.len())?;
    for node in &graph.nodes {
        budget.charge::<NodeProto<'_>>(1)?;
        budget.charge::<&str>(node.inputs.len() + node.outputs.len())?;
        budget.charge::<AttributeProto<'_>>(node.attributes.len())?;
        node.attributes.iter().try_for_each(|attribute| charge_copy(&attribute.value, budget))?;
    }
    Ok(())
}
