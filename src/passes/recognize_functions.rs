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

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;

    fn number(example: &mut Example, value: f32) -> ValueId {
        let tensor = Tensor::f32(&[], vec![value]).expect("a number");
        example.builder.constant(&value.to_string(), Arc::new(tensor)).expect("a constant")
    }

    fn binary(example: &mut Example, function: BinaryFunction, left: ValueId, right: ValueId) -> ValueId {
        example.op("pair", Binary { function }, &[left, right])
    }

    /// `half · x · (1 + erf(x · scale))`
    fn formula(half: f32, scale: f32) -> Graph {
        let mut example = Example::new();
        let x = example.floats("x", &[4]);
        let [half, scale, one] = [half, scale, 1.0].map(|value| number(&mut example, value));
        let inner = binary(&mut example, BinaryFunction::Multiply, scale, x);
        let error = example.op("error", Activation { function: Function::Erf }, &[inner]);
        let sum = binary(&mut example, BinaryFunction::Add, error, one);
        let product = binary(&mut example, BinaryFunction::Multiply, x, sum);
        let y = binary(&mut example, BinaryFunction::Multiply, half, product);
        example.finish(y)
    }

    #[test]
    fn gelu_is_recognized_and_what_is_almost_gelu_is_not() {
        let graph = formula(0.5, std::f32::consts::FRAC_1_SQRT_2);
        let recognized = recognize(&graph).expect("recognized");
        assert_eq!(operators(&recognized), ["activation"]);
        assert_same(&graph, &recognized);
        for other in [formula(0.4, std::f32::consts::FRAC_1_SQRT_2), formula(0.5, 0.75)] {
            assert_eq!(recognize(&other).expect("unchanged"), other);
        }
    }

    #[test]
    fn two_rectifiers_are_a_prelu() {
        let mut example = Example::new();
        let (x, slope) = (example.floats("x", &[4]), example.constant("slope", &[4]));
        let minus = number(&mut example, -1.0);
        let opposite = binary(&mut example, BinaryFunction::Multiply, x, minus);
        let [above, below] = [x, opposite].map(|of| example.op("relu", Activation { function: Function::RELU }, &[of]));
        let bent = binary(&mut example, BinaryFunction::Multiply, slope, below);
        let y = binary(&mut example, BinaryFunction::Add, above, bent);
        let graph = example.finish(y);
        let recognized = recognize(&graph).expect("recognized");
        assert_eq!(operators(&recognized), ["binary"]);
        assert_same(&graph, &recognized);
    }
}
