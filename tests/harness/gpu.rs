//! Whether a GPU can be tested, and the devices that the tests of a process share.

use std::panic::resume_unwind;
#[cfg(feature = "gpu")]
use std::sync::{LazyLock, Mutex, PoisonError};
use tfjs_wgpu::LimitsPreset;
#[cfg(feature = "gpu")]
use tfjs_wgpu::internals::gpu::{AdapterKind, Gpu, adapters};

/// What ends a test that this machine cannot run, and why it cannot.
pub(crate) struct Ignored(pub(crate) &'static str);

/// Whether there is a GPU, for tests that try it beside other engines. With REQUIRE_GPU=1 one must be there.
#[cfg(feature = "gpu")]
pub(crate) fn is_there() -> bool {
    static FOUND: LazyLock<bool> = LazyLock::new(|| !adapters().is_empty());
    let required = std::env::var("REQUIRE_GPU").as_deref() == Ok("1");
    assert!(*FOUND || !required, "REQUIRE_GPU=1, but there is no GPU adapter");
    *FOUND
}

/// A build without the engine has no GPU.
#[cfg(not(feature = "gpu"))]
pub(crate) fn is_there() -> bool {
    false
}

/// The name of the adapter that is taken first.
#[cfg(feature = "gpu")]
pub(crate) fn best_adapter() -> Option<String> {
    adapters().first().map(|adapter| adapter.name.clone())
}

/// Whether a GPU is more than software.
#[cfg(feature = "gpu")]
pub(crate) fn has_hardware() -> bool {
    adapters().iter().any(|adapter| adapter.kind != AdapterKind::Software)
}

/// Keeps the device of this preset open as long as the process, because opening one takes longer than most tests. Whether
/// there is one.
#[cfg(feature = "gpu")]
pub(crate) fn keep_open(preset: LimitsPreset) -> bool {
    static OPEN: Mutex<Vec<(LimitsPreset, Gpu)>> = Mutex::new(Vec::new());
    if is_there() {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if open.iter().all(|(kept, _)| *kept != preset) {
            open.push((preset, Gpu::open(preset).expect("the GPU opens")));
        }
    }
    is_there()
}

#[cfg(not(feature = "gpu"))]
pub(crate) fn keep_open(_: LimitsPreset) -> bool {
    false
}

/// For tests of a GPU under this preset, whose device is kept open. Where there is no GPU the test ends as ignored.
pub(crate) fn require(preset: LimitsPreset) {
    require_adapter();
    keep_open(preset);
}

/// For tests whose GPU other processes open.
pub(crate) fn require_adapter() {
    if !is_there() {
        ignore("it needs a GPU");
    }
}

/// For tests that open every device themselves, and need a feature of the adapter.
#[cfg(feature = "gpu")]
pub(crate) fn require_feature(feature: &str) {
    require_adapter();
    let has = |(name, has): &(&str, bool)| *name == feature && *has;
    if !adapters().first().is_some_and(|adapter| adapter.features.iter().any(has)) {
        ignore("it needs a GPU with another feature");
    }
}

/// Ends the test as ignored, without a message, since this is no panic.
pub(crate) fn ignore(reason: &'static str) -> ! {
    resume_unwind(Box::new(Ignored(reason)))
}
