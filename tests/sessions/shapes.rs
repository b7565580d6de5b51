//! Values without a batch, scalars, and values without elements, on all engines.

use crate::{check_devices, engines};
use std::sync::Arc;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::graph::{Builder, Graph, ValueId};
use tfjs_wgpu::internals::ops::{
    Activation, Binary, BinaryFunction, Concatenate, Dense, Function, Op, Permute, Reduce, Reduction, Slice, Softmax,
};
use tfjs_wgpu::study::check;
use tfjs_wgpu::{Model, NamedTensors, Session, SessionOptions, Tensor};
use tfjs_wgpu::{Shape, TensorType};

fn floats(shape: &[usize], first: f32) -> Tensor {
    let count = shape.iter().product::<usize>();
    Tensor::f32(shape, (0..count).map(|index| first + index as f32 / 4.0).collect()).expect("a tensor")
}

struct Graphs {
    builder: Builder,
    inputs: NamedTensors,
    outputs: Vec<(String, ValueId)>,
}

impl Graphs {
    fn new() -> Self {
        Graphs { builder: Builder::new(), inputs: NamedTensors::new(), outputs: Vec::new() }
    }

    fn input(&mut self, name: &str, shape: Shape, tensor: Tensor) -> ValueId {
        self.inputs.insert(name, tensor);
        self.builder.input(name, TensorType::f32(shape)).expect("an input")
    }

    fn constant(&mut self, name: &str, tensor: Tensor) -> ValueId {
        self.builder.constant(name, Arc::new(tensor)).expect("a constant")
    }

    fn op(&mut self, name: &str, op: impl Into<Op>, inputs: &[ValueId]) -> ValueId {
        let value = self.builder.op(name, op, inputs).expect("operands that fit");
        self.outputs.push((name.into(), value));
        value
    }

    fn finish(self) -> (Graph, NamedTensors) {
        (self.builder.finish(self.outputs).expect("a graph"), self.inputs)
    }
}

/// The answers are the same on all engines, and `check` finds every operator right.
fn answers(graph: Graph, inputs: &NamedTensors) -> NamedTensors {
    let model = Model::from_graph("shapes", graph);
    let mut answers: Option<NamedTensors> = None;
    for device in engines() {
        for passes in [Passes::PLAIN, Passes::FUSED] {
            let options = SessionOptions::default().device(device).passes(passes);
            let session = Session::open_with(&model, options).expect("a session");
            let outputs = session.predict(inputs).unwrap_or_else(|error| panic!("{device:?}: {error:?}")).outputs;
            let first = answers.get_or_insert_with(|| outputs.clone());
            for ((name, answer), (_, first)) in outputs.iter().zip(first.iter()) {
                assert_eq!(answer.shape(), first.shape(), "{name} on {device:?}");
                for (answer, first) in answer.to_f64().into_iter().zip(first.to_f64()) {
                    let close = (answer - first).abs() <= 1e-5 * first.abs().max(1.0) || answer == first;
                    assert!(close || answer.is_nan() && first.is_nan(), "{name} on {device:?}: {answer}, not {first}");
                }
            }
        }
    }
    for device in check_devices() {
        for passes in [Passes::PLAIN, Passes::FUSED] {
            let report = check(&model, inputs, None, device, passes).expect("a report");
            assert!(report.is_right(), "{device:?}: {:?}", report.first_wrong_node());
        }
    }
    answers.expect("an engine")
}

#[test]
fn values_need_no_batch() {
    let mut graphs = Graphs::new();
    let x = graphs.input("x", Shape::fixed(&[3, 4]), floats(&[3, 4], -1.0));
    let (kernel, bias) = (graphs.constant("kernel", floats(&[4, 5], -2.0)), graphs.constant("bias", floats(&[5], 1.0)));
    let dense = graphs.op("dense", Dense::with(Some(Function::RELU)), &[x, kernel, bias]);
    let turned = graphs.op("turned", Permute { order: vec![1, 0] }, &[dense]);
    let row = graphs.op("row", Reduce { reduction: Reduction::Sum, axis: 0 }, &[turned]);
    let softmax = graphs.op("softmax", Softmax { axis: 0, log: false }, &[row]);
    let scalar = graphs.op("scalar", Reduce { reduction: Reduction::Maximum, axis: 0 }, &[softmax]);
    let twice = graphs.op("twice", Binary { function: BinaryFunction::Add }, &[scalar, scalar]);
    graphs.op("scaled", Binary { function: BinaryFunction::Multiply }, &[turned, twice]);
    graphs.op("part", Slice { axis: 0, start: 1, step: 2, count: 2 }, &[turned]);
    let (graph, inputs) = graphs.finish();
    let outputs = answers(graph, &inputs);
    let shape = |name: &str| outputs.get(name).expect("an output").shape().to_vec();
    assert_eq!([shape("dense"), shape("turned"), shape("part")], [vec![3, 5], vec![5, 3], vec![2, 3]]);
    assert_eq!([shape("row"), shape("scalar"), shape("twice")], [vec![3], vec![], vec![]]);
}

#[test]
fn values_with_and_without_a_batch_meet() {
    let mut graphs = Graphs::new();
    let x = graphs.input("x", Shape::batched(&[4]), floats(&[2, 4], -1.0));
    let offset = graphs.input("offset", Shape::fixed(&[4]), floats(&[4], 8.0));
    let scale = graphs.input("scale", Shape::fixed(&[]), floats(&[], 3.0));
    let number = graphs.constant("number", floats(&[2], 5.0));
    let sum = graphs.op("sum", Binary { function: BinaryFunction::Add }, &[x, offset]);
    let scaled = graphs.op("scaled", Binary { function: BinaryFunction::Multiply }, &[sum, scale]);
    graphs.op("tanh", Activation { function: Function::Tanh }, &[scaled]);
    graphs.op("largest", Reduce { reduction: Reduction::Maximum, axis: 0 }, &[offset]);
    graphs.outputs.push(("number".into(), number));
    graphs.outputs.push(("offset".into(), offset));
    let (graph, mut inputs) = graphs.finish();
    let outputs = answers(graph.clone(), &inputs);
    assert_eq!(outputs.get("scaled").expect("scaled").as_f32().expect("floats")[..2], [21.0, 22.5]);
    assert_eq!(outputs.get("largest").expect("largest").as_f32().expect("floats"), [8.75]);
    assert_eq!(outputs.get("number").expect("number").as_f32().expect("floats"), [5.0, 5.25]);
    // An input without a batch does not make one: as many rows as it has numbers are no rows of it.
    inputs.insert("x", floats(&[4, 4], 0.0));
    assert_eq!(answers(graph, &inputs).get("scaled").expect("scaled").shape(), [4, 4]);
}

#[test]
fn an_input_without_a_batch_has_one_shape() {
    let mut graphs = Graphs::new();
    let x = graphs.input("x", Shape::fixed(&[2]), floats(&[2], 0.0));
    graphs.op("y", Activation { function: Function::RELU }, &[x]);
    let (graph, _) = graphs.finish();
    let model = Model::from_graph("fixed", graph);
    let session = Session::open_with(&model, SessionOptions::default().device(engines()[0]));
    for shape in [vec![1, 2], vec![3], vec![]] {
        let inputs: NamedTensors = [("x", floats(&shape, 0.0))].into_iter().collect();
        let error = session.as_ref().expect("a session").predict(&inputs).expect_err("another shape");
        assert_eq!(error.to_string(), format!("input `x`: expects shape [2] and was given {shape:?}"));
        assert_eq!(error.hint_text(), Some("this input has no batch: its shape is always this one"));
    }
}

#[test]
fn values_without_elements_are_values() {
    let mut graphs = Graphs::new();
    let none = graphs.input("none", Shape::batched(&[0]), floats(&[2, 0], 0.0));
    let some = graphs.input("some", Shape::batched(&[3]), floats(&[2, 3], 1.0));
    let nothing = graphs.input("nothing", Shape::fixed(&[0, 3]), floats(&[0, 3], 0.0));
    let (kernel, bias) = (graphs.constant("kernel", floats(&[0, 2], 0.0)), graphs.constant("bias", floats(&[2], 1.0)));
    graphs.op("joined", Concatenate { axis: 1 }, &[none, some, none]);
    let same = graphs.op("same", Activation { function: Function::Tanh }, &[none]);
    graphs.op("dense", Dense::default(), &[same, kernel, bias]);
    graphs.op("sum", Reduce { reduction: Reduction::Sum, axis: 1 }, &[none]);
    graphs.op("columns", Reduce { reduction: Reduction::Sum, axis: 0 }, &[nothing]);
    graphs.op("empty", Slice { axis: 1, start: 0, step: 1, count: 0 }, &[some]);
    let (graph, inputs) = graphs.finish();
    let outputs = answers(graph, &inputs);
    let values = |name: &str| outputs.get(name).expect("an output").as_f32().expect("floats").to_vec();
    assert_eq!(values("joined"), values_of(&floats(&[2, 3], 1.0)));
    assert_eq!(values("dense"), [1.0, 1.25, 1.0, 1.25]);
    assert_eq!((values("sum"), values("columns")), (vec![0.0; 2], vec![0.0; 3]));
    assert_eq!(outputs.get("empty").expect("empty").shape(), [2, 0]);
}

fn values_of(tensor: &Tensor) -> Vec<f32> {
    tensor.as_f32().expect("floats").to_vec()
}

/// What follows from weights alone is an answer too, whatever is given.
#[test]
fn a_model_needs_no_inputs() {
    let mut graphs = Graphs::new();
    let numbers = graphs.constant("numbers", floats(&[2, 3], 1.0));
    graphs.op("tanh", Activation { function: Function::Tanh }, &[numbers]);
    graphs.op("sum", Reduce { reduction: Reduction::Sum, axis: 1 }, &[numbers]);
    let (graph, inputs) = graphs.finish();
    assert_eq!(answers(graph, &inputs).get("sum").expect("sum").as_f32().expect("floats"), [3.75, 6.0]);
}
