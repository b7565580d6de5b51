//! What passes ask of a graph in which they look for a formula.

use super::rewrite::operator;
use crate::graph::{Graph, Source, ValueId};
use crate::ops::{BinaryFunction, Function, Op};
use crate::tensor::Tensor;
use std::sync::Arc;

/// A graph that is searched.
#[derive(Clone, Copy)]
pub(super) struct Pattern<'g>(pub(super) &'g Graph);

impl<'g> Pattern<'g> {
    /// The operands of a function of two, if the value is one.
    pub(super) fn pair(self, id: ValueId, function: BinaryFunction) -> Option<[ValueId; 2]> {
        match operator(self.0, id)? {
            (Op::Binary(binary), &[left, right]) if binary.function == function => Some([left, right]),
            _ => None,
        }
    }

    /// What `find` finds in the operands of a commutative function, in either order.
    pub(super) fn either<T>(
        self,
        id: ValueId,
        function: BinaryFunction,
        find: impl Fn(ValueId, ValueId) -> Option<T>,
    ) -> Option<T> {
        let [left, right] = self.pair(id, function)?;
        find(left, right).or_else(|| find(right, left))
    }

    /// The operand of a function of one, if the value is one.
    pub(super) fn applied(self, id: ValueId, function: Function) -> Option<ValueId> {
        match operator(self.0, id)? {
            (Op::Activation(activation), &[x]) if activation.function == function => Some(x),
            _ => None,
        }
    }

    /// The tensor of a constant.
    pub(super) fn constant(self, id: ValueId) -> Option<&'g Arc<Tensor>> {
        match &self.0.maker(id).source {
            Source::Constant(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// A constant of one element.
    pub(super) fn number(self, id: ValueId) -> Option<f64> {
        self.constant(id).filter(|tensor| tensor.len() == 1).map(|tensor| tensor.to_f64()[0])
    }

    /// The value before it was given other dimensions.
    pub(super) fn unshaped(self, mut id: ValueId) -> ValueId {
        while let Some((Op::Reshape(_), &[x])) = operator(self.0, id) {
            id = x;
        }
        id
    }

    /// The factors of nested products that are not numbers, and the product of those that are.
    pub(super) fn factors(self, id: ValueId) -> (f64, Vec<ValueId>) {
        let (mut number, mut factors, mut open) = (1.0, Vec::new(), vec![id]);
        while let Some(id) = open.pop() {
            if let Some(of) = self.number(id) {
                number *= of;
            } else if let Some(pair) = self.pair(id, BinaryFunction::Multiply).filter(|_| factors.len() < 4) {
                open.extend(pair);
            } else {
                factors.push(id);
            }
        }
        (number, factors)
    }
}

/// Whether two numbers are the same but for their rounding.
pub(super) fn is_about(number: f64, other: f64) -> bool {
    (number - other).abs() <= 1e-6 * other.abs()
}
