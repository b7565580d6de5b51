//! Buffers of a device: how one is made, and how a constant is written into it.

use super::device::OpenedDevice;
use crate::kernel::{Packing, Region};
use crate::telemetry::{Counter, Timeline};
use crate::tensor::{Encoding, Packed, Tensor};

/// Weights go up in pieces of this size, so that staging memory stays small.
const UPLOAD_PIECE_BYTES: usize = 4 << 20;

/// What kernels read and write, and copies fill and read.
pub(super) const WORKING: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_DST).union(wgpu::BufferUsages::COPY_SRC);

pub(super) fn make_buffer(
    gpu: &OpenedDevice,
    label: &'static str,
    usage: wgpu::BufferUsages,
    bytes: u64,
    timeline: &mut Timeline,
) -> wgpu::Buffer {
    let size = bytes.next_multiple_of(4).max(4);
    timeline.count(Counter::Allocations, 1);
    timeline.count(Counter::AllocatedBytes, size);
    // What the host writes directly is mapped whenever no kernel runs.
    let mapped_at_creation = usage.contains(wgpu::BufferUsages::MAP_WRITE);
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation })
}

/// Writes a constant as `place` says that its elements stand: from wherever they lie, if they are stored so.
pub(super) fn upload(
    gpu: &OpenedDevice,
    buffer: &wgpu::Buffer,
    place: &Region,
    value: &Tensor,
    timeline: &mut Timeline,
) {
    let as_stored = |packed: &&Packed| place.packing != Packing::Words || *packed.encoding() == Encoding::F32;
    let Some(packed) = value.as_packed().filter(as_stored) else {
        return upload_bytes(gpu, buffer, place.offset_bytes, bytemuck::cast_slice(&value.words()), timeline);
    };
    let mut offset = place.offset_bytes;
    for piece in packed.pieces() {
        upload_bytes(gpu, buffer, offset, &piece, timeline);
        offset += piece.len() as u64;
    }
}

fn upload_bytes(gpu: &OpenedDevice, buffer: &wgpu::Buffer, start: u64, bytes: &[u8], timeline: &mut Timeline) {
    for (piece, bytes) in bytes.chunks(UPLOAD_PIECE_BYTES).enumerate() {
        let offset = start + (piece * UPLOAD_PIECE_BYTES) as u64;
        gpu.queue.write_buffer(buffer, offset, bytes);
        timeline.count(Counter::WeightBytesUploaded, bytes.len() as u64);
        if bytes.len() == UPLOAD_PIECE_BYTES {
            gpu.queue.submit([]);
            // Lets the device give the staging memory of earlier pieces back.
            let _ = gpu.device.poll(wgpu::PollType::Poll);
        }
    }
}
