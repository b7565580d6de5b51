//! Makes one operator of layer normalization that a file writes as a formula over the last dimension.
//!
//! The formula is a sum of products: `γ·x/σ − γ·mean/σ + β`, or `γ·(x − mean)/σ + β`, with `σ = √(variance + ε)`. Files
//! differ in the order of factors and terms, in whether they divide or multiply by a reciprocal, and in the dimensions of
//! 1 between. The terms are collected first, so that none of this matters.

use super::pattern::Pattern;
use super::rewrite::{Rewrite, operator, rewrite};
use crate::error::Result;
use crate::graph::{Graph, Node, ValueId};
use crate::ops::{BinaryFunction, Function, LayerNormalization, Op, Reduction, Reshape};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Maximum number of terms and of factors: formulas have three.
const MOST: usize = 6;

/// Maximum number of elements of a constant that is looked at: a table is larger, and may be packed.
const MOST_WIDTH: usize = 1 << 16;

pub(super) fn recognize(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| match found(Pattern(graph), node.output()) {
        Some(found) => replace(rewrite, graph, node, &found).map(Some),
        None => Ok(None),
    })
}

/// A layer normalization of the last dimension of `x`.
struct Found {
    x: ValueId,
    width: usize,
    gamma: Option<Arc<Tensor>>,
    beta: Option<Arc<Tensor>>,
    epsilon: f64,
}

/// A product: `number · Π factors / Π divisors`.
#[derive(Debug, Clone, Default)]
struct Term {
    number: f64,
    factors: Vec<ValueId>,
    divisors: Vec<ValueId>,
}

fn found(pattern: Pattern<'_>, id: ValueId) -> Option<Found> {
    let is_sum = pattern.pair(id, BinaryFunction::Add).or_else(|| pattern.pair(id, BinaryFunction::Subtract));
    is_sum
        .or_else(|| pattern.pair(id, BinaryFunction::Multiply))
        .or_else(|| pattern.pair(id, BinaryFunction::Divide))?;
    let mut terms = Vec::new();
    add_terms(pattern, id, 1.0, &mut terms)?;
    let (mut products, mut beta) = (Vec::new(), None);
    for term in terms {
        match (term.factors.as_slice(), term.divisors.as_slice()) {
            ([constant], []) if term.number == 1.0 && pattern.constant(*constant).is_some() && beta.is_none() => {
                beta = pattern.constant(*constant).cloned();
            }
            (_, [_]) => products.push(term),
            _ => return None,
        }
    }
    let deviation = products.first()?.divisors[0];
    let mut gamma: Option<Arc<Tensor>> = None;
    let mut rest = Vec::with_capacity(products.len());
    for (at, term) in products.iter().enumerate() {
        let (constants, others): (Vec<ValueId>, Vec<ValueId>) =
            term.factors.iter().partition(|factor| pattern.constant(**factor).is_some());
        let scale = match constants.as_slice() {
            [] => None,
            [scale] => pattern.constant(*scale).cloned(),
            _ => return None,
        };
        if at > 0 && scale.as_ref().map(Arc::as_ptr) != gamma.as_ref().map(Arc::as_ptr) {
            return None;
        }
        gamma = scale;
        if term.divisors != [deviation] || others.len() != 1 {
            return None;
        }
        rest.push((term.number, others[0]));
    }
    let (x, mean) = match rest.as_slice() {
        [(1.0, centred)] => difference(pattern, *centred)?,
        [(1.0, x), (-1.0, mean)] | [(-1.0, mean), (1.0, x)] => (*x, *mean),
        _ => return None,
    };
    let (x, width) = is_mean(pattern, x, mean)?;
    let epsilon = deviation_of(pattern, deviation, x, width)?;
    let fits = |tensor: &Option<Arc<Tensor>>| tensor.as_ref().is_none_or(|tensor| tensor.len() == width);
    let is_last = pattern.0.ty(pattern.unshaped(id)).shape.sample_len() == pattern.0.ty(x).shape.sample_len();
    (fits(&gamma) && fits(&beta) && is_last).then_some(Found { x, width, gamma, beta, epsilon })
}

/// The terms of a sum.
fn add_terms(pattern: Pattern<'_>, id: ValueId, sign: f64, terms: &mut Vec<Term>) -> Option<()> {
    let id = pattern.unshaped(id);
    if terms.len() > MOST {
        return None;
    }
    if let Some([left, right]) = pattern.pair(id, BinaryFunction::Add) {
        add_terms(pattern, left, sign, terms)?;
        return add_terms(pattern, right, sign, terms);
    }
    // A difference may also be what is normalized: `x − mean`.
    if let Some([left, right]) = pattern.pair(id, BinaryFunction::Subtract)
        && pattern.constant(pattern.unshaped(left)).is_some()
    {
        add_terms(pattern, left, sign, terms)?;
        return add_terms(pattern, right, -sign, terms);
    }
    let mut term = Term { number: sign, ..Term::default() };
    add_factors(pattern, id, &mut term)?;
    terms.push(term);
    Some(())
}

fn add_factors(pattern: Pattern<'_>, id: ValueId, term: &mut Term) -> Option<()> {
    let id = pattern.unshaped(id);
    if term.factors.len() + term.divisors.len() > MOST {
        return None;
    }
    if let Some(number) = pattern.number(id) {
        term.number *= number;
    } else if pattern.constant(id).is_some_and(is_one) {
        // Multiplies by one.
    } else if let Some([left, right]) = pattern.pair(id, BinaryFunction::Multiply) {
        add_factors(pattern, left, term)?;
        add_factors(pattern, right, term)?;
    } else if let Some([left, right]) = pattern.pair(id, BinaryFunction::Divide) {
        add_factors(pattern, left, term)?;
        term.divisors.push(pattern.unshaped(right));
    } else {
        term.factors.push(id);
    }
    Some(())
}

/// Whether all elements are 1, in a constant as small as weights of a normalization are.
fn is_one(tensor: &Arc<Tensor>) -> bool {
    tensor.len() <= MOST_WIDTH && tensor.to_f64().iter().all(|value| *value == 1.0)
}

/// `x` and `mean` of `x − mean`, or of `x + (−1) · mean`.
fn difference(pattern: Pattern<'_>, id: ValueId) -> Option<(ValueId, ValueId)> {
    if let Some([x, mean]) = pattern.pair(id, BinaryFunction::Subtract) {
        return Some((x, mean));
    }
    pattern.either(id, BinaryFunction::Add, |x, opposite| match pattern.factors(opposite) {
        (-1.0, factors) if factors.len() == 1 => Some((x, factors[0])),
        _ => None,
    })
}

/// `x` without changes of dimensions, and the size of its last dimension, if the other value is its mean there.
fn is_mean(pattern: Pattern<'_>, x: ValueId, mean: ValueId) -> Option<(ValueId, usize)> {
    let (of, width) = mean_of(pattern, mean)?;
    let x = pattern.unshaped(x);
    let is_last = pattern.0.ty(x).shape.sample().last() == Some(&width) && pattern.unshaped(of) == x;
    is_last.then_some((x, width))
}

/// What a value is the mean of along the last dimension that is not 1, and the size of that.
fn mean_of(pattern: Pattern<'_>, id: ValueId) -> Option<(ValueId, usize)> {
    let id = pattern.unshaped(id);
    // A mean may be written as a sum and a division.
    let (sum, count) = match pattern.pair(id, BinaryFunction::Divide) {
        Some([sum, count]) => (pattern.unshaped(sum), Some(pattern.number(count)?)),
        None => (id, None),
    };
    let (Op::Reduce(reduce), &[x]) = operator(pattern.0, sum)? else { return None };
    let sample = pattern.0.ty(x).shape.sample();
    let width = *sample.get(reduce.axis.checked_sub(1)?)?;
    let is_last = sample[reduce.axis..].iter().all(|&size| size == 1);
    let is_mean = match count {
        None => reduce.reduction == Reduction::Mean,
        Some(count) => reduce.reduction == Reduction::Sum && count == width as f64,
    };
    (is_last && is_mean).then_some((x, width))
}

/// `ε` of `√(mean((x − mean)²) + ε)`.
fn deviation_of(pattern: Pattern<'_>, id: ValueId, x: ValueId, width: usize) -> Option<f64> {
    let sum = pattern.applied(id, Function::SquareRoot)?;
    pattern.either(pattern.unshaped(sum), BinaryFunction::Add, |variance, epsilon| {
        let epsilon = pattern.number(epsilon)?;
        let (square, of) = mean_of(pattern, variance)?;
        let [left, right] = pattern.pair(pattern.unshaped(square), BinaryFunction::Multiply)?;
        let (centred, mean) = difference(pattern, pattern.unshaped(left))?;
        let is_same = left == right && of == width && is_mean(pattern, centred, mean) == Some((x, width));
        is_same.then_some(epsilon)
    })
}

fn replace(rewrite: &mut Rewrite<'_>, graph: &Graph, node: &Node, found: &Found) -> Result<ValueId> {
    let mut operands = vec![rewrite.renewed(found.x)];
    for (given, filler) in [(&found.gamma, 1.0), (&found.beta, 0.0)] {
        let tensor = match given {
            Some(tensor) => tensor.as_ref().clone().reshaped(&[found.width])?,
            None => Tensor::f32(&[found.width], vec![filler; found.width])?,
        };
        operands.push(rewrite.builder.constant(&node.name, Arc::new(tensor))?);
    }
    let op = LayerNormalization::new(1, found.epsilon as f32);
    let normal = rewrite.builder.op(&node.name, op, &operands)?;
    let sample = graph.ty(node.output()).shape.sample();
    rewrite.builder.op(&node.name, Reshape { sample }, &[normal])
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::{Activation, Binary, Reduce};

    struct Formula(Example);

    impl Formula {
        fn number(&mut self, value: f32) -> ValueId {
            let tensor = Tensor::f32(&[], vec![value]).expect("a number");
            self.0.builder.constant(&value.to_string(), Arc::new(tensor)).expect("a constant")
        }

        fn pair(&mut self, function: BinaryFunction, left: ValueId, right: ValueId) -> ValueId {
            self.0.op("pair", Binary { function }, &[left, right])
        }

        fn mean(&mut self, x: ValueId) -> ValueId {
            let mean = self.0.op("mean", Reduce { reduction: Reduction::Mean, axis: 2 }, &[x]);
            self.0.op("kept", Reshape { sample: vec![3, 1] }, &[mean])
        }

        /// `x`, its mean, and one over its deviation.
        fn statistics(&mut self, x: ValueId) -> [ValueId; 2] {
            let mean = self.mean(x);
            let centred = self.pair(BinaryFunction::Subtract, x, mean);
            let square = self.pair(BinaryFunction::Multiply, centred, centred);
            let variance = self.mean(square);
            let (epsilon, one) = (self.number(0.001), self.number(1.0));
            let sum = self.pair(BinaryFunction::Add, variance, epsilon);
            let deviation = self.0.op("deviation", Activation { function: Function::SquareRoot }, &[sum]);
            [mean, self.pair(BinaryFunction::Divide, one, deviation)]
        }
    }

    /// As Keras 2 writes it: `x·g + (β − mean·g)` with `g = γ/σ`.
    #[test]
    fn a_formula_over_the_last_dimension_is_one_operator() {
        let mut formula = Formula(Example::new());
        let x = formula.0.floats("x", &[3, 4]);
        let (gamma, beta) = (formula.0.constant("gamma", &[4]), formula.0.constant("beta", &[4]));
        let [mean, inverse] = formula.statistics(x);
        let scale = formula.pair(BinaryFunction::Multiply, inverse, gamma);
        let scaled = formula.pair(BinaryFunction::Multiply, x, scale);
        let shift = formula.pair(BinaryFunction::Multiply, mean, scale);
        let shift = formula.pair(BinaryFunction::Subtract, beta, shift);
        let y = formula.pair(BinaryFunction::Add, scaled, shift);
        let graph = formula.0.finish(y);
        let recognized = recognize(&graph).expect("recognized");
        assert!(operators(&recognized).contains(&"layer_normalization"), "{recognized}");
        assert!(!operators(&recognized).contains(&"reduce"), "{recognized}");
        assert_same(&graph, &recognized);
    }

    /// Only the mean is scaled.
    #[test]
    fn another_formula_is_left_as_it_is() {
        let mut formula = Formula(Example::new());
        let x = formula.0.floats("x", &[3, 4]);
        let (gamma, beta) = (formula.0.constant("gamma", &[4]), formula.0.constant("beta", &[4]));
        let [mean, inverse] = formula.statistics(x);
        let scale = formula.pair(BinaryFunction::Multiply, inverse, gamma);
        let scaled = formula.pair(BinaryFunction::Multiply, x, inverse);
        let shift = formula.pair(BinaryFunction::Multiply, mean, scale);
        let shift = formula.pair(BinaryFunction::Subtract, beta, shift);
        let y = formula.pair(BinaryFunction::Add, scaled, shift);
        let graph = formula.0.finish(y);
        assert_eq!(recognize(&graph).expect("unchanged"), graph);
    }
}
