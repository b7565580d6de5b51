//! The JSON format: `{"name": nested arrays}`, for files written by hand.
//!
//! The nesting must be a dense array of one kind of value.

mod gathered;
mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;
