//! The steps of predictions: one file per kind of operator.
//!
//! A step has resolved operands and prepared weights. The rows that it reads are contiguous. The rows that it writes
//! may be columns of wider rows.

mod batch_matmul;
mod channelwise;
mod convolution;
mod copy;
mod dense;
mod elements;
mod elementwise;
mod embedding_bag;
mod gather;
mod groups;
mod interactions;
mod normalization;
mod order;
mod plain;
mod recurrent;
mod reduce;
mod softmax;
mod step;
mod stretched;

pub(super) use copy::columns;
pub(super) use step::{Request, Step};

use crate::error::Result;
use crate::ops::Op;
use crate::tensor::DType;
use step::Fast;

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
        Op::Convolution(operator) => convolution::build(operator, &request)?,
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
        Op::Pool(operator) => channelwise::pool(operator, &request),
        Op::Recurrent(operator) => recurrent::build(operator, &mut request)?,
        Op::Reduce(operator) => reduce::build(operator, &request),
        Op::RepeatVector(operator) => Some(copy::repeat_vector(operator, &request)),
        Op::Select(_) => stretched::select(&request),
        Op::Slice(operator) => copy::slice(operator, &request),
        Op::Split(operator) => copy::split(operator, &request),
        Op::Softmax(operator) => softmax::build(operator, &request),
        Op::TopK(operator) => order::top_k(operator, &request),
        // Operators without a fast step run their reference implementation.
        _ => None,
    };
    Ok(Some(fast.unwrap_or_else(|| plain::build(request))))
}
