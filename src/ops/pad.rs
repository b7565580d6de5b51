//! Zero padding of the dimensions of a sample: Keras ZeroPadding1D to 3D, ONNX Pad; also channels-first.
//!
//! `output[n, …, i, …] = x[n, …, i − before, …]`, and 0 (or false) outside of x, along up to eight dimensions; any
//! dtype.

use super::operator::{ConcreteType, KernelRequest, Operator, expect_inputs, word};
use super::strided::{MAX_RANK, aligned};
use crate::error::{Error, Result};
use crate::kernel::{GRID, Kernel, Shader, invocations, params, shader};
use crate::tensor::{Tensor, TensorType, Tolerance};

/// Adds positions that contain 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pad {
    /// The number of positions before and after each dimension of a sample.
    pub around: Vec<[usize; 2]>,
}

params! {
    /// `Params` of `shaders/pad.wgsl`. Dimensions are right-aligned; unused ones have size 1.
    PadParams {
        input: [u32; MAX_RANK],
        output: [u32; MAX_RANK],
        before: [u32; MAX_RANK],
        count: u32,
        padding0: u32,
        padding1: u32,
        padding2: u32,
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!("pad", PadParams, fragments: [GRID])];

impl Pad {
    /// The index of the input word for output word `index`; `None` if it is padding.
    fn source(&self, index: usize, input: &[usize], output: &[usize]) -> Option<usize> {
        let (mut rest, mut from, mut size) = (index, 0, 1);
        for (dim, &count) in output.iter().enumerate().rev() {
            let before = if dim == 0 { 0 } else { self.around[dim - 1][0] };
            let position = (rest % count).checked_sub(before).filter(|&position| position < input[dim])?;
            from += position * size;
            (rest, size) = (rest / count, size * input[dim]);
        }
        Some(from)
    }
}

impl Operator for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let [x] = expect_inputs(inputs)?;
        let sample = x.shape.sample();
        let padded = |(&size, around): (&usize, &[usize; 2])| {
            size.checked_add(around[0])?.checked_add(around[1]).filter(|&size| size <= i32::MAX as usize)
        };
        let padded: Option<Vec<usize>> = sample.iter().zip(&self.around).map(padded).collect();
        match padded.filter(|_| sample.len() == self.around.len() && x.shape.is_batched()) {
            Some(padded) => Ok(vec![TensorType::new(x.shape.with_sample(&padded), x.dtype)]),
            None => Err(Error::shape(format!("{x} does not take padding of {:?}", self.around))),
        }
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (words, input) = (inputs[0].to_words(), inputs[0].shape());
        let sizes = input[1..].iter().zip(&self.around).map(|(size, around)| size + around[0] + around[1]);
        let output: Vec<usize> = std::iter::once(input[0]).chain(sizes).collect();
        let word = |index| self.source(index, input, &output).map_or(0, |from| words[from]);
        let padded: Vec<u32> = (0..output.iter().product()).map(word).collect();
        Ok(vec![Tensor::from_words(&output, inputs[0].dtype(), &padded)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        word(request.inputs[0].len())?;
        let count = request.output().len();
        let before: Vec<usize> = self.around.iter().map(|around| around[0]).collect();
        let params = PadParams {
            input: aligned(&request.inputs[0].shape, 1)?,
            output: aligned(&request.output().shape, 1)?,
            before: aligned(&before, 0)?,
            count: word(count)?,
            padding0: 0,
            padding1: 0,
            padding2: 0,
        };
        Ok(vec![Kernel::new("pad", &params, 1, invocations(count))])
    }

    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        Tolerance::Exact
    }

    fn flops(&self, _: &[ConcreteType], _: &[ConcreteType]) -> u64 {
        0
    }
}
