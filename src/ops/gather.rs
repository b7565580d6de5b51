//! Gather along one axis: `tf.gather`, NumPy's `take`, ONNX Gather.
//!
//! `output[b…, o…, j…, i…] = data[b…, o…, indices[b…, j…], i…]`; `data` of any dtype, `indices` int32. The output has
//! the dimensions of the data up to the axis, those of the indices, and those of the data after the axis. The first
//! `batch_dims` dimensions are common to both and appear once. The batch N stays in front, so one of three cases holds:
//! both inputs have N and `batch_dims` is at least 1; only the data has N, and every sample is read at the same
//! positions; or only the indices have N, and the axis is 0. Rows of a float32 table are read by an
//! [`Embedding`](super::Embedding).
//!
//! An index outside the dimension gives zeros or the nearest position ([`BadId`]). TensorFlow and `keras.ops.take`
//! refuse it on the CPU and give zeros on the GPU; so do TF.js' CPU and WebGL backends. With `from_end`, an index from
//! −K to −1 counts from the end, as in NumPy, ONNX and `keras.ops.take`, but not in `tf.gather`.

use super::embedding::BadId;
use super::operator::{
    ConcreteType, Ids, KernelRequest, Operator, expect_dtype, expect_inputs, expect_sample_axis, word,
};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, POSITION, Shader, invocations, params, shader};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};

/// Takes positions by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gather {
    /// The dimension of the data (0 is the batch).
    pub axis: usize,
    /// The number of leading dimensions that data and indices have in common, including N.
    pub batch_dims: usize,
    /// Whether negative indices count from the end.
    pub from_end: bool,
    /// The result of an index outside the dimension.
    pub bad_id: BadId,
}

/// The sizes of one call, as products of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Extents {
    /// The common batch dimensions.
    pub(crate) batch: usize,
    /// The dimensions of the data between the batch dimensions and the axis.
    pub(crate) outer: usize,
    /// The axis.
    pub(crate) axis: usize,
    /// The number of indices per element of the batch.
    pub(crate) indices: usize,
    /// The dimensions after the axis.
    pub(crate) inner: usize,
}

params! {
    /// `Params` of `shaders/gather.wgsl`.
    GatherParams {
        count: u32,
        outer: u32,
        axis: u32,
        indices: u32,
        inner: u32,
        from_end: u32,
        nearest: u32,
        padding: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("gather", GatherParams, fragments: [GRID, POSITION])];

impl Gather {
    /// The extents for data and indices of these shapes.
    pub(crate) fn extents(&self, data: &[usize], indices: &[usize]) -> Extents {
        Extents {
            batch: data[..self.batch_dims].iter().product(),
            outer: data[self.batch_dims..self.axis].iter().product(),
            axis: data[self.axis],
            indices: indices[self.batch_dims..].iter().product(),
            inner: data[self.axis + 1..].iter().product(),
        }
    }

    /// The position of an index among `size` positions; `None` if it is outside.
    pub(crate) fn position(&self, index: i32, size: usize) -> Option<usize> {
        self.bad_id.position(index, size, self.from_end)
    }

    /// The dimensions of the output.
    fn dims<T: Copy>(&self, data: &[T], indices: &[T]) -> Vec<T> {
        [&data[..self.axis], &indices[self.batch_dims..], &data[self.axis + 1..]].concat()
    }
}

impl Operator for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [data, indices] = expect_inputs(inputs)?;
        expect_dtype(indices, &[DType::I32])?;
        expect_sample_axis(&data.shape, self.axis)?;
        let in_front = |ty: &TensorType| ty.shape.dims().get(..self.batch_dims).map(<[Dim]>::to_vec);
        if self.batch_dims > self.axis || in_front(data) != in_front(indices) {
            let Gather { axis, batch_dims, .. } = self;
            return Err(Error::shape(format!(
                "{data} and {indices} do not share {batch_dims} dimensions before axis {axis}"
            )));
        }
        let Dim::Fixed(size @ 1..) = data.shape.dims()[self.axis] else {
            return Err(Error::shape(format!("{data} has no element along axis {}", self.axis)));
        };
        if size > i32::MAX as usize {
            return Err(Error::shape(format!("axis {} of {data} cannot be indexed by int32", self.axis)));
        }
        let dims = self.dims(data.shape.dims(), indices.shape.dims());
        if dims.iter().skip(1).any(|dim| matches!(dim, Dim::Batch | Dim::Shared)) {
            return Err(Error::shape(format!(
                "the output of {data} at {indices} along axis {} would not have N in front",
                self.axis
            )));
        }
        Ok(vec![TensorType::new(Shape::new(dims)?, data.dtype)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (data, indices) = (inputs[0].to_words(), inputs[1].as_i32()?);
        let Extents { batch, outer, axis, indices: width, inner } = self.extents(inputs[0].shape(), inputs[1].shape());
        let mut words = Vec::with_capacity(batch * outer * width * inner);
        for (block, index) in (0..batch * outer).flat_map(|block| (0..width).map(move |index| (block, index))) {
            match self.position(indices[block / outer * width + index], axis) {
                Some(position) => words.extend_from_slice(&data[(block * axis + position) * inner..][..inner]),
                None => words.extend(std::iter::repeat_n(0, inner)),
            }
        }
        let shape = self.dims(inputs[0].shape(), inputs[1].shape());
        Ok(vec![Tensor::from_words(&shape, inputs[0].dtype(), &words)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        let extents = self.extents(&request.inputs[0].shape, &request.inputs[1].shape);
        for input in request.inputs {
            word(input.len())?;
        }
        let params = GatherParams {
            count: word(count)?,
            outer: word(extents.outer)?,
            axis: word(extents.axis)?,
            indices: word(extents.indices)?,
            inner: word(extents.inner)?,
            from_end: u32::from(self.from_end),
            nearest: u32::from(self.bad_id == BadId::Clamp),
            padding: 0,
        };
        Ok(vec![Kernel::new("gather", &params, 2, invocations(count))])
    }

    fn ids(&self, inputs: &[&TensorType]) -> Option<Ids> {
        Ids::of_axis(inputs[0], self.axis, self.from_end)
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }

    /// Only the gathered positions are read.
    fn cost(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> super::Cost {
        super::Cost { flops: 0, bytes: 4 * (inputs[1].len() + 2 * outputs[0].len()) as u64 }
    }
}
