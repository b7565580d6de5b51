//! Constants on a device, shared between plans.
//!
//! A model has several plans: one per set of shared inputs and per set of sizes. Plans with equal constants in equal
//! regions share a buffer. For other plans, constants that are already on the device are copied there instead of
//! uploaded.

use super::buffers::{WORKING, make_buffer, upload};
use super::device::OpenedDevice;
use super::faults::FaultSite;
use crate::error::Result;
use crate::kernel::Region;
use crate::telemetry::{Counter, Timeline};
use crate::tensor::Tensor;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A constant and its region.
pub(super) type Piece = (Region, Arc<Tensor>);

/// A buffer of constants, and their regions.
#[derive(Debug)]
pub(super) struct Upload {
    pieces: Vec<Piece>,
    pub(super) buffer: wgpu::Buffer,
}

/// The constants of one session on its device. A buffer lives as long as a plan uses it.
#[derive(Debug, Default)]
pub(super) struct Uploads(Mutex<Vec<Weak<Upload>>>);

impl Uploads {
    /// A buffer of `bytes` with these constants; shared if there is one.
    pub(super) fn get(
        &self,
        gpu: &OpenedDevice,
        (label, bytes): (&'static str, u64),
        pieces: Vec<Piece>,
        timeline: &mut Timeline,
    ) -> Result<Arc<Upload>> {
        let known = self.known();
        if let Some(same) = known.iter().find(|upload| !pieces.is_empty() && upload.has(&pieces)) {
            return Ok(Arc::clone(same));
        }
        let make = || Self::make(gpu, (label, bytes), (&pieces, &known), timeline);
        // Shared only after the error scope has ended without an error.
        let buffer = gpu.scoped(make)?;
        let upload = Arc::new(Upload { pieces, buffer });
        self.lock().push(Arc::downgrade(&upload));
        Ok(upload)
    }

    /// Creates a buffer and fills it, from buffers on the device where they have the constant.
    fn make(
        gpu: &OpenedDevice,
        (label, bytes): (&'static str, u64),
        (pieces, known): (&[Piece], &[Arc<Upload>]),
        timeline: &mut Timeline,
    ) -> Result<wgpu::Buffer> {
        gpu.pass(FaultSite::Upload)?;
        let buffer = make_buffer(gpu, label, WORKING, bytes, timeline);
        let mut copies = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut has_copies = false;
        let on_device: HashMap<*const Tensor, (&Upload, &Region)> = known
            .iter()
            .flat_map(|upload| upload.pieces.iter().map(move |(region, tensor)| (tensor, (&**upload, region))))
            .map(|(tensor, place)| (Arc::as_ptr(tensor), place))
            .collect();
        for (region, tensor) in pieces {
            let length = region.length_bytes;
            let can_copy = length > 0 && length.is_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT);
            let is_alike = |from: &Region| (from.packing, from.length_bytes) == (region.packing, length);
            match on_device.get(&Arc::as_ptr(tensor)).filter(|(_, from)| can_copy && is_alike(from)) {
                Some((upload, from)) => {
                    has_copies = true;
                    let to = region.offset_bytes;
                    copies.copy_buffer_to_buffer(&upload.buffer, from.offset_bytes, &buffer, to, Some(length));
                    timeline.count(Counter::WeightBytesCopied, length);
                }
                None => upload(gpu, &buffer, region, tensor, timeline),
            }
        }
        if has_copies {
            gpu.queue.submit([copies.finish()]);
        }
        Ok(buffer)
    }

    fn known(&self) -> Vec<Arc<Upload>> {
        let mut uploads = self.lock();
        uploads.retain(|upload| upload.strong_count() > 0);
        uploads.iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Upload>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// Whether the buffer holds exactly these constants, in the same regions.
    fn has(&self, pieces: &[Piece]) -> bool {
        let is_same = |(one, other): (&Piece, &Piece)| one.0 == other.0 && is_same_tensor(&one.1, &other.1);
        self.pieces.len() == pieces.len() && self.pieces.iter().zip(pieces).all(is_same)
    }
}

/// Whether two tensors are the same object or equal bit for bit. Packed tensors are compared by identity, without
/// decoding, because passes do not create any.
fn is_same_tensor(one: &Arc<Tensor>, other: &Arc<Tensor>) -> bool {
    let is_packed = one.as_packed().is_some() || other.as_packed().is_some();
    let is_alike = || (one.dtype(), one.shape(), one.words()) == (other.dtype(), other.shape(), other.words());
    Arc::ptr_eq(one, other) || (!is_packed && is_alike())
}
