//! Makes operators of what a file computes with masks: whether all of several masks hold, and the mean of the steps that
//! a mask keeps.

use super::pattern::Pattern;
use super::rewrite::{Rewrite, operator, rewrite};
use crate::error::Result;
use crate::graph::{Graph, Node, ValueId};
use crate::ops::{Binary, BinaryFunction, Comparison, MaskedMean, Op, Reduce, Reduction, Reshape};
use crate::tensor::DType;

pub(super) fn recognize(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let pattern = Pattern(graph);
        if let Some(found) = all(pattern, node.output()) {
            return join(rewrite, pattern, node, &found).map(Some);
        }
        match masked_mean(pattern, node.output()) {
            Some([x, mask]) => mean(rewrite, pattern, node, [x, mask]).map(Some),
            None => Ok(None),
        }
    })
}

/// The value of which this is the opposite.
fn opposite(pattern: Pattern<'_>, id: ValueId) -> Option<ValueId> {
    let (Op::Compare(compare), &[x, no]) = operator(pattern.0, id)? else { return None };
    let is_not = compare.comparison == Comparison::LessEqual
        && pattern.0.ty(x).dtype == DType::Bool
        && pattern.number(no) == Some(0.0);
    is_not.then_some(x)
}

/// Whether all of some booleans along an axis are true.
struct All {
    of: ValueId,
    axis: usize,
}

/// `!(Σ float(!z) > 0)`, as TensorFlow's `all` is written.
fn all(pattern: Pattern<'_>, id: ValueId) -> Option<All> {
    let counted = opposite(pattern, id)?;
    let (Op::Compare(compare), &[sum, zero]) = operator(pattern.0, counted)? else { return None };
    if compare.comparison != Comparison::Greater || pattern.number(zero) != Some(0.0) {
        return None;
    }
    // A sum over one element may be left out before.
    let (Op::Reduce(reduce), &[terms]) = operator(pattern.0, sum)? else { return None };
    let (Op::Cast(_), &[off]) = operator(pattern.0, terms)? else { return None };
    let of = opposite(pattern, off).filter(|_| reduce.reduction == Reduction::Sum)?;
    Some(All { of, axis: reduce.axis })
}

/// The masks that are joined along the axis, each once and without those that always hold.
fn masks(pattern: Pattern<'_>, all: &All) -> Option<Vec<ValueId>> {
    let (Op::Concatenate(concatenate), parts) = operator(pattern.0, all.of)? else { return None };
    let mut masks: Vec<ValueId> = Vec::new();
    for &part in parts {
        if is_true(pattern, part) {
            continue;
        }
        if concatenate.axis != all.axis || pattern.0.ty(part).shape.sample().get(all.axis - 1) != Some(&1) {
            return None;
        }
        let mask = pattern.unshaped(part);
        if !masks.contains(&mask) {
            masks.push(mask);
        }
    }
    (!masks.is_empty()).then_some(masks)
}

/// Whether all elements are true, for every sample.
fn is_true(pattern: Pattern<'_>, id: ValueId) -> bool {
    let id = match operator(pattern.0, pattern.unshaped(id)) {
        Some((Op::BroadcastBatch(_), &[row, _])) => row,
        _ => id,
    };
    let of_bools = |tensor: &&std::sync::Arc<crate::tensor::Tensor>| tensor.dtype() == DType::Bool;
    pattern.constant(id).filter(of_bools).is_some_and(|tensor| tensor.to_f64().iter().all(|value| *value != 0.0))
}

fn join(rewrite: &mut Rewrite<'_>, pattern: Pattern<'_>, node: &Node, all: &All) -> Result<ValueId> {
    let Some(masks) = masks(pattern, all) else {
        return rewrite.op(node, Reduce { reduction: Reduction::Minimum, axis: all.axis }, &[all.of]);
    };
    let sample = pattern.0.ty(node.output()).shape.sample();
    let mut joined: Option<ValueId> = None;
    for mask in masks {
        let mask = rewrite.renewed(mask);
        let mask = rewrite.builder.op(&node.name, Reshape { sample: sample.clone() }, &[mask])?;
        joined = Some(match joined {
            None => mask,
            Some(before) => {
                rewrite.builder.op(&node.name, Binary { function: BinaryFunction::Minimum }, &[before, mask])?
            }
        });
    }
    joined.map_or_else(|| Ok(rewrite.renewed(all.of)), Ok)
}

/// `x` and `mask` of `Σₜ x · float(mask) / Σₜ float(mask)`.
fn masked_mean(pattern: Pattern<'_>, id: ValueId) -> Option<[ValueId; 2]> {
    let [sum, count] = pattern.pair(id, BinaryFunction::Divide)?;
    let sum_over = |id: ValueId| match operator(pattern.0, pattern.unshaped(id))? {
        (Op::Reduce(reduce), &[terms]) if reduce.reduction == Reduction::Sum => Some((terms, reduce.axis)),
        _ => None,
    };
    let ((terms, axis), (flags, _)) = (sum_over(sum)?, sum_over(count)?);
    let mask_of = |id: ValueId| match operator(pattern.0, pattern.unshaped(id))? {
        (Op::Cast(_), &[mask]) if pattern.0.ty(mask).dtype == DType::Bool => Some(pattern.unshaped(mask)),
        _ => None,
    };
    let mask = mask_of(flags)?;
    let x = pattern.either(terms, BinaryFunction::Multiply, |x, weights| (mask_of(weights)? == mask).then_some(x))?;
    let shape = pattern.0.ty(x).shape.sample();
    let is_along_steps = axis == 1 && shape.len() >= 2;
    // The mask must be one number for each step, and the result must have lost the steps alone.
    let covers = pattern.0.ty(mask).shape.sample_len() == *shape.first()?
        && pattern.0.ty(terms).shape == pattern.0.ty(x).shape
        && pattern.0.ty(mask).shape.is_batched();
    (is_along_steps && covers).then_some([x, mask])
}

fn mean(rewrite: &mut Rewrite<'_>, pattern: Pattern<'_>, node: &Node, [x, mask]: [ValueId; 2]) -> Result<ValueId> {
    let steps = pattern.0.ty(x).shape.sample()[0];
    let [x, mask] = [x, mask].map(|id| rewrite.renewed(id));
    let mask = rewrite.builder.op(&node.name, Reshape { sample: vec![steps] }, &[mask])?;
    let mean = rewrite.builder.op(&node.name, MaskedMean, &[x, mask])?;
    let sample = pattern.0.ty(node.output()).shape.sample();
    rewrite.builder.op(&node.name, Reshape { sample }, &[mean])
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::{Cast, Compare, Concatenate, NotEqual};
    use crate::tensor::Tensor;
    use std::sync::Arc;

    fn constant(example: &mut Example, tensor: Tensor) -> ValueId {
        example.builder.constant("number", Arc::new(tensor)).expect("a constant")
    }

    fn not(example: &mut Example, x: ValueId) -> ValueId {
        let no = constant(example, Tensor::bool(&[], vec![false]).expect("a boolean"));
        example.op("not", Compare { comparison: Comparison::LessEqual }, &[x, no])
    }

    /// `all` over what is joined, as TensorFlow writes it.
    #[test]
    fn all_of_joined_masks_is_their_least() {
        let mut example = Example::new();
        let ids = [example.ids("a", &[5]), example.ids("b", &[5])];
        let masks = ids.map(|ids| {
            let mask = example.op("mask", NotEqual { value: 0.0 }, &[ids]);
            example.op("column", Reshape { sample: vec![5, 1] }, &[mask])
        });
        let joined = example.op("joined", Concatenate { axis: 2 }, &[masks[0], masks[1], masks[0]]);
        let off = not(&mut example, joined);
        let flags = example.op("flags", Cast { to: DType::F32 }, &[off]);
        let sum = example.op("sum", Reduce { reduction: Reduction::Sum, axis: 2 }, &[flags]);
        let zero = constant(&mut example, Tensor::f32(&[], vec![0.0]).expect("a number"));
        let any_off = example.op("any", Compare { comparison: Comparison::Greater }, &[sum, zero]);
        let all = not(&mut example, any_off);
        let graph = example.finish(all);
        let recognized = recognize(&graph).expect("recognized");
        assert_eq!(operators(&recognized).iter().filter(|name| **name == "binary").count(), 1, "{recognized}");
        assert!(!operators(&recognized).contains(&"concatenate"), "{recognized}");
        assert_same(&graph, &recognized);
    }

    #[test]
    fn a_sum_of_kept_steps_over_their_number_is_a_masked_mean() {
        let mut example = Example::new();
        let (x, ids) = (example.floats("x", &[5, 3]), example.ids("ids", &[5]));
        let mask = example.op("mask", NotEqual { value: 2.0 }, &[ids]);
        let flags = example.op("flags", Cast { to: DType::F32 }, &[mask]);
        let column = example.op("column", Reshape { sample: vec![5, 1] }, &[flags]);
        let kept = example.op("kept", Binary { function: BinaryFunction::Multiply }, &[x, column]);
        let sum = example.op("sum", Reduce { reduction: Reduction::Sum, axis: 1 }, &[kept]);
        let count = example.op("count", Reduce { reduction: Reduction::Sum, axis: 1 }, &[column]);
        let mean = example.op("mean", Binary { function: BinaryFunction::Divide }, &[sum, count]);
        let graph = example.finish(mean);
        let recognized = recognize(&graph).expect("recognized");
        assert!(operators(&recognized).contains(&"masked_mean"), "{recognized}");
        assert_same(&graph, &recognized);
    }
}
