//! Concatenation along one dimension of the sample: Keras Concatenate, ONNX Concat.
//!
//! `[N, …, aᵢ, …] → [N, …, Σaᵢ, …]`, all inputs of one dtype. On the GPU each input has its own dispatch, because
//! phones support only four storage buffers per shader. Each dispatch copies a block of columns into the wider row.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_sample_axis};
use super::row_form::{RowForm, RowValue};
use super::strided::forwards;
use super::strided_copy::{self, Block};
use super::view::AxisView;
use crate::error::{Error, Result};
use crate::kernel::{Binding, Kernel, Shader};
use crate::tensor::{Dim, Shape, Tensor, TensorType, Tolerance, row_major_strides};

/// Joins tensors along one dimension.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Concatenate {
    /// The dimension (0 is the batch).
    pub axis: usize,
}

pub(super) const SHADERS: &[Shader] = &[];

impl Operator for Concatenate {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let Some(first) = inputs.first() else {
            return Err(Error::shape("takes at least one input"));
        };
        expect_sample_axis(&first.shape, self.axis)?;
        let mut total = 0usize;
        for input in inputs {
            let same = |(dim, (a, b)): (usize, (&Dim, &Dim))| dim == self.axis || a == b;
            let fits = input.shape.rank() == first.shape.rank()
                && input.shape.dims().iter().zip(first.shape.dims()).enumerate().all(same);
            if !fits || input.dtype != first.dtype {
                return Err(Error::shape(format!("{input} and {first} do not join along axis {}", self.axis)));
            }
            if let Dim::Fixed(size) = input.shape.dims()[self.axis] {
                total = total.saturating_add(size);
            }
        }
        let mut dims = first.shape.dims().to_vec();
        dims[self.axis] = Dim::Fixed(total);
        Ok(vec![TensorType::new(Shape::new(dims)?, first.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let mut shape = inputs[0].shape().to_vec();
        shape[self.axis] = inputs.iter().map(|input| input.shape()[self.axis]).sum();
        let outer: usize = shape[..self.axis].iter().product();
        let parts: Vec<(Vec<u32>, usize)> =
            inputs.iter().map(|input| (input.to_words(), input.shape()[self.axis..].iter().product())).collect();
        let mut words = Vec::with_capacity(shape.iter().product());
        for row in 0..outer {
            for (part, width) in &parts {
                words.extend_from_slice(&part[row * width..(row + 1) * width]);
            }
        }
        Ok(vec![Tensor::from_words(&shape, inputs[0].dtype(), &words)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let whole = AxisView::new(&request.output().shape, self.axis);
        let row = whole.axis * whole.inner;
        let mut column = 0;
        let mut kernels = Vec::with_capacity(request.inputs.len());
        for (index, input) in request.inputs.iter().enumerate() {
            let part = AxisView::new(&input.shape, self.axis);
            let width = part.axis * part.inner;
            let block = Block {
                size: &[part.outer, width],
                input_offset: 0,
                input_strides: &[width as isize, 1],
                output_strides: &[row, 1],
                output_offset: column,
            };
            let mut kernel = strided_copy::kernel(&block, request.device)?;
            kernel.bindings = vec![Binding::input(index), Binding::output()];
            kernels.push(kernel);
            column += width;
        }
        Ok(kernels)
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        let axis = form.axis(self.axis)?;
        let (value, mut offset, strides) = form.output();
        for input in 0..form.inputs.len() {
            let part = form.row(input)?;
            let of_part = forwards(&row_major_strides(part));
            form.copy(part, (RowValue::Input(input), 0, of_part), (value, offset, strides.clone()))?;
            offset += part[axis] * strides[axis].unsigned_abs();
        }
        Some(())
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn passes_values(&self) -> bool {
        true
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}
