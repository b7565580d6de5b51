//! Runs TensorFlow.js *layers* models and ONNX models on the GPU and on the CPU, and checks every answer.
//!
//! A Keras model converted to the TF.js layers format (`model.json` and weight shards) is loaded as TF.js loads it. It runs as
//! WGSL compute shaders through wgpu (Vulkan, Metal or DirectX 12), on a CPU engine, or on the plain reference that both are
//! checked against:
//!
//! ```
//! use tfjs_wgpu::{Device, LoadOptions, Model, Session, tensor_file};
//!
//! // A shop's ranking model: one user and 200 candidate products.
//! let model = Model::load("examples/shop_rank", LoadOptions::default())?;
//! let session = Session::open(&model, Device::Auto)?;
//! let inputs = tensor_file::read("examples/shop_rank/input.safetensors")?;
//!
//! let prediction = session.predict(&inputs)?;
//! let scores = prediction.outputs.get("score").expect("the model's output").as_f32()?;
//! let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
//! assert_eq!(best, Some(141));
//! # Ok::<(), tfjs_wgpu::Error>(())
//! ```
//!
//! # The nouns
//!
//! - [`Model`] is a loaded file: its inputs, outputs, layers and weights, and the places where TF.js and Keras give different
//!   answers ([`Model::skews`]). [`LoadOptions`] says how it is read.
//! - [`Session`] is a model on a [`Device`]. Opening it compiles and uploads; a prediction is one submit and one wait, at any
//!   batch size. Threads may share it. [`SessionOptions`] says how it is opened.
//! - [`Prediction`] holds the outputs as [`NamedTensors`], ids that were outside their tables, and a [`telemetry::Timeline`].
//! - [`Session::rank`] returns the best rows of a batch; a GPU finds them itself and reads back nothing else.
//! - [`tensor_file`] reads and writes named tensors: safetensors, npz and JSON.
//! - [`Error`] says what is wrong, where, why, and what to do. No file makes this library panic.
//! - `study` checks a device against the reference, measures, and explains where the time goes; `emulation` runs a model as
//!   TF.js would, to show what its techniques cost.
//!
//! # Features
//!
//! | feature | gives | without it |
//! |---|---|---|
//! | `gpu` | [`Device::Gpu`], through wgpu | [`Device::Auto`] is the CPU |
//! | `mmap` | weights mapped into memory instead of read | |
//! | `npz` | `.npz` files in [`tensor_file`] | safetensors and JSON |
//! | `onnx` | ONNX models in [`Model::load`] and `Model::from_onnx` | TF.js layers models |
//! | `study` | `study` and `emulation` | |
//! | `cli` | the command `tfjs-wgpu`, and `clap::ValueEnum` for option enums; implies `study` | |
//!
//! All are on by default. `default-features = false` is a small CPU engine with the TF.js loader.
//!
//! # Correct answers
//!
//! Every operator has a reference implementation in f64 and a tolerance that every engine keeps. TF.js and Keras differ in places;
//! [`Semantics`] chooses whose answers a model gives. An ONNX file says itself what it computes.

#![cfg_attr(
    not(all(feature = "gpu", feature = "study")),
    allow(dead_code, unreachable_pub, reason = "some items serve only the features that are off")
)]

mod cpu;
mod deadline;
mod digest;
#[cfg(feature = "study")]
pub mod emulation;
mod engine;
mod error;
mod execution;
#[cfg(feature = "gpu")]
mod gpu;
mod graph;
mod kernel;
mod limits_preset;
mod load;
mod made_once;
mod model;
mod names;
#[cfg(feature = "onnx")]
mod onnx;
mod ops;
mod passes;
mod plan;
mod random;
mod reference;
mod replace_file;
mod session;
mod setters;
#[cfg(feature = "study")]
pub mod study;
pub mod telemetry;
mod tensor;
pub mod tensor_file;
mod tfjs;
pub mod weights;

pub use error::{DeviceError, Error, ErrorKind, Result};
pub use limits_preset::LimitsPreset;
pub use model::{
    LayerSummary, LoadOptions, Model, ModelIdentity, OnBadId, OpenDimension, Semantics, Sizes, Skew, TfjsOptions,
    WeightFormat, WeightSummary,
};
pub use passes::Passes;
pub use plan::Counts;
pub use session::{
    BadIdCount, Device, DeviceStatus, EngineKind, MemoryUsage, Prediction, Profile, ProfileOptions, ProfileStage,
    ProfileStep, Ranked, Ranking, RecordedSpan, Recording, Session, SessionOptions, StepClock, user_cache_folder,
};
pub use tensor::{DType, Dim, NamedTensors, Shape, Tensor, TensorType};

/// What the command, the tests and the benches of this package use besides the public API. It is exempt from semantic
/// versioning: any release may change or remove any of it.
#[doc(hidden)]
pub mod internals {
    /// Whether there is a GPU adapter, software included.
    pub fn has_gpu() -> bool {
        #[cfg(feature = "gpu")]
        return !crate::gpu::adapters().is_empty();
        #[cfg(not(feature = "gpu"))]
        return false;
    }

    pub use crate::replace_file::replace;

    #[cfg(feature = "gpu")]
    pub mod gpu {
        pub use crate::gpu::*;
    }
    pub mod graph {
        pub use crate::graph::*;
    }
    pub mod kernel {
        pub use crate::kernel::*;
    }
    pub mod model {
        pub use crate::model::*;
    }
    #[cfg(feature = "onnx")]
    pub mod onnx {
        pub use crate::onnx::*;
    }
    pub mod ops {
        pub use crate::ops::*;
    }
    pub mod passes {
        pub use crate::passes::*;
    }
    pub mod plan {
        pub use crate::plan::*;
    }
    pub mod reference {
        pub use crate::reference::*;
    }
    pub mod session {
        pub use crate::session::*;
    }
    #[cfg(feature = "study")]
    pub mod study {
        pub use crate::study::{
            MatchedBy, Pair, RankAgreement, TOP, TwinOutput, TwinReport, digits, output_allowances, twin,
        };
        pub mod machine {
            pub use crate::study::machine::*;
        }
        pub mod process {
            pub use crate::study::process::*;
        }
        pub mod protocol {
            pub use crate::study::protocol::*;
        }
        pub mod report {
            pub use crate::study::report::*;
        }
        pub mod statistics {
            pub use crate::study::statistics::*;
        }
    }
    pub mod tensor {
        pub use crate::tensor::*;
    }
    pub mod tfjs {
        pub use crate::tfjs::*;
    }
}
