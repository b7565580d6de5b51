//! The reader of ONNX files: what it reads, also by comparison with another reader; what it refuses, and how.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod foreign;
mod functions;
mod hostile;
mod mutations;
mod prost_messages;
mod prost_models;
mod structure;
mod tensors;
mod writer;

use tfjs_wgpu::Error;

fn main() -> std::process::ExitCode {
    harness::run()
}

/// The error of a hostile file says all of these, and why, and what to do.
pub(crate) fn assert_says(error: &Error, parts: &[&str]) {
    let text = format!("{error:?}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    assert!(error.cause_text().is_some(), "no cause: {text}");
    assert!(error.hint_text().is_some(), "no hint: {text}");
}
