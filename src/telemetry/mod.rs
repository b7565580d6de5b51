//! Where the time of a call went and what it cost, as plain data.
//!
//! A [`Timeline`] is recorded while a session opens and while it predicts. It holds spans of [`Stage`]s and [`Counters`]. It
//! interprets nothing: reports are made of it elsewhere.
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
