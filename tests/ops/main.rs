//! Every operator computes what its page says: the plain answer against hand-written ones, CPU and GPU against it.

mod case;
mod values;

mod activation;
mod batch_dot;
mod batch_normalization;
mod binary;
mod cast;
mod category_encoding;
mod concatenate;
mod convolution;
mod copy;
mod dense;
mod elementwise;
mod embedding;
mod expand;
mod gather;
mod hash_bucket;
mod l2_normalize;
mod layer_normalization;
mod masked_mean;
mod not_equal;
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
mod slice;
mod softmax;
mod tower;
