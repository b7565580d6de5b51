//! Fault injection for tests.
//!
//! Each call into wgpu that may fail or hang passes a site. A session with a fault has a device of its own, on which
//! the fault happens at its site. For other sessions a site costs one comparison.

use crate::error::{DeviceError, Error, Result};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Where a fault happens.
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

/// What happens at the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The device is destroyed.
    Lost,
    /// wgpu reports that the device is out of memory.
    OutOfMemory,
    /// wgpu is given an invalid request.
    Refused,
    /// The call does not return until [`Faults::release`].
    Hang,
    /// Half of the bytes are read back. Only at [`FaultSite::ReadBack`].
    Short,
}

/// The faults of a session; none by default.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Fault>>);

#[derive(Debug)]
struct Fault {
    site: FaultSite,
    kind: FaultKind,
    /// Calls that still pass before the first fault.
    passing: AtomicUsize,
    /// Faults that are still to happen.
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
    /// The injected error of this thread's error scope.
    static REPORTED: Cell<Option<wgpu::Error>> = const { Cell::new(None) };
}

/// Takes the error that was injected on this thread.
pub(super) fn take_reported() -> Option<wgpu::Error> {
    REPORTED.take()
}

impl Faults {
    /// Faults of `kind`: `times` of them at `site`, after `passing` calls without one.
    pub fn new(site: FaultSite, kind: FaultKind, passing: usize, times: usize) -> Faults {
        let (passing, times, met) = (passing.into(), times.into(), 0.into());
        let (is_released, released) = (Mutex::new(false), Condvar::new());
        Faults(Some(Arc::new(Fault { site, kind, passing, times, met, is_released, released })))
    }

    /// How many faults happened.
    pub fn met(&self) -> usize {
        self.0.as_ref().map_or(0, |fault| fault.met.load(Ordering::SeqCst))
    }

    /// Lets all hanging calls return. Later ones do not hang.
    pub fn release(&self) {
        if let Some(fault) = &self.0 {
            *fault.is_released.lock().unwrap_or_else(PoisonError::into_inner) = true;
            fault.released.notify_all();
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Passes `site`, or makes the fault happen. Before a device is open there is no error scope.
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

    /// The words that are read back, given the `words` that the device wrote.
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

/// Requests an invalid buffer.
fn refuse(device: &wgpu::Device) {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE;
    let size = u64::MAX - 3;
    let label = Some("refused");
    drop(device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false }));
}
