//! Small models of older operator sets, for three rows. Weights, axes and sizes are initializers in the files.

use crate::archive;
use crate::case::{Case, Given, Variant};
use crate::compared::NODE;
use crate::harness::gpu;
use crate::known::Outcomes;
use crate::standard::expect_right_on_the_gpu;
use tfjs_wgpu::{Device, LimitsPreset};

const ARCHIVE: &str = "older";

fn variants() -> Vec<Variant> {
    let cases = archive::cases("older.zip");
    assert_eq!(cases.len(), 370);
    cases.iter().map(|(name, files)| Case::read(name, files).variant(Given::All)).collect()
}

#[test]
fn the_reference_and_the_cpu_answer_older_models() {
    let mut outcomes = Outcomes::default();
    for variant in variants() {
        let fault = variant.fault(&[Device::Reference, Device::Cpu], NODE);
        outcomes.add(&variant.name, &variant.operator, fault);
    }
    outcomes.expect_as_listed(ARCHIVE);
}

#[test]
fn the_gpu_answers_older_models() {
    gpu::require(LimitsPreset::Full);
    expect_right_on_the_gpu(&variants(), ARCHIVE);
}
