//! The kernel of every operator that only moves elements; not an operator itself.
//!
//! It copies an N-dimensional block. The strides of the input and of the output express permuted dimensions, repetition
//! (stride 0), reversal (a negative stride), or a block of columns in a wider row.

use super::operator::word;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::format_dims;

/// Maximum number of dimensions of a strided kernel.
pub(super) const MAX_RANK: usize = 8;

params! {
    /// `Params` of `shaders/strided_copy.wgsl`. Dimensions are right-aligned; unused ones have size 1.
    StridedCopyParams {
        size: [u32; MAX_RANK],
        input_strides: [u32; MAX_RANK],
        output_strides: [u32; MAX_RANK],
        count: u32,
        output_offset: u32,
        input_offset: u32,
        padding: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("strided_copy", StridedCopyParams, fragments: [GRID])];

/// A block to copy, in elements.
pub(super) struct Block<'a> {
    pub(super) size: &'a [usize],
    pub(super) input_offset: usize,
    pub(super) input_strides: &'a [isize],
    pub(super) output_strides: &'a [usize],
    pub(super) output_offset: usize,
}

/// The kernel that copies `block` of the input into the output.
pub(super) fn kernel(block: &Block<'_>) -> Result<Kernel> {
    let count = block.size.iter().product();
    let params = StridedCopyParams {
        size: aligned(block.size, 1)?,
        input_strides: aligned_signed(block.input_strides)?,
        output_strides: aligned(block.output_strides, 0)?,
        count: word(count)?,
        output_offset: word(block.output_offset)?,
        input_offset: word(block.input_offset)?,
        padding: 0,
    };
    Ok(Kernel::new("strided_copy", &params, 1, invocations(count)))
}

/// Signed strides as wrapping words.
fn aligned_signed(strides: &[isize]) -> Result<[u32; MAX_RANK]> {
    let sizes: Vec<usize> = strides.iter().map(|stride| stride.unsigned_abs()).collect();
    let mut words = aligned(&sizes, 0)?;
    for (word, stride) in words.iter_mut().rev().zip(strides.iter().rev()) {
        *word = if *stride < 0 { word.wrapping_neg() } else { *word };
    }
    Ok(words)
}

/// Unsigned strides as the signed ones of [`Block`].
pub(super) fn forwards(strides: &[usize]) -> Vec<isize> {
    strides.iter().map(|&stride| stride as isize).collect()
}

/// Dimensions as parameter words, right-aligned and filled with `fill`.
pub(super) fn aligned(dims: &[usize], fill: u32) -> Result<[u32; MAX_RANK]> {
    let Some(missing) = MAX_RANK.checked_sub(dims.len()) else {
        let dims = format_dims(dims);
        return Err(Error::unsupported(format!("a tensor of shape {dims} has more than {MAX_RANK} dimensions")));
    };
    let mut words = [fill; MAX_RANK];
    for (slot, &dim) in words[missing..].iter_mut().zip(dims) {
        *slot = word(dim)?;
    }
    Ok(words)
}
