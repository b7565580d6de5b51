//! The choice of where predictions are computed.

use crate::names::names;

/// Where predictions are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Device {
    /// A hardware GPU if there is one, or the adapter that the options name; otherwise the CPU.
    ///
    /// If the GPU fails, the CPU takes over.
    #[default]
    Auto,
    /// The GPU.
    Gpu,
    /// The CPU engine.
    Cpu,
    /// The reference implementation, which GPU and CPU are checked against.
    Reference,
}

names!(Device, "device", { Auto = "auto", Gpu = "gpu", Cpu = "cpu", Reference = "reference" });
