//! One user, many candidates: what depends on shared inputs alone is computed for one row.
//!
//! [`share`] gives some inputs one row (S) for the whole batch. Whatever follows from them alone then has one row too;
//! where a shared value meets one of N rows, an [`Expand`] repeats it. [`split_dense`] moves that meeting behind the
//! multiplication: `[user, candidate] · W + b = candidate · W_candidate + (user · W_user + b)`, whose second half is
//! computed once.

use super::rewrite::{Rewrite, operator, rewrite, rewrite_outputs};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{Concatenate, Dense, Expand, Op};
use crate::tensor::{Shape, Tensor, TensorType};
use std::collections::HashSet;
use std::sync::Arc;

/// `graph` for predictions in which the inputs called `shared` have one row, and at least one other has N.
pub fn share(graph: &Graph, shared: &[&str]) -> Result<Graph> {
    let like = expect_shareable(graph, shared)?;
    let shared: HashSet<&str> = shared.iter().copied().collect();
    let outputs: HashSet<ValueId> = graph.outputs().iter().map(|(_, id)| *id).collect();
    // What is read back has a row for each sample.
    let expanded =
        |rewrite: &mut Rewrite<'_>, name: &str, value: ValueId| match rewrite.builder.ty(value).shape.is_shared() {
            true => rewrite.builder.op(name, Expand, &[value, rewrite.renewed(like)]),
            false => Ok(value),
        };
    let replace = |rewrite: &mut Rewrite<'_>, node: &Node| match &node.source {
        Source::Input if shared.contains(node.name.as_str()) => {
            let ty = graph.ty(node.output());
            let ty = TensorType::new(Shape::shared(&ty.shape.sample()), ty.dtype);
            Ok(Some(vec![rewrite.builder.input(&node.name, ty)?]))
        }
        Source::Op(op) => {
            let mut new = shared_op(rewrite, node, op, like)?;
            // Other operators look through it.
            for (_, new) in node.outputs.iter().zip(&mut new).filter(|(old, _)| outputs.contains(old)) {
                *new = expanded(rewrite, &node.name, *new)?;
            }
            Ok(Some(new))
        }
        _ => Ok(None),
    };
    // Inputs are expanded behind all others: the first of them may stand before the one with a batch.
    rewrite_outputs(graph, replace, |rewrite, output| expanded(rewrite, "shared", output))
}

/// The operator of a node over inputs of which some have one row for all samples.
fn shared_op(rewrite: &mut Rewrite<'_>, node: &Node, op: &Op, like: ValueId) -> Result<Vec<ValueId>> {
    let mut inputs: Vec<ValueId> = node.inputs.iter().map(|id| rewrite.renewed(*id)).collect();
    let meets = inputs.iter().any(|id| rewrite.builder.ty(*id).shape.is_per_sample());
    // Broadcasting stretches one row by itself.
    if meets && !matches!(op, Op::Binary(_)) {
        for input in &mut inputs {
            if rewrite.builder.ty(*input).shape.is_shared() {
                *input = rewrite.builder.op(&node.name, Expand, &[*input, rewrite.renewed(like)])?;
            }
        }
    }
    rewrite.builder.outputs_of(&node.name, op.clone(), &inputs)
}

/// An input that keeps its batch while those called `shared` lose theirs; an error if there is none, or if one of the
/// names is unknown.
pub fn expect_shareable(graph: &Graph, shared: &[&str]) -> Result<ValueId> {
    let names: Vec<&str> = graph.inputs().map(|(_, node)| node.name.as_str()).collect();
    let known: HashSet<&str> = names.iter().copied().collect();
    if let Some(unknown) = shared.iter().find(|name| !known.contains(*name)) {
        return Err(Error::input(format!("the model has no input called `{unknown}`"))
            .hint(format!("the model's inputs are: {}", names.join(", "))));
    }
    let shared: HashSet<&str> = shared.iter().copied().collect();
    let batched =
        graph.inputs().find(|(id, node)| !shared.contains(node.name.as_str()) && graph.ty(*id).shape.is_per_sample());
    batched.map(|(id, _)| id).ok_or_else(|| {
        Error::input("all inputs are shared, so there is no batch").hint("share those that describe the user alone")
    })
}

/// `graph` with each Dense over a shared and a batched part of a concatenation split in two.
pub(super) fn split_dense(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| match &node.source {
        Source::Op(Op::Dense(dense)) => split(rewrite, graph, node, dense),
        _ => Ok(None),
    })
}

fn split(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, dense: &Dense) -> Result<Option<ValueId>> {
    let x = node.inputs[0];
    let Some((Op::Concatenate(concatenate), parts)) = operator(graph, x) else { return Ok(None) };
    let last = graph.ty(x).shape.rank() - 1;
    let (Some(kernel), Some(bias)) = (rewrite.value(node.inputs[1]), rewrite.value(node.inputs[2])) else {
        return Ok(None);
    };
    // A bias of a shared row has rank 2, so only matrices are split; and only layers that are called once, because each
    // call would have a kernel of its own.
    if concatenate.axis != last || last != 1 || !rewrite.is_used_once(node.inputs[1]) {
        return Ok(None);
    }
    let (kernel, bias) = (Arc::clone(kernel), Arc::clone(bias));
    // The parts of either side with their first row in the kernel.
    let (mut shared, mut batched, mut row) = (Vec::new(), Vec::new(), 0);
    for &part in parts {
        let width = graph.ty(part).shape.sample_len();
        match operator(graph, part) {
            Some((Op::Expand(_), inputs)) => shared.push((inputs[0], row, width)),
            _ => batched.push((part, row, width)),
        }
        row += width;
    }
    if shared.is_empty() || batched.is_empty() {
        return Ok(None);
    }
    let side = |rewrite: &mut Rewrite<'_>, parts: &[(ValueId, usize, usize)], name: &str| {
        let sources: Vec<ValueId> = parts.iter().map(|(id, _, _)| *id).collect();
        let input = match sources.as_slice() {
            [one] => rewrite.renewed(*one),
            _ => rewrite.op(graph.maker(x), Concatenate { axis: 1 }, &sources)?,
        };
        let rows: Vec<(usize, usize)> = parts.iter().map(|&(_, row, width)| (row, width)).collect();
        let name = format!("{}/{name}_kernel", node.name);
        Ok::<_, Error>((input, rewrite.builder.constant(&name, Arc::new(kernel_rows(&kernel, &rows)?))?))
    };
    let (input, weights) = side(rewrite, &shared, "shared")?;
    let bias = rewrite.builder.constant(&format!("{}/bias", node.name), bias)?;
    let once = rewrite.builder.op(&node.name, Dense::with(None), &[input, weights, bias])?;
    let (input, weights) = side(rewrite, &batched, "batched")?;
    rewrite.builder.op(&node.name, dense.clone(), &[input, weights, once]).map(Some)
}

/// Some rows of a kernel, given as (first, count), one after the other.
fn kernel_rows(kernel: &Tensor, rows: &[(usize, usize)]) -> Result<Tensor> {
    let units = kernel.shape()[1];
    let values = kernel.as_f32()?;
    let parts = rows.iter().flat_map(|&(first, count)| &values[first * units..(first + count) * units]);
    let count = rows.iter().map(|(_, count)| count).sum();
    Tensor::f32(&[count, units], parts.copied().collect())
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::{Activation, Function};

    /// A Dense over the user's part, the candidate's, and the user's again.
    fn ranking() -> Graph {
        let mut example = Example::new();
        let (user, candidate) = (example.floats("user", &[2]), example.floats("candidate", &[3]));
        let taste = example.op("taste", Activation { function: Function::Tanh }, &[user]);
        let join = example.op("join", Concatenate { axis: 1 }, &[user, candidate, taste]);
        let operands = [example.constant("kernel", &[7, 4]), example.constant("bias", &[4])];
        let y = example.op("dense", Dense::with(Some(Function::RELU)), &[join, operands[0], operands[1]]);
        example.finish(y)
    }

    #[test]
    fn what_follows_from_the_user_alone_has_one_row() {
        let graph = ranking();
        let shared = share(&graph, &["user"]).expect("shared");
        assert_eq!(operators(&shared), ["activation", "expand", "expand", "concatenate", "dense"], "{shared}");
        assert!(shared.to_string().contains("float32[S, 2] \"taste\""), "{shared}");
        assert_same(&graph, &shared);
        let split = split_dense(&shared).expect("split");
        assert_eq!(operators(&split), ["activation", "concatenate", "dense", "dense"], "{split}");
        assert!(split.to_string().contains("float32[S, 4] \"dense\""), "{split}");
        assert_same(&graph, &split);
    }

    /// It stands before the input that has the batch.
    #[test]
    fn a_shared_input_that_is_an_output_has_a_row_for_each_sample() {
        let mut example = Example::new();
        let (user, candidate) = (example.floats("user", &[2]), example.floats("candidate", &[2]));
        let add = crate::ops::Binary { function: crate::ops::BinaryFunction::Add };
        let sum = example.op("sum", add, &[user, candidate]);
        let graph = example.builder.finish(vec![("sum".into(), sum), ("user".into(), user)]).expect("a graph");
        let shared = share(&graph, &["user"]).expect("shared");
        assert_eq!(operators(&shared), ["binary", "expand"], "{shared}");
        assert_same(&graph, &shared);
    }

    #[test]
    fn what_cannot_be_shared_is_refused() {
        let graph = ranking();
        let error = share(&graph, &["user", "candidate"]).expect_err("nothing has a batch");
        assert!(error.to_string().contains("all inputs are shared"), "{error}");
        let error = share(&graph, &["nobody"]).expect_err("no such input");
        assert!(error.to_string().contains("no input called `nobody`"), "{error}");
    }
}
