//! Runs a graph on the CPU: the fallback where there is no GPU, and what a GPU has to beat.
//!
//! A graph is prepared when a model is opened: weights packed, operands resolved, buffers shared by lifetime. A
//! prediction goes through the batch in blocks of rows that stay in the second level cache, each through all steps;
//! threads take blocks, and how many there are changes no bit of an answer. Operators without a fast path are asked for their
//! plain answer, so every graph runs.

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
