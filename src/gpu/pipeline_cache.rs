//! Compiled pipelines kept on disk between processes, where the driver has such a cache (Vulkan).
//!
//! One file for each adapter, driver, wgpu and set of shaders. The driver trusts what it is given, so a file starts
//! with a header of our own, and nothing reaches the driver that does not carry the right key and checksum. Whatever
//! goes wrong with the file, the pipelines are made without it.

use super::adapter::AdapterSummary;
use super::device::Gpu;
use crate::ops;
use crate::timeline::Timeline;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The version of wgpu in use: another one may write other code for the same shaders.
const WGPU_VERSION: &str = "30.0.1";

const MAGIC: &[u8; 8] = b"TFJSPIPE";

/// No driver keeps more than this for a few dozen compute pipelines.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Where the cache files are: `wanted`, else the environment variable `TFJS_WGPU_CACHE_DIR`, else the system's folder
/// for caches. Nowhere if the first of these that is given is empty, or if the system has no such folder.
pub(crate) fn folder(wanted: Option<&Path>) -> Option<PathBuf> {
    choose_folder(wanted, |name| std::env::var_os(name))
}

fn choose_folder(wanted: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let given = wanted.map(Path::to_path_buf).or_else(|| variable("TFJS_WGPU_CACHE_DIR").map(PathBuf::from));
    if let Some(folder) = given {
        return (!folder.as_os_str().is_empty()).then_some(folder);
    }
    // The XDG specification has relative paths ignored; nowhere else would one be meant either.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let caches = if cfg!(target_os = "android") {
        // An app knows its own folders and gives one.
        None
    } else if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_vendor = "apple") {
        absolute("HOME").map(|home| home.join("Library/Caches"))
    } else {
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("tfjs-wgpu"))
}

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
    pub(super) fn open(gpu: &Gpu, folder: &Path, timeline: &mut Timeline) -> Option<DiskCache> {
        if !gpu.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let key = key(gpu.adapter());
        let path = folder.join(format!("{:08x}.pipelines", crc32fast::hash(key.as_bytes())));
        let known = match read(&path) {
            Ok(file) => match payload(&file, &key) {
                Some(payload) => payload.to_vec(),
                None => {
                    timeline.count("pipeline_cache_files_refused", 1);
                    Vec::new()
                }
            },
            Err(error) => {
                let refused = u64::from(error.kind() != io::ErrorKind::NotFound);
                timeline.count("pipeline_cache_files_refused", refused);
                Vec::new()
            }
        };
        timeline.count("pipeline_cache_bytes_read", known.len() as u64);
        let cache = gpu.scoped(|| Ok(create(gpu, (!known.is_empty()).then_some(&known)))).ok()?;
        Some(DiskCache { cache, path, key, known })
    }

    /// Writes the file anew if the driver has something new to keep.
    pub(super) fn save(&self, timeline: &mut Timeline) {
        let Some(data) = self.cache.get_data() else { return };
        if data == self.known {
            return;
        }
        match write(&self.path, &file(&self.key, &data)) {
            Ok(()) => timeline.count("pipeline_cache_bytes_written", data.len() as u64),
            Err(_) => timeline.count("pipeline_cache_writes_failed", 1),
        }
    }
}

/// A cache that starts with `data`.
fn create(gpu: &Gpu, data: Option<&Vec<u8>>) -> wgpu::PipelineCache {
    let data = data.map(Vec::as_slice);
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("tfjs-wgpu"), data, fallback: true };
    // SAFETY: the data must be what `PipelineCache::get_data` gave. It comes from a file whose key and checksum say so,
    // in a folder that belongs to the user; wgpu and the driver check their own headers besides.
    #[allow(unsafe_code)]
    unsafe {
        gpu.device.create_pipeline_cache(&descriptor)
    }
}

/// What a file must have been written for.
fn key(adapter: &AdapterSummary) -> String {
    let AdapterSummary { name, backend, driver, driver_version, .. } = adapter;
    let mut shaders = crc32fast::Hasher::new();
    for shader in ops::shaders() {
        shaders.update(shader.text().as_bytes());
    }
    let shaders = shaders.finalize();
    let bits = usize::BITS;
    format!("{name}\n{backend}\n{driver}\n{driver_version}\nwgpu {WGPU_VERSION}\nshaders {shaders:08x}\n{bits} bits")
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

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    std::fs::read(path)
}

/// Writes beside the file and renames, so that no reader ever sees half of it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    /// Tells the threads of a process apart.
    static WRITES: AtomicU32 = AtomicU32::new(0);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{write}.new", std::process::id()));
    let written = std::fs::File::create_new(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_names_the_version_of_wgpu_that_is_built() {
        let lock = include_str!("../../Cargo.lock");
        let package = format!("name = \"wgpu\"\nversion = \"{WGPU_VERSION}\"");
        assert!(lock.replace('\r', "").contains(&package), "Cargo.lock has another wgpu than {WGPU_VERSION}");
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

    #[test]
    fn the_folder_is_the_given_one_or_the_users() {
        let set = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let variables = set(&[("TFJS_WGPU_CACHE_DIR", "/app/data"), ("HOME", "/home/me")]);
        assert_eq!(choose_folder(Some(Path::new("/given")), variables), Some("/given".into()));
        assert_eq!(choose_folder(None, variables), Some("/app/data".into()));
        assert_eq!(choose_folder(Some(Path::new("")), variables), None);
        assert_eq!(choose_folder(None, set(&[("TFJS_WGPU_CACHE_DIR", ""), ("HOME", "/home/me")])), None);
        assert_eq!(choose_folder(None, set(&[])), None);
        if cfg!(target_os = "linux") {
            assert_eq!(choose_folder(None, set(&[("HOME", "/home/me")])), Some("/home/me/.cache/tfjs-wgpu".into()));
            let both = set(&[("XDG_CACHE_HOME", "/cache"), ("HOME", "/home/me")]);
            assert_eq!(choose_folder(None, both), Some("/cache/tfjs-wgpu".into()));
            let relative = set(&[("XDG_CACHE_HOME", "cache"), ("HOME", "/home/me")]);
            assert_eq!(choose_folder(None, relative), Some("/home/me/.cache/tfjs-wgpu".into()));
        }
    }
}
