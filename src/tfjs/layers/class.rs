//! What the catalogue of layers says of one class.

use crate::error::Result;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

type Lower = fn(&mut LayerCall<'_, '_>, &[Value]) -> Result<Vec<Value>>;

/// A layer class.
#[derive(Debug)]
pub struct Class {
    /// As `class_name` has it.
    pub name: &'static str,
    /// What TF.js makes of it: ✓, – if it has no such layer, or what is wrong.
    pub tfjs: &'static str,
    /// What to know of it here.
    pub note: &'static str,
    pub(super) lower: Lower,
}

impl Class {
    pub(super) const fn new(name: &'static str, lower: Lower, tfjs: &'static str, note: &'static str) -> Self {
        Class { name, tfjs, note, lower }
    }
}
