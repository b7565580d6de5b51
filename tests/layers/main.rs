//! Single layers with every option give the answers that Keras and TF.js recorded.
//!
//! Each file of tests/data/cases is one layer class; each case in it a tiny model with its weights, inputs and recorded
//! answers.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod by_hand;
mod cases;
mod changed;
#[path = "../files/archive.rs"]
#[allow(dead_code)]
mod files;
mod refused;
mod training;

use cases::{Case, all};
use harness::gpu;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tfjs_wgpu::Passes;
use tfjs_wgpu::emulation;
use tfjs_wgpu::study::{CheckDevice, check};
use tfjs_wgpu::{LimitsPreset, LoadOptions, Model, Semantics};

fn main() -> std::process::ExitCode {
    harness::run()
}

/// Why a recorded case is refused here, if it is.
fn refused(case: &Case) -> Option<&'static str> {
    match (case.class.as_str(), case.name.as_str()) {
        // Keras itself fails on any other batch, and N cannot stand behind another dimension here.
        ("MaskPropagation", name) if name.contains("batch_1") => Some("a mask [1, T] meets a tensor [1, A, T]"),
        ("Concatenate", "axis_0") => Some("joins along the batch"),
        ("MaskMerge", _) if case.is_keras_3 => None,
        ("MaskMerge", "Concatenate_time_first" | "Concatenate_time_second" | "Concatenate_time_three") => {
            Some("joins masked and unmasked inputs along their steps")
        }
        ("Resizing" | "UpSampling2D", "bicubic") => Some("that interpolation"),
        _ => None,
    }
}

/// What is refused is refused with an error, not answered wrongly.
#[test]
fn what_is_not_supported_is_refused() {
    for case in all().iter().filter(|case| refused(case).is_some()) {
        let error = case.load(Semantics::Keras).map(|_| ()).expect_err(&case.name);
        assert!(error.to_string().contains("layer `"), "{}: {error}", case.name);
    }
}

fn check_all(semantics: Semantics, device: CheckDevice) {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for case in all().iter().filter(|case| refused(case).is_none()) {
        let Some(expected) = case.expected(semantics) else { continue };
        let checked_by = |model: &Model, passes| check(model, &case.inputs, Some(&expected), device, passes);
        let outcome = case.load(semantics).and_then(|model| {
            // What one passes gets wrong is not excused by another. WebGL 1 has the graph of WebGL 2.
            for passes in [Passes::PLAIN, emulation::WEBGL2] {
                let report = checked_by(&model, passes)?;
                if !report.is_right() {
                    return Ok(report);
                }
            }
            checked_by(&model, Passes::FUSED)
        });
        match outcome {
            Ok(report) if report.is_right() => checked += 1,
            Ok(report) => {
                let node = report.first_wrong_node().map(|node| format!("{}: {:?}", node.operator, node.difference));
                let output = report.outputs.iter().find(|output| !output.difference.is_within());
                wrong.push(format!("{}/{}: {node:?} {output:?}", case.class, case.name));
            }
            Err(error) => wrong.push(format!("{}/{}: {error} {:?}", case.class, case.name, error.cause_text())),
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), wrong.len() + checked, wrong.join("\n"));
    assert!(checked > 400, "only {checked} cases were checked");
}

#[test]
fn layers_answer_as_tfjs_recorded() {
    check_all(Semantics::TfJs, CheckDevice::Cpu);
}

#[test]
fn layers_answer_as_keras_recorded() {
    check_all(Semantics::Keras, CheckDevice::Cpu);
}

/// Opening a session takes longer than a case, so the GPU sees the cases of one semantics.
#[test]
fn layers_answer_on_the_gpu() {
    gpu::require(LimitsPreset::Full);
    check_all(Semantics::Keras, CheckDevice::Gpu(LimitsPreset::Full));
}

/// Every row of docs/semantics.md is a difference of some recorded layer, model or file.
#[test]
fn every_difference_is_recorded() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(root.join("tests/data/models")).expect("the recorded models");
    let models = folders.filter_map(|folder| Model::load(folder.ok()?.path(), LoadOptions::default()).ok());
    let layers = all().into_iter().filter_map(|case| case.load(Semantics::TfJs).ok());
    let files = files::all("files.zip").into_iter().filter_map(|file| file.load(Semantics::TfJs).ok());
    let skews = models.chain(layers).chain(files).flat_map(|model| model.skews().to_vec());
    let recorded = skews.map(|skew| skew.difference.to_string());
    let met: BTreeSet<String> = recorded.chain(by_hand::DIFFERENCES.map(String::from)).collect();
    let text = std::fs::read_to_string(root.join("docs/semantics.md")).expect("docs/semantics.md");
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    let listed: BTreeSet<String> = rows.filter_map(|row| row.split(" | ").nth(1)).map(str::to_string).collect();
    assert_eq!(met, listed);
}
