//! Runs a plan on wgpu. The only folder that names it.
//!
//! Everything is resolved when a runner is made: pipelines, the weight buffer, slots. A prediction writes its
//! inputs, records one encoder, submits once, waits once and reads back once. For a batch size it has seen before
//! it allocates nothing.

mod adapter;
mod device;
mod limits;
mod memory;
mod pipelines;
mod runner;

pub use adapter::{AdapterKind, AdapterSummary, adapters};
pub use device::Gpu;
pub use limits::LimitsPreset;
pub(crate) use runner::Runner;
