//! Top-k along one axis, sorted, with indices: `tf.math.top_k`, ONNX TopK; `sort` and `argsort` if `count` is the whole
//! axis.
//!
//! `[N, …, K, …] → [N, …, count, …]` twice: the elements, of the input's dtype (float32 or int32), and their indices,
//! int32. The order is stable: equal elements keep their order; −0 equals 0. NaN is last in both directions, as in
//! `numpy.sort`, so it is among the top elements only if there are too few numbers, and the first index equals that of
//! [`ArgReduce`](super::ArgReduce). (TensorFlow's `top_k` leaves the order of a line with a NaN undefined, and
//! `tf.argsort` uses it.) Elements keep their bits, also of −0 and NaN.
//!
//! On the GPU a word is compared by its lateness, an integer that is smaller for earlier words, and then by index. So
//! no two elements are equal, and every kernel finds the same order:
//!
//! * short lines: an invocation per element counts the elements before it and writes the element at that index;
//! * longer lines: a workgroup per block of a line. It collects elements in its memory, sorts them when it has many,
//!   and from then on admits only elements that precede the last of the current top elements;
//! * lines of several blocks: for a small count, the top elements of all blocks form a shorter list, until the list is
//!   one block. For a large count, the blocks are sorted runs, which are merged in pairs; each element finds its index
//!   by binary search. Lists and runs of indices are in scratch memory before the outputs.
//!
//! Milliseconds of a prediction, minimum of 8, llvmpipe (Mesa 22.3.6) on two shared and busy cores of an x86-64 server:
//! the top 10 of one row of 10 000, 100 000 and 1 000 000 take 0.5, 3.9 and 81, the top 128 of the first and last 1.3
//! and 164, the top 10 of 1000 rows of 32, 100 and 256 take 0.8, 22 and 130, and a row of 4096 and 10 000 is sorted in
//! 1.2 and 3.4. The CPU engine takes 0.02, 0.15, 0.8; 0.03, 0.9; 0.25, 0.3, 1.2; 0.06 and 0.15. Not measured on
//! hardware.

mod kernels;

pub(super) use kernels::SHADERS;

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_sample_axis};
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{DeviceFacts, Kernel};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};
use std::cmp::Ordering;

/// Finds the top elements along an axis, sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopK {
    /// The axis (0 is the batch).
    pub axis: usize,
    /// The number of elements.
    pub count: usize,
    /// Whether to take the largest elements; else the smallest.
    pub largest: bool,
}

/// Maximum number of positions that an int32 can index.
pub(super) const MOST_POSITIONS: usize = i32::MAX as usize;

impl TopK {
    /// The order of two elements of a line.
    fn order(&self, left: f64, right: f64) -> Ordering {
        match left.partial_cmp(&right) {
            Some(order) if self.largest => order.reverse(),
            Some(order) => order,
            // Only NaN is unordered; it comes last.
            None => left.is_nan().cmp(&right.is_nan()),
        }
    }
}

/// The lateness of a word, as in `shaders/lib/order.wgsl`: a sort key that is smaller for earlier words.
#[inline(always)]
pub(crate) fn lateness(word: u32, is_integer: bool, largest: bool) -> u32 {
    const SIGN: u32 = 1 << 31;
    let magnitude = word & !SIGN;
    let of_float = if word >= SIGN { SIGN.wrapping_sub(magnitude) } else { SIGN.wrapping_add(magnitude) };
    let ascending = if is_integer { word ^ SIGN } else { of_float };
    let lateness = if largest { !ascending } else { ascending };
    if !is_integer && magnitude > f32::INFINITY.to_bits() { u32::MAX } else { lateness }
}

impl Operator for TopK {
    fn name(&self) -> &'static str {
        "top_k"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32, DType::I32])?;
        expect_sample_axis(&x.shape, self.axis)?;
        let mut dims = x.shape.dims().to_vec();
        match dims[self.axis] {
            Dim::Fixed(size) if self.count <= size && size <= MOST_POSITIONS => (),
            _ => return Err(Error::shape(format!("axis {} of {x} has no best {}", self.axis, self.count))),
        }
        dims[self.axis] = Dim::Fixed(self.count);
        let shape = Shape::new(dims)?;
        Ok(vec![TensorType::new(shape.clone(), x.dtype), TensorType::new(shape, DType::I32)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (values, words) = (inputs[0].to_f64(), inputs[0].to_words());
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let mut shape = inputs[0].shape().to_vec();
        shape[self.axis] = self.count;
        let best = AxisView::new(&shape, self.axis);
        let mut taken = vec![0; best.lines() * self.count];
        let mut positions = vec![0; taken.len()];
        for line in 0..best.lines() {
            let at = |k: usize| view.start(line) + k * view.inner;
            let mut order: Vec<usize> = (0..view.axis).collect();
            order.sort_by(|&left, &right| self.order(values[at(left)], values[at(right)]));
            for (rank, &k) in order.iter().take(self.count).enumerate() {
                taken[best.start(line) + rank * best.inner] = words[at(k)];
                positions[best.start(line) + rank * best.inner] = k as i32;
            }
        }
        Ok(vec![Tensor::from_words(&shape, inputs[0].dtype(), &taken)?, Tensor::i32(&shape, positions)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        kernels::kernels(self, request)
    }

    fn scratch(&self, inputs: &[&TensorType], device: &DeviceFacts) -> usize {
        kernels::scratch_of_row(self, &inputs[0].shape.resolve(1), device)
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, inputs: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        inputs[0].len() as u64
    }
}
