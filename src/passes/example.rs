//! Small graphs for the tests of passes.

use crate::graph::{Builder, Graph, ValueId};
use crate::kernel::DeviceFacts;
use crate::ops::Op;
use crate::reference;
use crate::tensor::{NamedTensors, Shape, Tensor, TensorType};
use std::sync::Arc;

/// A graph under construction. Its methods panic on an error.
pub(super) struct Example {
    pub(super) builder: Builder,
}

impl Example {
    pub(super) fn new() -> Self {
        Example { builder: Builder::new() }
    }

    pub(super) fn floats(&mut self, name: &str, sample: &[usize]) -> ValueId {
        self.builder.input(name, TensorType::f32(Shape::batched(sample))).expect("a new name")
    }

    pub(super) fn ids(&mut self, name: &str, sample: &[usize]) -> ValueId {
        let ty = TensorType::new(Shape::batched(sample), crate::tensor::DType::I32);
        self.builder.input(name, ty).expect("a new name")
    }

    /// A constant with the values 1/8, 2/8, 3/8, ….
    pub(super) fn constant(&mut self, name: &str, shape: &[usize]) -> ValueId {
        let values = (0..shape.iter().product::<usize>()).map(|index| (index + 1) as f32 / 8.0).collect();
        self.builder.constant(name, Arc::new(Tensor::f32(shape, values).expect("as many values"))).expect("a constant")
    }

    pub(super) fn op(&mut self, name: &str, op: impl Into<Op>, inputs: &[ValueId]) -> ValueId {
        self.builder.op(name, op, inputs).expect("operands that fit")
    }

    pub(super) fn finish(self, output: ValueId) -> Graph {
        self.builder.finish(vec![("y".into(), output)]).expect("a graph")
    }
}

/// The names of the operators in execution order.
pub(super) fn operators(graph: &Graph) -> Vec<&'static str> {
    let op = |node: &crate::graph::Node| match &node.source {
        crate::graph::Source::Op(op) => Some(op.operator().name()),
        _ => None,
    };
    graph.nodes().iter().filter_map(op).collect()
}

/// Asserts that both graphs give the same outputs, up to rounding, on a few rows. Inputs that `after` shares are given
/// one row.
pub(super) fn assert_same(before: &Graph, after: &Graph) {
    const ROWS: usize = 3;
    let tensor = |ty: &TensorType, rows: usize, same: bool| {
        let length = ty.shape.sample_len();
        let number = |index: usize| if same { index % length } else { index } % 5;
        let shape = [&[rows], ty.shape.sample().as_slice()].concat();
        let numbers = 0..rows * length;
        match ty.dtype {
            crate::tensor::DType::I32 => Tensor::i32(&shape, numbers.map(|index| number(index) as i32).collect()),
            _ => Tensor::f32(&shape, numbers.map(|index| number(index) as f32 - 1.5).collect()),
        }
    };
    let mut given = [NamedTensors::new(), NamedTensors::new()];
    for ((plain_id, plain), (id, _)) in before.inputs().zip(after.inputs()) {
        let shared = after.ty(id).shape.is_shared();
        given[0].insert(&plain.name, tensor(before.ty(plain_id), ROWS, shared).expect("a tensor"));
        given[1]
            .insert(&plain.name, tensor(before.ty(plain_id), if shared { 1 } else { ROWS }, shared).expect("a tensor"));
    }
    let expected = reference::run(before, &given[0]).expect("the graph runs");
    let actual = reference::run(after, &given[1]).expect("the rewritten graph runs");
    for ((_, expected), (_, actual)) in expected.iter().zip(actual.iter()) {
        assert_eq!(expected.shape(), actual.shape());
        for (expected, actual) in expected.to_f64().into_iter().zip(actual.to_f64()) {
            assert!((expected - actual).abs() <= 1e-5 * expected.abs().max(1.0), "{expected}, {actual}\n{after}");
        }
    }
}

/// The limits of a low-end phone.
pub(super) const PHONE: DeviceFacts = DeviceFacts::FLOOR;
