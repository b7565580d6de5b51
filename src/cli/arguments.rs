//! Options shared by several verbs.

use crate::dims::DimArguments;
use crate::environment;
use clap::ValueEnum;
use std::ffi::OsString;
use std::time::Duration;
use tfjs_wgpu::Passes;
use tfjs_wgpu::emulation::{ActivationPrecision, Emulation, Execution, Programs, ReadBacks, Submits};
use tfjs_wgpu::{Device, LoadOptions, OnBadId, Semantics, SessionOptions, WeightFormat};

/// How a model is read.
#[derive(Debug, clap::Args)]
pub(crate) struct ReadArguments {
    /// The framework to follow where TF.js and Keras differ
    #[arg(long, value_enum, default_value = "tfjs")]
    semantics: Semantics,
    #[command(flatten)]
    dims: DimArguments,
}

/// Whether weights are loaded or drawn at random.
#[derive(Debug, clap::Args)]
pub(crate) struct RandomWeightsArguments {
    /// Draw all weights at random and read no weight file. The model may be a topology without weights [default seed:
    /// 1]
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    random_weights: Option<u64>,
}

impl RandomWeightsArguments {
    /// The seed, if weights are to be drawn.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.random_weights
    }

    /// The command-line arguments that repeat these options for another process.
    pub(crate) fn words(&self) -> Vec<OsString> {
        self.random_weights.map(|seed| format!("--random-weights={seed}").into()).into_iter().collect()
    }
}

/// The format of weights in memory.
#[derive(Debug, clap::Args)]
pub(crate) struct WeightFormatArguments {
    /// The format of weights in memory
    #[arg(long, value_enum, default_value = "keep")]
    weight_format: WeightFormat,
}

impl WeightFormatArguments {
    pub(crate) fn format(&self) -> WeightFormat {
        self.weight_format
    }

    /// The command-line arguments that repeat these options for another process.
    pub(crate) fn words(&self) -> Vec<OsString> {
        words("--weight-format", self.weight_format)
    }
}

/// The precision of values in memory between operators.
#[derive(Debug, clap::Args)]
pub(crate) struct ActivationArguments {
    /// The precision of activations in memory. f16 emulates the results of half floats, not their speed
    #[arg(long, value_enum, default_value = "f32")]
    activation_precision: ActivationPrecision,
}

impl ActivationArguments {
    pub(crate) fn precision(&self) -> ActivationPrecision {
        self.activation_precision
    }
}

/// How predictions are handed to a GPU. Non-default settings are slower; they exist for benchmarking.
#[derive(Debug, clap::Args)]
pub(crate) struct ExecutionArguments {
    /// Which kernels share a compiled program, with --device gpu
    #[arg(long, value_enum, default_value = "shared")]
    programs: Programs,
    /// How kernels are submitted, with --device gpu
    #[arg(long, value_enum, default_value = "one")]
    submits: Submits,
    /// How outputs are read back, with --device gpu
    #[arg(long, value_enum, default_value = "together")]
    read_back: ReadBacks,
}

impl ExecutionArguments {
    pub(crate) fn execution(&self) -> Execution {
        Execution { programs: self.programs, submits: self.submits, read_back: self.read_back }
    }
}

impl ReadArguments {
    pub(crate) fn options(&self) -> LoadOptions {
        LoadOptions::default().semantics(self.semantics).sizes(self.dims.sizes())
    }

    /// The command-line arguments that repeat these options for another process.
    pub(crate) fn words(&self) -> Vec<OsString> {
        [words("--semantics", self.semantics), self.dims.words()].concat()
    }
}

/// The command-line arguments that repeat an option.
fn words(option: &str, value: impl ValueEnum) -> Vec<OsString> {
    let name = value.to_possible_value().map(|value| value.get_name().to_string());
    name.map(|name| vec![option.into(), name.into()]).unwrap_or_default()
}

/// How ids outside their tables are treated.
#[derive(Debug, clap::Args)]
pub(crate) struct BadIdArguments {
    /// How to treat an id that is outside its table
    ///
    /// Default: zero for TF.js models, error for ONNX models.
    #[arg(long, value_enum)]
    on_bad_id: Option<OnBadId>,
}

impl BadIdArguments {
    pub(crate) fn policy(&self) -> Option<OnBadId> {
        self.on_bad_id
    }
}

/// The techniques of TF.js that the options select.
pub(crate) fn emulation(activations: &ActivationArguments, execution: &ExecutionArguments) -> Emulation {
    Emulation::default().activation_precision(activations.precision()).execution(execution.execution())
}

/// Which passes rewrite the graph before it runs.
#[derive(Debug, clap::Args)]
pub(crate) struct PassesArguments {
    /// The list of passes that rewrite the graph
    #[arg(long, value_enum, default_value = "fused")]
    passes: Passes,
}

impl PassesArguments {
    pub(crate) fn passes(&self) -> Passes {
        self.passes
    }
}

/// Which GPU.
#[derive(Debug, clap::Args)]
pub(crate) struct AdapterArguments {
    /// The best GPU whose name contains NAME, ignoring case. It may be a software GPU [default: TFJS_WGPU_ADAPTER,
    /// otherwise the best GPU]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
}

impl AdapterArguments {
    /// The adapter for a session on `device`.
    pub(crate) fn adapter_for(&self, device: Device) -> Option<String> {
        environment::adapter_for(device, self.adapter.as_deref())
    }
}

/// Which GPU, and how long to wait for it.
#[derive(Debug, clap::Args)]
pub(crate) struct GpuArguments {
    #[command(flatten)]
    pub(crate) adapter: AdapterArguments,
    /// The time limit for opening and for each prediction, such as 2s or 500ms [default: none]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// The device and the execution of one session.
#[derive(Debug, clap::Args)]
pub(crate) struct SessionArguments {
    /// The device that computes
    #[arg(long, value_enum, default_value = "auto")]
    device: Device,
    #[command(flatten)]
    gpu: GpuArguments,
    #[command(flatten)]
    passes: PassesArguments,
    #[command(flatten)]
    activations: ActivationArguments,
    #[command(flatten)]
    execution: ExecutionArguments,
    /// The number of CPU threads, at least 1, with --device cpu [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl SessionArguments {
    /// The options of a session that is prepared for these shared inputs.
    pub(crate) fn options(&self, shared: Vec<String>) -> SessionOptions {
        SessionOptions::default()
            .device(self.device)
            .passes(self.passes.passes())
            .emulate(emulation(&self.activations, &self.execution))
            .shared(shared)
            .cpu_threads(self.threads)
            .adapter(self.gpu.adapter.adapter_for(self.device))
            .cache_folder(environment::cache_folder())
            .timeout(self.gpu.timeout)
    }
}

/// How a model is loaded for measuring, where random weights suffice.
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

    /// The command-line arguments that repeat these options for another process.
    pub(crate) fn words(&self) -> Vec<OsString> {
        [self.read.words(), self.weights.words(), self.random_weights.words()].concat()
    }
}
