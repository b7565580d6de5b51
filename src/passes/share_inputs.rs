//! Computes values that depend only on shared inputs once per batch, as for one user and many candidates.
//!
//! [`share`] gives each shared input one row (S) for the whole batch. Values that depend only on shared inputs have one
//! row too. A [`BroadcastBatch`] repeats the row where a shared value meets a value with N rows.

use super::rewrite::{Rewrite, rewrite_outputs};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{BroadcastBatch, Op};
use crate::tensor::{Shape, TensorType};
use std::collections::HashSet;

/// Rewrites `graph` for predictions in which the inputs named in `shared` have one row. At least one other input must
/// have N rows.
pub fn share(graph: &Graph, shared: &[&str]) -> Result<Graph> {
    let like = expect_shareable(graph, shared)?;
    let shared: HashSet<&str> = shared.iter().copied().collect();
    let outputs: HashSet<ValueId> = graph.outputs().iter().map(|(_, id)| *id).collect();
    // Outputs have a row for each sample.
    let expanded =
        |rewrite: &mut Rewrite<'_>, name: &str, value: ValueId| match rewrite.builder.ty(value).shape.is_shared() {
            true => rewrite.builder.op(name, BroadcastBatch, &[value, rewrite.renewed(like)]),
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
            // A shared value that is an output is broadcast at once. Other operators see through the broadcast.
            for (_, new) in node.outputs.iter().zip(&mut new).filter(|(old, _)| outputs.contains(old)) {
                *new = expanded(rewrite, &node.name, *new)?;
            }
            Ok(Some(new))
        }
        _ => Ok(None),
    };
    // Shared inputs that are outputs are broadcast after all nodes, because they may precede the input that has the
    // batch.
    rewrite_outputs(graph, replace, |rewrite, output| expanded(rewrite, "shared", output))
}

/// Adds the operator of a node, some of whose inputs may have one row for all samples.
fn shared_op(rewrite: &mut Rewrite<'_>, node: &Node, op: &Op, like: ValueId) -> Result<Vec<ValueId>> {
    let mut inputs: Vec<ValueId> = node.inputs.iter().map(|id| rewrite.renewed(*id)).collect();
    let meets = inputs.iter().any(|id| rewrite.builder.ty(*id).shape.is_per_sample());
    // A binary operator broadcasts a single row itself.
    if meets && !matches!(op, Op::Binary(_)) {
        for input in &mut inputs {
            if rewrite.builder.ty(*input).shape.is_shared() {
                *input = rewrite.builder.op(&node.name, BroadcastBatch, &[*input, rewrite.renewed(like)])?;
            }
        }
    }
    rewrite.builder.outputs_of(&node.name, op.clone(), &inputs)
}

/// An input that keeps its batch dimension when the inputs named in `shared` lose theirs. Returns an error if there is
/// none, or if a name is unknown.
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

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::{Activation, Concatenate, Dense, Function};
    use crate::passes::split_shared_dense;

    /// A Dense over features of the user, of the candidate, and again of the user.
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
        assert_eq!(
            operators(&shared),
            ["activation", "broadcast_batch", "broadcast_batch", "concatenate", "dense"],
            "{shared}"
        );
        assert!(shared.to_string().contains("float32[S, 2] \"taste\""), "{shared}");
        assert_same(&graph, &shared);
        let split = split_shared_dense::split(&shared).expect("split");
        assert_eq!(operators(&split), ["activation", "concatenate", "dense", "dense"], "{split}");
        assert!(split.to_string().contains("float32[S, 4] \"dense\""), "{split}");
        assert_same(&graph, &split);
    }

    /// The shared input precedes the input that has the batch.
    #[test]
    fn a_shared_input_that_is_an_output_has_a_row_for_each_sample() {
        let mut example = Example::new();
        let (user, candidate) = (example.floats("user", &[2]), example.floats("candidate", &[2]));
        let add = crate::ops::Binary { function: crate::ops::BinaryFunction::Add };
        let sum = example.op("sum", add, &[user, candidate]);
        let graph = example.builder.finish(vec![("sum".into(), sum), ("user".into(), user)]).expect("a graph");
        let shared = share(&graph, &["user"]).expect("shared");
        assert_eq!(operators(&shared), ["binary", "broadcast_batch"], "{shared}");
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
