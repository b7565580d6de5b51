//! The operators: one page each, and the catalogue that lists them.
//!
//! A page contains the formula, the type inference, the reference implementation, the kernels, the cost and the
//! tolerance of one operator. Everything that covers all operators (the enum, the conversions, the list of shaders) is
//! generated from the catalogue below. Operators do not use graphs, files or devices.

mod operator;
mod row_form;
mod rows;
mod strided;
mod strided_copy;
mod view;
mod window;

pub use operator::{ConcreteType, Cost, Ids, KernelRequest, Operator};

use crate::kernel::Shader;
use std::fmt;

macro_rules! catalogue {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        $(pub mod $module;)+
        $(pub use $module::$name;)+

        /// Any operator.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Op { $(#[doc = concat!("See [`", stringify!($name), "`](type@", stringify!($name), ").")] $name($name)),+ }

        $(impl From<$name> for Op {
            fn from(operator: $name) -> Self {
                Op::$name(operator)
            }
        })+

        $(impl operator::Sealed for $name {})+

        impl Op {
            /// The operator as a trait object.
            pub fn operator(&self) -> &dyn Operator {
                match self { $(Op::$name(operator) => operator),+ }
            }
        }

        /// All shaders of all operators, page by page in catalogue order.
        const PAGES: &[&[Shader]] = &[strided_copy::SHADERS, $($module::SHADERS),+];
    };
}

// A new operator needs a line here, a page, a shader, a front end that produces it, and a table of test cases.
catalogue! {
    activation::Activation,
    arg_reduce::ArgReduce,
    batch_matmul::BatchMatmul,
    batch_normalization::BatchNormalization,
    binary::Binary,
    cast::Cast,
    multi_hot::MultiHot,
    float_class::FloatClass,
    compare::Compare,
    concatenate::Concatenate,
    convolution::Convolution,
    copy::Copy,
    cumulative::Cumulative,
    dense::Dense,
    elementwise::Elementwise,
    embedding::Embedding,
    embedding_bag::EmbeddingBag,
    broadcast_batch::BroadcastBatch,
    gather::Gather,
    gather_elements::GatherElements,
    hash_bucket::HashBucket,
    l2_normalize::L2Normalize,
    layer_normalization::LayerNormalization,
    masked_mean::MaskedMean,
    moment_normalization::MomentNormalization,
    not_equal::NotEqual,
    one_hot::OneHot,
    pad::Pad,
    target_attention_dense::TargetAttentionDense,
    dot_interaction::DotInteraction,
    permute::Permute,
    recurrent::Recurrent,
    row_program::RowProgram,
    pool::Pool,
    reduce::Reduce,
    repeat_vector::RepeatVector,
    reshape::Reshape,
    search_sorted::SearchSorted,
    resize::Resize,
    select::Select,
    slice::Slice,
    softmax::Softmax,
    split::Split,
    top_k::TopK,
    trilu::Trilu,
}

pub use activation::Function;
pub use batch_matmul::Heads;
pub use binary::BinaryFunction;
pub use compare::Comparison;
pub use cumulative::Accumulation;
pub use dense::DenseKernel;
pub use elementwise::{MOST_INPUTS, MOST_STEPS, Step};
pub use embedding::BadId;
pub use embedding_bag::{Block, Combine, Feature, Lookup, Pooling};
pub use float_class::Class;
pub use layer_normalization::Mean;
pub use recurrent::{Cell, MaskedOutput, Order, RecurrentKernel, RecurrentOutput};
pub use reduce::Reduction;
pub use resize::Sampling;
pub use row_form::RowForm;
pub use row_program::{RowBuffer, RowNode, RowSource, looks_up};
pub use window::{Padding, Window, are_plain};

pub(crate) use binary::integers;
pub(crate) use operator::overflowing;
pub(crate) use top_k::lateness;
pub(crate) use window::Walk;

/// All shaders of all operators.
pub fn shaders() -> impl Iterator<Item = &'static Shader> {
    PAGES.iter().copied().flatten()
}

/// The shader called `name`.
pub fn shader(name: &str) -> Option<&'static Shader> {
    shaders().find(|shader| shader.name == name)
}

/// The operator's name and attributes, as in `softmax { axis: 1 }`.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = self.operator();
        f.write_str(operator.name())?;
        match operator.attributes().as_str() {
            "" => Ok(()),
            attributes => write!(f, " {attributes}"),
        }
    }
}
