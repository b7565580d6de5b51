//! Every shader is valid WGSL within a phone's limits, and agrees with the host about parameters and bindings.

mod kernels;
mod module;
mod rules;
