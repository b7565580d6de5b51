//! A model that normalises by the moments of the batch answers for the whole batch at once, on every device, or not at all.

use crate::engines;
use crate::harness::gpu;
use std::sync::Arc;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::emulation;
use tfjs_wgpu::internals::graph::Builder;
use tfjs_wgpu::internals::ops::{Activation, Concatenate, Dense, Function, MomentNormalization};
use tfjs_wgpu::{Device, ErrorKind, Model, NamedTensors, Session, SessionOptions, Tensor};
use tfjs_wgpu::{Shape, TensorType};

const WIDTH: usize = 3;

/// A user and a candidate, each normalised, and both together once more behind a layer.
fn model() -> Model {
    let mut builder = Builder::new();
    let tensor = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        Arc::new(Tensor::f32(shape, (0..count).map(|at| (at * 7 % 11) as f32 / 8.0 - 0.5).collect()).expect("values"))
    };
    let constant =
        |builder: &mut Builder, name: &str, shape: &[usize]| builder.constant(name, tensor(shape)).expect("a constant");
    let one = Arc::new(Tensor::f32(&[1], vec![1.0]).expect("a number"));
    let one = builder.constant("one", one).expect("a constant");
    let mut normalized = Vec::new();
    for name in ["user", "candidate"] {
        let x = builder.input(name, TensorType::f32(Shape::batched(&[WIDTH]))).expect("a new name");
        let scale = constant(&mut builder, &format!("{name} scale"), &[2, WIDTH]);
        let op = MomentNormalization { axis: 1, epsilon: 0.5 };
        normalized.push(builder.op(&format!("{name} normalized"), op, &[x, scale, one]).expect("an operator"));
    }
    let joined = builder.op("joined", Concatenate { axis: 1 }, &normalized).expect("an operator");
    let weights = [constant(&mut builder, "kernel", &[2 * WIDTH, 5]), constant(&mut builder, "bias", &[5])];
    let dense = builder.op("dense", Dense::default(), &[joined, weights[0], weights[1]]).expect("an operator");
    let scale = constant(&mut builder, "scale", &[2, 5]);
    let op = MomentNormalization { axis: 1, epsilon: 1e-3 };
    let again = builder.op("again", op, &[dense, scale, one]).expect("an operator");
    let y = builder.op("y", Activation { function: Function::Tanh }, &[again]).expect("an operator");
    Model::from_graph("moments", builder.finish(vec![("y".into(), y)]).expect("a graph"))
}

fn inputs(users: usize, batch: usize) -> NamedTensors {
    let rows = |rows: usize, seed: usize| {
        let values = (0..rows * WIDTH).map(|at| ((at * 13 + seed) % 101) as f32 / 10.0 - 5.0).collect();
        Tensor::f32(&[rows, WIDTH], values).expect("as many rows")
    };
    [("user", rows(users, 5)), ("candidate", rows(batch, 0))].into_iter().collect()
}

fn predict(device: Device, passes: Passes, inputs: &NamedTensors) -> tfjs_wgpu::Result<Tensor> {
    let options = SessionOptions::default().device(device).passes(passes);
    let session = Session::open_with(&model(), options)?;
    Ok(session.predict(inputs)?.outputs.get("y").expect("the output").clone())
}

fn assert_close(actual: &Tensor, expected: &Tensor, place: &str) {
    assert_eq!(actual.shape(), expected.shape(), "{place}");
    for (actual, expected) in actual.to_f64().into_iter().zip(expected.to_f64()) {
        assert!((actual - expected).abs() <= 1e-4, "{place}: {actual}, {expected}");
    }
}

/// 1000 rows are many blocks of the CPU's engine, for several threads; a shared row has the moments of as many equal ones.
#[test]
fn all_devices_take_all_rows_together() {
    for (users, batch) in [(1, 1), (1, 1000), (1000, 1000)] {
        let inputs = inputs(users, batch);
        let expected = predict(Device::Reference, Passes::PLAIN, &inputs).expect("the reference");
        for device in engines() {
            for passes in [Passes::PLAIN, Passes::FUSED] {
                let place = format!("{device:?}, {passes}, {users} users, {batch} rows");
                let actual = predict(device, passes, &inputs).unwrap_or_else(|error| panic!("{place}: {error}"));
                assert_close(&actual, &expected, &place);
            }
        }
    }
    let [few, many] = [10, 20].map(|batch| predict(Device::Cpu, Passes::FUSED, &inputs(1, batch)).expect("rows"));
    assert_ne!(few.rows(0, 10).expect("rows"), many.rows(0, 10).expect("rows"), "other rows make no difference");
}

#[test]
fn a_batch_is_not_predicted_in_pieces() {
    gpu::require(LimitsPreset::Full);
    let predict = |batch| predict(Device::Gpu, emulation::WEBGL2, &inputs(batch, batch));
    let whole = predict(32).expect("32 rows go through at once");
    assert_close(&whole, &self::predict(Device::Reference, Passes::PLAIN, &inputs(32, 32)).expect("an answer"), "32");
    let error = predict(33).expect_err("two pieces");
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(error.to_string(), "a batch of 33 exceeds the limit of 32 rows at once");
}
