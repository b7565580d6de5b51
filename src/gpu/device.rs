//! An opened device, and its errors as values.

use super::adapter::{self, AdapterKind, AdapterSummary};
use super::limits::LimitsPreset;
use crate::error::{Error, Result};
use crate::kernel::DeviceFacts;
use std::sync::{Arc, Mutex, PoisonError};

/// An opened GPU. Cheap to clone; clones share the device.
#[derive(Debug, Clone)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    facts: DeviceFacts,
    adapter: Arc<AdapterSummary>,
    /// The first error that no scope caught. wgpu would panic without a place to put it.
    failure: Arc<Mutex<Option<String>>>,
}

impl Gpu {
    /// Opens the best adapter, or the one that the environment variable `TFJS_WGPU_ADAPTER` names in part.
    pub fn open(preset: LimitsPreset) -> Result<Gpu> {
        let adapter = adapter::choose()?;
        let summary = adapter::summary(&adapter);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("tfjs-wgpu"),
            required_features: preset.features(adapter.features()),
            required_limits: preset.limits(&adapter.limits()),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|cause| {
            Error::device("the GPU device could not be opened")
                .at(summary.name.clone())
                .cause(cause.to_string())
                .hint("update the driver, or run on the CPU (--device cpu, Device::Cpu)")
        })?;
        let failure = Arc::new(Mutex::new(None));
        let (uncaught, lost) = (Arc::clone(&failure), Arc::clone(&failure));
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| record(&uncaught, error.to_string())));
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                record(&lost, format!("the device was lost: {message}"));
            }
        });
        let limits = device.limits();
        let facts = DeviceFacts {
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_loop_steps: max_loop_steps(&summary),
            binding_alignment_bytes: limits.min_storage_buffer_offset_alignment.into(),
            software: summary.kind == AdapterKind::Software,
        };
        Ok(Gpu { device, queue, facts, adapter: Arc::new(summary), failure })
    }

    /// The limits that kernels are chosen from.
    pub fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// The adapter behind the device.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.adapter
    }

    /// The first error the device reported since the last check, if any.
    pub(super) fn check(&self) -> Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => Ok(()),
            Some(cause) => Err(Error::device("the GPU reported an error")
                .at(self.adapter.name.clone())
                .cause(cause)
                .hint("use a smaller batch, or run on the CPU (--device cpu, Device::Cpu)")),
        }
    }
}

/// llvmpipe gives an invocation 65 535 loop steps in all and then leaves its loops without a word (Mesa,
/// `LP_MAX_TGSI_LOOP_ITERATIONS`). Other drivers run loops to their end.
fn max_loop_steps(adapter: &AdapterSummary) -> usize {
    if adapter.driver == "llvmpipe" { 65_535 } else { usize::MAX }
}

fn record(failure: &Mutex<Option<String>>, message: String) {
    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
}
