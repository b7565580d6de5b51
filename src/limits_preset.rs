//! The classes of devices whose limits a GPU can be opened with. Plain values: `gpu` turns them into limits of wgpu.

use crate::names::names;

/// Limits and features a device is opened with. All but [`LimitsPreset::Full`] stand for phones, so that a desktop
/// driver refuses what such a phone would refuse, and computes by the kernels that a phone would be given. Subgroup
/// sizes, memory and driver faults are not imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum LimitsPreset {
    /// Everything the adapter has.
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
