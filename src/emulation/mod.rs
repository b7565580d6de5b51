//! Emulation of TF.js for studies. Normal sessions do not use these options.
//!
//! TF.js' WebGL backend compiles a program for each kernel and shape. It keeps values in textures, which are half
//! floats on many phones. It submits each kernel separately, and reads outputs back one by one. An [`Emulation`]
//! applies these techniques to a session, individually or together, to show the cost of each. [`webgl`] describes what
//! TF.js 4.22 runs for a model.
//!
//! The emulation does the same work and gives the same results as TF.js. Its timings are neither those of a browser nor
//! those of a device with half-float textures.

pub mod webgl;

pub use crate::execution::{Execution, Programs, ReadBacks, Submits};
pub use crate::passes::ActivationPrecision;

use crate::error::{Error, Result};
use crate::passes::Passes;
use crate::session::SessionOptions;
use std::sync::Arc;
use webgl::ROWS_OF_A_PREDICT;

/// The work of TF.js on WebGL 2, program by program.
pub const WEBGL2: Passes = Passes::emulating(
    "tfjs-webgl2",
    "The programs that TF.js runs on WebGL 2, in its order: for studies",
    |graph, _| webgl::as_tfjs(graph, ROWS_OF_A_PREDICT).map(Arc::new),
    ROWS_OF_A_PREDICT,
);

/// The same on WebGL 1, which the plugin for mini-programs enforces.
pub const WEBGL1: Passes = Passes::emulating(
    "tfjs-webgl1",
    "The same on WebGL 1, as in mini-programs",
    |graph, _| webgl::as_tfjs(graph, ROWS_OF_A_PREDICT).map(Arc::new),
    ROWS_OF_A_PREDICT,
);

/// All lists of passes: the regular ones, and those that emulate TF.js.
pub const PASSES: [Passes; 4] = [Passes::PLAIN, Passes::FUSED, WEBGL2, WEBGL1];

/// The list of passes with this name.
///
/// # Errors
///
/// [`ErrorKind::Input`](crate::ErrorKind::Input) if there is none; the hint lists the names.
pub fn passes(name: &str) -> Result<Passes> {
    PASSES.into_iter().find(|passes| passes.name() == name).ok_or_else(|| {
        Error::input(format!("no list of passes is called `{name}`"))
            .hint(format!("use one of: {}", PASSES.map(Passes::name).join(", ")))
    })
}

#[cfg(feature = "cli")]
impl clap::ValueEnum for Passes {
    fn value_variants<'a>() -> &'a [Self] {
        &PASSES
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()).help(self.description()))
    }
}

/// Which techniques of TF.js a session uses.
///
/// ```
/// use tfjs_wgpu::emulation::{ActivationPrecision, Emulation};
/// use tfjs_wgpu::{Device, LoadOptions, Model, Session, SessionOptions, tensor_file};
///
/// // The answers of a phone whose textures are half floats.
/// let model = Model::load("examples/shop_rank", LoadOptions::default())?;
/// let half = Emulation::default().activation_precision(ActivationPrecision::F16);
/// let session = Session::open_with(&model, SessionOptions::default().device(Device::Cpu).emulate(half))?;
/// let prediction = session.predict(&tensor_file::read("examples/shop_rank/input.safetensors")?)?;
/// assert_eq!(prediction.outputs.len(), 1);
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Emulation {
    /// The precision of values in memory between operators.
    pub activation_precision: ActivationPrecision,
    /// How kernels are compiled, submitted and read back. Non-default settings require
    /// [`Device::Gpu`](crate::Device::Gpu).
    pub execution: Execution,
}

impl Emulation {
    /// Sets the precision of values in memory between operators.
    pub fn activation_precision(self, activation_precision: ActivationPrecision) -> Self {
        Emulation { activation_precision, ..self }
    }

    /// Sets how kernels are compiled, submitted and read back.
    pub fn execution(self, execution: Execution) -> Self {
        Emulation { execution, ..self }
    }
}

impl SessionOptions {
    /// Makes the session use techniques of TF.js. The programs of TF.js are a list of passes, which is set separately
    /// ([`WEBGL2`], [`SessionOptions::passes`]).
    pub fn emulate(mut self, emulation: Emulation) -> Self {
        self.activation_precision = emulation.activation_precision;
        self.execution = emulation.execution;
        self
    }

    /// The techniques of TF.js that the session uses.
    pub fn emulation(&self) -> Emulation {
        Emulation { activation_precision: self.activation_precision, execution: self.execution }
    }
}
