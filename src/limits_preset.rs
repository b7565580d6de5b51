//! Presets of limits that a GPU is opened with. `gpu` maps them to limits of wgpu.

use crate::names::names;

/// The limits and features that a GPU is opened with. All presets except [`LimitsPreset::Full`] have the limits of
/// phones: a desktop driver then rejects what such a phone rejects, and runs the kernels that are chosen for it.
/// Subgroup sizes, memory sizes and driver bugs are not emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum LimitsPreset {
    /// All limits and features of the adapter.
    #[default]
    Full,
    /// The Android baseline profile of 2022: 128 invocations, 16 KiB of workgroup memory, 4 storage buffers.
    Floor,
    /// Qualcomm Adreno 6xx to 8xx: 128 MiB bindings, 32 KiB of workgroup memory, offsets in steps of 256.
    Adreno,
    /// Arm Mali of the Valhall generation: 512 invocations, 32 KiB of workgroup memory.
    Mali,
}

names!(LimitsPreset, "class of devices", { Full = "full", Floor = "floor", Adreno = "adreno", Mali = "mali" });
