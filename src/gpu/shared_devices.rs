//! The devices of this process: each adapter is found once, and opened once for each preset of limits while somebody uses it.

use super::adapter::{self, AdapterSummary};
use super::device::{DeviceRequest, Gpu, OpenedDevice};
use super::faults::{FaultSite, Faults};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::limits_preset::LimitsPreset;
use crate::made_once::MadeOnce;
use crate::telemetry::{Stage, Timeline};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Weak};

/// The adapters of this machine, best first.
#[derive(Debug)]
pub(super) struct Found {
    adapters: Vec<wgpu::Adapter>,
    pub(super) summaries: Vec<AdapterSummary>,
}

/// A device by its preset and its adapter's name, backend and driver.
type DeviceKey = (LimitsPreset, [String; 3]);

/// By the number of devices lost so far: a lost device may take its adapter with it.
static ADAPTERS: LazyLock<MadeOnce<usize, Arc<Found>>> = LazyLock::new(|| MadeOnce::at_most(1));

/// What is opened is closed with its last user.
static DEVICES: LazyLock<MadeOnce<DeviceKey, Weak<OpenedDevice>>> = LazyLock::new(MadeOnce::default);

static LOSSES: AtomicUsize = AtomicUsize::new(0);

/// Notes that a device was lost, so that adapters are found anew.
pub(super) fn note_loss() {
    LOSSES.fetch_add(1, Ordering::SeqCst);
}

fn find(faults: &Faults) -> Result<Arc<Found>> {
    faults.pass(FaultSite::FindAdapters, None)?;
    let adapters = adapter::find();
    let summaries = adapters.iter().map(adapter::summary).collect();
    Ok(Arc::new(Found { adapters, summaries }))
}

/// The adapters of this machine.
pub(super) fn adapters(deadline: Deadline, timeline: &mut Timeline) -> Result<Arc<Found>> {
    let losses = LOSSES.load(Ordering::SeqCst);
    let found = || ADAPTERS.get(&losses, deadline, || find(&Faults::default()));
    Ok(timeline.span(Stage::FindAdapters, found)?.0)
}

/// The wanted device. Whoever asks while it is being opened waits until its deadline.
pub(super) fn open(request: &DeviceRequest, deadline: Deadline, timeline: &mut Timeline) -> Result<Gpu> {
    let DeviceRequest { adapter, preset, faults } = request;
    if !faults.is_none() {
        let found = timeline.span(Stage::FindAdapters, || find(faults))?;
        let position = adapter.choose(&found.summaries)?;
        return timeline.span(Stage::OpenDevice, || Gpu::open_alone(&found.adapters[position], *preset, faults));
    }
    let found = adapters(deadline, timeline)?;
    let position = adapter.choose(&found.summaries)?;
    let AdapterSummary { name, backend, driver_version, .. } = &found.summaries[position];
    let key = (*preset, [name, backend, driver_version].map(String::clone));
    let open = || {
        let gpu = Gpu::open_alone(&found.adapters[position], *preset, faults)?;
        Ok((gpu.downgrade(), gpu))
    };
    let opened = timeline.span(Stage::OpenDevice, || DEVICES.get_by(&key, deadline, Gpu::upgrade, open))?;
    Ok(opened.0)
}
