//! Whole models give the answers that TF.js and Keras recorded, on the reference, the CPU and the GPU.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

#[cfg(feature = "study")]
mod answers;
#[cfg(feature = "study")]
mod fused;
mod goldens;
#[cfg(feature = "gpu")]
mod plans;
mod predictions;

fn main() -> std::process::ExitCode {
    harness::run()
}
