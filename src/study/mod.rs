//! Measuring and explaining a model: whether its answers are right, and where its time goes.

mod check;
pub mod compare;
pub mod machine;
pub mod measurement;
pub mod profile;
pub mod ranking;
pub mod report;
pub mod statistics;
mod trace;

pub use check::{CheckDevice, CheckReport, NodeCheck, OutputCheck, check, output_allowances};
pub use trace::chrome_trace;
