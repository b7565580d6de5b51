//! A model as one JSON object.

use crate::model_file::skew_lines;
use serde_json::{Value, json};
use tfjs_wgpu::internals::graph::{Source, ValueId};
use tfjs_wgpu::internals::model::{LayerSummary, WeightSummary};
use tfjs_wgpu::{Dim, Shape, TensorType};
use tfjs_wgpu::{Model, OpenDimension, Result};

/// The description of the fields for `--help`.
pub(crate) const HELP: &str = "\
The object that --json prints:
  schema    2; incremented when the meaning of a field changes
  name, format, semantics
  identity  the SHA-256 of topology and stored weights, which does not depend on the location of the
            files; null with random weights
  inputs, outputs
            [{name, dtype, shape}]
  open_dimensions
            [{input, axis, size, graph_size}]; size is null if none is given
  layers    [{name, class, depth, output_shape, parameters, connected_to}]
  weights   [{name, shape, stored, stored_bytes}]
  operators [{name, operator, inputs, outputs: [{id, dtype, shape}]}]; inputs are ids of outputs
  plan      for the batch of --batch: {batch, text, dispatches, upload_bytes, download_bytes,
            slot_bytes, weight_bytes, flops}; {batch, error} if the model exceeds limits of phones
  totals    {layers, parameters, weight_bytes, operators}
  differences_between_tfjs_and_keras, warnings, notes
            lines of text
In shapes the batch is null. Open dimensions that --dim does not give are \"?\"; operators and the
plan are those for graph_size.";

/// Everything about the model, with its plan for one batch size.
pub(crate) fn object(model: &Model, batch: usize) -> Value {
    let ends = |wanted: &str| -> Value {
        let ends = super::ends(model).into_iter().filter(|(end, ..)| *end == wanted);
        ends.map(|(_, name, ty)| typed(name, ty)).collect()
    };
    json!({
        "schema": 2,
        "name": model.name(),
        "format": model.format(),
        "identity": model.identity().map(ToString::to_string),
        "semantics": model.options().tfjs.semantics.to_string(),
        "inputs": ends("input"),
        "outputs": ends("output"),
        "open_dimensions": model.open_dimensions().iter().map(open_dimension).collect::<Value>(),
        "layers": model.layers().iter().map(layer).collect::<Value>(),
        "weights": model.weights().iter().map(weight).collect::<Value>(),
        "operators": operators(model),
        "plan": plan(model, batch).unwrap_or_else(|error| json!({ "batch": batch, "error": error.to_string() })),
        "totals": {
            "layers": model.layers().len(),
            "parameters": super::parameters(model),
            "weight_bytes": super::stored_bytes(model),
            "operators": super::operators(model),
        },
        "differences_between_tfjs_and_keras": skew_lines(model),
        "warnings": model.warnings(),
        "notes": model.notes(),
    })
}

fn shape(shape: &Shape) -> Value {
    let dim = |dim: &Dim| match dim {
        Dim::Batch | Dim::Shared => Value::Null,
        Dim::Fixed(size) => (*size).into(),
        _ => "?".into(),
    };
    shape.dims().iter().map(dim).collect()
}

fn typed(name: &str, ty: &TensorType) -> Value {
    json!({ "name": name, "dtype": ty.dtype.to_string(), "shape": shape(&ty.shape) })
}

fn open_dimension(open: &OpenDimension) -> Value {
    json!({ "input": open.input, "axis": open.axis, "size": open.size, "graph_size": open.graph_size })
}

fn layer(layer: &LayerSummary) -> Value {
    json!({
        "name": layer.name,
        "class": layer.class,
        "depth": layer.depth,
        "output_shape": shape(&layer.output_shape),
        "parameters": layer.parameters,
        "connected_to": layer.connected_to,
    })
}

fn weight(weight: &WeightSummary) -> Value {
    json!({
        "name": weight.name,
        "shape": weight.shape,
        "stored": weight.stored,
        "stored_bytes": weight.stored_bytes,
    })
}

fn operators(model: &Model) -> Value {
    let graph = model.graph();
    let value = |id: ValueId| {
        let ty = graph.ty(id);
        json!({"id": id.index(), "dtype": ty.dtype.to_string(), "shape": shape(&ty.shape)})
    };
    let operator = |node: &tfjs_wgpu::internals::graph::Node| {
        let operator = match &node.source {
            Source::Input => "input".to_string(),
            Source::Constant(_) => "constant".to_string(),
            Source::Op(op) => op.to_string(),
        };
        json!({
            "name": node.name,
            "operator": operator,
            "inputs": node.inputs.iter().map(|input| input.index()).collect::<Vec<_>>(),
            "outputs": node.outputs.iter().map(|output| value(*output)).collect::<Vec<_>>(),
        })
    };
    graph.nodes().iter().map(operator).collect()
}

fn plan(model: &Model, batch: usize) -> Result<Value> {
    let plan = super::plan(model)?;
    let counts = plan.counts(batch)?;
    Ok(json!({
        "batch": batch,
        "text": plan.text(batch)?,
        "dispatches": counts.dispatches,
        "upload_bytes": counts.upload_bytes,
        "download_bytes": counts.download_bytes,
        "slot_bytes": counts.slot_bytes,
        "weight_bytes": counts.weight_bytes,
        "flops": counts.work.flops,
    }))
}
