//! How a prediction is handed to a GPU. Non-default settings are slower; they exist for benchmarking.
//!
//! All combinations run the same kernels and give the same answers. They differ in how often something is compiled, submitted and
//! waited for. These are plain values: the runner of `gpu` obeys them.

use crate::names::names;

/// How predictions are handed to a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Execution {
    /// What kernels share a compiled program.
    pub programs: Programs,
    /// How kernels are submitted.
    pub submits: Submits,
    /// How outputs come back.
    pub read_back: ReadBacks,
}

/// What kernels share a compiled program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Programs {
    /// All that differ in parameters and grid alone, of all sessions on the device.
    #[default]
    Shared,
    /// Only those of one session that are the same in every parameter. TF.js keys its programs by shape so: a batch of another
    /// size compiles them anew. They are made at the first prediction that needs them, on several threads, and nothing is
    /// found or kept on disk; what a driver keeps for itself stays.
    PerShape,
}

/// How kernels are submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Submits {
    /// All at once.
    #[default]
    One,
    /// Each by itself, recorded by itself.
    PerKernel,
}

/// How outputs come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum ReadBacks {
    /// All at once, in the submit of the kernels.
    #[default]
    Together,
    /// Each copied, mapped and waited for by itself.
    PerOutput,
}

names!(Programs, "way to share programs", { Shared = "shared", PerShape = "per-shape" });
names!(Submits, "way to submit kernels", { One = "one", PerKernel = "per-kernel" });
names!(ReadBacks, "way to read outputs back", { Together = "together", PerOutput = "per-output" });
