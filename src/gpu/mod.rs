//! Runs a plan on wgpu. The only folder that names wgpu.
//!
//! Sessions share a device and its pipelines (`shared_devices`). A plan is loaded on the device (`device_plan`): its
//! constants are uploaded unless another plan of the session has them (`uploads`), while its pipelines are compiled
//! (`pipelines`). A `runner` limits how many predictions are in flight, and reuses their memory. A prediction writes
//! its inputs, records one encoder, submits once, waits once and reads back once (`in_flight`, `read_back`); other
//! executions exist for benchmarking. For a batch size that has bindings, or one close to it (`batch_bindings`,
//! `batches`), a prediction allocates nothing. A second plan that takes an output on the device runs in the same submit
//! (`chained`).
//!
//! Calls into the driver are made by the caller or, with a deadline, by a thread that the caller can abandon
//! (`device_thread`). No lock that sessions share is held during a call. Errors of wgpu are caught in scopes
//! (`device`). Tests inject errors (`faults`).
//!
//! The files do not use each other in a circle; `tests/structure` checks it.

mod adapter;
mod batch_bindings;
mod batches;
mod buffers;
mod chained;
mod device;
mod device_plan;
mod device_thread;
mod engine;
mod faults;
mod in_flight;
mod limits;
mod memory;
mod pieces;
mod pipeline_cache;
mod pipelines;
mod read_back;
mod ready_dispatch;
mod runner;
mod runner_options;
mod shared_devices;
mod step_times;
mod uploads;

pub(crate) use adapter::AdapterChoice;
pub use adapter::{AdapterKind, AdapterSummary};
#[doc(hidden)]
pub use device_thread::await_abandoned_calls;
pub(crate) use engine::{GpuEngine, GpuOptions};
#[doc(hidden)]
pub use faults::{FaultKind, FaultSite, Faults};
pub(crate) use shared_devices::DeviceRequest;
pub use shared_devices::{Gpu, adapters};
