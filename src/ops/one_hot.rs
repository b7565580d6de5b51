//! One-hot encoding along a new axis: `tf.one_hot`, ONNX OneHot.
//!
//! `output[…, v, …] = on` where `v` is the id at `[…, …]`, else `off`; `ids` int32 of any shape, output float32 with a
//! new axis of size `depth`. An id outside `0..depth` gives `off` everywhere, as in TensorFlow, Keras and TF.js.
//! Negative ids do not count from the end, unlike ONNX. [`MultiHot`](super::MultiHot) encodes several ids in one
//! vector.

use super::operator::{ConcreteType, KernelRequest, Operator, equal_by_bits, expect_dtype, expect_inputs, word};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};

/// Marks the position of each id.
#[derive(Debug, Clone, Copy)]
pub struct OneHot {
    /// The position of the new axis in the output (0 is the batch).
    pub axis: usize,
    /// The size of the new axis.
    pub depth: usize,
    /// The value at the id.
    pub on: f32,
    /// The value elsewhere.
    pub off: f32,
}

equal_by_bits!(OneHot { axis, depth, on, off });

params! {
    /// `Params` of `shaders/one_hot.wgsl`.
    OneHotParams {
        count: u32,
        depth: u32,
        inner: u32,
        on: f32,
        off: f32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("one_hot", OneHotParams, fragments: [GRID])];

impl Operator for OneHot {
    fn name(&self) -> &'static str {
        "one_hot"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [ids] = expect_inputs(inputs)?;
        expect_dtype(ids, &[DType::I32])?;
        if self.axis > ids.shape.rank() || (self.axis == 0 && ids.shape.is_batched()) {
            return Err(Error::shape(format!("a new axis {} does not fit into a sample of {ids}", self.axis)));
        }
        if self.depth > i32::MAX as usize {
            return Err(Error::shape(format!("{} regions cannot be told apart by int32 ids", self.depth)));
        }
        let mut dims = ids.shape.dims().to_vec();
        dims.insert(self.axis, Dim::Fixed(self.depth));
        Ok(vec![TensorType::f32(Shape::new(dims)?)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let ids = inputs[0].as_i32()?;
        let inner: usize = inputs[0].shape()[self.axis..].iter().product();
        let mut shape = inputs[0].shape().to_vec();
        shape.insert(self.axis, self.depth);
        let mut output = vec![self.off; ids.len() * self.depth];
        for (index, &id) in ids.iter().enumerate() {
            if let Some(place) = usize::try_from(id).ok().filter(|&place| place < self.depth) {
                output[(index / inner * self.depth + place) * inner + index % inner] = self.on;
            }
        }
        Ok(vec![Tensor::f32(&shape, output)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        let count = request.output().len();
        let params = OneHotParams {
            count: word(count)?,
            depth: word(self.depth)?,
            inner: word(request.inputs[0].shape[self.axis..].iter().product())?,
            on: self.on,
            off: self.off,
            padding0: 0,
            padding1: 0,
            padding2: 0,
        };
        Ok(vec![Kernel::new("one_hot", &params, 1, invocations(count))])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}
