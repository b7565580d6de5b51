//! Tests of studies, their reports and their page, by structure, counts and order. No test depends on times.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod measurement;
mod page;
#[cfg(unix)]
mod process;
mod protocol;

use std::path::PathBuf;
use tfjs_wgpu::study::StudyOptions;
use tfjs_wgpu::{Device, LoadOptions, Model};

fn main() -> std::process::ExitCode {
    harness::run()
}

/// A recorded model.
fn model(name: &str) -> Model {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name);
    Model::load(path, LoadOptions::default()).expect("the model loads")
}

/// A study that is over soon.
fn quick(devices: &[Device]) -> StudyOptions {
    StudyOptions::default().devices(devices.into()).quick(true)
}
