//! How a prediction is handed to the device. What is not the default is slower, and shows by how much.
//!
//! The kernels and their answers are the same in all combinations; what differs is how often something is compiled, submitted
//! and waited for.

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
pub enum Submits {
    /// All at once.
    #[default]
    One,
    /// Each by itself, recorded by itself.
    PerKernel,
}

/// How outputs come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReadBacks {
    /// All at once, in the submit of the kernels.
    #[default]
    Together,
    /// Each copied, mapped and waited for by itself.
    PerOutput,
}

impl Programs {
    /// All ways.
    pub const ALL: [Programs; 2] = [Programs::Shared, Programs::PerShape];

    /// The name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Programs::Shared => "shared",
            Programs::PerShape => "per-shape",
        }
    }
}

impl Submits {
    /// All ways.
    pub const ALL: [Submits; 2] = [Submits::One, Submits::PerKernel];

    /// The name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Submits::One => "one",
            Submits::PerKernel => "per-kernel",
        }
    }
}

impl ReadBacks {
    /// All ways.
    pub const ALL: [ReadBacks; 2] = [ReadBacks::Together, ReadBacks::PerOutput];

    /// The name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            ReadBacks::Together => "together",
            ReadBacks::PerOutput => "per-output",
        }
    }
}
