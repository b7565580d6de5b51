//! Every shader is valid WGSL within a phone's limits, and agrees with the host about parameters and bindings.

mod arrays;
#[expect(dead_code, reason = "the answers recorded with the cases are compared by tests/layers")]
#[path = "../layers/cases.rs"]
mod cases;
mod kernels;
mod module;
mod rules;
