//! The steps of predictions: one file per kind of operator.
//!
//! A step has resolved operands and prepared weights. The rows that it reads are contiguous. The rows that it writes
//! may be columns of wider rows.

mod batch_matmul;
mod copy;
mod dense;
mod elements;
mod elementwise;
mod embedding_bag;
mod gather;
mod interactions;
mod normalization;
mod order;
mod plain;
mod recurrent;
mod reduce;
mod softmax;
mod stretched;
mod windows;

pub(super) use copy::columns;

use super::frame::{Frame, Operand, Output, Region};
use crate::error::Result;
use crate::ops::Op;
use crate::tensor::{DType, Tensor, TensorType};
use pulp::Arch;
use std::fmt;
use std::sync::Arc;

/// Computes one block of rows.
pub(super) trait Step: fmt::Debug + Send + Sync {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()>;
}

/// An operator and its context in the graph.
pub(super) struct Request<'a> {
    pub(super) op: &'a Op,
    pub(super) name: &'a str,
    pub(super) operands: Vec<Operand>,
    pub(super) types: Vec<&'a TensorType>,
    /// By operand: whether it is already in the buffer of the output.
    pub(super) placed: Vec<bool>,
    /// One for each output of the operator, each in a separate buffer.
    pub(super) outputs: Vec<Output>,
    pub(super) ty: &'a TensorType,
    pub(super) arch: Arch,
    /// Provides a scratch buffer, separate from the output, for the duration of the step. Takes the number of floats,
    /// and whether that is the total (`true`) or the number per row.
    pub(super) scratch: &'a mut dyn FnMut(usize, bool) -> Output,
}

impl Request<'_> {
    /// The first output; most operators have no other.
    fn output(&self) -> Output {
        self.outputs[0]
    }

    /// The value of an operand, if it is known when the model is opened.
    fn constant(&self, position: usize) -> Option<&Arc<Tensor>> {
        match &self.operands.get(position)?.region {
            Region::Constant(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// Sizes of the operand around `axis` of its type: the product of the sample's dimensions before it, its own size,
    /// and the product of those after it.
    fn around(&self, position: usize, axis: usize) -> [usize; 3] {
        let sample = self.types[position].shape.sample();
        let axis = axis - usize::from(self.types[position].shape.is_batched());
        [sample[..axis].iter().product(), sample[axis], sample[axis + 1..].iter().product()]
    }
}

/// Maximum number of elements in a row for which a list of source positions is made. Without it, a small file could
/// declare any size.
const MOST_MAPPED: usize = 1 << 24;

/// A fast step; `None` if there is none for this operator and its operands.
type Fast = Option<Box<dyn Step>>;

/// The step that computes an operator; `None` if its operands are already in the output.
pub(super) fn build(mut request: Request<'_>) -> Result<Option<Box<dyn Step>>> {
    let fast: Fast = match request.op {
        Op::Concatenate(operator) => return Ok(copy::concatenate(operator, &request)),
        Op::Activation(operator) if request.output().dtype == DType::I32 => {
            operator.function.of_integers().map(|function| elements::integers(function, &request))
        }
        Op::Activation(operator) => elementwise::activation(operator, &request),
        Op::ArgReduce(operator) => order::arg_reduce(operator, &request),
        Op::BatchMatmul(operator) => batch_matmul::build(operator, &request),
        Op::BatchNormalization(operator) => normalization::batch(operator, &request)?,
        Op::Binary(operator) if request.output().dtype == DType::I32 => stretched::integers(operator, &request),
        Op::Binary(operator) => elementwise::binary(operator, &request),
        Op::Cast(_) => Some(elements::cast(&request)),
        Op::FloatClass(operator) => Some(elements::float_class(operator, &request)),
        Op::Compare(operator) => stretched::compare(operator, &request),
        Op::Convolution(operator) => windows::convolution(operator, &mut request)?,
        Op::Dense(operator) => dense::build(operator, &request)?,
        Op::Elementwise(operator) => elementwise::chain(operator, &request),
        Op::Embedding(operator) => embedding_bag::embedding(operator, &request),
        Op::BroadcastBatch(_) => Some(copy::broadcast_batch(&request)),
        Op::EmbeddingBag(operator) => embedding_bag::bag(operator, &request),
        Op::Gather(operator) => gather::build(operator, &request),
        Op::L2Normalize(operator) => normalization::length(operator, &request),
        Op::LayerNormalization(operator) => normalization::layer(operator, &request),
        Op::MaskedMean(_) => reduce::masked_mean(&request),
        Op::NotEqual(operator) => Some(elements::not_equal(operator, &request)),
        Op::TargetAttentionDense(operator) => interactions::target_attention_dense(operator, &mut request)?,
        Op::DotInteraction(operator) => Some(interactions::dot_interaction(operator, &mut request)),
        Op::Permute(operator) => copy::permute(operator, &request),
        Op::Pool(operator) => windows::pool(operator, &request),
        Op::Recurrent(operator) => recurrent::build(operator, &mut request)?,
        Op::Reduce(operator) => reduce::build(operator, &request),
        Op::RepeatVector(operator) => Some(copy::repeat_vector(operator, &request)),
        Op::Select(_) => stretched::select(&request),
        Op::Slice(operator) => copy::slice(operator, &request),
        Op::Split(operator) => copy::split(operator, &request),
        Op::Softmax(operator) => softmax::build(operator, &request),
        Op::TopK(operator) => order::top_k(operator, &request),
        Op::FusedMlp(operator) => dense::fused_mlp(operator, &mut request)?,
        // Operators without a fast step run their reference implementation.
        _ => None,
    };
    Ok(Some(fast.unwrap_or_else(|| plain::build(request))))
}
