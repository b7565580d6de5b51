//! Runs a graph on the CPU: the fallback without a GPU, and the baseline for one.
//!
//! A graph is prepared when a model is opened: weights are packed, operands resolved, and buffers shared by lifetime. A prediction
//! runs all steps for one block of rows after another; a block fits the second-level cache. Threads claim blocks. The number of
//! threads does not change a bit of the results. Operators without a fast step run by their definition, so every graph runs.

mod blocks;
mod engine;
mod frame;
mod functions;
mod layout;
mod matrix;
mod memory;
mod phase;
mod prepared;
mod steps;
mod threads;
mod tile;
mod vector;

pub(crate) use prepared::Cpu;
