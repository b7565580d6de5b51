//! The times and the costs of a call, as plain data.
//!
//! A [`Timeline`] is recorded while a session opens and while it predicts. It holds spans of [`Stage`]s and
//! [`Counters`]. It does not interpret them; reports do.
//!
//! ```
//! use tfjs_wgpu::telemetry::{Counter, Stage};
//! use tfjs_wgpu::{Device, LoadOptions, Model, Session, tensor_file};
//!
//! let model = Model::load("examples/shop_rank", LoadOptions::default())?;
//! let session = Session::open(&model, Device::Cpu)?;
//! let prediction = session.predict(&tensor_file::read("examples/shop_rank/input.safetensors")?)?;
//! assert!(prediction.timeline.total_ns(Stage::Predict) > 0);
//! assert_eq!(prediction.timeline.counter(Counter::Submits), 0, "the CPU submits nothing");
//! # Ok::<(), tfjs_wgpu::Error>(())
//! ```

mod counter;
mod stage;
mod timeline;

pub use counter::{Counter, Counters};
pub use stage::Stage;
pub use timeline::{Span, Timeline};
