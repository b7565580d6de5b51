//! A batch larger than the device's bindings is predicted in pieces, with shared inputs whole in each.

use crate::harness::gpu;
use crate::open;
use std::sync::Arc;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::Ranking;
use tfjs_wgpu::emulation;
use tfjs_wgpu::internals::graph::Builder;
use tfjs_wgpu::internals::ops::{Concatenate, Dense, Function, Reduce, Reduction};
use tfjs_wgpu::telemetry::Counter;
use tfjs_wgpu::{Device, Model, NamedTensors, Session, SessionOptions, Tensor};
use tfjs_wgpu::{Shape, TensorType};

#[test]
fn the_pipelines_of_tfjs_take_32_rows_at_a_time() {
    gpu::require(LimitsPreset::Full);
    let model = model();
    let candidates = Tensor::f32(&[70, 1], (0..70).map(|row| row as f32 / 8.0).collect()).expect("as many rows");
    let user = Tensor::f32(&[1, 1], vec![0.75]).expect("as many rows");
    let inputs: NamedTensors = [("user", user), ("candidate", candidates), ("fixed", fixed())].into_iter().collect();
    let predict = |passes| {
        let options = SessionOptions::default().device(Device::Gpu).passes(passes);
        Session::open_with(&model, options).expect("a session").predict(&inputs).expect("a prediction")
    };
    let plain = predict(Passes::PLAIN);
    for passes in [emulation::WEBGL2, emulation::WEBGL1] {
        let tfjs = predict(passes);
        assert_eq!(
            (plain.timeline.counter(Counter::Submits), tfjs.timeline.counter(Counter::Submits)),
            (1, 3),
            "{passes}"
        );
        let [expected, actual] = [&plain, &tfjs].map(|prediction| prediction.outputs.get("y").expect("the output"));
        assert_eq!(expected, actual, "{passes}");
        assert_eq!(tfjs.outputs.get("fixed"), Some(&fixed()), "{passes}");
    }
}

/// Units of a layer so wide that 1024 samples of it fill the 128 MiB that a phone binds.
const WIDTH: usize = 1 << 15;

/// The largest of many units over what a user and a candidate say.
fn model() -> Model {
    let mut builder = Builder::new();
    let mut input = |name| builder.input(name, TensorType::f32(Shape::batched(&[1]))).expect("a new name");
    let inputs = [input("user"), input("candidate")];
    let weights = |rows: usize| (0..rows * WIDTH).map(|index| (index % 11) as f32 / 8.0 - 0.5).collect();
    let kernel = Tensor::f32(&[2, WIDTH], weights(2)).expect("as many weights");
    let bias = Tensor::f32(&[WIDTH], weights(1)).expect("as many weights");
    let joined = builder.op("joined", Concatenate { axis: 1 }, &inputs).expect("operands that fit");
    let kernel = builder.constant("kernel", Arc::new(kernel)).expect("a constant");
    let bias = builder.constant("bias", Arc::new(bias)).expect("a constant");
    let wide = builder.op("wide", Dense::with(Some(Function::RELU)), &[joined, kernel, bias]).expect("an operator");
    let reduce = Reduce { reduction: Reduction::Maximum, axis: 1 };
    let y = builder.op("y", reduce, &[wide]).expect("an operator");
    // What has no batch is the same in every piece.
    let fixed = builder.input("fixed", TensorType::f32(Shape::fixed(&[2]))).expect("a new name");
    let outputs = vec![("y".into(), y), ("fixed".into(), fixed)];
    Model::from_graph("wide", builder.finish(outputs).expect("a graph"))
}

fn fixed() -> Tensor {
    Tensor::f32(&[2], vec![3.0, 4.0]).expect("as many numbers")
}

#[test]
fn a_batch_beyond_the_bindings_is_predicted_in_pieces() {
    const BATCH: usize = 1030;
    let model = model();
    let session = open(&model, LimitsPreset::Floor);
    let cpu = Session::open(&model, Device::Cpu).expect("the CPU opens");
    let candidates = (0..BATCH).map(|row| row as f32 / 100.0 - 5.0).collect();
    let candidates = Tensor::f32(&[BATCH, 1], candidates).expect("as many rows");
    for users in [1, BATCH] {
        let user = Tensor::f32(&[users, 1], vec![0.75; users]).expect("as many rows");
        let inputs = [("user", user), ("candidate", candidates.clone()), ("fixed", fixed())];
        let inputs: NamedTensors = inputs.into_iter().collect();
        let prediction = session.predict(&inputs).expect("a prediction");
        assert_eq!(prediction.timeline.counter(Counter::Submits), 2, "{users} users");
        assert_eq!(prediction.outputs.get("fixed"), Some(&fixed()));
        let ranked = session.rank(&inputs, 5).expect("a ranking");
        assert_eq!(ranked.timeline.counter(Counter::Submits), 2, "the host ranks what comes in pieces");
        let scores = prediction.outputs.get("y").expect("the output");
        assert_eq!(ranked.ranking, Ranking::of(scores, 5).expect("a ranking"));
        let [actual, expected] = [prediction.outputs, cpu.predict(&inputs).expect("a prediction").outputs];
        let [actual, expected] = [&actual, &expected].map(|outputs| outputs.get("y").expect("the output"));
        assert_eq!(actual.shape(), [BATCH]);
        for (actual, expected) in actual.to_f64().into_iter().zip(expected.to_f64()) {
            assert!((actual - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{actual}, {expected}");
        }
    }
}
