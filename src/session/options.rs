//! How a session is opened, as a plain value.

use super::Device;
use crate::execution::Execution;
#[cfg(feature = "gpu")]
use crate::gpu::Faults;
use crate::limits_preset::LimitsPreset;
use crate::passes::{ActivationPrecision, Passes};
use std::path::PathBuf;
use std::time::Duration;

/// How a session is opened. Each option has a setter of its name.
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
    /// The limits that a GPU is opened with: those of the adapter, or those of a class of phones.
    pub limits: LimitsPreset,
    /// The passes that rewrite the graph. The reference runs the graph as it was read.
    pub passes: Passes,
    /// The names of inputs that will have one row for a whole batch: the session is prepared for that when it is opened. Other
    /// sets of shared inputs are prepared when they are first met. [`Passes::PLAIN`] and the reference have nothing to prepare.
    pub shared: Vec<String>,
    /// The number of CPU threads, at least 1; `None` for all cores. An error if the device is not [`Device::Cpu`].
    pub cpu_threads: Option<usize>,
    /// The folder where compiled pipelines are kept for the next process, if the driver can (Vulkan). `None` for the user's
    /// folder for caches; an empty path keeps none. On Android there is no such folder: an app gives its data directory, because
    /// the system empties the other one.
    pub cache_folder: Option<PathBuf>,
    /// Part of the name of the adapter to use, in any case: the best adapter that matches, even if it is software. `None` for
    /// the best adapter. An error if the device is neither [`Device::Gpu`] nor [`Device::Auto`].
    pub adapter: Option<String>,
    /// The time that opening, and each call, may take. A call that waits longer for the GPU or for other calls fails with
    /// [`DeviceError::Timeout`](crate::DeviceError::Timeout); the CPU looks at the clock between blocks of rows, the reference
    /// does not. With a timeout each call runs on another thread with a copy of its inputs, which costs some microseconds,
    /// because a driver that hangs cannot be interrupted: the thread and the memory of the call are kept until the driver
    /// returns. `None` waits as long as it takes.
    pub timeout: Option<Duration>,
    /// The precision of values in memory, for `emulation`.
    pub(crate) activation_precision: ActivationPrecision,
    /// How a GPU is driven, for `emulation`.
    pub(crate) execution: Execution,
    /// What goes wrong, for tests.
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

    /// Sets the folder where compiled pipelines are kept.
    pub fn cache_folder(mut self, folder: impl Into<Option<PathBuf>>) -> Self {
        self.cache_folder = folder.into();
        self
    }

    /// Sets part of the name of the adapter to use.
    pub fn adapter(mut self, name: impl Into<Option<String>>) -> Self {
        self.adapter = name.into();
        self
    }

    /// Sets the time that opening, and each call, may take.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets what goes wrong, for tests.
    #[cfg(feature = "gpu")]
    #[doc(hidden)]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }
}
