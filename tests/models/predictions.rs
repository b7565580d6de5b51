//! What a user of any build sees: `Model::load` and `Session::predict` on the CPU give the recorded answers.
//!
//! `answers` checks more, operator by operator, and needs the feature `study`.

use crate::goldens::all;
use tfjs_wgpu::{Device, NamedTensors, Semantics, Session};

/// The largest difference from the record as a part of the largest number of the output.
fn difference(expected: &NamedTensors, outputs: &NamedTensors) -> f64 {
    let mut worst = 0.0f64;
    for (name, expected) in expected.iter() {
        let actual = outputs.get(name).unwrap_or_else(|| panic!("no output is called {name}"));
        assert_eq!((expected.shape(), expected.dtype()), (actual.shape(), actual.dtype()), "{name}");
        let (expected, actual) = (expected.to_f64(), actual.to_f64());
        let scale =
            expected.iter().filter(|value| value.is_finite()).fold(1e-6, |scale: f64, value| scale.max(value.abs()));
        for (expected, actual) in expected.iter().zip(&actual).filter(|(expected, _)| expected.is_finite()) {
            let apart = (expected - actual).abs() / scale;
            worst = worst.max(if apart.is_nan() { f64::INFINITY } else { apart });
        }
    }
    worst
}

#[test]
fn every_recorded_model_predicts_what_keras_and_tfjs_recorded() {
    let mut compared = 0;
    for (semantics, file) in [(Semantics::TfJs, "tfjs.safetensors"), (Semantics::Keras, "keras.safetensors")] {
        for golden in all() {
            let Some(expected) = golden.tensors(file) else { continue };
            if semantics == Semantics::TfJs && golden.is_backend_fault() {
                continue;
            }
            let model = golden.load(semantics).unwrap_or_else(|error| panic!("{}: {error}", golden.name));
            let session = Session::open(&model, Device::Cpu).expect("the CPU opens");
            let inputs = golden.tensors("input.safetensors").expect("inputs are recorded");
            let outputs = session.predict(&inputs).unwrap_or_else(|error| panic!("{}: {error}", golden.name)).outputs;
            let difference = difference(&expected, &outputs);
            assert!(difference < 2e-4, "{}, {semantics}: {difference}", golden.name);
            compared += 1;
        }
    }
    assert!(compared > 120, "only {compared} records were compared");
}
