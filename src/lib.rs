//! Runs TensorFlow.js layers models as WGSL compute shaders through wgpu, and checks every answer.
//!
//! A Keras model converted to TF.js *layers* format (`model.json` and weight shards) is loaded as TF.js loads it, and
//! answers on the GPU (Vulkan, Metal or DirectX 12), on the CPU, or by the plain reference that both are measured
//! against:
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
//! # How it goes
//!
//! Data flows one way, and every stage is a plain value that can be printed:
//!
//! file → [`graph`] → [`passes`] → [`plan`] → run (GPU, CPU, [`mod@reference`]) → [`study`]
//!
//! - [`Model`] is a loaded file: its [`graph::Graph`] of [`ops`], its layers and weights, and the places where TF.js
//!   and Keras would give it different answers ([`Model::skews`]).
//! - [`Session`] is a model on a device. Opening compiles and uploads; predicting is one submit and one wait, at any
//!   batch size.
//! - [`Session::rank`] gives the best rows of a batch; a GPU finds them itself and reads nothing else back.
//! - [`Session::profile`] takes the time of every step of a prediction; [`study::profile`] says what it means.
//! - [`study::check`] compares a device with the reference, operator by operator and end to end.
//! - [`tensor_file`] reads and writes named tensors (safetensors, npz, JSON).
//!
//! # Right answers
//!
//! Each operator has a page in [`ops`] with its formula, its plain answer in f64, and how far a computed answer may be
//! from it. TF.js and Keras differ in places; [`Semantics`] chooses. Errors ([`Error`]) say what is wrong, where, why,
//! and what to do; nothing in a file makes this library panic.

mod cpu;
mod deadline;
mod digest;
mod engine;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod kernel;
mod load;
mod made_once;
pub mod model;
pub mod ops;
pub mod passes;
pub mod plan;
mod random;
pub mod reference;
pub mod session;
pub mod study;
pub mod tensor;
pub mod tensor_file;
pub mod tfjs;
pub mod timeline;
pub mod weights;

pub use error::{DeviceError, Error, ErrorKind, Result};
pub use model::{
    LoadOptions, Model, ModelIdentity, OnBadId, OpenDimension, Semantics, Sizes, TfjsOptions, WeightFormat,
};
pub use session::{Device, Prediction, Session, SessionOptions};
pub use tensor::{DType, NamedTensors, Tensor};
