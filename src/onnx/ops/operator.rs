//! What the catalogue of operators says of one.

use crate::error::Result;
use crate::onnx::call::Call;
use crate::onnx::value::Value;

pub(in crate::onnx) type Outputs = Result<Vec<Value>>;

/// An operator of ONNX.
pub(in crate::onnx) struct Operator {
    pub(in crate::onnx) name: &'static str,
    /// The first version that is supported, and those in which the meaning changed.
    pub(in crate::onnx) versions: &'static [i64],
    pub(in crate::onnx) lower: for<'c, 'l, 'f, 's> fn(&'c mut Call<'l, 'f, 's>) -> Outputs,
}

impl Operator {
    pub(in crate::onnx) const fn new(
        name: &'static str,
        versions: &'static [i64],
        lower: for<'c, 'l, 'f, 's> fn(&'c mut Call<'l, 'f, 's>) -> Outputs,
    ) -> Self {
        Operator { name, versions, lower }
    }
}
