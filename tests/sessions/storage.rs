//! Values stored as half floats: other answers than float32 gives, and the same on every device.

use crate::engines;
use std::path::PathBuf;
use std::sync::Arc;
use tfjs_wgpu::Passes;
use tfjs_wgpu::emulation;
use tfjs_wgpu::emulation::Emulation;
use tfjs_wgpu::internals::passes::ActivationPrecision;
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::internals::study::output_allowances;
use tfjs_wgpu::internals::tensor::compare;
use tfjs_wgpu::{Device, LoadOptions, Model, NamedTensors, Session, SessionOptions, Tensor, tensor_file};

fn predict(
    model: &Model,
    device: Device,
    passes: Passes,
    precision: ActivationPrecision,
    inputs: &NamedTensors,
) -> NamedTensors {
    let options = SessionOptions::default()
        .device(device)
        .passes(passes)
        .emulate(Emulation::default().activation_precision(precision));
    Session::open_with(model, options).expect("a session").predict(inputs).expect("a prediction").outputs
}

fn recorded(name: &str) -> (Model, NamedTensors) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name);
    let inputs = tensor_file::read(folder.join("input.safetensors")).expect("inputs");
    (Model::load(folder, LoadOptions::default()).expect("the model loads"), inputs)
}

#[test]
fn every_device_rounds_alike_and_otherwise_than_float32() {
    for name in ["wide_deep", "din", "two_tower"] {
        let (model, inputs) = recorded(name);
        let half = ActivationPrecision::F16.run(model.graph()).expect("a graph");
        let stored: NamedTensors = inputs
            .iter()
            .map(|(name, input)| {
                let stored = ActivationPrecision::F16.input(input).expect("an input");
                (name.to_string(), stored.unwrap_or_else(|| input.clone()))
            })
            .collect();
        let reference = predict(&model, Device::Reference, Passes::PLAIN, ActivationPrecision::F16, &inputs);
        let exact = predict(&model, Device::Reference, Passes::PLAIN, ActivationPrecision::F32, &inputs);
        assert_ne!(reference, exact, "{name}");
        let allowances = output_allowances(&half, &stored).expect("allowances");
        for device in engines() {
            let answers = predict(&model, device, Passes::PLAIN, ActivationPrecision::F16, &inputs);
            for ((name, expected), allowance) in reference.iter().zip(&allowances) {
                let difference = compare(expected, answers.get(name).expect("an output"), allowance).expect("as large");
                assert!(difference.is_within(), "{name} on {device:?}: {difference:?}");
            }
            // A passes that writes less to memory rounds less, but every output is one that half precision has.
            let fused = predict(&model, device, Passes::FUSED, ActivationPrecision::F16, &inputs);
            for (name, output) in answers.iter().chain(fused.iter()) {
                assert_eq!(ActivationPrecision::F16.input(output).expect("an output"), None, "{name} on {device:?}");
            }
            assert_ne!(fused, predict(&model, device, Passes::FUSED, ActivationPrecision::F32, &inputs), "{device:?}");
        }
    }
}

/// A model of one Dense that multiplies by a number: `x` times 3, say.
fn scale(factor: f32) -> Model {
    use tfjs_wgpu::internals::graph::Builder;
    use tfjs_wgpu::internals::ops::Dense;
    use tfjs_wgpu::{Shape, TensorType};
    let mut builder = Builder::new();
    let x = builder.input("x", TensorType::f32(Shape::batched(&[1]))).expect("an input");
    let constant = |value: f32, shape: &[usize]| Arc::new(Tensor::f32(shape, vec![value]).expect("a tensor"));
    let kernel = builder.constant("kernel", constant(factor, &[1, 1])).expect("a constant");
    let bias = builder.constant("bias", constant(0.0, &[1])).expect("a constant");
    let y = builder.op("y", Dense::default(), &[x, kernel, bias]).expect("a layer");
    Model::from_graph("scale", builder.finish(vec![("y".into(), y)]).expect("a graph"))
}

#[test]
fn what_is_too_large_for_half_precision_is_infinite() {
    let model = scale(3.0);
    let inputs: NamedTensors =
        [("x".to_string(), Tensor::f32(&[4, 1], vec![21_830.0, 21_900.0, -30_000.0, 0.1]).expect("a tensor"))]
            .into_iter()
            .collect();
    for device in engines() {
        for passes in emulation::PASSES {
            let answers = predict(&model, device, passes, ActivationPrecision::F16, &inputs);
            let answers = answers.get("y").expect("y").as_f32().expect("floats");
            // 21 830 is stored as 21 824, and 0.1 as 0.09998, three times which is 0.29993 and stored as 0.2998.
            let expected = [65_472.0, f32::INFINITY, f32::NEG_INFINITY, 0.299_804_7];
            assert_eq!(answers, expected, "{device:?}, {passes}");
        }
    }
}

#[test]
fn variants_store_alike() {
    let (model, _) = recorded("wide_deep");
    let inputs = random_inputs(&model, 1, 3).expect("inputs");
    let twice: NamedTensors = inputs
        .iter()
        .enumerate()
        .map(|(index, (name, input))| {
            // All but the first are shared by both rows.
            let input = input.clone();
            (name.to_string(), if index == 0 { both(&input) } else { input })
        })
        .collect();
    for device in engines() {
        let [one, two] =
            [&inputs, &twice].map(|inputs| predict(&model, device, Passes::FUSED, ActivationPrecision::F16, inputs));
        for (name, expected) in one.iter() {
            let answers = two.get(name).expect("an output");
            assert_eq!(answers.rows(0, 1).expect("a row"), *expected, "{device:?}");
            assert_eq!(answers.rows(1, 2).expect("a row"), *expected, "{device:?}");
        }
    }
}

fn both(row: &Tensor) -> Tensor {
    let shape = [&[2], &row.shape()[1..]].concat();
    match row.data() {
        tfjs_wgpu::internals::tensor::Data::F32(values) => Tensor::f32(&shape, values.repeat(2)).expect("two rows"),
        tfjs_wgpu::internals::tensor::Data::I32(values) => Tensor::i32(&shape, values.repeat(2)).expect("two rows"),
        tfjs_wgpu::internals::tensor::Data::Bool(values) => Tensor::bool(&shape, values.repeat(2)).expect("two rows"),
    }
}
