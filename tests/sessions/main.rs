//! What sessions of one process share, how many threads use one, and when memory is given back. By counts.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod batches;
mod cpu;
mod execution;
mod faults;
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

use harness::gpu;
use std::path::PathBuf;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::study::CheckDevice;
use tfjs_wgpu::{Device, LoadOptions, Model, Session, SessionOptions};

fn main() -> std::process::ExitCode {
    harness::run()
}

/// A recorded model.
fn model(name: &str) -> Model {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name);
    Model::load(path, LoadOptions::default()).expect("the model loads")
}

/// The engines that there are.
fn engines() -> Vec<Device> {
    let gpu = gpu::keep_open(LimitsPreset::Full).then_some(Device::Gpu);
    [Device::Reference, Device::Cpu].into_iter().chain(gpu).collect()
}

/// The engines that `check` looks into, the GPU under the limits of every phone.
fn check_devices() -> Vec<CheckDevice> {
    let gpu = gpu::keep_open(LimitsPreset::Floor).then_some(CheckDevice::Gpu(LimitsPreset::Floor));
    std::iter::once(CheckDevice::Cpu).chain(gpu).collect()
}

/// A session on the GPU; where there is none the test is ignored. Tests that count pipelines take a preset each, because each is a device of its own.
fn open(model: &Model, limits: LimitsPreset) -> Session {
    gpu::require(limits);
    let options = SessionOptions::default().device(Device::Gpu).limits(limits);
    Session::open_with(model, options).expect("the GPU opens")
}
