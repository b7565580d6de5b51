//! One step of a prediction for each operator: a file for each kind.
//!
//! A step has its operands resolved and its weights prepared. It reads rows that follow each other and writes rows that
//! may stand in a wider one.

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

/// Work on one block of rows.
pub(super) trait Step: fmt::Debug + Send + Sync {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()>;
}

/// An operator in its graph.
pub(super) struct Request<'a> {
    pub(super) op: &'a Op,
    pub(super) name: &'a str,
    pub(super) operands: Vec<Operand>,
    pub(super) types: Vec<&'a TensorType>,
    /// Per operand: whether it stands in the output already.
    pub(super) placed: Vec<bool>,
    /// One for each output of the operator, in buffers of their own.
    pub(super) outputs: Vec<Output>,
    pub(super) ty: &'a TensorType,
    pub(super) arch: Arch,
    /// Gives a buffer beside the output for the time of the step: of so many floats for each row, or once.
    pub(super) scratch: &'a mut dyn FnMut(usize, bool) -> Output,
}

impl Request<'_> {
    /// Where the first output is written, which most operators have alone.
    fn output(&self) -> Output {
        self.outputs[0]
    }

    /// The operand's value, if it is known when the model is opened.
    fn constant(&self, position: usize) -> Option<&Arc<Tensor>> {
        match &self.operands.get(position)?.region {
            Region::Constant(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// The operand's dimensions around `axis` of its type: before it in a sample, the axis, after it.
    fn around(&self, position: usize, axis: usize) -> [usize; 3] {
        let sample = self.types[position].shape.sample();
        let axis = axis - usize::from(self.types[position].shape.is_batched());
        [sample[..axis].iter().product(), sample[axis], sample[axis + 1..].iter().product()]
    }
}

/// Elements of a row that a list of where each comes from is made for. A file may name any size in a few bytes.
const MOST_MAPPED: usize = 1 << 24;

/// A step, or why there is no fast one.
type Fast = Option<Box<dyn Step>>;

/// The step that computes an operator; none where its operands stand where they belong already.
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
        // A new operator runs before it is fast.
        _ => None,
    };
    Ok(Some(fast.unwrap_or_else(|| plain::build(request))))
}
