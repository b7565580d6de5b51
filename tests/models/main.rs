//! Whole models give the answers that TF.js and Keras recorded, on the reference, the CPU and the GPU.

mod answers;
mod fused;
mod goldens;
mod plans;
