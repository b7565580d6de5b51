//! How a plan is loaded and run, as plain values.

use crate::execution::Execution;
use crate::plan::Retain;
use std::path::PathBuf;

/// How a plan is loaded and run.
#[derive(Debug, Clone, Default)]
pub(super) struct RunnerOptions {
    /// The values that are read back.
    pub(super) retain: Retain,
    /// How predictions are handed to the device.
    pub(super) execution: Execution,
    /// The folder for compiled pipelines; `None` to keep none.
    pub(super) cache_folder: Option<PathBuf>,
    /// Who writes the inputs.
    pub(super) inputs_by: Writer,
}

/// Who writes the inputs of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Writer {
    /// The host, for each prediction.
    #[default]
    Host,
    /// A copy on the device of an output of another plan (`chained`). Its inputs are never in mapped memory.
    Device,
}
