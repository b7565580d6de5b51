//! Pipelines kept on disk: written, read, and refused when damaged; never a reason to fail. One test, because it counts
//! the pipelines of every device that this process can open.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

use harness::gpu;
use std::path::{Path, PathBuf};
use tfjs_wgpu::gpu::LimitsPreset;
use tfjs_wgpu::timeline::Timeline;
use tfjs_wgpu::{Device, LoadOptions, Model, Session, SessionOptions, session};

fn main() -> std::process::ExitCode {
    harness::run()
}

fn open(limits: LimitsPreset, folder: &Path) -> Timeline {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/wide_deep");
    let model = Model::load(path, LoadOptions::default()).expect("the model loads");
    let options =
        SessionOptions { device: Device::Gpu, limits, cache_folder: Some(folder.into()), ..SessionOptions::default() };
    let session = Session::open_with(&model, options).expect("the GPU opens");
    session.predict(&session::random_inputs(&model, 1, 1).expect("inputs")).expect("a prediction");
    assert!(session.timeline().counter("pipelines") > 0, "each preset is a device without pipelines");
    session.timeline().clone()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn pipelines_are_kept_and_damaged_files_replaced() {
    gpu::require_feature("pipeline_cache");
    let folder = tempfile::tempdir().expect("a folder");
    let within = folder.path().join("made/when/needed");

    let first = open(LimitsPreset::Floor, &within);
    let written = first.counter("pipeline_cache_bytes_written");
    assert!(written > 0);
    assert_eq!(first.counter("pipeline_cache_bytes_read"), 0);
    assert_eq!(first.counter("pipeline_cache_files_refused"), 0, "there was none");
    let [file] = &files(&within)[..] else { panic!("one file, and nothing temporary beside it") };

    let second = open(LimitsPreset::Adreno, &within);
    assert_eq!(second.counter("pipeline_cache_bytes_read"), written);
    assert_eq!(second.counter("pipeline_cache_files_refused"), 0);

    let mut bytes = std::fs::read(file).expect("the file");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(file, bytes).expect("written");
    let third = open(LimitsPreset::Mali, &within);
    assert_eq!(third.counter("pipeline_cache_files_refused"), 1);
    assert_eq!(third.counter("pipeline_cache_bytes_read"), 0);
    assert!(third.counter("pipeline_cache_bytes_written") > 0, "it is replaced");
    assert_eq!(files(&within).len(), 1);

    // A file where the folder should be: neither read nor written, and no error.
    let fourth = open(LimitsPreset::Full, file);
    assert_eq!(fourth.counter("pipeline_cache_writes_failed"), 1);
    assert_eq!(fourth.counter("pipeline_cache_bytes_written"), 0);
}
