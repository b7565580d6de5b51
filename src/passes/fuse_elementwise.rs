//! Fuses chains of unary and binary elementwise operators into one kernel.

use super::rewrite::{Rewrite, rewrite};
use crate::error::Result;
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{Elementwise, MOST_INPUTS, MOST_STEPS, Op, Step};
use crate::tensor::DType;

/// Replaces each chain of two or more unary and binary operators by one [`Elementwise`].
pub(super) fn fuse(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let Source::Op(_) = &node.source else { return Ok(None) };
        // Only the last node of a chain is replaced; the others become unused and are dropped.
        let Some(chain) = chain(rewrite, graph, node.output()).filter(|chain| chain.steps.len() > 1) else {
            return Ok(None);
        };
        build(rewrite, node, chain).map(Some)
    })
}

/// A chain of operators, as values of the old graph.
struct Chain {
    start: ValueId,
    steps: Vec<Step>,
    /// The other operands. A step refers to them by input position; position 0 is the start.
    others: Vec<ValueId>,
}

/// The longest chain that ends in `id` and whose intermediate values have no other reader.
fn chain(rewrite: &Rewrite<'_>, graph: &Graph, id: ValueId) -> Option<Chain> {
    // Collected from the end to the start: each step and its other operand.
    let mut links: Vec<(Step, Option<ValueId>)> = Vec::new();
    let (mut at, mut operands) = (id, 1);
    while let Some((next, step, other)) = link(rewrite, graph, at).filter(|_| links.len() < MOST_STEPS) {
        operands += usize::from(other.is_some());
        if operands > MOST_INPUTS {
            break;
        }
        links.push((step, other));
        at = next;
        // A value that is broadcast has fewer elements, so the chain before it is cheaper to compute separately.
        if !rewrite.is_used_once(at) || graph.ty(at).shape != graph.ty(id).shape {
            break;
        }
    }
    if links.is_empty() {
        return None;
    }
    let (mut steps, mut others) = (Vec::new(), Vec::new());
    for (step, other) in links.into_iter().rev() {
        steps.push(match (step, other) {
            (Step::Combine { function, is_right, .. }, Some(other)) => {
                others.push(other);
                Step::Combine { function, is_right, input: others.len() }
            }
            (step, _) => step,
        });
    }
    Some(Chain { start: at, steps, others })
}

/// One step back: the value to which the step is applied, the step, and its other operand.
fn link(rewrite: &Rewrite<'_>, graph: &Graph, id: ValueId) -> Option<(ValueId, Step, Option<ValueId>)> {
    if graph.ty(id).dtype != DType::F32 {
        return None;
    }
    match rewrite.operator(id)? {
        (Op::Activation(activation), inputs) => Some((inputs[0], Step::Apply(activation.function), None)),
        (Op::Binary(binary), inputs) => {
            let function = binary.function;
            // Follow the operand that is itself an elementwise step; the left one if both or neither are.
            let continues = |side: ValueId| {
                let step = matches!(rewrite.operator(side), Some((Op::Activation(_) | Op::Binary(_), _)));
                step && rewrite.is_used_once(side) && graph.ty(side).shape == graph.ty(id).shape
            };
            let is_right = continues(inputs[1]) && !continues(inputs[0]);
            let (value, other) = if is_right { (inputs[1], inputs[0]) } else { (inputs[0], inputs[1]) };
            Some((value, Step::Combine { function, input: 0, is_right }, Some(other)))
        }
        _ => None,
    }
}

fn build(rewrite: &mut Rewrite<'_>, node: &Node, chain: Chain) -> Result<ValueId> {
    let inputs: Vec<ValueId> = std::iter::once(chain.start).chain(chain.others).collect();
    rewrite.op(node, Elementwise { steps: chain.steps }, &inputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::ops::{Activation, Binary, BinaryFunction, Compare, Comparison, Function, Select};
    use crate::tensor::{Shape, TensorType};

    #[test]
    fn a_chain_becomes_one_operator_up_to_a_value_that_is_read_twice() {
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let z = builder.input("z", TensorType::f32(Shape::batched(&[2]))).expect("input");
        let mut binary =
            |name: &str, function, left, right| builder.op(name, Binary { function }, &[left, right]).expect("op");
        let sum = binary("sum", BinaryFunction::Add, x, z);
        let difference = binary("difference", BinaryFunction::Subtract, z, sum);
        let twice = binary("twice", BinaryFunction::Multiply, difference, x);
        let y = builder.op("y", Activation { function: Function::Sigmoid }, &[twice]).expect("op");
        let graph = builder.finish(vec![("y".into(), y), ("sum".into(), sum)]).expect("graph");
        let text = fuse(&graph).expect("fused").to_string();
        assert_eq!(
            text.lines().nth(3),
            Some(
                "%3 = elementwise { steps: [Combine { function: Subtract, input: 1, is_right: false }, Combine { function: \
                 Multiply, input: 2, is_right: false }, Apply(Sigmoid)] } (%1, %2, %0) -> float32[N, 2] \"y\""
            ),
            "{text}"
        );
    }
    #[test]
    fn what_is_not_of_floats_stays_by_itself() {
        let mut builder = Builder::new();
        let ty = |dtype| TensorType::new(Shape::batched(&[2]), dtype);
        let x = builder.input("x", ty(DType::F32)).expect("input");
        let ids = builder.input("ids", ty(DType::I32)).expect("input");
        let mut op = |name: &str, op: Op, inputs: &[ValueId]| builder.op(name, op, inputs).expect("op");
        let sum = op("sum", Binary { function: BinaryFunction::Add }.into(), &[ids, ids]);
        let opposite = op("opposite", Activation { function: Function::Negative }.into(), &[sum]);
        let whole = op("whole", Activation { function: Function::Floor }.into(), &[x]);
        let power = op("power", Binary { function: BinaryFunction::Power }.into(), &[whole, x]);
        let is_less = op("is less", Compare { comparison: Comparison::Less }.into(), &[power, x]);
        let either = op("either", Binary { function: BinaryFunction::Maximum }.into(), &[is_less, is_less]);
        let y = op("y", Select.into(), &[either, opposite, ids]);
        let graph = builder.finish(vec![("y".into(), y)]).expect("graph");
        let text = fuse(&graph).expect("fused").to_string();
        let names = text.lines().filter_map(|line| line.split_once(" = ")?.1.split(' ').next()).collect::<Vec<_>>();
        let expected = ["input", "input", "binary", "activation", "elementwise", "compare", "binary", "select"];
        assert_eq!(names[..8], expected, "{text}");
    }
}
