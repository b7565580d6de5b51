//! The devices of this process: each adapter is found once, and opened once for each preset of limits.

use super::adapter::{self, AdapterSummary};
use super::device::Gpu;
use super::limits::LimitsPreset;
use crate::error::Result;
use std::sync::{Mutex, MutexGuard, PoisonError};

static SHARED: Mutex<Shared> = Mutex::new(Shared { adapters: Vec::new(), opened: Vec::new() });

/// What has been found and opened. Devices stay open as long as the process, for the sake of their pipelines; what
/// belongs to a session is freed with it.
struct Shared {
    /// Best first; empty until somebody asks.
    adapters: Vec<wgpu::Adapter>,
    opened: Vec<(LimitsPreset, Gpu)>,
}

impl Shared {
    /// With adapters, if the machine has any.
    fn lock() -> MutexGuard<'static, Shared> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = shared.opened.len();
        shared.opened.retain(|(_, gpu)| !gpu.is_lost());
        // A lost device may take its adapter with it.
        if shared.adapters.is_empty() || shared.opened.len() < opened {
            shared.adapters = adapter::find();
        }
        shared
    }
}

/// The adapters of this machine, best first.
pub(super) fn adapters() -> Vec<AdapterSummary> {
    Shared::lock().adapters.iter().map(adapter::summary).collect()
}

/// The chosen adapter, opened with `preset`. Whoever asks while it is being opened waits.
pub(super) fn open(preset: LimitsPreset) -> Result<Gpu> {
    let mut shared = Shared::lock();
    let chosen = adapter::choose(&shared.adapters)?;
    let summary = adapter::summary(chosen);
    if let Some((_, gpu)) = shared.opened.iter().find(|(known, gpu)| *known == preset && *gpu.adapter() == summary) {
        return Ok(gpu.clone());
    }
    let gpu = Gpu::open_alone(chosen, preset)?;
    shared.opened.push((preset, gpu.clone()));
    Ok(gpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_device_is_opened_once_and_anew_when_it_was_lost() {
        if adapters().is_empty() {
            return;
        }
        // No other test of this binary uses this preset, so that only this one loses a device.
        let open = || open(LimitsPreset::Mali).expect("the GPU opens");
        let (first, second) = (open(), open());
        assert!(Arc::ptr_eq(&first.pipelines, &second.pipelines));
        first.device.destroy();
        // wgpu tells of the loss when it is next asked how things are.
        let _ = first.device.poll(wgpu::PollType::Poll);
        let error = first.check().expect_err("the device is lost");
        assert!(error.to_string().contains("lost"), "{error}");
        assert!(second.check().is_err());
        let third = open();
        assert!(!Arc::ptr_eq(&first.pipelines, &third.pipelines));
        assert!(third.check().is_ok());
    }
}
