//! Resampling along one dimension, nearest or linear: Keras UpSampling1D to 3D and Resizing, one dimension at a time.
//!
//! Output position `i` is at `(slope · i + offset) / divisor` in the input; float32. The fraction is computed in
//! integers, so that no device rounds it to a different neighbour. Nearest takes the position at or before it. Linear
//! interpolates between its two neighbours. Positions outside the input are clamped to the first or the last.
//! [`Sampling`] describes the coordinate conventions.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_sample_axis, word};
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};

/// Resamples a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resize {
    /// The dimension (0 is the batch).
    pub axis: usize,
    /// The number of output positions.
    pub count: usize,
    /// The positions of the output in the input.
    pub sampling: Sampling,
    /// Whether to interpolate linearly; otherwise the nearest position is taken.
    pub linear: bool,
}

/// Positions in the input: `(slope · i + offset) / divisor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sampling {
    /// The numerator of the step between positions.
    pub slope: usize,
    /// The numerator of the first position.
    pub offset: isize,
    /// The denominator.
    pub divisor: usize,
}

params! {
    /// `Params` of `shaders/resize.wgsl`.
    ResizeParams {
        count: u32,
        input: u32,
        output: u32,
        inner: u32,
        slope: u32,
        offset: i32,
        divisor: i32,
        linear: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("resize", ResizeParams, fragments: [GRID])];

impl Sampling {
    /// Half-pixel centres, as in TensorFlow. `None` if the numbers overflow.
    pub fn centred(input: usize, output: usize, linear: bool) -> Option<Sampling> {
        let (slope, divisor) = (input.checked_mul(2)?, output.checked_mul(2)?);
        let first = if linear { isize::try_from(input).ok()?.checked_sub_unsigned(output)? } else { input as isize };
        Some(Sampling { slope, offset: first, divisor })
    }

    /// Positions that start at 0, as in TF.js' UpSampling2D.
    pub fn leading(input: usize, output: usize) -> Sampling {
        Sampling { slope: input, offset: 0, divisor: output }
    }

    /// Whether every output position equals the input position with the same index.
    pub(crate) fn is_identity(&self) -> bool {
        self.slope == self.divisor && (0..self.divisor as isize).contains(&self.offset)
    }

    /// The input position at or before output position `index`.
    pub(crate) fn nearest(&self, index: usize) -> usize {
        let at = self.slope as i128 * index as i128 + self.offset as i128;
        usize::try_from(at.div_euclid((self.divisor as i128).max(1))).unwrap_or(0)
    }

    /// The two input positions around output position `index`, and the numerator of the distance from the first.
    fn at(&self, index: usize, input: usize) -> (usize, usize, i64) {
        let (at, divisor) = (self.slope as i64 * index as i64 + self.offset as i64, self.divisor as i64);
        let low = at.div_euclid(divisor);
        let within = |position: i64| position.clamp(0, input as i64 - 1) as usize;
        (within(low), within(low + 1), at.rem_euclid(divisor))
    }
}

impl Operator for Resize {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32])?;
        expect_sample_axis(&x.shape, self.axis)?;
        let mut dims = x.shape.dims().to_vec();
        let input = if let Dim::Fixed(size) = dims[self.axis] { size } else { 0 };
        let Sampling { slope, offset, divisor } = self.sampling;
        let last =
            slope.checked_mul(self.count.saturating_sub(1)).and_then(|last| last.checked_add_signed(offset.abs()));
        let countable = last.is_some_and(|last| last.max(slope).max(divisor).max(input) < i32::MAX as usize / 2);
        if input == 0 || divisor == 0 || !countable {
            return Err(Error::shape(format!(
                "axis {} of {x} cannot be resized to {} positions",
                self.axis, self.count
            )));
        }
        dims[self.axis] = Dim::Fixed(self.count);
        Ok(vec![TensorType::f32(Shape::new(dims)?)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let x = inputs[0].as_f32()?;
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let mut output = Vec::with_capacity(view.outer * self.count * view.inner);
        for outer in 0..view.outer {
            for index in 0..self.count {
                let (low, high, part) = self.sampling.at(index, view.axis);
                let value = |position: usize, inner| f64::from(x[(outer * view.axis + position) * view.inner + inner]);
                output.extend((0..view.inner).map(|inner| {
                    let first = value(low, inner);
                    if !self.linear || part == 0 {
                        return first as f32;
                    }
                    let (part, parts) = (part as f64, self.sampling.divisor as f64);
                    ((first * (parts - part) + value(high, inner) * part) / parts) as f32
                }));
            }
        }
        let mut shape = inputs[0].shape().to_vec();
        shape[self.axis] = self.count;
        Ok(vec![Tensor::f32(&shape, output)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let view = AxisView::new(&request.inputs[0].shape, self.axis);
        word(request.inputs[0].len())?;
        let count = request.output().len();
        let params = ResizeParams {
            count: word(count)?,
            input: word(view.axis)?,
            output: word(self.count)?,
            inner: word(view.inner)?,
            slope: word(self.sampling.slope)?,
            offset: self.sampling.offset as i32,
            divisor: self.sampling.divisor as i32,
            linear: u32::from(self.linear),
        };
        Ok(vec![Kernel::new("resize", &params, 1, invocations(count))])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        if self.linear { Tolerance::Sum { terms: 3 } } else { Tolerance::Exact }
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        if self.linear { 3 * outputs[0].len() as u64 } else { 0 }
    }
}
