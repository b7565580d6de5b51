//! Reads ONNX models. `file` holds the format: bytes become messages that are checked. It runs nothing.

pub mod file;
