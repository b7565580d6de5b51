//! The files that people have: made by many versions of Keras, loaded and saved again, cut, repaired by hand. Each answers as
//! Keras and TF.js recorded, on the reference, the CPU and the GPU, plain and fused; what is ambiguous is refused.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod archive;

use archive::Case;
use harness::gpu;
use std::collections::BTreeMap;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::study::{CheckDevice, check};
use tfjs_wgpu::{Device, Model, NamedTensors, Semantics, Session, Sizes};

fn main() -> std::process::ExitCode {
    harness::run()
}

fn all() -> Vec<Case> {
    archive::all("files.zip")
}

/// Where TF.js' answer is the fault of the backend it was recorded with: its pure JavaScript backend pairs the elements of a
/// BatchNormalization on an axis that is not the last with the wrong statistics; its GPU backends do not.
fn is_backend_fault(case: &Case) -> bool {
    case.name == "norm_training_axis_1_k2_h5"
}

/// The semantics under which a file must give the answers of `keras` or `tfjs`.
fn expectations(case: &Case) -> Vec<(Semantics, &'static str)> {
    let mut wanted = Vec::new();
    if case.answers("keras").is_some() {
        wanted.push((Semantics::Keras, "keras"));
    }
    if case.answers("tfjs").is_some() {
        wanted.extend((!is_backend_fault(case)).then_some((Semantics::TfJs, "tfjs")));
    } else if case.answers("keras").is_some() {
        // What TF.js refuses follows Keras.
        wanted.push((Semantics::TfJs, "keras"));
    }
    wanted
}

/// The recorded answers, which are in order, under the names of the model's outputs.
fn named(model: &Model, answers: &NamedTensors) -> Result<NamedTensors, String> {
    let names = model.graph().outputs();
    if names.len() != answers.len() {
        return Err(format!("{} outputs instead of {}", names.len(), answers.len()));
    }
    let by_position = |(index, (name, _)): (usize, &(String, _))| {
        let answer = answers.get(&index.to_string()).ok_or("outputs are not numbered")?;
        Ok((name.clone(), answer.clone()))
    };
    names.iter().enumerate().map(by_position).collect::<Result<Vec<_>, String>>().map(|all| all.into_iter().collect())
}

/// What is wrong with a file on a device, if anything is.
fn fault(case: &Case, semantics: Semantics, of: &str, device: CheckDevice) -> Option<String> {
    let outcome = || -> Result<(), String> {
        let inputs = case.inputs();
        let model = case.load(semantics).and_then(|model| model.with_sizes(&Sizes::of(&inputs)));
        let model = model.map_err(|error| format!("{error:?}"))?;
        let answers = named(&model, &case.answers(of).ok_or("no answers")?)?;
        for passes in [Passes::PLAIN, Passes::FUSED] {
            let report =
                check(&model, &inputs, Some(&answers), device, passes).map_err(|error| format!("{error:?}"))?;
            if !report.is_right() {
                let wrong = report.outputs.iter().find(|output| !output.difference.is_within());
                let node = report.first_wrong_node().map(|node| &node.name);
                return Err(format!("{passes}: node {node:?}, output {wrong:?}"));
            }
        }
        Ok(())
    };
    outcome().err().map(|fault| format!("{} ({}), {semantics} against {of}: {fault}", case.name, case.kind()))
}

fn check_all(device: CheckDevice) {
    let cases = all();
    let mut faults = Vec::new();
    let mut checked: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases.iter().filter(|case| !case.is_to_be_refused()) {
        for (semantics, of) in expectations(case) {
            faults.extend(fault(case, semantics, of, device));
        }
        *checked.entry(case.kind().into()).or_default() += 1;
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(checked.values().sum::<usize>() >= 200, "only {checked:?} were checked");
}

#[test]
fn the_cpu_answers_as_recorded() {
    check_all(CheckDevice::Cpu);
}

#[test]
fn the_gpu_answers_as_recorded() {
    gpu::require(LimitsPreset::Floor);
    check_all(CheckDevice::Gpu(LimitsPreset::Floor));
}

/// A Sequential that begins with a model takes its input under the name that TF.js gives it, and under those of Keras.
#[test]
fn inputs_are_taken_under_all_their_names() {
    let mut taken = 0;
    for case in all().iter().filter(|case| case.kind() == "input_names") {
        let session = case.load(Semantics::TfJs).and_then(|model| Session::open(&model, Device::Cpu));
        let session = session.unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
        let inputs = case.inputs();
        let (_, tensor) = inputs.iter().next().expect("an input");
        // What Keras calls `keras_tensor` is no name of the file.
        let keras = case.list("input_names_keras").into_iter().filter(|name| !name.starts_with("keras_tensor"));
        let tfjs = Some(case.text("input_name_tfjs")).filter(|name| !name.is_empty());
        for name in keras.chain(tfjs) {
            let given = [(name, tensor.clone())].into_iter().collect();
            let prediction = session.predict(&given).unwrap_or_else(|error| panic!("{}: {name}: {error:?}", case.name));
            assert!(prediction.notes.is_empty(), "{}: {name}: {:?}", case.name, prediction.notes);
            taken += 1;
        }
    }
    assert!(taken > 40, "only {taken} names");
}

/// One session answers for the sizes of all recorded inputs, and for others, without being opened again.
#[test]
fn a_session_answers_whatever_the_sizes() {
    let mut opened = 0;
    for case in all().iter().filter(|case| case.kind() == "open_dimensions") {
        let model = case.load(Semantics::Keras).unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
        assert!(model.is_open(), "{}", case.name);
        let (session, inputs) = (Session::open(&model, Device::Cpu).expect("the CPU opens"), case.inputs());
        let answers = case.answers("keras").expect("Keras answered");
        let outputs = session.predict(&inputs).unwrap_or_else(|error| panic!("{}: {error:?}", case.name)).outputs;
        for ((name, output), (_, answer)) in outputs.iter().zip(answers.iter()) {
            let pairs = output.as_f32().expect("floats").iter().zip(answer.as_f32().expect("floats"));
            for (output, answer) in pairs {
                approx::assert_abs_diff_eq!(output, answer, epsilon = 1e-4 * answer.abs().max(1.0));
            }
            assert_eq!(output.shape(), answer.shape(), "{}: {name}", case.name);
        }
        opened += 1;
    }
    assert!(opened > 20, "only {opened} models");
}

/// Where two layers could take the same weights, neither gets them, and the error names both.
#[test]
fn what_could_be_either_of_two_is_refused() {
    let mut refused = 0;
    for case in all().iter().filter(|case| case.is_to_be_refused()) {
        for semantics in [Semantics::TfJs, Semantics::Keras] {
            let Err(error) = case.load(semantics) else { panic!("{} loads under {semantics}", case.name) };
            let text = format!("{error:?}");
            for name in case.list("names") {
                assert!(text.contains(name), "{}: {text} does not name {name}", case.name);
            }
        }
        refused += 1;
    }
    assert!(refused > 0, "nothing was refused");
}
