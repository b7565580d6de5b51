//! Creates buffers, and writes constants into them.

use super::device::OpenedDevice;
use crate::kernel::{Packing, Region};
use crate::telemetry::{Counter, Timeline};
use crate::tensor::{Encoding, Packed, Tensor};

/// Weights are uploaded in pieces of this size, so that staging memory stays small.
const UPLOAD_PIECE_BYTES: usize = 4 << 20;

/// The usage of buffers that kernels and copies read and write.
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
    // The host writes into mapped buffers. They are mapped whenever no kernel runs.
    let mapped_at_creation = usage.contains(wgpu::BufferUsages::MAP_WRITE);
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation })
}

/// Writes a constant into its region. Packed weights are written as stored if the region takes them so.
pub(super) fn upload(
    gpu: &OpenedDevice,
    buffer: &wgpu::Buffer,
    region: &Region,
    value: &Tensor,
    timeline: &mut Timeline,
) {
    let as_stored = |packed: &&Packed| region.packing != Packing::Words || *packed.encoding() == Encoding::F32;
    let Some(packed) = value.as_packed().filter(as_stored) else {
        return upload_bytes(gpu, buffer, region.offset_bytes, bytemuck::cast_slice(&value.words()), timeline);
    };
    let mut offset = region.offset_bytes;
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
            // Lets the device free the staging memory of earlier pieces.
            let _ = gpu.device.poll(wgpu::PollType::Poll);
        }
    }
}
