//! An opened device, and its errors as values.

use super::adapter::{self, AdapterKind, AdapterSummary};
use super::failures::Failures;
use super::limits::LimitsPreset;
use super::pipelines::Pipelines;
use super::shared_devices;
use crate::error::{DeviceError, Error, Result};
use crate::kernel::DeviceFacts;
use std::sync::Arc;

/// An opened GPU with the pipelines made on it. Cheap to clone; clones share the device.
#[derive(Debug, Clone)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) pipelines: Arc<Pipelines>,
    facts: DeviceFacts,
    adapter: Arc<AdapterSummary>,
    failures: Arc<Failures>,
}

impl Gpu {
    /// The best adapter, or the one that the environment variable `TFJS_WGPU_ADAPTER` names in part. A process opens
    /// it once for each preset; all sessions share it. One that was lost is opened anew.
    pub fn open(preset: LimitsPreset) -> Result<Gpu> {
        shared_devices::open(preset)
    }

    /// Opens a device that is shared with nobody.
    pub(super) fn open_alone(adapter: &wgpu::Adapter, preset: LimitsPreset) -> Result<Gpu> {
        let summary = adapter::summary(adapter);
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
        let failures = Arc::new(Failures::default());
        let (uncaught, lost) = (Arc::clone(&failures), Arc::clone(&failures));
        // wgpu would panic without a place to put them.
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| uncaught.report(error.to_string())));
        device.set_device_lost_callback(move |_, message| lost.lose(message));
        let limits = device.limits();
        let facts = DeviceFacts {
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_loop_steps: max_loop_steps(&summary),
            binding_alignment_bytes: limits.min_storage_buffer_offset_alignment.into(),
            // What stands for a phone is given the kernels of a phone.
            software: summary.kind == AdapterKind::Software && preset == LimitsPreset::Full,
        };
        let (adapter, pipelines) = (Arc::new(summary), Arc::default());
        Ok(Gpu { device, queue, pipelines, facts, adapter, failures })
    }

    /// The limits that kernels are chosen from.
    pub fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// The adapter behind the device.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.adapter
    }

    /// Whether the device is gone for good.
    pub(super) fn is_lost(&self) -> bool {
        self.failures.lost().is_some()
    }

    /// Whether kernels may work in memory that the host has mapped, so that nothing is copied. Only where it was
    /// measured to be faster: a software GPU has no other memory. What a phone's caches make of it is not known.
    pub(super) fn maps_storage(&self) -> bool {
        self.adapter.kind == AdapterKind::Software
            && self.device.features().contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
    }

    /// The first error of this thread's calls since the last check, or the loss of the device.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(cause) = self.failures.lost() {
            return Err(Error::device(DeviceError::Lost, "the GPU device was lost")
                .at(self.adapter.name.clone())
                .cause(cause)
                .hint("open the session again; if it is lost again, run on the CPU (Device::Cpu)"));
        }
        match self.failures.take() {
            None => Ok(()),
            Some(cause) => Err(Error::device(DeviceError::Rejected, "the GPU reported an error")
                .at(self.adapter.name.clone())
                .cause(cause)
                .hint("run on the CPU (Device::Cpu)")),
        }
    }
}

/// llvmpipe gives an invocation 65 535 loop steps in all and then leaves its loops without a word (Mesa,
/// `LP_MAX_TGSI_LOOP_ITERATIONS`). Other drivers run loops to their end.
fn max_loop_steps(adapter: &AdapterSummary) -> usize {
    if adapter.driver == "llvmpipe" { 65_535 } else { usize::MAX }
}
