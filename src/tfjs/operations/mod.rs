//! Bare operations among the layers: what `x + y`, `x[:, 0]` and `keras.ops.…` in a model of Keras 3 become, and what TensorFlow
//! functions in one of Keras 2 are read as (`lambdas`).
//!
//! They have a class, arguments that may be tensors, numbers or lists, and no weights; masks end at them. Some are called like
//! a layer: `Add` of two tensors is not the layer `Add`. [`arguments`] reads what they are given, the other files hold one
//! function for each.

mod arguments;
mod elementwise;
mod logic;
mod reductions;
mod shapes;

use super::lowering::LayerCall;
use crate::error::{Error, Result};
use crate::graph::ValueId;
pub(super) use arguments::Arguments;

type Lower = fn(&mut LayerCall<'_, '_>, &Arguments<'_>) -> Result<Vec<ValueId>>;

/// An operation: its class, what its parameters are called, in order, and what it becomes.
struct Operation {
    class: &'static str,
    parameters: &'static [&'static str],
    lower: Lower,
}

impl Operation {
    const fn new(class: &'static str, parameters: &'static [&'static str], lower: Lower) -> Self {
        Operation { class, parameters, lower }
    }
}

const FAMILIES: &[&[Operation]] =
    &[elementwise::OPERATIONS, logic::OPERATIONS, reductions::OPERATIONS, shapes::OPERATIONS];

/// Whether there is such an operation here.
pub(super) fn is_known(class: &str) -> bool {
    FAMILIES.iter().copied().flatten().any(|operation| operation.class == class)
}

/// The outputs of one call of the operation `class`.
pub(super) fn lower(class: &str, call: &mut LayerCall<'_, '_>, arguments: Arguments<'_>) -> Result<Vec<ValueId>> {
    let mut known = FAMILIES.iter().copied().flatten();
    match known.find(|operation| operation.class == class) {
        Some(operation) => {
            let arguments = arguments.named(operation.parameters)?;
            (operation.lower)(call, &arguments)
        }
        None => {
            let mut names: Vec<&str> = FAMILIES.iter().copied().flatten().map(|operation| operation.class).collect();
            names.sort_unstable();
            Err(Error::unsupported(format!("the operation `{class}` of Keras 3 is not supported"))
                .hint(format!("supported are {}", names.join(", "))))
        }
    }
}
