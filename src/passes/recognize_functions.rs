//! Makes one operator of activations that a file writes as a formula: GELU by the error function, and PReLU by two
//! rectifiers.

use super::pattern::{Pattern, is_about};
use super::rewrite::{Rewrite, rewrite};
use crate::error::Result;
use crate::graph::{Graph, Node, ValueId};
use crate::ops::{Activation, Binary, BinaryFunction, Function};
use crate::tensor::Tensor;
use std::f64::consts::FRAC_1_SQRT_2;
use std::sync::Arc;

pub(super) fn recognize(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let pattern = Pattern(graph);
        if let Some(x) = gelu(pattern, node.output()) {
            return rewrite.op(node, Activation { function: Function::Gelu }, &[x]).map(Some);
        }
        prelu(rewrite, pattern, node)
    })
}

/// `x` of `x / 2 · (1 + erf(x / √2))`.
fn gelu(pattern: Pattern<'_>, id: ValueId) -> Option<ValueId> {
    pattern.pair(id, BinaryFunction::Multiply)?;
    let (half, factors) = pattern.factors(id);
    let &[left, right] = factors.as_slice() else { return None };
    let of = |x: ValueId, sum: ValueId| {
        let error = pattern
            .either(sum, BinaryFunction::Add, |one, error| (pattern.number(one) == Some(1.0)).then_some(error))?;
        let inner = pattern.applied(error, Function::Erf)?;
        let is_scaled = match pattern.pair(inner, BinaryFunction::Divide) {
            Some([of, divisor]) => of == x && is_about(pattern.number(divisor)?, 1.0 / FRAC_1_SQRT_2),
            None => matches!(pattern.factors(inner), (scale, of) if of == [x] && is_about(scale, FRAC_1_SQRT_2)),
        };
        is_scaled.then_some(x)
    };
    is_about(half, 0.5).then(|| of(left, right).or_else(|| of(right, left))).flatten()
}

/// `max(0, x) − α · max(0, −x)`, where the file has `−α`.
fn prelu(rewrite: &mut Rewrite<'_>, pattern: Pattern<'_>, node: &Node) -> Result<Option<ValueId>> {
    let found = pattern.either(node.output(), BinaryFunction::Add, |above, below| {
        let x = pattern.applied(above, Function::RELU)?;
        let slope = pattern.either(below, BinaryFunction::Multiply, |slope, bent| {
            let opposite = pattern.applied(bent, Function::RELU)?;
            let is_opposite = matches!(pattern.factors(opposite), (-1.0, of) if of == [x])
                || pattern.applied(opposite, Function::Negative) == Some(x);
            is_opposite.then(|| pattern.constant(slope)).flatten()
        })?;
        Some((x, slope))
    });
    let Some((x, slope)) = found else { return Ok(None) };
    let negated = slope.as_f32()?.iter().map(|slope| -slope).collect();
    let slope = rewrite.builder.constant(&node.name, Arc::new(Tensor::f32(slope.shape(), negated)?))?;
    let x = rewrite.renewed(x);
    rewrite.builder.op(&node.name, Binary { function: BinaryFunction::PRelu }, &[x, slope]).map(Some)
}
