//! Options that several verbs share, in the words of the command line.

use clap::ValueEnum;
use tfjs_wgpu::{Device, OnBadId, Semantics};

/// `--semantics`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SemanticsArgument {
    /// What TensorFlow.js computes; what it refuses follows Keras
    Tfjs,
    /// What Keras computes
    Keras,
}

impl From<SemanticsArgument> for Semantics {
    fn from(argument: SemanticsArgument) -> Self {
        match argument {
            SemanticsArgument::Tfjs => Semantics::TfJs,
            SemanticsArgument::Keras => Semantics::Keras,
        }
    }
}

/// `--on-bad-id`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnBadIdArgument {
    /// Look up a row of zeros, as TF.js does on the GPU
    Zero,
    /// Refuse to predict
    Error,
    /// Look up the nearest row
    Clamp,
}

impl From<OnBadIdArgument> for OnBadId {
    fn from(argument: OnBadIdArgument) -> Self {
        match argument {
            OnBadIdArgument::Zero => OnBadId::Zero,
            OnBadIdArgument::Error => OnBadId::Error,
            OnBadIdArgument::Clamp => OnBadId::Clamp,
        }
    }
}

/// `--device`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceArgument {
    /// The GPU if there is one, else the CPU
    Auto,
    /// The GPU
    Gpu,
    /// The CPU
    Cpu,
    /// The plain answers that GPU and CPU are checked against
    Reference,
}

impl From<DeviceArgument> for Device {
    fn from(argument: DeviceArgument) -> Self {
        match argument {
            DeviceArgument::Auto => Device::Auto,
            DeviceArgument::Gpu => Device::Gpu,
            DeviceArgument::Cpu => Device::Cpu,
            DeviceArgument::Reference => Device::Reference,
        }
    }
}
