//! Every operator computes what its page says: the plain answer against hand-written ones, CPU and GPU against it.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod case;
mod values;

mod activation;
mod arg_reduce;
mod batch_dot;
mod batch_normalization;
mod binary;
mod cast;
mod category_encoding;
mod classify;
mod compare;
mod concatenate;
mod convolution;
mod copy;
mod cumulative;
mod dense;
mod elementary;
mod elementwise;
mod embedding;
mod embedding_bag;
mod expand;
mod extremes;
mod gather;
mod gather_elements;
mod hash_bucket;
mod integers;
mod l2_normalize;
mod layer_normalization;
mod masked_mean;
mod moment_normalization;
mod not_equal;
mod one_hot;
mod pad;
mod pair_dense;
mod pairwise_dot;
mod permute;
mod pool;
mod recurrent;
mod reduce;
mod repeat;
mod reshape;
mod resize;
mod search;
mod select;
mod slice;
mod softmax;
mod split;
mod top_k;
mod tower;
mod triangle;

fn main() -> std::process::ExitCode {
    harness::run()
}
