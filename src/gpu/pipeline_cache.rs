//! Compiled pipelines kept on disk between processes, where the driver has such a cache (Vulkan).
//!
//! One file for each adapter, driver, release and set of shaders. The driver trusts what it is given, so a file starts
//! with a header of our own, and nothing reaches the driver that others may have written ([`private`]) or that does not
//! carry the right key and checksum. Whatever goes wrong with the file, the pipelines are made without it.

mod private;

use super::adapter::AdapterSummary;
use super::device::OpenedDevice;
use crate::ops;
use crate::telemetry::{Counter, Timeline};
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"TFJSPIPE";

/// No driver keeps more than this for a few dozen compute pipelines.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Growth in bytes from which on a driver's data is written anew. SwiftShader's grows by 32 bytes at every start with no new
/// pipeline; the code of a pipeline is larger than this.
const LEAST_GROWTH: usize = 256;

/// wgpu's header.
const WGPU_HEADER_BYTES: usize = 64;

/// The driver's header behind it (`VkPipelineCacheHeaderVersionOne`): vendor, device and what the driver calls itself.
const DRIVER_HEADER_BYTES: usize = 32;

/// A cache while pipelines are being made, and the file behind it.
#[derive(Debug)]
pub(super) struct DiskCache {
    /// What the driver reads and fills.
    pub(super) cache: wgpu::PipelineCache,
    path: PathBuf,
    key: String,
    /// What the file held.
    known: Vec<u8>,
}

impl DiskCache {
    /// The cache of a device with what its file in `folder` holds; `None` where the device has no such thing.
    pub(super) fn open(gpu: &OpenedDevice, folder: &Path, timeline: &mut Timeline) -> Option<DiskCache> {
        if !gpu.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let key = key(gpu.adapter());
        let path = folder.join(format!("{:08x}.pipelines", crc32fast::hash(key.as_bytes())));
        let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        if private::expect_folder(folder).is_err_and(|error| !is_missing(&error)) {
            // Not to be written into either.
            timeline.count(Counter::PipelineCacheFilesRefused, 1);
            return None;
        }
        let known = match private::read(&path, MAX_FILE_BYTES) {
            Ok(file) => payload(&file, &key).map(<[u8]>::to_vec),
            Err(error) => is_missing(&error).then(Vec::new),
        };
        timeline.count(Counter::PipelineCacheFilesRefused, u64::from(known.is_none()));
        let known = known.unwrap_or_default();
        timeline.count(Counter::PipelineCacheBytesRead, known.len() as u64);
        let cache = gpu.scoped(|| Ok(create(gpu, (!known.is_empty()).then_some(&known)))).ok()?;
        Some(DiskCache { cache, path, key, known })
    }

    /// Writes the file anew if the driver has something new to keep.
    pub(super) fn save(&self, timeline: &mut Timeline) {
        let Some(data) = self.cache.get_data() else { return };
        if !is_worth_writing(&self.known, &data) {
            return;
        }
        match private::write(&self.path, &file(&self.key, &data)) {
            Ok(()) => timeline.count(Counter::PipelineCacheBytesWritten, data.len() as u64),
            Err(_) => timeline.count(Counter::PipelineCacheWritesFailed, 1),
        }
    }
}

/// Whether `data` has something that a file with `known` lacks: new pipelines, or all of them, where the driver did not take
/// what was known because it is another now.
fn is_worth_writing(known: &[u8], data: &[u8]) -> bool {
    let driver = |data: &[u8]| data.get(WGPU_HEADER_BYTES..WGPU_HEADER_BYTES + DRIVER_HEADER_BYTES).map(<[u8]>::to_vec);
    data.len() >= known.len() + LEAST_GROWTH || driver(known) != driver(data)
}

/// A cache that starts with `data`.
fn create(gpu: &OpenedDevice, data: Option<&Vec<u8>>) -> wgpu::PipelineCache {
    let data = data.map(Vec::as_slice);
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("tfjs-wgpu"), data, fallback: true };
    // SAFETY: the data must be what `PipelineCache::get_data` gave. It comes from a file whose key and checksum say so,
    // and that nobody but this user may write; wgpu and the driver check their own headers besides.
    #[allow(unsafe_code)]
    unsafe {
        gpu.device.create_pipeline_cache(&descriptor)
    }
}

/// What a file must have been written for. Which wgpu wrote it need not be known: it checks the version of its own header
/// and begins anew where that is another, and the driver looks pipelines up by the code that wgpu makes of a shader, so
/// that other code finds nothing. The release is named so that no file keeps what earlier ones made for ever.
fn key(adapter: &AdapterSummary) -> String {
    let AdapterSummary { name, backend, driver, driver_version, .. } = adapter;
    let mut shaders = crc32fast::Hasher::new();
    for shader in ops::shaders() {
        shaders.update(shader.text().as_bytes());
    }
    let shaders = shaders.finalize();
    let (release, bits) = (env!("CARGO_PKG_VERSION"), usize::BITS);
    format!("{name}\n{backend}\n{driver}\n{driver_version}\nrelease {release}\nshaders {shaders:08x}\n{bits} bits")
}

/// A file: magic, length of the key, key, checksum of the payload, payload. Integers are little-endian.
fn file(key: &str, payload: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&(key.len() as u32).to_le_bytes());
    file.extend_from_slice(key.as_bytes());
    file.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    file.extend_from_slice(payload);
    file
}

/// The payload of a file that is whole and was written for `key`.
fn payload<'f>(file: &'f [u8], key: &str) -> Option<&'f [u8]> {
    let rest = file.strip_prefix(MAGIC)?;
    let rest = rest.strip_prefix(&(key.len() as u32).to_le_bytes())?.strip_prefix(key.as_bytes())?;
    let (checksum, payload) = rest.split_first_chunk()?;
    (u32::from_le_bytes(*checksum) == crc32fast::hash(payload)).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_anew_for_new_pipelines_or_another_driver() {
        let data = |driver: u8, bytes: usize| {
            let header = [[7; WGPU_HEADER_BYTES].as_slice(), &[driver; DRIVER_HEADER_BYTES]].concat();
            [header, vec![1; bytes]].concat()
        };
        assert!(is_worth_writing(&[], &data(1, 0)), "the first");
        assert!(is_worth_writing(&data(1, 1000), &data(1, 1000 + LEAST_GROWTH)), "a pipeline more");
        assert!(is_worth_writing(&data(1, 1000), &data(2, 500)), "what was known is of no use any more");
        assert!(!is_worth_writing(&data(1, 1000), &data(1, 1000)));
        // SwiftShader's data grows by this much at every start.
        assert!(!is_worth_writing(&data(1, 1000), &data(1, 1032)));
        assert!(!is_worth_writing(&data(1, 1000), &data(1, 900)), "fewer pipelines than before");
        let mut others = data(1, 1000);
        others[0] = 8;
        assert!(!is_worth_writing(&data(1, 1000), &others), "wgpu's header has the length of the rest");
    }

    #[test]
    fn a_damaged_truncated_or_foreign_file_is_refused() {
        let whole = file("key", b"pipelines");
        assert_eq!(payload(&whole, "key"), Some(&b"pipelines"[..]));
        assert_eq!(payload(&whole, "kez"), None);
        assert_eq!(payload(&whole, "keys"), None);
        for length in 0..whole.len() {
            assert_eq!(payload(&whole[..length], "key"), None, "{length} bytes of it");
        }
        for damaged in 0..whole.len() {
            let mut file = whole.clone();
            file[damaged] ^= 1;
            assert_eq!(payload(&file, "key"), None, "byte {damaged}");
        }
    }
}
