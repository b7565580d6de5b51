//! Bare operations among the layers: what `x + y`, `x[:, 0]` and `keras.ops.…` in a model of Keras 3 become, and what TensorFlow
//! functions in one of Keras 2 are read as (`lambdas`).
//!
//! They have a class, arguments that may be tensors, numbers or lists, and no weights; masks end at them. Some are called like
//! a layer: `Add` of two tensors is not the layer `Add`. [`arguments`] reads what they are given, [`dtypes`] says what they
//! compute in and [`axes`] along what; the other files hold one function for each. None makes the answer for a sample depend
//! on the samples beside it.

mod argument;
mod arguments;
mod arithmetic;
mod axes;
mod dtypes;
mod dynamic;
mod elementwise;
mod gather;
mod items;
mod linear;
mod logic;
mod moves;
mod norms;
mod numbers;
mod operation;
mod order;
mod pads;
mod product;
mod reductions;
mod shapes;

use super::calls::{self, TensorRef};
use super::config::Config;
use super::keywords::Keywords;
use super::lowering::{LayerCall, Lowering};
use super::masks::Value;
use super::topology::Layer;
use crate::error::{Error, Result};
use arguments::Arguments;
use operation::Operation;

/// Where somebody finds what there is in place of a function that is not.
pub(super) const LISTED: &str = "docs/files.md lists the functions between layers that are supported";

const FAMILIES: &[&[Operation]] = &[
    arithmetic::OPERATIONS,
    dynamic::OPERATIONS,
    elementwise::OPERATIONS,
    gather::OPERATIONS,
    items::OPERATIONS,
    linear::OPERATIONS,
    logic::OPERATIONS,
    norms::OPERATIONS,
    order::OPERATIONS,
    pads::OPERATIONS,
    reductions::OPERATIONS,
    shapes::OPERATIONS,
];

/// Whether there is such an operation here.
pub(super) fn is_known(class: &str) -> bool {
    FAMILIES.iter().copied().flatten().any(|operation| operation.class == class)
}

/// The outputs of one call of the operation `class`, which `layer` is; its tensors are found by `find`.
pub(super) fn lower(
    class: &str,
    layer: &Layer,
    call: &calls::Call,
    find: impl Fn(&TensorRef) -> Result<Value>,
    archive: &str,
    lowering: &mut Lowering,
) -> Result<Vec<Value>> {
    let mut known = FAMILIES.iter().copied().flatten();
    let Some(operation) = known.find(|operation| operation.class == class) else { return Err(unknown(class)) };
    let arguments = Arguments::read(call, |tensor| find(tensor).map(|value| value.id))?.named(operation.parameters)?;
    let config = Config::new(&layer.config);
    // An operation reads its arguments itself.
    let none = serde_json::Map::new();
    let keywords = Keywords::new(&none, Vec::new());
    let (name, identity) = (&layer.name, layer.identity);
    let mut call = LayerCall { lowering, config: &config, keywords: &keywords, name, identity, archive };
    // What is computed of constants is computed now.
    call.lowering.folds = true;
    let outputs = (operation.lower)(&mut call, &arguments);
    call.lowering.folds = false;
    let outputs = outputs?;
    config.finish()?;
    Ok(outputs.into_iter().map(Value::unmasked).collect())
}

fn unknown(class: &str) -> Error {
    Error::unsupported(format!("the operation `{class}` of Keras 3 is not supported")).hint(LISTED)
}
