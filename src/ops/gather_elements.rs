//! Gather of elements: NumPy's and Keras' `take_along_axis`, ONNX GatherElements.
//!
//! `output[i…, j, k…] = data[i…, indices[i…, j, k…], k…]`; `data` of any dtype, `indices` int32. Both have the same
//! rank and broadcast to each other except along the axis, where the output has the length of the indices. An index
//! from −K to −1 counts from the end. An index outside gives zero or the nearest element ([`BadId`]); NumPy, Keras and
//! ONNX refuse it.

use super::embedding::BadId;
use super::operator::{
    ConcreteType, Ids, KernelRequest, Operator, expect_dtype, expect_inputs, expect_loops, expect_sample_axis, word,
};
use super::strided::{STRIDED, Strided, StridedParams, forwards};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, POSITION, Shader, params, shader};
use crate::tensor::{
    DType, Dim, Shape, Tensor, TensorType, Tolerance, broadcast, broadcast_strides, row_major_strides,
};

/// Takes elements by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GatherElements {
    /// The dimension (0 is the batch).
    pub axis: usize,
    /// The result of an index outside the dimension.
    pub bad_id: BadId,
}

params! {
    /// `Params` of `shaders/gather_elements.wgsl`.
    GatherElementsParams {
        strided: StridedParams,
        axis: u32,
        axis_stride: u32,
        nearest: u32,
        padding: u32,
    }
}

pub(super) const SHADERS: &[Shader] =
    &[shader!("gather_elements", GatherElementsParams, fragments: [GRID, STRIDED, POSITION])];

/// The addressing of one call: the strides of data and indices per output dimension, and the stride of the data along
/// the axis.
struct Strides {
    data: Vec<usize>,
    indices: Vec<usize>,
    axis: usize,
}

impl GatherElements {
    fn strides(&self, data: &[usize], indices: &[usize], output: &[usize]) -> Strides {
        let mut strides = broadcast_strides(data, output);
        strides[self.axis] = 0;
        let along = row_major_strides(data)[self.axis];
        Strides { data: strides, indices: broadcast_strides(indices, output), axis: along }
    }

    /// The dimensions of the output.
    fn shape(&self, data: &[usize], indices: &[usize]) -> Vec<usize> {
        let stretched = |(dim, (&data, &index)): (usize, (&usize, &usize))| {
            if dim == self.axis || data == 1 { index } else { data }
        };
        data.iter().zip(indices).enumerate().map(stretched).collect()
    }
}

impl Operator for GatherElements {
    fn name(&self) -> &'static str {
        "gather_elements"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [data, indices] = expect_inputs(inputs)?;
        expect_dtype(indices, &[DType::I32])?;
        if data.shape.rank() != indices.shape.rank() {
            return Err(Error::shape(format!("{data} and {indices} do not have as many dimensions")));
        }
        expect_sample_axis(&data.shape, self.axis)?;
        expect_sample_axis(&indices.shape, self.axis)?;
        let Dim::Fixed(size @ 1..) = data.shape.dims()[self.axis] else {
            return Err(Error::shape(format!("{data} has no element along axis {}", self.axis)));
        };
        if size > i32::MAX as usize {
            return Err(Error::shape(format!("axis {} of {data} cannot be indexed by int32", self.axis)));
        }
        let mut dims = data.shape.dims().to_vec();
        dims[self.axis] = Dim::Fixed(1);
        Ok(vec![TensorType::new(broadcast(&Shape::new(dims)?, &indices.shape)?, data.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (data, indices) = (inputs[0].to_words(), inputs[1].as_i32()?);
        let shape = self.shape(inputs[0].shape(), inputs[1].shape());
        let strides = self.strides(inputs[0].shape(), inputs[1].shape(), &shape);
        let word = |place: usize| {
            let (mut rest, mut at, mut index_at) = (place, 0, 0);
            for (dim, &size) in shape.iter().enumerate().rev() {
                at += rest % size * strides.data[dim];
                index_at += rest % size * strides.indices[dim];
                rest /= size;
            }
            let position = self.bad_id.position(indices[index_at], inputs[0].shape()[self.axis], true);
            position.map_or(0, |position| data[at + position * strides.axis])
        };
        let words: Vec<u32> = (0..shape.iter().product()).map(word).collect();
        Ok(vec![Tensor::from_words(&shape, inputs[0].dtype(), &words)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let [data, indices] = [0, 1].map(|input| &request.inputs[input]);
        let shape = &request.output().shape;
        word(data.len())?;
        word(indices.len())?;
        let strides = self.strides(&data.shape, &indices.shape, shape);
        let strided = Strided::new(shape, &[&forwards(&strides.data), &forwards(&strides.indices)], request.device)?;
        expect_loops(request, strided.loop_steps())?;
        let params = GatherElementsParams {
            strided: strided.params()?,
            axis: word(data.shape[self.axis])?,
            axis_stride: word(strides.axis)?,
            nearest: u32::from(self.bad_id == BadId::Clamp),
            padding: 0,
        };
        Ok(vec![Kernel::new("gather_elements", &params, 2, strided.grid())])
    }

    fn ids(&self, inputs: &[&TensorType]) -> Option<Ids> {
        Ids::of_axis(inputs[0], self.axis, true)
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }

    /// Only the gathered elements are read.
    fn cost(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> super::Cost {
        super::Cost { flops: 0, bytes: 4 * (inputs[1].len() + 2 * outputs[0].len()) as u64 }
    }
}
