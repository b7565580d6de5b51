//! What the catalogue of operations says of one.

use super::arguments::Arguments;
use crate::error::Result;
use crate::graph::ValueId;
use crate::tfjs::lowering::LayerCall;

pub(super) type Call<'c, 'l, 'm> = &'c mut LayerCall<'l, 'm>;
pub(super) type Outputs = Result<Vec<ValueId>>;
type Lower = fn(&mut LayerCall<'_, '_>, &Arguments<'_>) -> Outputs;

/// An operation: its class, what its parameters are called, in order, and what it becomes.
pub(super) struct Operation {
    pub(super) class: &'static str,
    pub(super) parameters: &'static [&'static str],
    pub(super) lower: Lower,
}

impl Operation {
    pub(super) const fn new(class: &'static str, parameters: &'static [&'static str], lower: Lower) -> Self {
        Operation { class, parameters, lower }
    }
}
