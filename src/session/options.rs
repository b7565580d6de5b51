//! The options of a session, as a plain value.

use super::Device;
use crate::execution::Execution;
#[cfg(feature = "gpu")]
use crate::gpu::Faults;
use crate::limits_preset::LimitsPreset;
use crate::passes::{ActivationPrecision, Passes};
use std::path::PathBuf;
use std::time::Duration;

/// Options for opening a session. Each option has a setter of its name.
///
/// ```
/// use std::time::Duration;
/// use tfjs_wgpu::{Device, SessionOptions};
///
/// let options = SessionOptions::default().device(Device::Cpu).cpu_threads(2).timeout(Duration::from_secs(1));
/// assert_eq!(options.cpu_threads, Some(2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SessionOptions {
    /// Where predictions are computed.
    pub device: Device,
    /// The limits that a GPU is opened with: all of the adapter, or those of a class of phones.
    pub limits: LimitsPreset,
    /// The passes that rewrite the graph. The reference runs the graph as it was read.
    pub passes: Passes,
    /// The names of inputs that will have one row for a whole batch. The session prepares for them when it opens, and
    /// for other sets of shared inputs at the first prediction with them. [`Passes::PLAIN`] and the reference need no
    /// preparation.
    pub shared: Vec<String>,
    /// The number of CPU threads, at least 1; `None` for all cores. An error if the device is not [`Device::Cpu`].
    pub cpu_threads: Option<usize>,
    /// The folder for compiled pipelines, so that the next process opens faster, if the driver supports it (Vulkan). It
    /// is created if needed. `None` or an empty path keeps nothing on disk.
    /// [`user_cache_folder`](crate::user_cache_folder) returns the usual folder of the platform.
    pub cache_folder: Option<PathBuf>,
    /// Part of the name of the adapter to use, ignoring case. The best match is used, even if it is software. `None` or
    /// an empty name for the best adapter. An error if the device is neither [`Device::Gpu`] nor [`Device::Auto`].
    pub adapter: Option<String>,
    /// The time limit for opening, and for each call; `None` for no limit. A call that waits longer for the GPU or for
    /// other calls fails with [`DeviceError::Timeout`](crate::DeviceError::Timeout). The CPU checks the time between
    /// blocks of rows; the reference does not check it. With a timeout a GPU call runs on another thread with a copy of
    /// its inputs, which costs some microseconds. A driver that hangs cannot be interrupted: its thread and memory are
    /// kept until it returns.
    pub timeout: Option<Duration>,
    /// The precision of values in memory, for `emulation`.
    pub(crate) activation_precision: ActivationPrecision,
    /// How kernels are compiled, submitted and read back, for `emulation`.
    pub(crate) execution: Execution,
    /// Faults to inject, for tests.
    #[cfg(feature = "gpu")]
    #[doc(hidden)]
    pub faults: Faults,
}

impl SessionOptions {
    /// Sets where predictions are computed.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the limits that a GPU is opened with.
    pub fn limits(mut self, limits: LimitsPreset) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the passes that rewrite the graph.
    pub fn passes(mut self, passes: Passes) -> Self {
        self.passes = passes;
        self
    }

    /// Sets the names of inputs that will have one row for a whole batch.
    pub fn shared(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.shared = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the number of CPU threads.
    pub fn cpu_threads(mut self, threads: impl Into<Option<usize>>) -> Self {
        self.cpu_threads = threads.into();
        self
    }

    /// Sets the folder for compiled pipelines.
    pub fn cache_folder(mut self, folder: impl Into<Option<PathBuf>>) -> Self {
        self.cache_folder = folder.into();
        self
    }

    /// Sets part of the name of the adapter to use.
    pub fn adapter(mut self, name: impl Into<Option<String>>) -> Self {
        self.adapter = name.into();
        self
    }

    /// Sets the time limit for opening, and for each call.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets faults to inject, for tests.
    #[cfg(feature = "gpu")]
    #[doc(hidden)]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }
}
