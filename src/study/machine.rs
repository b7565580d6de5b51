//! The machine and the build that measured, without which times cannot be interpreted.

#[cfg(feature = "gpu")]
use crate::gpu::{AdapterSummary, adapters};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The machine and the build that measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The model name of the processor; `unknown` if the system does not report it.
    pub cpu: String,
    /// The number of cores available to this process.
    pub cores: usize,
    /// `linux`, `android`, `macos`, `windows`, …
    pub os: String,
    /// `x86_64`, `aarch64`, …
    pub architecture: String,
    /// The version of tfjs-wgpu.
    pub version: String,
    /// `release` or `debug`. Times of a debug build are not representative.
    pub build: String,
    /// The GPU adapter that sessions use, if there is one.
    pub adapter: Option<Adapter>,
}

/// A GPU adapter and its driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adapter {
    /// The device's name.
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// The kind of hardware, such as `software GPU`.
    pub kind: String,
    /// The driver's name.
    pub driver: String,
    /// The version that the driver reports.
    pub driver_version: String,
    /// Limits by name, in bytes or counts.
    pub limits: BTreeMap<String, u64>,
    /// Optional features and whether the adapter has them.
    pub features: BTreeMap<String, bool>,
}

#[cfg(feature = "gpu")]
impl Adapter {
    fn of(summary: &AdapterSummary) -> Self {
        Adapter {
            name: summary.name.clone(),
            backend: summary.backend.clone(),
            kind: summary.kind.name().into(),
            driver: summary.driver.clone(),
            driver_version: summary.driver_version.clone(),
            limits: summary.limits.iter().map(|(name, limit)| ((*name).into(), *limit)).collect(),
            features: summary.features.iter().map(|(name, has)| ((*name).into(), *has)).collect(),
        }
    }
}

impl Machine {
    /// This machine, with the best GPU adapter whose name contains `adapter`, ignoring case; `None` for the best
    /// adapter of all. It enumerates the adapters of the machine.
    pub fn here(adapter: Option<&str>) -> Machine {
        Machine {
            cpu: cpu_name().unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: std::env::consts::OS.into(),
            architecture: std::env::consts::ARCH.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.into(),
            adapter: find_adapter(adapter),
        }
    }
}

#[cfg(feature = "gpu")]
fn find_adapter(name: Option<&str>) -> Option<Adapter> {
    let name = name.unwrap_or_default().to_lowercase();
    adapters().iter().find(|adapter| adapter.name.to_lowercase().contains(&name)).map(Adapter::of)
}

#[cfg(not(feature = "gpu"))]
fn find_adapter(_name: Option<&str>) -> Option<Adapter> {
    None
}

/// Linux and Android report it in a file. Other systems are not asked.
fn cpu_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_string())
    };
    value("model name").or_else(|| value("Hardware"))
}

/// The peak resident memory of this process in bytes, on systems that report it (Linux, Android).
pub fn peak_resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
