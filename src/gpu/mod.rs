//! Runs a plan on wgpu. The only folder that names it.
//!
//! Sessions share a device while one of them uses it (`shared_devices`), and pipelines belong to the device. A plan is loaded on
//! it (`loaded`): its constants are uploaded, unless another plan of the session has them (`uploads`), while its pipelines are
//! made. A prediction takes one of a few flights (`runner`), which own what grows with the batch; it writes its inputs, records
//! one encoder, submits once, waits once and reads back once (`flight`, `read_back`), unless it is to show what that saves
//! (`execution`). For a batch size it has seen before, or one that is near to others (`prepared`, `batches`), it allocates
//! nothing. What is to be made of an output on the
//! device is a plan of its own, which runs in the same submit (`chained`).
//!
//! Calls into the driver are made by the caller, or by a thread that it can leave when its deadline passes (`device_thread`). No
//! lock that sessions share is held meanwhile. Their errors are caught in scopes (`device`); tests inject them (`faults`).

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
