//! The fully connected layer without its activation: Keras Dense, also under TimeDistributed.
//!
//! `output[…, u] = bias[u] + Σₖ x[…, k] · kernel[k, u]`; `x: [N, …, K]`, `kernel: [K, U]` in Keras' layout,
//! `bias: [U]` (zeros where the layer has none). TF.js fuses some activations into its kernel; here the plain plan
//! keeps them apart.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, word};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};

/// A matrix product over the last dimension, and a bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dense;

params! {
    /// `Params` of `shaders/dense.wgsl`.
    DenseParams { count: u32, depth: u32, units: u32, padding: u32 }
}

pub(super) const SHADERS: &[Shader] = &[shader!("dense", DenseParams, fragments: [GRID])];

impl Operator for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<TensorType> {
        let [x, kernel, bias] = expect_inputs(inputs)?;
        for input in [x, kernel, bias] {
            expect_dtype(input, &[DType::F32])?;
        }
        let (&[depth, units], &[bias_units]) = (kernel.shape.dims(), bias.shape.dims()) else {
            return Err(Error::shape(format!("kernel {kernel} and bias {bias} are not a matrix and a vector")));
        };
        let Some((&last, leading)) = x.shape.dims().split_last() else {
            return Err(Error::shape("a scalar has no last dimension"));
        };
        if last != depth || bias_units != units || !matches!(last, Dim::Fixed(_)) {
            return Err(Error::shape(format!("input {x}, kernel {kernel} and bias {bias} do not fit")));
        }
        Ok(TensorType::f32(Shape::new([leading, &[units]].concat())))
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (x, kernel, bias) = (inputs[0].as_f32()?, inputs[1].as_f32()?, inputs[2].as_f32()?);
        let (depth, units) = (inputs[1].shape()[0], inputs[1].shape()[1]);
        let mut shape = inputs[0].shape().to_vec();
        shape.pop();
        shape.push(units);
        let rows: usize = shape[..shape.len() - 1].iter().product();
        let mut output = Vec::with_capacity(rows * units);
        for row in 0..rows {
            for unit in 0..units {
                let mut sum = f64::from(bias[unit]);
                for k in 0..depth {
                    sum += f64::from(x[row * depth + k]) * f64::from(kernel[k * units + unit]);
                }
                output.push(sum as f32);
            }
        }
        Tensor::f32(&shape, output)
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        expect_loops(request, request.inputs[1].shape[0])?;
        let count = request.output.len();
        let kernel = &request.inputs[1].shape;
        let params = DenseParams { count: word(count)?, depth: word(kernel[0])?, units: word(kernel[1])?, padding: 0 };
        word(request.inputs[0].len())?;
        Ok(vec![Kernel::new("dense", &params, 3, invocations(count))])
    }

    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        Tolerance::Sum { terms: inputs[1].shape()[0] }
    }

    fn flops(&self, inputs: &[ConcreteType], output: &ConcreteType) -> u64 {
        2 * (output.len() * inputs[1].shape[0]) as u64
    }
}
