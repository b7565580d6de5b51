//! What sessions of one process share, how many threads use one, and when memory is given back. By counts.

mod cpu;
mod execution;
mod memory;
mod moments;
mod named_sizes;
mod opening;
mod pieces;
mod profile;
mod ranking;
mod reuse;
mod shapes;
mod sizes;
mod storage;
mod threads;

use std::path::PathBuf;
use tfjs_wgpu::gpu::{LimitsPreset, adapters};
use tfjs_wgpu::study::CheckDevice;
use tfjs_wgpu::{Device, LoadOptions, Model, Session, SessionOptions};

/// A recorded model; `None` where no GPU can be tested. With REQUIRE_GPU=1 one must be.
fn model(name: &str) -> Option<Model> {
    if !gpu() {
        return None;
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name);
    Some(Model::load(path, LoadOptions::default()).expect("the model loads"))
}

fn gpu() -> bool {
    let found = !adapters().is_empty();
    assert!(found || std::env::var("REQUIRE_GPU").as_deref() != Ok("1"), "REQUIRE_GPU=1, but there is no adapter");
    if !found {
        eprintln!("skipped: no GPU adapter");
    }
    found
}

/// The engines that there are.
fn engines() -> Vec<Device> {
    let gpu = gpu().then_some(Device::Gpu);
    [Device::Reference, Device::Cpu].into_iter().chain(gpu).collect()
}

/// The engines that `check` looks into, the GPU under the limits of every phone.
fn check_devices() -> Vec<CheckDevice> {
    let gpu = gpu().then_some(CheckDevice::Gpu(LimitsPreset::Floor));
    std::iter::once(CheckDevice::Cpu).chain(gpu).collect()
}

/// A session on the GPU. Tests that count pipelines take a preset each, because each is a device of its own.
fn open(model: &Model, limits: LimitsPreset) -> Session {
    let options =
        SessionOptions { device: Device::Gpu, limits, cache_folder: Some(PathBuf::new()), ..SessionOptions::default() };
    Session::open_with(model, options).expect("the GPU opens")
}
