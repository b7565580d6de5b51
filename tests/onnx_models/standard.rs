//! The node tests of ONNX: models of one operator.
//!
//! Inputs other than floats become initializers, as exporters write shapes and axes, and so do scalars. A case without
//! other inputs gets all of them, and is run once more with all of them as initializers; an
//! operator with weights once more with only its first input given.

use crate::archive;
use crate::case::{Case, Given, Variant};
use crate::compared::NODE;
use crate::harness::gpu;
use crate::known::{Outcomes, unsupported};
use tfjs_wgpu::{Device, LimitsPreset};

const ARCHIVE: &str = "node_tests";

fn variants() -> Vec<Variant> {
    let cases = archive::cases("node_tests.zip");
    assert_eq!(cases.len(), 629);
    let variants = cases.iter().flat_map(|(name, files)| {
        let case = Case::read(name, files);
        let given = match (case.has_floats(), case.has_weights()) {
            (true, true) => &[Given::Floats, Given::First][..],
            (true, false) => &[Given::Floats],
            (false, _) => &[Given::All, Given::None],
        };
        given.iter().map(|given| case.variant(*given)).collect::<Vec<_>>()
    });
    variants.collect()
}

#[test]
fn the_reference_and_the_cpu_answer_node_tests() {
    let mut outcomes = Outcomes::default();
    for variant in variants() {
        let fault = variant.fault(&[Device::Reference, Device::Cpu], NODE);
        outcomes.add(&variant.name, &variant.operator, fault);
    }
    outcomes.expect_as_listed(ARCHIVE);
}

#[test]
fn the_gpu_answers_node_tests() {
    gpu::require(LimitsPreset::Full);
    expect_right_on_the_gpu(&variants(), ARCHIVE);
}

/// Every case that is not listed is right on the GPU too.
pub(crate) fn expect_right_on_the_gpu(variants: &[Variant], archive: &str) {
    let listed = unsupported(archive);
    let start = std::time::Instant::now();
    let tried: Vec<&Variant> = variants.iter().filter(|variant| !listed.contains(&variant.name)).collect();
    let fault = |variant: &&Variant| Some(format!("{}: {}", variant.name, variant.fault(&[Device::Gpu], NODE)?));
    let wrong: Vec<String> = tried.iter().filter_map(fault).collect();
    println!("{archive}: {} of {} are right on the GPU, {:?}", tried.len() - wrong.len(), tried.len(), start.elapsed());
    assert!(wrong.is_empty(), "{} are wrong on the GPU:\n{}", wrong.len(), wrong.join("\n"));
}
