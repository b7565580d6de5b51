//! How a prediction is submitted to a GPU. Non-default settings are slower; they exist for benchmarking.
//!
//! All combinations run the same kernels with the same results. They differ in how often kernels are compiled,
//! submitted and waited for. These are plain values; `gpu` implements them.

use crate::names::names;

/// How predictions are submitted to a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Execution {
    /// Which kernels share a compiled program.
    pub programs: Programs,
    /// How kernels are submitted.
    pub submits: Submits,
    /// How outputs are read back.
    pub read_back: ReadBacks,
}

/// Which kernels share a compiled program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Programs {
    /// Kernels that differ only in shapes share one.
    ///
    /// Such kernels differ in parameters and grid. All sessions on the device share the programs.
    #[default]
    Shared,
    /// One for each shape, as in TF.js: a new batch size compiles again.
    ///
    /// Programs are shared only within a session, by kernels with equal parameters, because TF.js keys its programs by
    /// shape. They are compiled on several threads by the first prediction that needs them. The pipeline cache is
    /// neither read nor written; a cache of the driver itself remains in effect.
    PerShape,
}

/// How kernels are submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Submits {
    /// All in one submit.
    #[default]
    One,
    /// Each kernel in a submit of its own.
    PerKernel,
}

/// How outputs are read back.
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
