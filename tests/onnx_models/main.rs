//! ONNX models with the answers that onnxruntime recorded: the node tests of ONNX, small models of older operator sets, and
//! whole recommenders. tests/data/onnx/README.md says what the archives hold.
//!
//! What is not supported is listed in `unsupported/`, by case and reason. A case that starts or stops to work fails a test
//! until the list says so; `UPDATE_DOCS=1` writes the lists.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod archive;
mod case;
mod compared;
mod dispatches;
mod known;
mod older;
#[path = "../onnx/prost_messages.rs"]
#[allow(dead_code, reason = "not every message is made here")]
mod prost_messages;
mod recommenders;
mod standard;

fn main() -> std::process::ExitCode {
    harness::run()
}
