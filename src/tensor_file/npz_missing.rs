//! Replaces `npz` in builds without that feature: reading and writing fail.

use super::limits::Budget;
use crate::error::{Error, Result};
use crate::tensor::NamedTensors;

pub(super) fn read(_bytes: &[u8], _budget: &mut Budget) -> Result<NamedTensors> {
    Err(missing())
}

pub(super) fn write(_tensors: &NamedTensors) -> Result<Vec<u8>> {
    Err(missing())
}

fn missing() -> Error {
    Error::unsupported("this build does not read or write .npz files")
        .hint("build with the feature `npz`, or use .safetensors or .json")
}
