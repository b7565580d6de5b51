//! Measuring and explaining a model: whether its answers are right, and where its time goes.

mod check;
pub mod compare;
mod csv;
mod digits;
pub mod machine;
pub mod measurement;
mod page;
pub mod process;
pub mod profile;
pub mod protocol;
pub mod ranking;
pub mod report;
pub mod statistics;
mod trace;

pub use check::{CheckDevice, CheckReport, NodeCheck, OutputCheck, check, output_allowances};
pub use digits::digits;
pub use trace::chrome_trace;
