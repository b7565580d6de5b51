//! Reductions along one axis: Keras GlobalAveragePooling1D and GlobalMaxPooling1D, ONNX ReduceSum and the like.
//!
//! `[N, …, K, …] → [N, …, …]`, the dtype unchanged:
//!
//! | reduction | of float32 | of int32 | of booleans | of K = 0 |
//! |---|---|---|---|---|
//! | `Sum` | `Σ x` | wraps | | 0 |
//! | `Mean` | `Σ x / K` | | | NaN |
//! | `Maximum`, `Minimum` | propagates NaN | yes | any, all | refused |
//! | `Product` | `Π x` | wraps | | 1 |
//! | `L1` | `Σ abs(x)` | | | 0 |
//! | `L2` | `√Σ x²` | | | 0 |
//! | `LogSumExp` | `m + log Σ e^(x − m)`, m the maximum | | | −∞ |
//!
//! The squares of `L2` are summed as float32: the sum may overflow to infinity, and small squares may be zeros.
//! `LogSumExp` is m where m is infinite or NaN. The order of summation is unspecified, so partial sums and products
//! beyond float32 may be infinite (or zero) in some orders. TF.js averages over padding;
//! [`MaskedMean`](super::MaskedMean) is the mean with a mask, as in Keras.
//!
//! On the GPU `ops/rows.rs` chooses the number of invocations of a line.

use super::cumulative::product_of;
use super::operator::{
    ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_sample_axis, overflowing, word,
};
use super::row_form::{RowForm, Work};
use super::rows::Rows;
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, REDUCE, SEGMENT, SPECIAL, Shader, params, shader};
use crate::tensor::{DType, Data, Dim, Shape, Tensor, TensorType, Tolerance};

/// Reduces along an axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// The reduction.
    pub reduction: Reduction,
    /// The axis (0 is the batch).
    pub axis: usize,
}

/// The function of a [`Reduce`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// The sum.
    Sum,
    /// The sum divided by the length.
    Mean,
    /// The maximum.
    Maximum,
    /// The minimum.
    Minimum,
    /// The product.
    Product,
    /// The sum of absolute values.
    L1,
    /// The root of the sum of squares.
    L2,
    /// The logarithm of the sum of exponentials.
    LogSumExp,
}

impl Reduction {
    /// All reductions.
    pub const ALL: [Reduction; 8] = [
        Reduction::Sum,
        Reduction::Mean,
        Reduction::Maximum,
        Reduction::Minimum,
        Reduction::Product,
        Reduction::L1,
        Reduction::L2,
        Reduction::LogSumExp,
    ];

    /// The supported dtypes.
    fn dtypes(self) -> &'static [DType] {
        match self {
            Reduction::Sum | Reduction::Product => &[DType::F32, DType::I32],
            Reduction::Maximum | Reduction::Minimum => &[DType::F32, DType::I32, DType::Bool],
            Reduction::Mean | Reduction::L1 | Reduction::L2 | Reduction::LogSumExp => &[DType::F32],
        }
    }

    /// Whether the result is one of the elements.
    fn is_extreme(self) -> bool {
        matches!(self, Reduction::Maximum | Reduction::Minimum)
    }

    /// Whether the result for a single element is that element.
    pub(crate) fn keeps_one(self) -> bool {
        !matches!(self, Reduction::L1 | Reduction::L2)
    }

    /// The number in `shaders/reduce.wgsl`.
    fn code(self) -> u32 {
        match self {
            Reduction::Sum | Reduction::Mean => 0,
            Reduction::Maximum => 1,
            Reduction::Minimum => 2,
            Reduction::Product => 3,
            Reduction::L1 => 4,
            Reduction::L2 => 5,
            Reduction::LogSumExp => 6,
        }
    }

    /// The result for float32 or booleans.
    fn of_floats(self, values: impl Iterator<Item = f64> + Clone, count: usize) -> f64 {
        let extreme = |choose: fn(f64, f64) -> f64| {
            move |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { choose(a, b) }
        };
        match self {
            Reduction::Sum => values.sum(),
            Reduction::Mean => overflowing(values.sum()) / count as f64,
            Reduction::Maximum => values.fold(f64::NEG_INFINITY, extreme(f64::max)),
            Reduction::Minimum => values.fold(f64::INFINITY, extreme(f64::min)),
            Reduction::Product => values.product(),
            Reduction::L1 => values.map(f64::abs).sum(),
            Reduction::L2 => overflowing(values.map(|value| value * value).sum()).sqrt(),
            Reduction::LogSumExp => {
                let largest = values.clone().fold(f64::NEG_INFINITY, extreme(f64::max));
                if !largest.is_finite() {
                    return largest;
                }
                largest + values.map(|value| (value - largest).exp()).sum::<f64>().ln()
            }
        }
    }

    /// The result for int32. Only called for the reductions that support it.
    fn of_integers(self, values: impl Iterator<Item = i32>) -> i32 {
        match self {
            Reduction::Product => values.fold(1, i32::wrapping_mul),
            Reduction::Maximum => values.fold(i32::MIN, i32::max),
            Reduction::Minimum => values.fold(i32::MAX, i32::min),
            _ => values.fold(0, i32::wrapping_add),
        }
    }
}

params! {
    /// `Params` of `shaders/reduce.wgsl`.
    ReduceParams { count: u32, length: u32, inner: u32, divisor: f32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("reduce", ReduceParams, fragments: [GRID, SEGMENT, SPECIAL, REDUCE])];

impl Operator for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, self.reduction.dtypes())?;
        expect_sample_axis(&x.shape, self.axis)?;
        let mut dims = x.shape.dims().to_vec();
        if dims.remove(self.axis) == Dim::Fixed(0) && self.reduction.is_extreme() {
            let extreme = if self.reduction == Reduction::Maximum { "largest" } else { "smallest" };
            return Err(Error::shape(format!("{x} has no {extreme} element along axis {}", self.axis)));
        }
        Ok(vec![TensorType::new(Shape::new(dims)?, x.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let view = AxisView::new(inputs[0].shape(), self.axis);
        let mut shape = inputs[0].shape().to_vec();
        shape.remove(self.axis);
        let regions = |line: usize| (0..view.axis).map(move |k| view.start(line) + k * view.inner);
        if let Data::I32(x) = inputs[0].data() {
            let line = |line: usize| self.reduction.of_integers(regions(line).map(|at| x[at]));
            return Ok(vec![Tensor::i32(&shape, (0..view.lines()).map(line).collect())?]);
        }
        let x = inputs[0].to_f64();
        let line = |line: usize| self.reduction.of_floats(regions(line).map(|at| x[at]), view.axis);
        let data = match inputs[0].dtype() {
            DType::Bool => Data::Bool((0..view.lines()).map(|index| line(index) != 0.0).collect()),
            _ => Data::F32((0..view.lines()).map(|index| line(index) as f32).collect()),
        };
        Ok(vec![Tensor::new(&shape, data)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let input = &request.inputs[0];
        let view = AxisView::new(&input.shape, self.axis);
        word(input.len())?;
        let params = ReduceParams {
            count: word(view.lines())?,
            length: word(view.axis)?,
            inner: word(view.inner)?,
            divisor: if self.reduction == Reduction::Mean { view.axis as f32 } else { 1.0 },
        };
        let passes = if self.reduction == Reduction::LogSumExp { 2 } else { 1 };
        let rows = Rows::elements(&view, passes, passes);
        let floats = input.dtype != DType::I32;
        let rows = if floats { rows.or_quads(&view).or_columns(view.inner, request.device) } else { rows };
        let kernel = rows.kernel(request, "reduce", &params, 1)?;
        let kernel = kernel.constant("function", f64::from(self.reduction.code()));
        Ok(vec![kernel.constant("is_integer", f64::from(u8::from(!floats)))])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let view = AxisView::new(form.row(0)?, form.axis(self.axis)?);
        let has_step =
            matches!(self.reduction, Reduction::Sum | Reduction::Mean | Reduction::Maximum | Reduction::Minimum);
        form.along(Work::Reduce { reduction: self.reduction }, &view, false);
        has_step.then_some(())
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        let terms = inputs[0].shape()[self.axis];
        // A sum whose terms are all non-negative keeps its relative precision.
        let relative = 6.0 + (terms as f32).sqrt();
        match self.reduction {
            _ if inputs[0].dtype() != DType::F32 => Tolerance::Exact,
            Reduction::Maximum | Reduction::Minimum => Tolerance::Exact,
            Reduction::Sum | Reduction::Mean | Reduction::L1 => Tolerance::Sum { terms },
            Reduction::Product => product_of(terms),
            // Squares below the smallest normal number may be flushed to zero.
            Reduction::L2 => {
                let absolute = (terms.max(1) as f32 * f32::MIN_POSITIVE).sqrt();
                Tolerance::Pointwise { ulps: relative, absolute }
            }
            // The maximum and the logarithm may cancel, and each is rounded separately.
            Reduction::LogSumExp => {
                let finite = inputs[0].as_f32().unwrap_or_default().iter().filter(|value| value.is_finite());
                let most = finite.fold(0.0f32, |most, value| most.max(value.abs()));
                Tolerance::Pointwise { ulps: 1.0, absolute: f32::EPSILON * (relative + 2.0 + 2.0 * most) }
            }
        }
    }

    fn flops(&self, inputs: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        inputs[0].len() as u64
    }
}
