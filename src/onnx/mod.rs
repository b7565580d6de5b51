//! Reads ONNX models: a file becomes a [`Model`](crate::Model).
//!
//! [`file`] holds the format: bytes become messages that are checked. `border` finds the batch among the dimensions of
//! the inputs; `walk` goes over the nodes with the help of `lowering`; `call` is one node; `ops` has the operators, one file per family. `value` and
//! `size` are what nodes read and make, and `layout` knows where the batch is among their dimensions. It runs nothing.

mod along;
mod border;
mod call;
pub mod file;
mod known;
mod layout;
mod lowering;
mod ops;
mod size;
mod value;
mod walk;

pub(crate) use border::{find, load};
pub use ops::operators;
