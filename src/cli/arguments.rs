//! Options that several verbs share, in the words of the command line.

use crate::dims::DimArguments;
use clap::ValueEnum;
use std::ffi::OsString;
use std::time::Duration;
use tfjs_wgpu::gpu::{Execution, Programs, ReadBacks, Submits};
use tfjs_wgpu::passes::{Pipeline, Storage};
use tfjs_wgpu::{Device, LoadOptions, OnBadId, Semantics, SessionOptions, WeightFormat};

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
    #[command(flatten)]
    dims: DimArguments,
}

/// Whether the weights are those of the file.
#[derive(Debug, clap::Args)]
pub(crate) struct RandomWeightsArguments {
    /// Draw all weights at random and read no weight file: the model may be a bare topology [default seed: 1]
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    random_weights: Option<u64>,
}

impl RandomWeightsArguments {
    /// The seed, if weights are to be drawn.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.random_weights
    }

    /// The words of the command line for another call.
    pub(crate) fn words(&self) -> Vec<OsString> {
        self.random_weights.map(|seed| format!("--random-weights={seed}").into()).into_iter().collect()
    }
}

/// In what form weights stay in memory.
#[derive(Debug, clap::Args)]
pub(crate) struct WeightFormatArguments {
    /// In what form weights stay in memory
    #[arg(long, value_enum, default_value = "keep")]
    weight_format: WeightFormatArgument,
}

impl WeightFormatArguments {
    pub(crate) fn format(&self) -> WeightFormat {
        self.weight_format.into()
    }

    /// The words of the command line for another call.
    pub(crate) fn words(&self) -> Vec<OsString> {
        words("--weight-format", self.weight_format)
    }
}

/// In what form values stand in memory between operators.
#[derive(Debug, clap::Args)]
pub(crate) struct ValueArguments {
    /// In what form values stand in memory between operators
    #[arg(long, value_enum, default_value = "f32")]
    storage: StorageArgument,
}

impl ValueArguments {
    pub(crate) fn storage(&self) -> Storage {
        self.storage.into()
    }
}

/// `--storage`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StorageArgument {
    /// As they are computed
    F32,
    /// Rounded to float16, ids and weights too, as TF.js does on phones without float32 textures. Imitates the answers,
    /// not the times
    F16,
}

impl From<StorageArgument> for Storage {
    fn from(argument: StorageArgument) -> Self {
        match argument {
            StorageArgument::F32 => Storage::F32,
            StorageArgument::F16 => Storage::F16,
        }
    }
}

/// How predictions are handed to a GPU: what is not the default is slower, and shows by how much.
#[derive(Debug, clap::Args)]
pub(crate) struct ExecutionArguments {
    /// What kernels share a compiled program, with --device gpu
    #[arg(long, value_enum, default_value = "shared")]
    programs: ProgramsArgument,
    /// How kernels are submitted, with --device gpu
    #[arg(long, value_enum, default_value = "one")]
    submits: SubmitsArgument,
    /// How outputs come back, with --device gpu
    #[arg(long, value_enum, default_value = "together")]
    read_back: ReadBackArgument,
}

impl ExecutionArguments {
    pub(crate) fn execution(&self) -> Execution {
        Execution {
            programs: match self.programs {
                ProgramsArgument::Shared => Programs::Shared,
                ProgramsArgument::PerShape => Programs::PerShape,
            },
            submits: match self.submits {
                SubmitsArgument::One => Submits::One,
                SubmitsArgument::PerKernel => Submits::PerKernel,
            },
            read_back: match self.read_back {
                ReadBackArgument::Together => ReadBacks::Together,
                ReadBackArgument::PerOutput => ReadBacks::PerOutput,
            },
        }
    }
}

/// `--programs`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProgramsArgument {
    /// All that differ in shapes alone
    Shared,
    /// None that differ in shapes, as in TF.js: another batch compiles anew
    PerShape,
}

/// `--submits`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SubmitsArgument {
    /// All at once
    One,
    /// Each by itself
    PerKernel,
}

/// `--read-back`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReadBackArgument {
    /// All at once
    Together,
    /// Each copied, mapped and waited for by itself
    PerOutput,
}

/// `--weight-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WeightFormatArgument {
    /// As the file stores them where a kernel can decode them: float16 and uint8
    Keep,
    /// As float32
    F32,
}

impl From<WeightFormatArgument> for WeightFormat {
    fn from(argument: WeightFormatArgument) -> Self {
        match argument {
            WeightFormatArgument::Keep => WeightFormat::Keep,
            WeightFormatArgument::F32 => WeightFormat::F32,
        }
    }
}

impl ReadArguments {
    pub(crate) fn options(&self) -> LoadOptions {
        LoadOptions::default().semantics(self.semantics.into()).sizes(self.dims.sizes())
    }

    /// The words of the command line for another call.
    pub(crate) fn words(&self) -> Vec<OsString> {
        [words("--semantics", self.semantics), self.dims.words()].concat()
    }
}

/// The words with which an option is given again.
fn words(option: &str, value: impl ValueEnum) -> Vec<OsString> {
    let name = value.to_possible_value().map(|value| value.get_name().to_string());
    name.map(|name| vec![option.into(), name.into()]).unwrap_or_default()
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
    /// A hardware GPU if there is one, or the one that --adapter names; else the CPU
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

/// Which GPU, and how long to wait for it.
#[derive(Debug, clap::Args)]
pub(crate) struct GpuArguments {
    /// The GPU whose name contains this, even if it is software [default: TFJS_WGPU_ADAPTER, else the best]
    #[arg(long, value_name = "NAME")]
    pub(crate) adapter: Option<String>,
    /// The time that opening, and each prediction, may take, as 2s or 500ms [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// Where and how one session computes.
#[derive(Debug, clap::Args)]
pub(crate) struct SessionArguments {
    /// Where to compute
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
    #[command(flatten)]
    gpu: GpuArguments,
    #[command(flatten)]
    passes: PipelineArguments,
    #[command(flatten)]
    values: ValueArguments,
    #[command(flatten)]
    execution: ExecutionArguments,
    /// Threads of the CPU, with --device cpu [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl SessionArguments {
    /// A session that is prepared for these inputs with one row.
    pub(crate) fn options(&self, shared: Vec<String>) -> SessionOptions {
        SessionOptions {
            device: self.device.into(),
            pipeline: self.passes.pipeline(),
            storage: self.values.storage(),
            execution: self.execution.execution(),
            shared,
            cpu_threads: self.threads,
            adapter: self.gpu.adapter.clone(),
            timeout: self.gpu.timeout,
            ..SessionOptions::default()
        }
    }
}

/// How a model is read that is to be measured: its weights may be any.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasuredModelArguments {
    #[command(flatten)]
    read: ReadArguments,
    #[command(flatten)]
    random_weights: RandomWeightsArguments,
    #[command(flatten)]
    weights: WeightFormatArguments,
}

impl MeasuredModelArguments {
    pub(crate) fn options(&self) -> LoadOptions {
        self.read.options().weight_format(self.weights.format()).random_weights(self.random_weights.seed())
    }

    /// The words of the command line for another call.
    pub(crate) fn words(&self) -> Vec<OsString> {
        [self.read.words(), self.weights.words(), self.random_weights.words()].concat()
    }
}
