//! Predictions in the memory of earlier ones, and results that are views, parts or copies of each other.

use crate::engines;
use crate::harness::gpu;
use std::sync::Arc;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::internals::graph::Builder;
use tfjs_wgpu::internals::ops::{
    Cast, Cell, Concatenate, Dense, Function, Recurrent, RecurrentKernel, RecurrentOutput, Reshape, Softmax,
};
use tfjs_wgpu::{DType, Shape, TensorType};
use tfjs_wgpu::{Device, Model, NamedTensors, Prediction, Session, Tensor};

const WIDTH: usize = 20;

/// Softmax in a part of a concatenation, the whole, another shape of it, itself again, an input, and what is not a float.
fn model() -> Model {
    let mut builder = Builder::new();
    let x = builder.input("x", TensorType::f32(Shape::batched(&[WIDTH]))).expect("a new name");
    let user = builder.input("user", TensorType::f32(Shape::batched(&[2]))).expect("a new name");
    let weights = |count: usize| (0..count).map(|index| (index % 13) as f32 / 8.0 - 0.75).collect();
    let tensor = |shape: &[usize]| Arc::new(Tensor::f32(shape, weights(shape.iter().product())).expect("weights"));
    let kernel = builder.constant("kernel", tensor(&[WIDTH, WIDTH])).expect("a constant");
    let bias = builder.constant("bias", tensor(&[WIDTH])).expect("a constant");
    let dense = builder.op("dense", Dense::with(None), &[x, kernel, bias]).expect("an operator");
    let softmax = builder.op("softmax", Softmax { axis: 1, log: false }, &[dense]).expect("an operator");
    let joined = builder.op("joined", Concatenate { axis: 1 }, &[user, softmax]).expect("an operator");
    let view = builder.op("view", Reshape { sample: vec![11, 2] }, &[joined]).expect("an operator");
    let whole = builder.op("whole", Cast { to: DType::I32 }, &[view]).expect("an operator");
    let outputs = [("joined", joined), ("view", view), ("again", joined), ("user", user), ("whole", whole)];
    let outputs = outputs.map(|(name, id)| (name.to_string(), id)).to_vec();
    Model::from_graph("results", builder.finish(outputs).expect("a graph"))
}

fn inputs(batch: usize, users: usize, seed: usize) -> NamedTensors {
    let values = |count: usize| (0..count).map(|index| ((index + seed) * 7919 % 101) as f32 / 32.0).collect();
    let x = Tensor::f32(&[batch, WIDTH], values(batch * WIDTH)).expect("as many values");
    let user = Tensor::f32(&[users, 2], values(users * 2)).expect("as many values");
    [("x", x), ("user", user)].into_iter().collect()
}

fn assert_close(actual: &NamedTensors, expected: &NamedTensors, place: &str) {
    assert!(actual.names().eq(expected.names()), "{place}");
    for ((name, actual), (_, expected)) in actual.iter().zip(expected.iter()) {
        assert_eq!((actual.shape(), actual.dtype()), (expected.shape(), expected.dtype()), "{place}: {name}");
        for (actual, expected) in actual.to_f64().into_iter().zip(expected.to_f64()) {
            assert!((actual - expected).abs() <= 1e-6, "{place}: {name}: {actual}, {expected}");
        }
    }
}

#[test]
fn a_prediction_in_the_memory_of_another_is_the_same() {
    let model = model();
    let reference = Session::open(&model, Device::Reference).expect("a session");
    for device in engines() {
        let session = Session::open(&model, device).expect("a session");
        let mut prediction = Prediction::default();
        // Growing and shrinking, in one block and in several, each with other values.
        for (seed, (batch, users)) in [(1, 1), (3, 3), (300, 300), (300, 1), (2, 2), (97, 97)].into_iter().enumerate() {
            let inputs = inputs(batch, users, seed);
            session.predict_into(&inputs, &mut prediction).expect("a prediction");
            let expected = reference.predict(&inputs).expect("a prediction").outputs;
            assert_close(&prediction.outputs, &expected, &format!("{device:?}, {batch} rows, {users} users"));
        }
    }
}

#[test]
fn memory_is_used_again_and_gone_after_an_error() {
    let session = Session::open(&model(), Device::Cpu).expect("a session");
    let mut prediction = Prediction::default();
    let places = |prediction: &Prediction| -> Vec<*const f32> {
        let floats = ["joined", "view", "again", "user"].map(|name| prediction.outputs.get(name).expect("an output"));
        floats.iter().map(|tensor| tensor.as_f32().expect("floats").as_ptr()).collect()
    };
    session.predict_into(&inputs(64, 64, 1), &mut prediction).expect("a prediction");
    let before = places(&prediction);
    session.predict_into(&inputs(32, 32, 2), &mut prediction).expect("a prediction");
    assert_eq!(places(&prediction), before);
    let error = session.predict_into(&NamedTensors::new(), &mut prediction).expect_err("no inputs");
    assert!(error.to_string().contains("input `x`"), "{error}");
    assert!(prediction.outputs.is_empty());
}

/// Its output stands behind the states in one buffer, wherever that begins at the batch.
#[test]
fn a_recurrent_layer_taken_step_by_step_answers_at_every_batch() {
    gpu::require(LimitsPreset::Full);
    let mut builder = Builder::new();
    let x = builder.input("x", TensorType::f32(Shape::batched(&[4, WIDTH]))).expect("a new name");
    let weights = (0..WIDTH * WIDTH).map(|index| (index % 13) as f32 / 16.0 - 0.375).collect();
    let weights = Tensor::f32(&[WIDTH, WIDTH], weights).and_then(|weights| Recurrent::pack(1, &weights, None));
    let weights = builder.constant("weights", Arc::new(weights.expect("weights"))).expect("a constant");
    let (kernel, output) = (Some(RecurrentKernel::StepByStep), RecurrentOutput::Sequence);
    let operator = Recurrent { kernel, output, ..Recurrent::new(Cell::Simple, Some(Function::Tanh), None) };
    let all = builder.op("all", operator, &[x, weights]).expect("an operator");
    let view = builder.op("view", Reshape { sample: vec![2, 2 * WIDTH] }, &[all]).expect("an operator");
    let softmax = builder.op("softmax", Softmax { axis: 2, log: false }, &[view]).expect("an operator");
    let outputs = [("all", all), ("view", view), ("softmax", softmax)].map(|(name, id)| (name.to_string(), id));
    let model = Model::from_graph("steps", builder.finish(outputs.to_vec()).expect("a graph"));
    let session = Session::open(&model, Device::Gpu).expect("a session");
    let reference = Session::open(&model, Device::Reference).expect("a session");
    for batch in [1, 7, 70, 3] {
        let values = (0..batch * 4 * WIDTH).map(|index| (index * 7919 % 101) as f32 / 64.0 - 0.75).collect();
        let x = Tensor::f32(&[batch, 4, WIDTH], values).expect("as many values");
        let inputs: NamedTensors = [("x", x)].into_iter().collect();
        let [found, expected] = [&session, &reference].map(|session| session.predict(&inputs).expect("a prediction"));
        assert_close(&found.outputs, &expected.outputs, &format!("{batch} rows"));
    }
}
