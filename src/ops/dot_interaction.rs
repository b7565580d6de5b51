//! Dot interaction of DLRM: pairwise dot products of feature vectors, after some of the vectors themselves.
//!
//! `output[n, :] = [x[n, 0..keep, :] …, Σ_d x[n, i, d] · x[n, j, d] …]` for all `i`, `j` in row-major order; `x: [N, F,
//! D]`, output `[N, keep · D + F · F]`, float32. In Keras it is a Concatenate of the first vectors and the flattened
//! Dot of a stack with itself over its last axis.
//!
//! The triangular form has only the `F · (F + 1) / 2` products with `i ≤ j`. The others are equal to these, so a Dense
//! that reads both is replaced by one with the sum of their weights.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, word};
use super::row_form::{RowForm, RowStep, RowValue, View, Work};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance};

/// Multiplies all pairs of vectors.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DotInteraction {
    /// The number of vectors that are copied before the products.
    pub keep: usize,
    /// Whether to omit products with `i > j`, which equal those with `i < j`.
    pub triangle: bool,
}

params! {
    /// `Params` of `shaders/dot_interaction.wgsl`.
    DotInteractionParams {
        samples: u32,
        vectors: u32,
        dim: u32,
        kept: u32,
        width: u32,
        triangle: u32,
        padding0: u32,
        padding1: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("dot_interaction", DotInteractionParams, fragments: [GRID])];

impl DotInteraction {
    /// The number of copied elements in a row, and the number of all elements in it.
    fn widths(&self, vectors: usize, dim: usize) -> Result<(usize, usize)> {
        let products = match self.triangle {
            true => vectors.checked_mul(vectors + 1).map(|products| products / 2),
            false => vectors.checked_mul(vectors),
        };
        let kept = self.keep.checked_mul(dim);
        kept.zip(products.and_then(|products| products.checked_add(kept?)))
            .ok_or_else(|| Error::limit(format!("{vectors} vectors have too many pairs")))
    }

    /// Computes each element of the output. Every copied element and every term of a sum is mapped by `term`.
    fn rows(&self, x: &Tensor, term: impl Fn(f64) -> f64) -> Result<Tensor> {
        let &[rows, vectors, dim] = x.shape() else { return Err(Error::shape("takes vectors of a batch")) };
        let (kept, width) = self.widths(vectors, dim)?;
        let values = x.as_f32()?;
        let mut output = Vec::with_capacity(rows * width);
        for row in values.chunks(vectors * dim).take(rows) {
            output.extend_from_slice(&row[..kept]);
            for (i, left) in row.chunks(dim).enumerate() {
                for right in row.chunks(dim).skip(if self.triangle { i } else { 0 }) {
                    let products = left.iter().zip(right).map(|(&l, &r)| term(f64::from(l) * f64::from(r)));
                    output.push(products.sum::<f64>() as f32);
                }
            }
        }
        Tensor::f32(&[rows, width], output)
    }
}

impl Operator for DotInteraction {
    fn name(&self) -> &'static str {
        "dot_interaction"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        expect_dtype(x, &[DType::F32])?;
        let sample = x.shape.sample();
        let (&[vectors, dim], true) = (sample.as_slice(), x.shape.is_batched()) else {
            return Err(Error::shape(format!("takes vectors [N, F, D], not {x}")));
        };
        if self.keep > vectors || dim == 0 || vectors == 0 {
            return Err(Error::shape(format!("{x} has not {} vectors of a dimension", self.keep.max(1))));
        }
        Ok(vec![TensorType::f32(x.shape.with_sample(&[self.widths(vectors, dim)?.1]))])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![self.rows(inputs[0], |product| product)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let (vectors, dim) = (request.inputs[0].shape[1], request.inputs[0].shape[2]);
        // The loops for summing, for storing four rows of four, and for copying.
        let tiles = vectors.div_ceil(8) * 2;
        let items = tiles / 2 * (tiles + 1);
        expect_loops(request, dim + 4 * 4 + (self.keep * dim).div_ceil(items))?;
        word(request.inputs[0].len().max(request.output().len()))?;
        let samples = request.output().shape[0];
        let (kept, width) = self.widths(vectors, dim)?;
        let params = DotInteractionParams {
            samples: word(samples)?,
            vectors: word(vectors)?,
            dim: word(dim)?,
            kept: word(kept)?,
            width: word(width)?,
            triangle: u32::from(self.triangle),
            padding0: 0,
            padding1: 0,
        };
        Ok(vec![Kernel::new("dot_interaction", &params, 1, invocations(samples * items))])
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let &[vectors, dim] = form.row(0)? else { return None };
        let kept = self.keep * dim;
        if kept > 0 {
            form.copy(&[kept], (RowValue::Input(0), 0, vec![1]), (RowValue::Output, 0, vec![1]))?;
        }
        let size = if self.triangle { [1, 1, vectors * (vectors + 1) / 2] } else { [1, vectors, vectors] };
        let view = |strides| View { value: RowValue::Input(0), offset: 0, strides, step: 1, is_of_sample: false };
        let across = vectors as isize;
        let row = if self.triangle { [0, 0, 1] } else { [0, across, 1] };
        form.steps.push(RowStep {
            work: Work::Product { scale: 1.0, triangle: self.triangle.then_some(vectors) },
            size,
            depth: dim,
            output: View { value: RowValue::Output, offset: kept as isize, strides: row, step: 0, is_of_sample: false },
            left: view([0, dim as isize, 0]),
            right: Some(view([0, 0, dim as isize])),
        });
        Some(())
    }

    /// The tolerance of the products. The vectors are copied exactly ([`Operator::allowance`]).
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[0].shape()[2] }
    }

    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![self.rows(inputs[0], f64::abs)?])
    }

    fn allowance(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let magnitude = self.magnitude(inputs)?.swap_remove(0);
        let kept = self.keep * inputs[0].shape()[2];
        let mut allowance = self.tolerance(inputs).allowance(&[], &magnitude.to_f64());
        for row in allowance.chunks_mut(magnitude.shape()[1]) {
            row[..kept].fill(0.0);
        }
        Ok(vec![allowance])
    }

    fn flops(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        let (vectors, dim) = (inputs[0].shape[1], inputs[0].shape[2]);
        (outputs[0].shape[0] * vectors * dim).saturating_mul(vectors + 1) as u64
    }
}
