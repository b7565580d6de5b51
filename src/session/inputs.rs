//! Whether the given tensors fit the model's inputs, and the batch they make.

use crate::error::{Error, Result};
use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::tensor::{DType, NamedTensors, Tensor, format_dims};

/// The inputs in the model's dtypes and shapes, those of batch 1 repeated; and the batch.
pub(super) fn fit(model: &Model, given: &NamedTensors) -> Result<(NamedTensors, usize)> {
    let graph = model.graph();
    for name in given.names() {
        if !graph.inputs().any(|(_, node)| node.name == name) {
            return Err(Error::input(format!("the model has no input called `{name}`")).hint(expected(model)));
        }
    }
    let mut fitted: Vec<(&str, Tensor)> = Vec::new();
    for (_, node) in graph.inputs() {
        let tensor = given.get(&node.name).ok_or_else(|| {
            Error::input(format!("no tensor was given for input `{}`", node.name)).hint(expected(model))
        })?;
        fitted.push((&node.name, fit_one(node, tensor)?));
    }
    let batch = common_batch(&fitted)?;
    expect_computable(graph, batch)?;
    let mut inputs = NamedTensors::new();
    for (name, tensor) in fitted {
        let shared = graph.inputs().any(|(_, node)| node.name == name && node.ty.shape.is_shared());
        match (tensor.shape()[0], shared) {
            (1, true) => inputs.insert(name, tensor),
            (rows, true) => {
                return Err(Error::input(format!("all samples share input `{name}`, which has {rows} rows"))
                    .hint("give it one row"));
            }
            (rows, false) if rows == batch => inputs.insert(name, tensor),
            _ => inputs.insert(name, tensor.repeat_rows(batch)?),
        }
    }
    Ok((inputs, batch))
}

/// Elements of one value beyond which nothing is tried: 8 GiB. A file may ask for any size in a few bytes.
const MAX_ELEMENTS: usize = 1 << 31;

pub(super) fn expect_computable(graph: &Graph, batch: usize) -> Result<()> {
    for node in graph.nodes().iter().filter(|node| node.ty.shape.is_batched()) {
        if node.ty.shape.sample_len().checked_mul(batch).is_none_or(|elements| elements > MAX_ELEMENTS) {
            return Err(Error::limit(format!("a value of shape {} is too large at a batch of {batch}", node.ty.shape))
                .at(format!("`{}`", node.name))
                .hint("use a smaller batch"));
        }
    }
    Ok(())
}

fn expected(model: &Model) -> String {
    let inputs: Vec<String> = model.graph().inputs().map(|(_, node)| format!("`{}` {}", node.name, node.ty)).collect();
    format!("the model's inputs are: {}", inputs.join(", "))
}

fn fit_one(node: &Node, tensor: &Tensor) -> Result<Tensor> {
    let error = |what: String, hint: &str| Err(Error::input(what).at(format!("input `{}`", node.name)).hint(hint));
    let wanted = &node.ty;
    let tensor = match (tensor.dtype(), wanted.dtype) {
        (given, wanted) if given == wanted => tensor.clone(),
        // Exact up to 2^24; beyond that the id would silently be another one.
        (DType::I32, DType::F32) if tensor.as_i32()?.iter().all(|id| id.unsigned_abs() <= 1 << 24) => {
            tensor.cast(DType::F32)
        }
        (DType::Bool, DType::F32) => tensor.cast(DType::F32),
        (given, wanted) => {
            let hint = match (given, wanted) {
                (DType::F32, DType::I32) => "ids are whole numbers: in JSON 245, not 245.0",
                (DType::I32, DType::F32) => "these integers are not exact in float32: round them, or write floats",
                _ => "give the tensor that dtype",
            };
            return error(format!("expects {wanted} and was given {given}"), hint);
        }
    };
    let sample = wanted.shape.sample();
    let given = tensor.shape().to_vec();
    // Keras and TF.js take [N] for [N, 1].
    let shape = if given.len() == 1 && sample == [1] { vec![given[0], 1] } else { given.clone() };
    if shape.is_empty() || shape[1..] != sample[..] {
        let hint =
            if given == sample { "the batch comes first: one row is [[…]]" } else { "N is the batch, any number" };
        return error(format!("expects shape {} and was given {}", wanted.shape, format_dims(&given)), hint);
    }
    tensor.reshaped(&shape)
}

fn common_batch(inputs: &[(&str, Tensor)]) -> Result<usize> {
    let mut batch: Option<(&str, usize)> = None;
    for (name, tensor) in inputs {
        match (tensor.shape()[0], batch) {
            (1, _) => {}
            (rows, None) => batch = Some((name, rows)),
            (rows, Some((_, known))) if rows == known => {}
            (rows, Some((first, known))) => {
                return Err(Error::input(format!("input `{name}` has a batch of {rows}, but `{first}` has {known}"))
                    .hint("give every input the same number of rows, or one row to share"));
            }
        }
    }
    Ok(batch.map_or(1, |(_, rows)| rows))
}
