//! The environment variables of the command. The library reads none of them.

use std::path::PathBuf;
use tfjs_wgpu::{Device, DeviceError, Error, user_cache_folder};

/// Part of the name of the GPU adapter to use, if `--adapter` is not given.
const ADAPTER: &str = "TFJS_WGPU_ADAPTER";

/// The folder for compiled pipelines. If it is empty, nothing is kept.
const CACHE_FOLDER: &str = "TFJS_WGPU_CACHE_DIR";

/// Part of the name of the adapter, if the variable is set.
pub(crate) fn adapter() -> Option<String> {
    std::env::var(ADAPTER).ok().filter(|name| !name.is_empty())
}

/// The adapter for a session on `device`: that of `--adapter`, otherwise that of the variable, which applies to GPUs
/// only.
pub(crate) fn adapter_for(device: Device, flag: Option<&str>) -> Option<String> {
    let takes_gpu = matches!(device, Device::Gpu | Device::Auto);
    flag.map(String::from).or_else(|| adapter().filter(|_| takes_gpu))
}

/// The folder for compiled pipelines: that of the variable, otherwise the user's default.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    match std::env::var_os(CACHE_FOLDER) {
        Some(folder) => Some(folder.into()).filter(|folder: &PathBuf| !folder.as_os_str().is_empty()),
        None => user_cache_folder(),
    }
}

/// The error with a hint about the variable, if the variable names the adapter that was not found.
pub(crate) fn with_hint(error: Error) -> Error {
    let names = |adapter: String| error.to_string().contains(&format!("`{adapter}`"));
    if error.device_error() != Some(DeviceError::NoAdapter) || !adapter().is_some_and(names) {
        return error;
    }
    error.hint(format!("unset {ADAPTER}, or set it to part of one of these names"))
}
