//! Recorded answers: each model against TF.js's with tfjs semantics and against Keras' with keras semantics.

use crate::goldens::{Golden, all, golden};
use crate::harness::gpu;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::emulation;
use tfjs_wgpu::internals::study::output_allowances;
use tfjs_wgpu::internals::tensor::compare;
use tfjs_wgpu::study::{CheckDevice, CheckReport, check};
use tfjs_wgpu::{Device, LoadOptions, NamedTensors, Semantics, Session, Tensor, WeightFormat};

/// Checks every model that can be checked, and collects what is wrong rather than stopping at the first.
fn check_all(semantics: Semantics, file: &str, device: CheckDevice) {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for golden in all() {
        if semantics == Semantics::TfJs && golden.is_backend_fault() {
            continue;
        }
        let Some(expected) = golden.tensors(file) else {
            assert!(semantics == Semantics::TfJs && golden.tfjs != "ok", "{}: no {file}", golden.name);
            continue;
        };
        let model = golden.load(semantics).unwrap_or_else(|error| panic!("{}: {error}", golden.name));
        let inputs = golden.tensors("input.safetensors").expect("inputs are recorded");
        checked += 1;
        for passes in emulation::PASSES {
            let report = check(&model, &inputs, Some(&expected), device, passes)
                .unwrap_or_else(|error| panic!("{}, {passes}: {error} {:?}", golden.name, error.cause_text()));
            if !report.is_right() {
                wrong.push(describe(&golden, &report));
            }
            assert!(report.outputs.iter().any(|output| output.against == "expected"), "{}", golden.name);
        }
    }
    assert!(wrong.is_empty(), "{semantics}: {} models are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked >= 20, "only {checked} models were checked");
}

fn describe(golden: &Golden, report: &CheckReport) -> String {
    let node = report.first_wrong_node().map(|node| format!("{} {}: {:?}", node.name, node.operator, node.difference));
    let outputs: Vec<String> = report
        .outputs
        .iter()
        .filter(|output| !output.difference.is_within())
        .map(|output| format!("{} against {}: {:?}", output.name, output.against, output.difference))
        .collect();
    format!("{}, {}: {} {}", golden.name, report.passes, node.unwrap_or_default(), outputs.join("; "))
}

#[test]
fn cpu_answers_as_tfjs_recorded() {
    check_all(Semantics::TfJs, "tfjs.safetensors", CheckDevice::Cpu);
}

#[test]
fn cpu_answers_as_keras_recorded() {
    check_all(Semantics::Keras, "keras.safetensors", CheckDevice::Cpu);
}

#[test]
fn gpu_answers_as_tfjs_recorded() {
    gpu::require(LimitsPreset::Full);
    check_all(Semantics::TfJs, "tfjs.safetensors", CheckDevice::Gpu(LimitsPreset::Full));
}

#[test]
fn gpu_answers_as_keras_recorded() {
    gpu::require(LimitsPreset::Floor);
    check_all(Semantics::Keras, "keras.safetensors", CheckDevice::Gpu(LimitsPreset::Floor));
}

/// The devices that sessions compute on: the CPU, and the GPU if there is one.
fn devices() -> Vec<Device> {
    [Device::Cpu].into_iter().chain(gpu::keep_open(LimitsPreset::Full).then_some(Device::Gpu)).collect()
}

#[test]
fn sessions_of_every_device_agree_with_the_record() {
    let golden = golden("wide_deep");
    let model = golden.load(Semantics::TfJs).expect("wide_deep loads");
    let inputs = golden.tensors("input.safetensors").expect("inputs are recorded");
    let expected = golden.tensors("tfjs.safetensors").expect("answers are recorded");
    for device in devices().into_iter().chain([Device::Reference]) {
        let session = Session::open(&model, device).expect("the device opens");
        let outputs = session.predict(&inputs).expect("a prediction").outputs;
        for (name, expected) in expected.iter() {
            let actual = outputs.get(name).expect("the output is there").as_f32().expect("floats");
            for (expected, actual) in expected.as_f32().expect("floats").iter().zip(actual) {
                approx::assert_relative_eq!(*expected, *actual, max_relative = 1e-5);
            }
        }
    }
}

/// Decoding in the kernel is exact, so only the order of sums may differ.
#[test]
fn packed_weights_answer_as_decoded_ones() {
    let devices = devices();
    for name in ["wide_deep_f16", "wide_deep_u8", "youtube_dnn_10k"] {
        let golden = golden(name);
        let inputs = golden.tensors("input.safetensors").expect("inputs are recorded");
        let models = [WeightFormat::Keep, WeightFormat::F32]
            .map(|weights| golden.load_with(LoadOptions::default().weight_format(weights)).expect("the model loads"));
        for (&device, one_row) in devices.iter().flat_map(|device| [(device, false), (device, true)]) {
            let cut = |(name, tensor): (&str, &Tensor)| (name.to_string(), tensor.rows(0, 1).expect("a row"));
            let inputs = if one_row { inputs.iter().map(cut).collect() } else { inputs.clone() };
            let [kept, decoded] = models.each_ref().map(|model| {
                let session = Session::open(model, device).expect("the device opens");
                session.predict(&inputs).expect("a prediction").outputs
            });
            let allowances = output_allowances(models[1].graph(), &inputs).expect("allowances");
            for ((output, decoded), allowance) in decoded.iter().zip(allowances) {
                // Both sides round.
                let allowance: Vec<f64> = allowance.iter().map(|allowed| 2.0 * allowed).collect();
                let kept = kept.get(output).expect("the output is there");
                let difference = compare(decoded, kept, &allowance).expect("outputs of one type");
                assert!(difference.is_within(), "{name}, {device:?}: {output}: {difference:?}");
            }
        }
    }
}

/// A check that excuses everything proves nothing: answers off by a hundredth of their range are found wrong.
#[test]
fn answers_that_are_a_little_wrong_are_found_wrong() {
    for golden in all() {
        let keras = golden.tensors("keras.safetensors").expect("Keras answered every model");
        let shifted: NamedTensors = keras.iter().map(|(name, tensor)| (name, shifted(tensor))).collect();
        let model = golden.load(Semantics::Keras).expect("the model loads");
        let inputs = golden.tensors("input.safetensors").expect("inputs are recorded");
        let report = check(&model, &inputs, Some(&shifted), CheckDevice::Cpu, Passes::FUSED).expect("a report");
        let expected = report.outputs.iter().filter(|output| output.against == "expected");
        for output in expected {
            assert!(!output.difference.is_within(), "{}: {}: {:?}", golden.name, output.name, output.difference);
        }
    }
}

fn shifted(tensor: &Tensor) -> Tensor {
    let Ok(values) = tensor.as_f32() else {
        let other = tensor.to_f64().iter().map(|value| *value as i32 + 1).collect();
        return Tensor::i32(tensor.shape(), other).expect("as many values");
    };
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    Tensor::f32(tensor.shape(), values.iter().map(|value| value + 0.01 * largest).collect()).expect("as many values")
}

/// Where the recorded answers of TF.js and Keras differ, loading says so, and only there.
#[test]
fn a_model_is_said_to_differ_exactly_when_its_recorded_answers_do() {
    for golden in all().into_iter().filter(|golden| !golden.is_backend_fault()) {
        let (Some(tfjs), Some(keras)) = (golden.tensors("tfjs.safetensors"), golden.tensors("keras.safetensors"))
        else {
            continue;
        };
        let apart = tfjs.iter().any(|(name, tfjs)| {
            let keras = keras.get(name).expect("both have the output").to_f64();
            tfjs.to_f64().iter().zip(keras).any(|(tfjs, keras)| (tfjs - keras).abs() > 1e-4 * keras.abs().max(1e-2))
        });
        let model = golden.load(Semantics::TfJs).expect("the model loads");
        assert_eq!(apart, !model.skews().is_empty(), "{}: {:?}", golden.name, model.skews());
    }
}
