//! Tests of every operator: the reference implementation against hand-written results, and the CPU and the GPU against
//! the reference implementation.

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

mod case;
mod values;

mod activation;
mod arg_reduce;
mod batch_matmul;
mod batch_normalization;
mod binary;
mod broadcast_batch;
mod cast;
mod compare;
mod concatenate;
mod convolution;
mod copy;
mod cumulative;
mod dense;
mod dot_interaction;
mod elementary;
mod elementwise;
mod embedding;
mod embedding_bag;
mod extremes;
mod float_class;
mod gather;
mod gather_elements;
mod hash_bucket;
mod integers;
mod l2_normalize;
mod layer_normalization;
mod masked_mean;
mod moment_normalization;
mod multi_hot;
mod not_equal;
mod one_hot;
mod pad;
mod permute;
mod pool;
mod recurrent;
mod reduce;
mod repeat_vector;
mod reshape;
mod resize;
mod row_program;
mod search_sorted;
mod select;
mod slice;
mod softmax;
mod split;
mod target_attention_dense;
mod top_k;
mod trilu;

fn main() -> std::process::ExitCode {
    harness::run()
}
