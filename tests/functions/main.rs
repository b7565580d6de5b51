//! The functions between the layers of recorded models, TensorFlow's under Keras 2 and `keras.ops` under Keras 3: each answers
//! as Keras, on the reference, the CPU and the GPU, plain and fused; what mixes the samples of the batch is refused.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

#[path = "../files/archive.rs"]
#[allow(dead_code, reason = "it has questions that these cases do not raise")]
mod archive;
mod by_hand;
mod known;

use archive::Case;
use harness::gpu;
use known::KNOWN;
use std::collections::BTreeMap;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::reference;
use tfjs_wgpu::internals::study::output_allowances;
use tfjs_wgpu::internals::tensor::compare;
use tfjs_wgpu::study::{CheckDevice, check};
use tfjs_wgpu::{Model, NamedTensors, Semantics};

fn main() -> std::process::ExitCode {
    harness::run()
}

fn all() -> Vec<Case> {
    archive::all("functions.zip")
}

/// Whether the case answers for single samples only.
fn mixes_samples(case: &Case) -> bool {
    case.kind() == "batch"
}

/// Why the case is not answered, if it is one of those.
fn known_reason(case: &Case) -> Option<&'static str> {
    let known = |name: &str| case.name == name || case.name.starts_with(&format!("{name}_k"));
    KNOWN.iter().find(|(name, _)| known(name)).map(|(_, reason)| *reason)
}

/// The recorded answers, which are in order, under the names of the model's outputs.
fn named(model: &Model, answers: &NamedTensors) -> NamedTensors {
    let outputs = model.graph().outputs();
    assert_eq!(outputs.len(), answers.len(), "outputs");
    let answer = |(index, (name, _)): (usize, &(String, _))| {
        (name.clone(), answers.get(&index.to_string()).expect("answers are numbered").clone())
    };
    outputs.iter().enumerate().map(answer).collect()
}

/// What is wrong with a case on a device, if anything is.
fn fault(case: &Case, semantics: Semantics, device: CheckDevice) -> Option<String> {
    let outcome = || -> Result<(), String> {
        let model = case.load(semantics).map_err(|error| format!("{error:?}"))?;
        let answers = named(&model, &case.answers("keras").ok_or("no answers")?);
        for ((name, id), (_, answer)) in model.graph().outputs().iter().zip(answers.iter()) {
            let ty = model.graph().ty(*id);
            if ty.dtype != answer.dtype() || ty.shape.resolve(answer.shape()[0]) != answer.shape() {
                return Err(format!("output {name} is {ty} and not {} {:?}", answer.dtype(), answer.shape()));
            }
        }
        for passes in [Passes::PLAIN, Passes::FUSED] {
            let report = check(&model, &case.inputs(), Some(&answers), device, passes);
            let report = report.map_err(|error| format!("{passes}: {error:?}"))?;
            if !report.is_right() {
                let wrong = report.outputs.iter().find(|output| !output.difference.is_within());
                let node = report.first_wrong_node().map(|node| &node.name);
                return Err(format!("{passes}: node {node:?}, output {wrong:?}"));
            }
        }
        Ok(())
    };
    outcome().err().map(|fault| format!("{} ({}): {fault}", case.name, case.kind()))
}

fn check_all(semantics: Semantics, device: CheckDevice) {
    let cases = all();
    let mut faults = Vec::new();
    let mut answered: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases.iter().filter(|case| !mixes_samples(case)) {
        let fault = fault(case, semantics, device);
        match (known_reason(case), fault) {
            (None, Some(fault)) => faults.push(fault),
            (None, None) => *answered.entry(case.kind()).or_default() += 1,
            (Some(reason), None) => faults.push(format!("{} is answered now, though {reason}", case.name)),
            (Some(_), Some(_)) => {}
        }
    }
    println!("answered: {answered:?}");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(answered.values().sum::<usize>() > 450, "only {answered:?} were answered");
}

#[test]
fn the_cpu_answers_as_recorded() {
    check_all(Semantics::TfJs, CheckDevice::Cpu);
}

#[test]
fn the_gpu_answers_as_recorded() {
    for preset in LimitsPreset::ALL {
        gpu::require(preset);
        check_all(Semantics::Keras, CheckDevice::Gpu(preset));
    }
}

/// By itself, within twice what rounding allows: both sides round.
#[test]
fn the_reference_answers_as_recorded() {
    let mut answered = 0;
    for case in all().iter().filter(|case| !mixes_samples(case) && known_reason(case).is_none()) {
        let (model, inputs) = (case.load(Semantics::Keras).expect("the case loads"), case.inputs());
        let answers = named(&model, &case.answers("keras").expect("Keras answered"));
        let outputs = reference::run(model.graph(), &inputs).expect("an answer");
        let allowances = output_allowances(model.graph(), &inputs).expect("allowances");
        for (((name, answer), (_, output)), allowance) in answers.iter().zip(outputs.iter()).zip(&allowances) {
            let allowance: Vec<f64> = allowance.iter().map(|allowed| 2.0 * allowed).collect();
            let difference = compare(answer, output, &allowance).expect("one type");
            assert!(difference.is_within(), "{}: {name}: {difference:?}", case.name);
        }
        answered += 1;
    }
    assert!(answered > 450, "only {answered} were answered");
}

/// The error says that the batch is the trouble.
#[test]
fn what_mixes_samples_is_refused_or_right() {
    let mut refused = 0;
    for case in all().iter().filter(|case| mixes_samples(case)) {
        match case.load(Semantics::Keras) {
            Err(error) => {
                let text = format!("{error:?}");
                assert!(text.contains("batch"), "{}: {text}", case.name);
                refused += 1;
            }
            Ok(_) => assert_eq!(fault(case, Semantics::Keras, CheckDevice::Cpu), None, "{}", case.name),
        }
    }
    assert!(refused > 40, "only {refused} were refused");
}

/// Every name in the list of what is not answered is that of a case.
#[test]
fn known_cases_exist() {
    let cases = all();
    for (name, _) in KNOWN {
        assert!(cases.iter().any(|case| case.name == *name || case.name.starts_with(&format!("{name}_k"))), "{name}");
    }
}
