//! The source keeps its own rules: imports point down, one folder names wgpu, one prints, and the lists agree.

mod cycles;
mod floors;
mod layers_table;
#[cfg(feature = "onnx")]
mod onnx_table;
mod readme;
mod rules;
mod semantics;
mod sources;
mod stems;
