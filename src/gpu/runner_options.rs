//! How a plan is loaded and run, as plain values.

use crate::execution::Execution;
use crate::plan::Retain;
use std::path::PathBuf;

/// How a plan is loaded and run.
#[derive(Debug, Clone, Default)]
pub(super) struct RunnerOptions {
    /// The values that can be read.
    pub(super) retain: Retain,
    /// How predictions are handed to the device.
    pub(super) execution: Execution,
    /// Where new pipelines are kept on disk, if the driver can.
    pub(super) cache_folder: Option<PathBuf>,
    /// Who writes the inputs.
    pub(super) inputs_by: Writer,
}

/// Who writes the inputs of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Writer {
    /// The host, with each prediction.
    #[default]
    Host,
    /// A copy of what another plan has computed ([`predict_chained`](super::predict_chained)). No such copy goes into memory
    /// that the host has mapped.
    Device,
}
