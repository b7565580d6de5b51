//! Runs a graph on the CPU: the fallback if there is no GPU, and the baseline for measuring one.
//!
//! A graph is prepared when a model is opened: weights are packed, operands resolved, and buffers shared by lifetime. A
//! prediction runs all steps for one block of rows after another; the size of a block is chosen for the second-level
//! cache. Each thread claims the next block. Results are bit-identical for any number of threads. An operator without a
//! fast step runs its reference implementation, so that every graph runs.

mod areas;
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
