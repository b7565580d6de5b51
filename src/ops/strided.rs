//! Elements that several operands read through strides, for kernels that broadcast or move them; not an operator.
//!
//! The strides of each operand express broadcasting and repetition (stride 0), permuted dimensions, reversal (a negative
//! stride), or a block of columns in a wider row. Neighbouring dimensions that every operand walks as one are merged, so
//! most kernels have one or two. `shaders/lib/strided.wgsl` finds the elements.
//!
//! An invocation computes a run of elements along the innermost dimension. On software GPUs a run is [`SOFTWARE_RUN`]
//! elements, because the integer divisions that find its start cost more than the elements themselves. On hardware it is
//! one element, so that neighbouring invocations read neighbouring words.

use super::operator::word;
use crate::error::{Error, Result};
use crate::kernel::{DeviceFacts, Fragment, invocations};
use crate::tensor::format_dims;

/// Maximum number of dimensions of a strided kernel.
pub(super) const MAX_RANK: usize = 8;

/// Maximum number of operands.
pub(super) const MAX_OPERANDS: usize = 3;

/// Maximum number of elements in a run on a software GPU.
const SOFTWARE_RUN: usize = 16;

/// Minimum number of runs on a software GPU: below, the cores would have too little to share.
const MIN_RUNS: usize = 256;

/// `shaders/lib/strided.wgsl`; builds on the grid.
pub(super) const STRIDED: Fragment =
    Fragment { name: "strided", source: include_str!("../../shaders/lib/strided.wgsl") };

/// `Strided` of `shaders/lib/strided.wgsl`: ten vectors of four words.
pub(super) type StridedParams = [[u32; 4]; 10];

/// Dimensions, outermost first, and the strides of each operand along them, in elements.
#[derive(Debug, Clone)]
pub(super) struct Strided {
    dims: Vec<StridedDim>,
    run: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StridedDim {
    pub(super) size: usize,
    pub(super) strides: [isize; MAX_OPERANDS],
}

impl Strided {
    /// Elements of the shape `size`, for operands with these strides.
    pub(super) fn new(size: &[usize], strides: &[&[isize]], facts: &DeviceFacts) -> Result<Strided> {
        if size.len() > MAX_RANK {
            let dims = format_dims(size);
            return Err(Error::unsupported(format!("a tensor of shape {dims} has more than {MAX_RANK} dimensions")));
        }
        let dim = |axis: usize| {
            let mut all = [0; MAX_OPERANDS];
            all.iter_mut().zip(strides).for_each(|(slot, strides)| *slot = strides[axis]);
            StridedDim { size: size[axis], strides: all }
        };
        let dims = merged((0..size.len()).map(dim));
        let count: usize = size.iter().product();
        let width = dims.last().map_or(1, |dim| dim.size);
        let run = if facts.software { SOFTWARE_RUN.min(count / MIN_RUNS).min(width).max(1) } else { 1 };
        word(count)?;
        Ok(Strided { dims, run })
    }

    /// Elements of the shape `size`, for operands that are stored row by row and are broadcast to it.
    pub(super) fn broadcast(size: &[usize], operands: &[&[usize]], facts: &DeviceFacts) -> Result<Strided> {
        let strides: Vec<Vec<isize>> =
            operands.iter().map(|shape| forwards(&crate::tensor::broadcast_strides(shape, size))).collect();
        Strided::new(size, &strides.iter().map(Vec::as_slice).collect::<Vec<_>>(), facts)
    }

    /// The innermost dimension and those around it.
    fn split(&self) -> (StridedDim, &[StridedDim]) {
        let scalar = StridedDim { size: 1, strides: [0; MAX_OPERANDS] };
        self.dims.split_last().map_or((scalar, &[]), |(last, around)| (*last, around))
    }

    fn runs(&self) -> (usize, usize) {
        let (inner, around) = self.split();
        let runs = inner.size.div_ceil(self.run);
        (runs, runs * around.iter().map(|dim| dim.size).product::<usize>())
    }

    /// The grid with one invocation per run.
    pub(super) fn grid(&self) -> [u32; 3] {
        invocations(self.runs().1)
    }

    /// Loop steps of one invocation.
    pub(super) fn loop_steps(&self) -> usize {
        self.run + self.dims.len()
    }

    /// The parameters of the shader.
    pub(super) fn params(&self) -> Result<StridedParams> {
        let mut params = [[0; 4]; 10];
        let (inner, around) = self.split();
        for (place, dim) in around.iter().rev().enumerate() {
            let (vector, lane) = (place / 4, place % 4);
            params[vector][lane] = word(dim.size)?;
            for (operand, &stride) in dim.strides.iter().enumerate() {
                params[2 + 2 * operand + vector][lane] = wrapping(stride)?;
            }
        }
        for (operand, &stride) in inner.strides.iter().enumerate() {
            params[8][operand] = wrapping(stride)?;
        }
        params[8][3] = word(inner.size)?;
        let (runs, all_runs) = self.runs();
        params[9] = [word(around.len())?, word(self.run)?, word(runs)?, word(all_runs)?];
        Ok(params)
    }
}

/// Without dimensions of 1, and with each pair of neighbours as one where every operand walks them as one.
pub(super) fn merged(dims: impl Iterator<Item = StridedDim>) -> Vec<StridedDim> {
    let mut merged: Vec<StridedDim> = Vec::new();
    for dim in dims.filter(|dim| dim.size != 1) {
        match merged.last_mut() {
            Some(outer) if (0..MAX_OPERANDS).all(|at| follows(outer.strides[at], dim.strides[at], dim.size)) => {
                *outer = StridedDim { size: outer.size * dim.size, strides: dim.strides };
            }
            _ => merged.push(dim),
        }
    }
    merged
}

fn follows(outer: isize, inner: isize, size: usize) -> bool {
    isize::try_from(size).ok().and_then(|size| inner.checked_mul(size)) == Some(outer)
}

/// A signed stride as a wrapping word.
fn wrapping(stride: isize) -> Result<u32> {
    let magnitude = word(stride.unsigned_abs())?;
    Ok(if stride < 0 { magnitude.wrapping_neg() } else { magnitude })
}

/// Unsigned strides as signed ones.
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

#[cfg(test)]
mod tests {
    use super::*;

    const SOFTWARE: DeviceFacts = DeviceFacts { software: true, ..DeviceFacts::HOST };

    fn sizes(strided: &Strided) -> Vec<usize> {
        strided.dims.iter().map(|dim| dim.size).collect()
    }

    #[test]
    fn dimensions_that_all_operands_walk_as_one_are_merged() {
        let of = |shape: &[usize], operands: &[&[usize]]| {
            sizes(&Strided::broadcast(shape, operands, &DeviceFacts::HOST).expect("a rank of at most 8"))
        };
        assert_eq!(of(&[4, 5, 6], &[&[4, 5, 6], &[4, 5, 6]]), [120]);
        assert_eq!(of(&[4, 5, 6], &[&[4, 5, 6], &[6]]), [20, 6]);
        assert_eq!(of(&[4, 5, 6], &[&[4, 5, 6], &[4, 1, 1]]), [4, 30]);
        assert_eq!(of(&[4, 1, 6], &[&[4, 1, 6], &[1]]), [24]);
        assert_eq!(of(&[1, 1], &[&[1, 1]]), [0; 0]);
        assert_eq!(of(&[], &[&[]]), [0; 0]);
    }

    #[test]
    fn a_reversed_dimension_is_not_merged_with_one_that_is_not() {
        let strided = Strided::new(&[4, 3], &[&[3, -1], &[3, 1]], &DeviceFacts::HOST).expect("two dimensions");
        assert_eq!(sizes(&strided), [4, 3]);
        assert_eq!(strided.params().expect("words")[8], [u32::MAX, 1, 0, 3]);
    }

    #[test]
    fn runs_cover_each_row_on_software_and_are_single_elements_on_hardware() {
        let wide = |facts| Strided::broadcast(&[4096, 85], &[&[4096, 85], &[85]], facts).expect("two dimensions");
        assert_eq!((wide(&SOFTWARE).run, wide(&SOFTWARE).runs()), (16, (6, 6 * 4096)));
        assert_eq!((wide(&DeviceFacts::HOST).run, wide(&DeviceFacts::HOST).runs()), (1, (85, 85 * 4096)));
        let few = Strided::broadcast(&[3, 85], &[&[3, 85]], &SOFTWARE).expect("two dimensions");
        assert_eq!(few.run, 1);
        let none = Strided::broadcast(&[0, 85], &[&[0, 85]], &SOFTWARE).expect("two dimensions");
        assert_eq!(none.grid(), [0, 1, 1]);
    }

    #[test]
    fn more_than_eight_dimensions_are_refused() {
        let error = Strided::broadcast(&[2; 9], &[&[2; 9]], &DeviceFacts::HOST).expect_err("nine dimensions");
        assert!(error.to_string().contains("more than 8 dimensions"), "{error}");
    }
}
