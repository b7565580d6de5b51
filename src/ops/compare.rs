//! Elementwise comparison with broadcasting: `keras.ops.equal`, `greater` and the like; ONNX Equal, Greater, Less.
//!
//! `output[i] = left[i] ? right[i]`, output bool; both operands have one dtype and broadcast as in NumPy. Integers
//! compare as integers, also beyond 2²⁴. Of booleans, false is the smaller one, so NotEqual is their `xor`. Floats
//! compare as in IEEE 754: both zeros are equal, and every comparison with NaN is false except NotEqual.

use super::binary::BinaryFunction;
use super::binary::{PairParams, pair_kernel};
use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs};
use super::row_form::RowForm;
use super::strided::STRIDED;
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance, broadcast, broadcast_positions};

/// Compares pairs of elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Compare {
    /// The comparison.
    pub comparison: Comparison,
}

/// A comparison of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `left = right`
    Equal,
    /// `left ≠ right`
    NotEqual,
    /// `left > right`
    Greater,
    /// `left ≥ right`
    GreaterEqual,
    /// `left < right`
    Less,
    /// `left ≤ right`
    LessEqual,
}

pub(super) const SHADERS: &[Shader] = &[shader!("compare", PairParams, fragments: [GRID, STRIDED])];

impl Comparison {
    /// The result for two values of one type.
    #[inline(always)]
    pub(crate) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Greater => left > right,
            Comparison::GreaterEqual => left >= right,
            Comparison::Less => left < right,
            Comparison::LessEqual => left <= right,
        }
    }

    /// The comparison as bits: its results for less, equal, greater and unordered operands.
    fn code(self) -> u32 {
        match self {
            Comparison::Equal => 0b0010,
            Comparison::NotEqual => 0b1101,
            Comparison::Greater => 0b0100,
            Comparison::GreaterEqual => 0b0110,
            Comparison::Less => 0b0001,
            Comparison::LessEqual => 0b0011,
        }
    }
}

impl Operator for Compare {
    fn name(&self) -> &'static str {
        "compare"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [left, right] = expect_inputs(inputs)?;
        if left.dtype != right.dtype {
            return Err(Error::shape(format!("{left} and {right} have different dtypes")));
        }
        expect_dtype(left, &[DType::F32, DType::I32, DType::Bool])?;
        Ok(vec![TensorType::new(broadcast(&left.shape, &right.shape)?, DType::Bool)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (shape, [left, right]) = broadcast_positions([inputs[0].shape(), inputs[1].shape()]);
        // float64 represents every value of every dtype exactly.
        let (x, y) = (inputs[0].to_f64(), inputs[1].to_f64());
        let answers = left.into_iter().zip(right).map(|(l, r)| self.comparison.holds(x[l], y[r])).collect();
        Ok(vec![Tensor::bool(&shape, answers)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let kernel = pair_kernel("compare", request)?;
        let are_floats = request.inputs[0].dtype != DType::I32;
        let kernel = kernel.constant("answers", f64::from(self.comparison.code()));
        Ok(vec![kernel.constant("are_floats", f64::from(u8::from(are_floats)))])
    }

    /// Of floats and booleans: a program holds no integers that are not floats.
    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let (left, right, output) = (form.broadcast(0)?, form.broadcast(1)?, form.output());
        match self.comparison {
            Comparison::Greater => form.pair(BinaryFunction::Greater, [&left, &right, &output]),
            Comparison::Less => form.pair(BinaryFunction::Greater, [&right, &left, &output]),
            Comparison::GreaterEqual => form.pair(BinaryFunction::AtLeast, [&left, &right, &output]),
            Comparison::LessEqual => form.pair(BinaryFunction::AtLeast, [&right, &left, &output]),
            Comparison::Equal | Comparison::NotEqual => {
                let (first, second) = (form.like_output(), form.like_output());
                form.pair(BinaryFunction::AtLeast, [&left, &right, &first])?;
                form.pair(BinaryFunction::AtLeast, [&right, &left, &second])?;
                if self.comparison == Comparison::Equal {
                    return form.pair(BinaryFunction::Multiply, [&first, &second, &output]);
                }
                let (equal, one) = (form.like_output(), form.like_output());
                form.pair(BinaryFunction::Multiply, [&first, &second, &equal])?;
                form.pair(BinaryFunction::AtLeast, [&equal, &equal, &one])?;
                form.pair(BinaryFunction::Subtract, [&one, &equal, &output])
            }
        }
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        outputs[0].len() as u64
    }
}
