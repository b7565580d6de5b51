//! Whole models give the answers that TF.js and Keras recorded, on the reference, the CPU and the GPU.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod answers;
mod fused;
mod goldens;
mod plans;

fn main() -> std::process::ExitCode {
    harness::run()
}
