//! An opened device, and its errors as values.

use super::adapter::{self, AdapterKind, AdapterSummary};
use super::faults::{self, FaultSite, Faults};
use crate::error::{DeviceError, Error, Result};
use crate::kernel::DeviceFacts;
use crate::limits_preset::LimitsPreset;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// An opened device and its queue. The device is closed when this is dropped.
#[derive(Debug)]
pub(super) struct OpenedDevice {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) faults: Faults,
    facts: DeviceFacts,
    adapter: AdapterSummary,
    /// Why the device was lost, if it was.
    lost: Arc<OnceLock<String>>,
}

/// How long to wait for what still runs when a call has failed, before its error is taken at its word.
const LAST_WORK: Duration = Duration::from_millis(500);

/// How long the news of a loss may take from one thread to another.
const NEWS: Duration = Duration::from_millis(50);

impl OpenedDevice {
    /// Opens a new device. `on_loss` is called if the device is lost.
    pub(super) fn open(
        adapter: &wgpu::Adapter,
        preset: LimitsPreset,
        faults: &Faults,
        on_loss: fn(),
    ) -> Result<OpenedDevice> {
        let summary = adapter::summary(adapter);
        faults.pass(FaultSite::OpenDevice, None)?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("tfjs-wgpu"),
            required_features: preset.features(adapter.features()),
            required_limits: preset.limits(&adapter.limits()),
            // Small blocks. Models are small next to wgpu's large ones, which some drivers fill with zeros at once.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|cause| {
            Error::device(DeviceError::Rejected, "the GPU device could not be opened")
                .at(summary.name.clone())
                .because(cause)
                .hint("update the driver, or run on the CPU (Device::Cpu)")
        })?;
        // Every call is made in a scope (`scoped`). Without a handler wgpu would panic about the rest: buffers being dropped.
        device.on_uncaptured_error(Arc::new(|_| ()));
        let lost = Arc::new(OnceLock::new());
        let callback = Arc::clone(&lost);
        device.set_device_lost_callback(move |_, message| {
            on_loss();
            // A second reason is a consequence of the first.
            let _ = callback.set(message);
        });
        let limits = device.limits();
        let facts = DeviceFacts {
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_loop_steps: max_loop_steps(&summary),
            binding_alignment_bytes: limits.min_storage_buffer_offset_alignment.into(),
            // What stands for a phone is given the kernels of a phone.
            software: summary.kind == AdapterKind::Software && preset == LimitsPreset::Full,
        };
        Ok(OpenedDevice { device, queue, faults: faults.clone(), facts, adapter: summary, lost })
    }

    /// The limits that kernels are chosen from.
    pub(super) fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// The adapter of the device.
    pub(super) fn adapter(&self) -> &AdapterSummary {
        &self.adapter
    }

    /// Whether the device was lost.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    /// Whether kernels may work in memory that the host has mapped, so that nothing is copied. Only where it was
    /// measured to be faster: a software GPU has no other memory. What a phone's caches make of it is not known.
    pub(super) fn maps_storage(&self) -> bool {
        self.adapter.kind == AdapterKind::Software
            && self.device.features().contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
    }

    /// Passes a site where a fault may be injected.
    pub(super) fn pass(&self, site: FaultSite) -> Result<()> {
        self.faults.pass(site, Some(&self.device))
    }

    /// An error if the device is gone for good.
    pub(super) fn expect_alive(&self) -> Result<()> {
        match self.lost.get() {
            None => Ok(()),
            Some(cause) => Err(Error::device(DeviceError::Lost, "the GPU device was lost")
                .at(self.adapter.name.clone())
                .cause(cause)
                .hint("open the session again; if it is lost again, run on the CPU (Device::Cpu)")),
        }
    }

    /// What `work` gives, with the errors of the calls to wgpu that it makes on this thread. The loss of the device explains
    /// them all, and an error of wgpu explains what `work` makes of it.
    pub(super) fn scoped<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        drop(faults::take_reported());
        let scopes = [Validation, Internal, OutOfMemory].map(|filter| self.device.push_error_scope(filter));
        let result = work();
        let mut error = None;
        for scope in scopes.into_iter().rev() {
            // Memory that could not be had makes calls invalid that use it.
            error = error.or(pollster::block_on(scope.pop()));
        }
        let error = error.or_else(faults::take_reported);
        if result.is_err() || error.is_some() {
            // wgpu tells of a device that was destroyed when it is next asked how things are, and nothing runs any more.
            let (submission_index, timeout) = (None, Some(LAST_WORK));
            let _ = self.device.poll(wgpu::PollType::Wait { submission_index, timeout });
            self.await_loss();
        }
        self.expect_alive()?;
        match error {
            None => result,
            Some(error) => Err(self.reported(error)),
        }
    }

    /// Waits a moment for the news that the device is lost. Its calls fail first, and tell why on whichever thread met the loss.
    fn await_loss(&self) {
        let begun = Instant::now();
        while self.lost.get().is_none() && begun.elapsed() < NEWS {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn reported(&self, error: wgpu::Error) -> Error {
        let (device, what) = match &error {
            wgpu::Error::OutOfMemory { .. } => (DeviceError::OutOfMemory, "the GPU has no memory left"),
            wgpu::Error::Validation { .. } => (DeviceError::Rejected, "the GPU refused a call"),
            wgpu::Error::Internal { .. } => (DeviceError::Internal, "the GPU's driver failed"),
        };
        let hint = match device {
            DeviceError::OutOfMemory => "predict smaller batches, or run on the CPU (Device::Cpu)",
            _ => "run on the CPU (Device::Cpu)",
        };
        Error::device(device, what).at(self.adapter.name.clone()).because(error).hint(hint)
    }
}

/// llvmpipe gives an invocation 65 535 loop steps in all and then leaves its loops without a word (Mesa,
/// `LP_MAX_TGSI_LOOP_ITERATIONS`). Other drivers run loops to their end.
fn max_loop_steps(adapter: &AdapterSummary) -> usize {
    if adapter.driver == "llvmpipe" { 65_535 } else { usize::MAX }
}
