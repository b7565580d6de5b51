//! Measuring and explaining a model: whether its answers are right, and where its time goes.

mod check;

pub use check::{CheckDevice, CheckReport, NodeCheck, OutputCheck, check, output_allowances};
