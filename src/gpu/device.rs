//! An opened device. Errors of wgpu become errors of this library here.

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

/// The time to wait for running work after a call has failed, so that the loss of the device is reported.
const LAST_WORK: Duration = Duration::from_millis(500);

/// The time in which a loss that another thread has met is reported to this one.
const LOSS_REPORT: Duration = Duration::from_millis(50);

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
            // Small memory blocks. Models are small compared with large blocks, which some drivers fill with zeros.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|cause| {
            Error::device(DeviceError::Rejected, "the GPU device could not be opened")
                .at(summary.name.clone())
                .because(cause)
                .hint("update the driver, or run on the CPU (Device::Cpu)")
        })?;
        // Calls are made in error scopes (`scoped`). The drop of a buffer is not, and without a handler wgpu panics on
        // errors.
        device.on_uncaptured_error(Arc::new(|_| ()));
        let lost = Arc::new(OnceLock::new());
        let callback = Arc::clone(&lost);
        device.set_device_lost_callback(move |_, message| {
            on_loss();
            // Only the first reason counts. Later ones follow from it.
            let _ = callback.set(message);
        });
        let limits = device.limits();
        let facts = DeviceFacts {
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_loop_steps: max_loop_steps(&summary),
            binding_alignment_bytes: limits.min_storage_buffer_offset_alignment.into(),
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
            // A preset of phones chooses the kernels of phones.
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

    /// Whether kernels use memory that the host maps, which avoids copies. It is faster on a software GPU. On phones it
    /// was not measured.
    pub(super) fn maps_storage(&self) -> bool {
        self.adapter.kind == AdapterKind::Software
            && self.device.features().contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
    }

    /// Marks a site where tests inject faults.
    pub(super) fn pass(&self, site: FaultSite) -> Result<()> {
        self.faults.pass(site, Some(&self.device))
    }

    /// An error if the device was lost.
    pub(super) fn expect_alive(&self) -> Result<()> {
        match self.lost.get() {
            None => Ok(()),
            Some(cause) => Err(Error::device(DeviceError::Lost, "the GPU device was lost")
                .at(self.adapter.name.clone())
                .cause(cause)
                .hint("open the session again; if it is lost again, run on the CPU (Device::Cpu)")),
        }
    }

    /// Runs `work` and catches the errors of its calls to wgpu on this thread. If the device was lost, that is the
    /// error. An error of wgpu takes precedence over the error of `work`, which follows from it.
    pub(super) fn scoped<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        drop(faults::take_reported());
        let scopes = [Validation, Internal, OutOfMemory].map(|filter| self.device.push_error_scope(filter));
        let result = work();
        let mut error = None;
        for scope in scopes.into_iter().rev() {
            // Out of memory comes first: it makes later calls invalid.
            error = error.or(pollster::block_on(scope.pop()));
        }
        let error = error.or_else(faults::take_reported);
        if result.is_err() || error.is_some() {
            // wgpu reports the loss of a device when it is polled and no work runs any more.
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

    /// Waits a moment for the report of a loss. Calls fail before it arrives, possibly on another thread.
    fn await_loss(&self) {
        let begun = Instant::now();
        while self.lost.get().is_none() && begun.elapsed() < LOSS_REPORT {
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

/// The loop steps of an invocation that the driver executes. llvmpipe silently leaves all loops after 65 535 steps
/// (Mesa, `LP_MAX_TGSI_LOOP_ITERATIONS`). Other drivers have no limit.
fn max_loop_steps(adapter: &AdapterSummary) -> usize {
    if adapter.driver == "llvmpipe" { 65_535 } else { usize::MAX }
}
