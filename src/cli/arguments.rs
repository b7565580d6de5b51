//! Options that several verbs share, in the words of the command line.

use clap::ValueEnum;
use tfjs_wgpu::passes::Pipeline;
use tfjs_wgpu::{Device, LoadOptions, OnBadId, Semantics, WeightStorage};

/// `--semantics`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SemanticsArgument {
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

/// How a model is read.
#[derive(Debug, clap::Args)]
pub(crate) struct ReadArguments {
    /// Whose behaviour to reproduce where TF.js and Keras differ
    #[arg(long, value_enum, default_value = "tfjs")]
    semantics: SemanticsArgument,
    /// The size of dimensions that the model leaves open besides the batch, such as the length of a history
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    open_size: Option<u32>,
}

/// In what form weights stay in memory.
#[derive(Debug, clap::Args)]
pub(crate) struct StorageArguments {
    /// In what form weights stay in memory
    #[arg(long, value_enum, default_value = "keep")]
    weights: WeightsArgument,
}

impl StorageArguments {
    pub(crate) fn storage(&self) -> WeightStorage {
        self.weights.into()
    }
}

/// `--weights`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WeightsArgument {
    /// As the file stores them where a kernel can decode them: float16 and uint8
    Keep,
    /// As float32
    F32,
}

impl From<WeightsArgument> for WeightStorage {
    fn from(argument: WeightsArgument) -> Self {
        match argument {
            WeightsArgument::Keep => WeightStorage::Keep,
            WeightsArgument::F32 => WeightStorage::F32,
        }
    }
}

impl ReadArguments {
    pub(crate) fn options(&self) -> LoadOptions {
        let open_size = self.open_size.map(|size| size as usize);
        LoadOptions { semantics: self.semantics.into(), open_size, ..LoadOptions::default() }
    }
}

/// What becomes of ids outside their tables.
#[derive(Debug, clap::Args)]
pub(crate) struct BadIdArguments {
    /// What to do about an id that is outside its table
    #[arg(long, value_enum, default_value = "zero")]
    on_bad_id: OnBadIdArgument,
}

impl BadIdArguments {
    pub(crate) fn policy(&self) -> OnBadId {
        self.on_bad_id.into()
    }
}

/// `--on-bad-id`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnBadIdArgument {
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

/// What a model goes through before it runs.
#[derive(Debug, clap::Args)]
pub(crate) struct PipelineArguments {
    /// The rewrites that the model goes through
    #[arg(long, value_enum, default_value = "fused")]
    pipeline: PipelineArgument,
}

impl PipelineArguments {
    pub(crate) fn pipeline(&self) -> Pipeline {
        self.pipeline.into()
    }
}

/// `--pipeline`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PipelineArgument {
    /// An operator for each step of a layer, as the model was read
    Plain,
    /// The same answers by as few dispatches as can be
    Fused,
    /// The programs that TF.js runs on WebGL 2, in its order: for studies
    TfjsWebgl2,
    /// The same on WebGL 1, as in mini-programs
    TfjsWebgl1,
}

impl From<PipelineArgument> for Pipeline {
    fn from(argument: PipelineArgument) -> Self {
        match argument {
            PipelineArgument::Plain => Pipeline::Plain,
            PipelineArgument::Fused => Pipeline::Fused,
            PipelineArgument::TfjsWebgl2 => Pipeline::TfjsWebgl2,
            PipelineArgument::TfjsWebgl1 => Pipeline::TfjsWebgl1,
        }
    }
}
