//! Runs a plan on wgpu. The only folder that names it.
//!
//! A process opens a device once (`shared_devices`), and pipelines belong to the device. A plan is loaded on it
//! (`loaded`): its constants are uploaded while its pipelines are made. A prediction takes one of a few flights
//! (`runner`), which own what grows with the batch; it writes its inputs, records one encoder, submits once, waits
//! once and reads back once (`flight`, `read_back`), unless it is to show what that saves (`execution`). For a batch size
//! it has seen before (`prepared`) it allocates nothing. What is to be made of an output on the device is a plan of its own,
//! which runs in the same submit (`chained`).

mod adapter;
mod chained;
mod device;
mod execution;
mod failures;
mod flight;
mod limits;
mod loaded;
mod memory;
mod pipeline_cache;
mod pipelines;
mod prepared;
mod read_back;
mod runner;
mod shared_devices;
mod step_times;

pub use adapter::{AdapterKind, AdapterSummary, adapters};
pub(crate) use chained::predict_chained;
pub use device::Gpu;
pub use execution::{Execution, Programs, ReadBacks, Submits};
pub use limits::LimitsPreset;
pub(crate) use pipeline_cache::folder as cache_folder;
pub(crate) use runner::{Runner, RunnerOptions};
