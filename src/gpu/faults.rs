//! What a driver does wrong, at will: for tests of what this library then does.
//!
//! Each call into wgpu that may fail or hang passes a site. A session that was opened with a fault has a device of its own, and
//! meets the fault at its site; all others pass at the cost of one comparison.

use crate::error::{DeviceError, Error, Result};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Where a fault is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultSite {
    /// Adapters are enumerated.
    FindAdapters,
    /// The device is requested.
    OpenDevice,
    /// Weights are uploaded.
    Upload,
    /// A pipeline is created.
    Compile,
    /// Kernels are submitted.
    Submit,
    /// The host waits for kernels.
    Wait,
    /// The host reads what kernels wrote.
    ReadBack,
}

/// What goes wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The device is destroyed.
    Lost,
    /// wgpu reports that the device has no memory left.
    OutOfMemory,
    /// wgpu is asked for what it must refuse.
    Refused,
    /// The call does not return until [`Faults::release`].
    Hang,
    /// Fewer bytes come back than were asked for. Only when reading back.
    Short,
}

/// The faults of a session; none by default.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Fault>>);

#[derive(Debug)]
struct Fault {
    site: FaultSite,
    kind: FaultKind,
    /// Calls that pass before the first that does not.
    passing: AtomicUsize,
    /// Calls that do not pass.
    times: AtomicUsize,
    met: AtomicUsize,
    is_released: Mutex<bool>,
    released: Condvar,
}

impl PartialEq for Faults {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Eq for Faults {}

thread_local! {
    /// What wgpu would have put into this thread's error scope.
    static REPORTED: Cell<Option<wgpu::Error>> = const { Cell::new(None) };
}

/// The error that was injected on this thread since the last call.
pub(super) fn take_reported() -> Option<wgpu::Error> {
    REPORTED.take()
}

impl Faults {
    /// Goes wrong `times` times at `site`, after `passing` calls that pass.
    pub fn new(site: FaultSite, kind: FaultKind, passing: usize, times: usize) -> Faults {
        let (passing, times, met) = (passing.into(), times.into(), 0.into());
        let (is_released, released) = (Mutex::new(false), Condvar::new());
        Faults(Some(Arc::new(Fault { site, kind, passing, times, met, is_released, released })))
    }

    /// How often the fault was met.
    pub fn met(&self) -> usize {
        self.0.as_ref().map_or(0, |fault| fault.met.load(Ordering::SeqCst))
    }

    /// Lets all calls that hang return, and hangs no more.
    pub fn release(&self) {
        if let Some(fault) = &self.0 {
            *fault.is_released.lock().unwrap_or_else(PoisonError::into_inner) = true;
            fault.released.notify_all();
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Passes `site`, or has the fault happen there. Before a device is open there is no scope to report to.
    pub(super) fn pass(&self, site: FaultSite, device: Option<&wgpu::Device>) -> Result<()> {
        let Some(fault) = self.0.as_ref().filter(|fault| fault.is_met_at(site)) else { return Ok(()) };
        match (fault.kind, device) {
            (FaultKind::Lost, Some(device)) => device.destroy(),
            (FaultKind::Lost, None) => {
                return Err(Error::device(DeviceError::Lost, "injected before there is a device"));
            }
            (FaultKind::OutOfMemory, Some(_)) => {
                REPORTED.set(Some(wgpu::Error::OutOfMemory { source: "injected".into() }));
            }
            (FaultKind::OutOfMemory, None) => {
                return Err(Error::device(DeviceError::OutOfMemory, "injected before there is a device"));
            }
            (FaultKind::Refused, Some(device)) => refuse(device),
            (FaultKind::Refused, None) => {
                return Err(Error::device(DeviceError::Rejected, "injected before there is a device"));
            }
            (FaultKind::Hang, _) => fault.hang(),
            (FaultKind::Short, _) => {}
        }
        Ok(())
    }

    /// What of `words` comes back.
    pub(super) fn read<'w>(&self, words: &'w [u32]) -> &'w [u32] {
        match &self.0 {
            Some(fault) if fault.kind == FaultKind::Short && fault.is_met_at(FaultSite::ReadBack) => {
                &words[..words.len() / 2]
            }
            _ => words,
        }
    }
}

impl Fault {
    fn is_met_at(&self, site: FaultSite) -> bool {
        let one_less = |count: usize| count.checked_sub(1);
        let take = |counter: &AtomicUsize| counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
        let is_met = self.site == site && !take(&self.passing) && take(&self.times);
        self.met.fetch_add(usize::from(is_met), Ordering::SeqCst);
        is_met
    }

    fn hang(&self) {
        let is_released = self.is_released.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.released.wait_while(is_released, |is_released| !*is_released));
    }
}

/// Asks for a buffer that no device may make.
fn refuse(device: &wgpu::Device) {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE;
    let size = u64::MAX - 3;
    let label = Some("refused");
    drop(device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false }));
}
