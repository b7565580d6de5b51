//! The options of a study, as a plain value, and the sessions that it opens.

use crate::emulation;
use crate::passes::Passes;
use crate::session::{Device, SessionOptions};
use crate::setters::setters;
use crate::study::measurement::RunOptions;
use crate::study::process::Launcher;
use std::path::PathBuf;

/// Options for a study. Each option has a setter of its name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StudyOptions {
    /// The devices to measure. Default: [`Device::Gpu`] and [`Device::Cpu`].
    pub devices: Vec<Device>,
    /// The names of the inputs that describe the user. Some curves give them with one row for all candidates.
    pub shared: Vec<String>,
    /// Part of the name of the GPU adapter; `None` for the best.
    pub adapter: Option<String>,
    /// The folder for compiled pipelines of the sessions in this process ([`SessionOptions::cache_folder`]).
    pub cache_folder: Option<PathBuf>,
    /// How new processes are started. If `None`, measurements that need one are skipped: cold starts, and the effect of
    /// ablations on the first prediction.
    #[doc(hidden)]
    pub launcher: Option<Launcher>,
    /// The seed of the random inputs.
    pub seed: u64,
    /// Whether to make only a few runs, to test the setup.
    pub quick: bool,
}

impl Default for StudyOptions {
    fn default() -> Self {
        StudyOptions {
            devices: vec![Device::Gpu, Device::Cpu],
            shared: Vec::new(),
            adapter: None,
            cache_folder: None,
            launcher: None,
            seed: 1,
            quick: false,
        }
    }
}

setters!(StudyOptions {
    devices: Vec<Device>,
    shared: Vec<String>,
    adapter: Option<String>,
    cache_folder: Option<PathBuf>,
    seed: u64,
    quick: bool,
});

impl StudyOptions {
    /// Sets how processes are started.
    #[doc(hidden)]
    pub fn launcher(self, launcher: Launcher) -> Self {
        StudyOptions { launcher: Some(launcher), ..self }
    }

    /// Runs with a total duration of at least `seconds`.
    pub(super) fn runs(&self, batch: usize, seconds: f64) -> RunOptions {
        let (runs, min_seconds) = if self.quick { (2, 0.0) } else { (10, seconds) };
        let max_seconds = min_seconds.max(0.1) * 10.0;
        RunOptions { batch, warmup_runs: 2, runs, min_seconds, max_seconds, seed: self.seed, ..RunOptions::default() }
    }

    pub(super) fn repeats(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }
}

/// The lists of passes that are measured on a device. On a CPU there are no dispatches to save or to emulate, and WebGL
/// 1 runs the programs of WebGL 2.
pub(super) fn lists_of_passes(device: Device) -> &'static [Passes] {
    match device {
        Device::Gpu | Device::Auto => &[Passes::PLAIN, Passes::FUSED, emulation::WEBGL2],
        Device::Cpu | Device::Reference => &[Passes::FUSED],
    }
}

/// The options of a session on `device`.
pub(super) fn session(device: Device, passes: Passes) -> SessionOptions {
    SessionOptions { device, passes, ..SessionOptions::default() }
}
