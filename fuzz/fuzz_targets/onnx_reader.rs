//! The reader of ONNX files with any bytes.

#![no_main]

#[path = "../../tests/onnx/exercise.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    exercise::exercise(file);
});
