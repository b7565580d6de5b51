//! Lower or upper triangle of matrices, zeros elsewhere: `tril` and `triu`, ONNX Trilu.
//!
//! `output[…, r, c] = input[…, r, c]` where `c − r ≤ diagonal` (lower) or `c − r ≥ diagonal` (upper), else 0; any
//! dtype. The last two dimensions are the matrix. Diagonal 0 is the main one; a diagonal outside the matrix selects all
//! or nothing. Selected elements keep their bits. All others become 0, even NaN.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs, expect_sample_axis, word};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{Tensor, TensorType, Tolerance};

/// Keeps a triangle of matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trilu {
    /// Whether to keep the upper triangle; otherwise the lower.
    pub upper: bool,
    /// The offset of the diagonal to the right of the main one.
    pub diagonal: i64,
}

params! {
    /// `Params` of `shaders/trilu.wgsl`.
    TriluParams {
        count: u32,
        rows: u32,
        columns: u32,
        upper: u32,
        diagonal: i32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("trilu", TriluParams, fragments: [GRID])];

impl Operator for Trilu {
    fn name(&self) -> &'static str {
        "trilu"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        let Some(row_axis) = x.shape.rank().checked_sub(2) else {
            return Err(Error::shape(format!("{x} is not made of matrices")));
        };
        expect_sample_axis(&x.shape, row_axis)?;
        Ok(vec![x.clone()])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let [rows, columns] = matrix(inputs[0].shape());
        let mut words = inputs[0].to_words();
        for (index, word) in words.iter_mut().enumerate() {
            let distance = (index % columns) as i64 - (index / columns % rows) as i64;
            let kept = if self.upper { distance >= self.diagonal } else { distance <= self.diagonal };
            if !kept {
                *word = 0;
            }
        }
        Ok(vec![Tensor::from_words(inputs[0].shape(), inputs[0].dtype(), &words)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        let [rows, columns] = matrix(&request.output().shape);
        let params = TriluParams {
            count: word(count)?,
            rows: word(rows)?,
            columns: word(columns)?,
            upper: u32::from(self.upper),
            // All diagonals outside the matrix on one side are equivalent.
            diagonal: self.diagonal.clamp(-i64::from(i32::MAX), i64::from(i32::MAX)) as i32,
            padding0: 0,
            padding1: 0,
            padding2: 0,
        };
        Ok(vec![Kernel::new("trilu", &params, 1, invocations(count))])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}

/// The last two dimensions.
fn matrix(shape: &[usize]) -> [usize; 2] {
    [shape[shape.len() - 2], shape[shape.len() - 1]]
}
