//! An opened device, and its errors as values.

use super::adapter::{self, AdapterChoice, AdapterKind, AdapterSummary};
use super::faults::{self, FaultSite, Faults};
use super::pipelines::Pipelines;
use super::shared_devices;
use crate::deadline::Deadline;
use crate::error::{DeviceError, Error, Result};
use crate::kernel::DeviceFacts;
use crate::limits_preset::LimitsPreset;
use crate::telemetry::Timeline;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// An opened GPU with the pipelines made on it. Cheap to clone; clones share the device, which is closed with the last of them.
#[derive(Debug, Clone)]
pub struct Gpu(Arc<OpenedDevice>);

/// What the clones share.
#[derive(Debug)]
pub struct OpenedDevice {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) pipelines: Arc<Pipelines>,
    pub(super) faults: Faults,
    facts: DeviceFacts,
    adapter: AdapterSummary,
    /// Why the device is gone, if it is.
    lost: Arc<OnceLock<String>>,
}

impl std::ops::Deref for Gpu {
    type Target = OpenedDevice;

    fn deref(&self) -> &OpenedDevice {
        &self.0
    }
}

/// How long to wait for what still runs when a call has failed, before its error is taken at its word.
const LAST_WORK: Duration = Duration::from_millis(500);

/// How long the news of a loss may take from one thread to another.
const NEWS: Duration = Duration::from_millis(50);

/// Which device is to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DeviceRequest {
    pub(crate) adapter: AdapterChoice,
    pub(crate) preset: LimitsPreset,
    /// What goes wrong on it. With faults it is shared with nobody.
    pub(crate) faults: Faults,
}

impl Gpu {
    /// The best adapter, or the one that the environment variable `TFJS_WGPU_ADAPTER` names in part. All sessions of a process
    /// share a device for each preset. It is closed when the last session and the last `Gpu` on it are dropped; whoever opens
    /// many sessions one after the other holds a `Gpu` to keep the device and its compiled pipelines.
    pub fn open(preset: LimitsPreset) -> Result<Gpu> {
        let request = DeviceRequest { adapter: AdapterChoice::by_name(None), preset, ..DeviceRequest::default() };
        shared_devices::open(&request, Deadline::NEVER, &mut Timeline::start())
    }

    /// Opens a device that is shared with nobody.
    pub(super) fn open_alone(adapter: &wgpu::Adapter, preset: LimitsPreset, faults: &Faults) -> Result<Gpu> {
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
            shared_devices::note_loss();
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
        let (pipelines, faults, adapter) = (Arc::default(), faults.clone(), summary);
        Ok(Gpu(Arc::new(OpenedDevice { device, queue, pipelines, faults, facts, adapter, lost })))
    }

    /// The device, to be found again as long as somebody uses it.
    pub(super) fn downgrade(&self) -> std::sync::Weak<OpenedDevice> {
        Arc::downgrade(&self.0)
    }

    /// The device that is still used and not lost.
    pub(super) fn upgrade(weak: &std::sync::Weak<OpenedDevice>) -> Option<Gpu> {
        weak.upgrade().map(Gpu).filter(|gpu| gpu.lost.get().is_none())
    }

    /// The limits that kernels are chosen from.
    pub fn facts(&self) -> &DeviceFacts {
        &self.0.facts
    }

    /// The adapter behind the device.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.0.adapter
    }
}

impl OpenedDevice {
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
