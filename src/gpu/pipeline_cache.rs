//! Compiled pipelines kept on disk between processes, if the driver supports it (Vulkan).
//!
//! There is one file per adapter, driver, release and set of shaders. A driver trusts its cache data. A file therefore
//! has a header of this library, and is refused if other users could have written it ([`private`]), or if its key or
//! checksum is wrong. Without a usable file the pipelines are compiled.

mod private;

use super::adapter::AdapterSummary;
use super::device::OpenedDevice;
use crate::ops;
use crate::telemetry::{Counter, Timeline};
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"TFJSPIPE";

/// The largest file that is read. Drivers keep less for a few dozen compute pipelines.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The file is written again if the data has grown by this many bytes. The code of a pipeline is larger. The data of
/// SwiftShader grows by 32 bytes at every start without a new pipeline.
const LEAST_GROWTH: usize = 256;

/// The length of wgpu's header.
const WGPU_HEADER_BYTES: usize = 64;

/// The length of the driver's header after it (`VkPipelineCacheHeaderVersionOne`): vendor, device and driver.
const DRIVER_HEADER_BYTES: usize = 32;

/// A cache in use while pipelines are compiled, and its file.
#[derive(Debug)]
pub(super) struct DiskCache {
    /// The cache of the driver.
    pub(super) cache: wgpu::PipelineCache,
    path: PathBuf,
    key: String,
    /// The data of the file.
    known: Vec<u8>,
}

impl DiskCache {
    /// Creates a cache from its file in `folder`. `None` if the device has no caches, or if the folder is refused.
    pub(super) fn open(gpu: &OpenedDevice, folder: &Path, timeline: &mut Timeline) -> Option<DiskCache> {
        if !gpu.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let key = key(gpu.adapter());
        let path = folder.join(format!("{:08x}.pipelines", crc32fast::hash(key.as_bytes())));
        let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        if private::expect_folder(folder).is_err_and(|error| !is_missing(&error)) {
            // It is not written into either.
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

    /// Writes the file if the driver has new data.
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

/// Whether `data` has pipelines that `known` lacks: it has grown, or its driver differs and did not accept `known`.
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

/// The key of a file. It has no version of wgpu: wgpu checks its own header, and the driver finds pipelines by the code
/// that wgpu generates. It has the release, so that pipelines of old releases are dropped.
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

/// The bytes of a file: magic, length of the key, key, checksum of the payload, payload. Integers are little-endian.
fn file(key: &str, payload: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&(key.len() as u32).to_le_bytes());
    file.extend_from_slice(key.as_bytes());
    file.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    file.extend_from_slice(payload);
    file
}

/// The payload of a file; `None` if it is damaged or has another key.
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
    fn a_file_is_written_again_for_new_pipelines_or_another_driver() {
        let data = |driver: u8, bytes: usize| {
            let header = [[7; WGPU_HEADER_BYTES].as_slice(), &[driver; DRIVER_HEADER_BYTES]].concat();
            [header, vec![1; bytes]].concat()
        };
        assert!(is_worth_writing(&[], &data(1, 0)), "the first");
        assert!(is_worth_writing(&data(1, 1000), &data(1, 1000 + LEAST_GROWTH)), "a pipeline more");
        assert!(is_worth_writing(&data(1, 1000), &data(2, 500)), "known data of another driver");
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
