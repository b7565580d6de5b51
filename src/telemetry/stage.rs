//! The stages of opening and of predicting. Their names are stable: reports and exports use them.

use crate::names::names;

/// The activity of a span. Stages nest: [`Stage::Open`] and [`Stage::Predict`] contain the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Opening a session, as a whole.
    Open,
    /// Enumerating the adapters.
    FindAdapters,
    /// Opening the device.
    OpenDevice,
    /// Preparing the model for one set of sizes.
    OpenSizes,
    /// Preparing one graph on the engine.
    OpenGraph,
    /// Preparing the graph that ranks the batch.
    OpenRanking,
    /// Laying out dispatches and memory.
    Plan,
    /// Compiling pipelines.
    CompilePipelines,
    /// Writing compiled pipelines to disk.
    KeepPipelines,
    /// Uploading constants.
    UploadWeights,
    /// A prediction, as a whole.
    Predict,
    /// Checking names, shapes and dtypes of inputs.
    CheckInputs,
    /// Checking ids against their tables.
    CheckIds,
    /// Rounding inputs to half floats, for emulation.
    RoundInputs,
    /// Waiting for other predictions on the device.
    TakeTurn,
    /// Finding or creating the bindings of a batch size.
    Prepare,
    /// Writing inputs to buffers of the device.
    WriteInputs,
    /// Recording commands.
    Encode,
    /// Submitting commands.
    Submit,
    /// Waiting for the device.
    Wait,
    /// Reading outputs back.
    ReadBack,
    /// Computing on the CPU.
    Compute,
    /// Ranking on the host.
    Rank,
    /// One kernel of a GPU.
    Kernel,
    /// One step of another engine.
    Step,
}

names!(Stage, "stage", {
    Open = "open",
    FindAdapters = "find adapters",
    OpenDevice = "open device",
    OpenSizes = "open sizes",
    OpenGraph = "open graph",
    OpenRanking = "open ranking",
    Plan = "plan",
    CompilePipelines = "compile pipelines",
    KeepPipelines = "keep pipelines",
    UploadWeights = "upload weights",
    Predict = "predict",
    CheckInputs = "check inputs",
    CheckIds = "check ids",
    RoundInputs = "round inputs",
    TakeTurn = "take turn",
    Prepare = "prepare",
    WriteInputs = "write inputs",
    Encode = "encode",
    Submit = "submit",
    Wait = "wait",
    ReadBack = "read back",
    Compute = "compute",
    Rank = "rank",
    Kernel = "kernel",
    Step = "step",
});
