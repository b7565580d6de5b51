//! Folds a BatchNormalization into an adjacent Dense, or into the Convolution before it.
//!
//! At inference the layer is an affine function of each channel, `scale · x + shift`. If it follows a Dense or a
//! Convolution, the columns of the kernel and the bias are scaled. If it precedes a Dense, the rows of the kernel are
//! scaled and `shift · kernel` is added to the bias; this also works if it normalizes only one part of a concatenation.
//! The weights are computed in f64 and rounded once.

use super::rewrite::{Rewrite, rewrite};
use crate::error::Result;
use crate::graph::{Graph, Node, Source, ValueId};
use crate::ops::{BatchNormalization, Concatenate, Convolution, Dense, Op};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Returns `graph` with each BatchNormalization folded into the weights of its Dense or Convolution, where possible.
pub(super) fn fold(graph: &Graph) -> Result<Graph> {
    // Two rounds, because a Dense between two BatchNormalizations absorbs both.
    let after = rewrite(graph, |rewrite, node| match &node.source {
        Source::Op(Op::BatchNormalization(norm)) => after_dense(rewrite, graph, node, norm),
        _ => Ok(None),
    })?;
    rewrite(&after, |rewrite, node| match &node.source {
        Source::Op(Op::Dense(dense)) => before_dense(rewrite, &after, node, dense),
        _ => Ok(None),
    })
}

/// `scale · x + shift` for each channel.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Affine {
    fn identity(channels: usize) -> Self {
        Affine { scale: vec![1.0; channels], shift: vec![0.0; channels] }
    }

    /// The affine function of a BatchNormalization. Returns `None` if it is not finite: only the operator itself
    /// handles that case correctly.
    fn of(norm: &BatchNormalization, statistics: &Tensor) -> Option<Self> {
        let (rows, channels) = (statistics.as_f32().ok()?, statistics.shape()[1]);
        let row = |row: usize, channel: usize| f64::from(rows[row * channels + channel]);
        let mut affine = Affine::identity(channels);
        for channel in 0..channels {
            let scale = row(0, channel) / (row(3, channel) + f64::from(norm.epsilon)).sqrt();
            affine.scale[channel] = scale;
            affine.shift[channel] = row(1, channel) - scale * row(2, channel);
        }
        affine.scale.iter().chain(&affine.shift).all(|value| value.is_finite()).then_some(affine)
    }
}

/// Folds a BatchNormalization into the Dense or Convolution before it. It must normalize the last dimension, the units
/// of the kernel.
fn after_dense(
    rewrite: &mut Rewrite<'_>,
    graph: &Graph,
    node: &Node,
    norm: &BatchNormalization,
) -> Result<Option<ValueId>> {
    let x = node.inputs[0];
    let (after, inputs) = match rewrite.operator(x) {
        Some((
            op @ (Op::Dense(Dense { activation: None, .. }) | Op::Convolution(Convolution { activation: None, .. })),
            inputs,
        )) => (op.clone(), inputs),
        _ => return Ok(None),
    };
    let (Some(kernel), Some(bias)) = (rewrite.value(inputs[1]), rewrite.value(inputs[2])) else { return Ok(None) };
    let last = graph.ty(x).shape.rank() - 1;
    let affine = rewrite.value(node.inputs[1]).and_then(|statistics| Affine::of(norm, statistics));
    // A layer that is called several times would need a separate kernel for each call.
    let once = rewrite.is_used_once(x) && rewrite.is_used_once(inputs[1]);
    let Some(affine) = affine.filter(|_| norm.axis == last && once) else { return Ok(None) };
    let units = affine.scale.len();
    let scaled = kernel.as_f32()?.iter().enumerate();
    let scaled = scaled.map(|(index, &weight)| (f64::from(weight) * affine.scale[index % units]) as f32).collect();
    let biases = bias.as_f32()?.iter().zip(&affine.scale).zip(&affine.shift);
    let shifted = biases.map(|((&bias, scale), shift)| (f64::from(bias) * scale + shift) as f32).collect();
    let kernel = Tensor::f32(kernel.shape(), scaled)?;
    let bias = Tensor::f32(bias.shape(), shifted)?;
    let input = rewrite.renewed(inputs[0]);
    folded(rewrite, node, after, input, kernel, bias)
}

/// Folds into a Dense the BatchNormalizations that make up its input, in whole or in part.
fn before_dense(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, op: &Dense) -> Result<Option<ValueId>> {
    let (x, last) = (node.inputs[0], graph.ty(node.inputs[0]).shape.rank() - 1);
    let (Some(kernel), Some(bias)) = (rewrite.value(node.inputs[1]), rewrite.value(node.inputs[2])) else {
        return Ok(None);
    };
    let (kernel, bias) = (Arc::clone(kernel), Arc::clone(bias));
    let parts: Vec<ValueId> = match rewrite.operator(x) {
        Some((Op::Concatenate(concatenate), parts)) if concatenate.axis == last && rewrite.is_used_once(x) => {
            parts.to_vec()
        }
        _ => vec![x],
    };
    let mut affine = Affine { scale: Vec::new(), shift: Vec::new() };
    let mut raw = Vec::with_capacity(parts.len());
    for &part in &parts {
        let folded = normalized(rewrite, part, last);
        let channels = graph.ty(part).shape.sample().last().copied().unwrap_or(0);
        let (source, own) = folded.unwrap_or_else(|| (part, Affine::identity(channels)));
        affine.scale.extend(own.scale);
        affine.shift.extend(own.shift);
        raw.push(source);
    }
    if raw == parts || !rewrite.is_used_once(node.inputs[1]) {
        return Ok(None);
    }
    let units = kernel.shape()[1];
    let weights = kernel.as_f32()?;
    let scaled = weights.iter().enumerate();
    let scaled = scaled.map(|(index, &weight)| (f64::from(weight) * affine.scale[index / units]) as f32).collect();
    let shifted = bias.as_f32()?.iter().enumerate().map(|(unit, &bias)| {
        let column = affine.shift.iter().enumerate().map(|(k, shift)| shift * f64::from(weights[k * units + unit]));
        (f64::from(bias) + column.sum::<f64>()) as f32
    });
    let (kernel, bias) = (Tensor::f32(kernel.shape(), scaled)?, Tensor::f32(bias.shape(), shifted.collect())?);
    let input = match raw.as_slice() {
        [one] => rewrite.renewed(*one),
        _ => rewrite.op(graph.maker(x), Concatenate { axis: last }, &raw)?,
    };
    folded(rewrite, node, op.clone().into(), input, kernel, bias)
}

/// The input of a BatchNormalization over the last dimension, and its affine function.
fn normalized(rewrite: &Rewrite<'_>, part: ValueId, last: usize) -> Option<(ValueId, Affine)> {
    let Some((Op::BatchNormalization(norm), inputs)) = rewrite.operator(part) else { return None };
    if norm.axis != last || !rewrite.is_used_once(part) {
        return None;
    }
    Some((inputs[0], Affine::of(norm, rewrite.value(inputs[1])?)?))
}

fn folded(
    rewrite: &mut Rewrite<'_>,
    node: &Node,
    op: Op,
    input: ValueId,
    kernel: Tensor,
    bias: Tensor,
) -> Result<Option<ValueId>> {
    // Folded weights may overflow where step-by-step computation does not.
    let infinite = |tensor: &Tensor| tensor.count_floats(|weight| !weight.is_finite());
    if infinite(&kernel) + infinite(&bias) > 0 {
        return Ok(None);
    }
    let kernel = rewrite.builder.constant(&format!("{}/folded_kernel", node.name), Arc::new(kernel))?;
    let bias = rewrite.builder.constant(&format!("{}/folded_bias", node.name), Arc::new(bias))?;
    rewrite.builder.op(&node.name, op, &[input, kernel, bias]).map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::{Padding, Window};

    const NORM: BatchNormalization = BatchNormalization { axis: 1, epsilon: 1e-3 };

    #[test]
    fn a_norm_behind_a_dense_goes_into_it() {
        let mut example = Example::new();
        let x = example.floats("x", &[2]);
        let operands = [example.constant("kernel", &[2, 3]), example.constant("bias", &[3])];
        let dense = example.op("dense", Dense::with(None), &[x, operands[0], operands[1]]);
        let statistics = example.constant("statistics", &[4, 3]);
        let y = example.op("norm", NORM, &[dense, statistics]);
        let graph = example.finish(y);
        let folded = fold(&graph).expect("folded");
        assert_eq!(operators(&folded), ["dense"]);
        assert_same(&graph, &folded);
    }

    #[test]
    fn a_norm_behind_a_convolution_goes_into_it() {
        let mut example = Example::new();
        let x = example.floats("x", &[5, 4]);
        let operands = [example.constant("kernel", &[2, 2, 6]), example.constant("bias", &[6])];
        let windows = vec![Window::over(5, 2, 2, 1, Padding::Same).expect("windows")];
        let op = Convolution { windows, activation: None };
        let convolved = example.op("convolution", op, &[x, operands[0], operands[1]]);
        let statistics = example.constant("statistics", &[4, 6]);
        let y = example.op("norm", BatchNormalization { axis: 2, epsilon: 1e-3 }, &[convolved, statistics]);
        let graph = example.finish(y);
        let folded = fold(&graph).expect("folded");
        assert_eq!(operators(&folded), ["convolution"]);
        assert_same(&graph, &folded);
    }

    #[test]
    fn a_norm_before_a_dense_or_in_part_of_its_input_goes_into_it() {
        for joined in [false, true] {
            let mut example = Example::new();
            let (x, z) = (example.floats("x", &[2]), example.floats("z", &[3]));
            let statistics = example.constant("statistics", &[4, 2]);
            let norm = example.op("norm", NORM, &[x, statistics]);
            let input = if joined { example.op("join", Concatenate { axis: 1 }, &[z, norm]) } else { norm };
            let depth = if joined { 5 } else { 2 };
            let operands = [example.constant("kernel", &[depth, 4]), example.constant("bias", &[4])];
            let y = example.op("dense", Dense::with(None), &[input, operands[0], operands[1]]);
            let graph = example.finish(y);
            let folded = fold(&graph).expect("folded");
            assert!(!operators(&folded).contains(&"batch_normalization"), "{folded}");
            assert_same(&graph, &folded);
        }
    }

    #[test]
    fn a_norm_that_is_read_elsewhere_stays() {
        let mut example = Example::new();
        let x = example.floats("x", &[2]);
        let statistics = example.constant("statistics", &[4, 2]);
        let norm = example.op("norm", NORM, &[x, statistics]);
        let operands = [example.constant("kernel", &[2, 2]), example.constant("bias", &[2])];
        let dense = example.op("dense", Dense::with(None), &[norm, operands[0], operands[1]]);
        let add = crate::ops::Binary { function: crate::ops::BinaryFunction::Add };
        let y = example.op("sum", add, &[dense, norm]);
        let graph = example.finish(y);
        assert_eq!(fold(&graph).expect("folded"), graph);
    }
}
