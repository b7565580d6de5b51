//! The devices of this process. Adapters are enumerated once. A device is opened once per adapter and preset of limits,
//! and stays open while something uses it.

use super::adapter::{self, AdapterChoice, AdapterSummary};
use super::device::OpenedDevice;
use super::faults::{FaultSite, Faults};
use super::pipelines::Pipelines;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::kernel::DeviceFacts;
use crate::limits_preset::LimitsPreset;
use crate::made_once::MadeOnce;
use crate::telemetry::{Stage, Timeline};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Weak};

/// An opened GPU and the pipelines compiled on it. Clones share both. The device is closed when the last clone and the
/// last session on it are dropped.
#[derive(Debug, Clone)]
pub struct Gpu(Arc<SharedDevice>);

/// What clones of a [`Gpu`] share.
#[derive(Debug)]
struct SharedDevice {
    device: Arc<OpenedDevice>,
    pipelines: Arc<Pipelines>,
}

/// Which device to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DeviceRequest {
    pub(crate) adapter: AdapterChoice,
    pub(crate) preset: LimitsPreset,
    /// Faults to inject. A device with faults is not shared.
    pub(crate) faults: Faults,
}

impl Gpu {
    /// Opens the best adapter. All sessions of a process share one device per adapter and preset. A program that opens
    /// one session after another holds a `Gpu` to keep the device and its compiled pipelines.
    ///
    /// # Errors
    ///
    /// [`DeviceError::NoAdapter`](crate::DeviceError::NoAdapter) if there is no adapter; another device error if the
    /// driver does not open it.
    pub fn open(preset: LimitsPreset) -> Result<Gpu> {
        Gpu::open_choice(AdapterChoice::default(), preset)
    }

    /// Opens the best adapter whose name contains `name`, ignoring case.
    ///
    /// # Errors
    ///
    /// [`DeviceError::NoAdapter`](crate::DeviceError::NoAdapter) if no adapter has such a name; another device error if
    /// the driver does not open it.
    pub fn open_named(name: &str, preset: LimitsPreset) -> Result<Gpu> {
        Gpu::open_choice(AdapterChoice { name: Some(name.into()), hardware: false }, preset)
    }

    fn open_choice(adapter: AdapterChoice, preset: LimitsPreset) -> Result<Gpu> {
        let request = DeviceRequest { adapter, preset, ..DeviceRequest::default() };
        open(&request, Deadline::NEVER, &mut Timeline::start())
    }

    /// The limits that kernels are chosen from.
    pub fn facts(&self) -> &DeviceFacts {
        self.0.device.facts()
    }

    /// The adapter of the device.
    pub fn adapter(&self) -> &AdapterSummary {
        self.0.device.adapter()
    }

    pub(super) fn device(&self) -> &Arc<OpenedDevice> {
        &self.0.device
    }

    /// The pipelines that all sessions on the device share.
    pub(super) fn pipelines(&self) -> &Arc<Pipelines> {
        &self.0.pipelines
    }
}

/// The adapters of this machine, best first.
#[derive(Debug)]
struct Found {
    adapters: Vec<wgpu::Adapter>,
    summaries: Vec<AdapterSummary>,
}

/// Preset, and the adapter's name, backend and driver version.
type DeviceKey = (LimitsPreset, [String; 3]);

/// Keyed by the number of devices lost so far: an adapter may be gone with its device.
static ADAPTERS: LazyLock<MadeOnce<usize, Arc<Found>>> = LazyLock::new(|| MadeOnce::at_most(1));

/// The devices in use.
static DEVICES: LazyLock<MadeOnce<DeviceKey, Weak<SharedDevice>>> = LazyLock::new(MadeOnce::default);

static LOSSES: AtomicUsize = AtomicUsize::new(0);

/// Counts a lost device, so that adapters are enumerated again.
fn count_loss() {
    LOSSES.fetch_add(1, Ordering::SeqCst);
}

fn find(faults: &Faults) -> Result<Arc<Found>> {
    faults.pass(FaultSite::FindAdapters, None)?;
    let adapters = adapter::find();
    let summaries = adapters.iter().map(adapter::summary).collect();
    Ok(Arc::new(Found { adapters, summaries }))
}

fn find_once(deadline: Deadline, timeline: &mut Timeline) -> Result<Arc<Found>> {
    let losses = LOSSES.load(Ordering::SeqCst);
    let found = || ADAPTERS.get(&losses, deadline, || find(&Faults::default()));
    Ok(timeline.span(Stage::FindAdapters, found)?.0)
}

/// All adapters of this machine, best first.
pub fn adapters() -> Vec<AdapterSummary> {
    let found = find_once(Deadline::NEVER, &mut Timeline::start());
    found.map(|found| found.summaries.clone()).unwrap_or_default()
}

/// Opens the requested device, or shares it if it is open. A caller waits until its deadline while another one opens
/// it.
pub(super) fn open(request: &DeviceRequest, deadline: Deadline, timeline: &mut Timeline) -> Result<Gpu> {
    let DeviceRequest { adapter, preset, faults } = request;
    let is_shared = faults.is_none();
    let found = match is_shared {
        true => find_once(deadline, timeline)?,
        false => timeline.span(Stage::FindAdapters, || find(faults))?,
    };
    let position = adapter.choose(&found.summaries)?;
    let open = || {
        let device = Arc::new(OpenedDevice::open(&found.adapters[position], *preset, faults, count_loss)?);
        Ok(Arc::new(SharedDevice { device, pipelines: Arc::default() }))
    };
    if !is_shared {
        return timeline.span(Stage::OpenDevice, open).map(Gpu);
    }
    let AdapterSummary { name, backend, driver_version, .. } = &found.summaries[position];
    let key = (*preset, [name, backend, driver_version].map(String::clone));
    let in_use = |weak: &Weak<SharedDevice>| weak.upgrade().filter(|shared| !shared.device.is_lost());
    let open = || open().map(|shared| (Arc::downgrade(&shared), shared));
    let (shared, _) = timeline.span(Stage::OpenDevice, || DEVICES.get_by(&key, deadline, in_use, open))?;
    Ok(Gpu(shared))
}
