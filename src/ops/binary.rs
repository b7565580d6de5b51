//! A function of two elements, with broadcasting: the arithmetic under Keras' merge layers, PReLU and masks.
//!
//! `output[i] = f(left[i], right[i])`, both sides stretched as NumPy does. Keras: Add, Subtract, Multiply, Average (a
//! sum, then a product), Maximum, Minimum, PReLU (`max(0, x) + alpha · min(0, x)`). TF.js has no Subtract layer.
//! Maximum and Minimum keep NaN, as Keras does; on booleans they are `or` and `and`. Keep is for masks: a choice between two
//! tensors is the sum of what is kept of one and what is kept of the other.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, word};
use super::strided_copy::{MAX_RANK, aligned};
use crate::error::{Error, Result};
use crate::kernel::{COMBINE, GRID, Kernel, SPECIAL, Shader, invocations, params, shader};
use crate::tensor::{DType, Data, Tensor, TensorType, Tolerance, broadcast, broadcast_strides};

/// Applies one function to pairs of elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The function.
    pub function: BinaryFunction,
}

/// A function of two elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryFunction {
    /// `left + right`
    Add,
    /// `left − right`
    Subtract,
    /// `left · right`
    Multiply,
    /// `left / right`
    Divide,
    /// The larger; NaN if either is.
    Maximum,
    /// The smaller; NaN if either is.
    Minimum,
    /// `left` where positive, else `left · right`.
    PRelu,
    /// `left` where `right` is not 0, else 0, whatever `left` is there.
    Keep,
    /// 1 where `left > right`, else 0, so also where either is NaN.
    Greater,
    /// 1 where `left ≥ right`, else 0, so also where either is NaN.
    AtLeast,
}

params! {
    /// `Params` of `shaders/binary.wgsl`.
    BinaryParams {
        size: [u32; MAX_RANK],
        left_strides: [u32; MAX_RANK],
        right_strides: [u32; MAX_RANK],
        count: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("binary", BinaryParams, fragments: [GRID, SPECIAL, COMBINE])];

impl BinaryFunction {
    /// The value for two numbers.
    pub(super) fn at(self, left: f64, right: f64) -> f64 {
        match self {
            BinaryFunction::Add => left + right,
            BinaryFunction::Subtract => left - right,
            BinaryFunction::Multiply => left * right,
            BinaryFunction::Divide => left / right,
            BinaryFunction::Maximum if left.is_nan() || right.is_nan() => f64::NAN,
            BinaryFunction::Maximum => left.max(right),
            BinaryFunction::Minimum if left.is_nan() || right.is_nan() => f64::NAN,
            BinaryFunction::Minimum => left.min(right),
            BinaryFunction::PRelu if left < 0.0 => left * right,
            BinaryFunction::PRelu => left,
            BinaryFunction::Keep if right == 0.0 => 0.0,
            BinaryFunction::Keep => left,
            BinaryFunction::Greater => f64::from(left > right),
            BinaryFunction::AtLeast => f64::from(left >= right),
        }
    }

    /// The tolerance class of the value for two given numbers.
    pub(super) fn tolerance(self) -> Tolerance {
        match self {
            BinaryFunction::Keep | BinaryFunction::Greater | BinaryFunction::AtLeast => Tolerance::Exact,
            function if function.decides() => Tolerance::Exact,
            // WGSL gives division 2.5 units, the others are rounded correctly.
            BinaryFunction::Divide => Tolerance::Pointwise { ulps: 3.0, absolute: 0.0 },
            _ => Tolerance::Pointwise { ulps: 1.0, absolute: f32::MIN_POSITIVE },
        }
    }

    fn decides(self) -> bool {
        matches!(self, BinaryFunction::Maximum | BinaryFunction::Minimum)
    }

    /// The number of `shaders/lib/combine.wgsl`.
    pub(super) fn code(self) -> u32 {
        match self {
            BinaryFunction::Add => 0,
            BinaryFunction::Subtract => 1,
            BinaryFunction::Multiply => 2,
            BinaryFunction::Divide => 3,
            BinaryFunction::Maximum => 4,
            BinaryFunction::Minimum => 5,
            BinaryFunction::PRelu => 6,
            BinaryFunction::Keep => 7,
            BinaryFunction::Greater => 8,
            BinaryFunction::AtLeast => 9,
        }
    }
}

impl Operator for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [left, right] = expect_inputs(inputs)?;
        let allowed: &[DType] = if self.function.decides() { &[DType::F32, DType::Bool] } else { &[DType::F32] };
        expect_dtype(left, allowed)?;
        if left.dtype != right.dtype {
            return Err(Error::shape(format!("{left} and {right} have different dtypes")));
        }
        Ok(vec![TensorType::new(broadcast(&left.shape, &right.shape)?, left.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let shape = broadcast_concrete(inputs[0].shape(), inputs[1].shape());
        let (left, right) = (inputs[0].to_f64(), inputs[1].to_f64());
        let left_strides = broadcast_strides(inputs[0].shape(), &shape);
        let right_strides = broadcast_strides(inputs[1].shape(), &shape);
        let count: usize = shape.iter().product();
        let value = |index: usize| {
            let (mut rest, mut l, mut r) = (index, 0, 0);
            for (dim, &size) in shape.iter().enumerate().rev() {
                l += (rest % size) * left_strides[dim];
                r += (rest % size) * right_strides[dim];
                rest /= size;
            }
            self.function.at(left[l], right[r])
        };
        let data = match inputs[0].dtype() {
            DType::Bool => Data::Bool((0..count).map(|index| value(index) != 0.0).collect()),
            _ => Data::F32((0..count).map(|index| value(index) as f32).collect()),
        };
        Ok(vec![Tensor::new(&shape, data)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let shape = &request.output().shape;
        let count = request.output().len();
        let params = BinaryParams {
            size: aligned(shape, 1)?,
            left_strides: aligned(&broadcast_strides(&request.inputs[0].shape, shape), 0)?,
            right_strides: aligned(&broadcast_strides(&request.inputs[1].shape, shape), 0)?,
            count: word(count)?,
            padding0: 0,
            padding1: 0,
            padding2: 0,
        };
        let kernel = Kernel::new("binary", &params, 2, invocations(count));
        Ok(vec![kernel.constant("function", f64::from(self.function.code()))])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        self.function.tolerance()
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len() as u64
    }
}

fn broadcast_concrete(left: &[usize], right: &[usize]) -> Vec<usize> {
    let rank = left.len().max(right.len());
    let at = |shape: &[usize], dim: usize| (dim + shape.len()).checked_sub(rank).map_or(1, |own| shape[own]);
    (0..rank).map(|dim| if at(left, dim) == 1 { at(right, dim) } else { at(left, dim) }).collect()
}
