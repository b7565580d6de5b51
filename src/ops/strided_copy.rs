//! The kernel of every operator that only moves elements; not an operator itself.
//!
//! It copies an N-dimensional block. The strides of the input and of the output express permuted dimensions, repetition
//! (stride 0), reversal (a negative stride), or a block of columns in a wider row.

use super::operator::word;
use super::strided::{STRIDED, Strided, StridedParams, forwards};
use crate::error::Result;
use crate::kernel::{DeviceFacts, GRID, Kernel, Shader, params, shader};

params! {
    /// `Params` of `shaders/strided_copy.wgsl`.
    StridedCopyParams {
        strided: StridedParams,
        output_offset: u32,
        input_offset: u32,
        padding0: u32,
        padding1: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("strided_copy", StridedCopyParams, fragments: [GRID, STRIDED])];

/// A block to copy, in elements.
pub(super) struct Block<'a> {
    pub(super) size: &'a [usize],
    pub(super) input_offset: usize,
    pub(super) input_strides: &'a [isize],
    pub(super) output_strides: &'a [usize],
    pub(super) output_offset: usize,
}

/// The kernel that copies `block` of the input into the output.
pub(super) fn kernel(block: &Block<'_>, facts: &DeviceFacts) -> Result<Kernel> {
    let strided = Strided::new(block.size, &[block.input_strides, &forwards(block.output_strides)], facts)?;
    let params = StridedCopyParams {
        strided: strided.params()?,
        output_offset: word(block.output_offset)?,
        input_offset: word(block.input_offset)?,
        padding0: 0,
        padding1: 0,
    };
    Ok(Kernel::new("strided_copy", &params, 1, strided.grid()))
}
