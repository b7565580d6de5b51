//! Limits on the memory that a file of tensors may take. A small file can declare any size, and compressed data expand.

use crate::error::{Error, Result};
use crate::setters::setters;
use crate::tensor::element_count;

/// How much is read of a file of tensors ([`read_within`](super::read_within)); what is larger is an error before it is in memory.
///
/// JSON takes up to six times its bytes besides while it is read, binary files the bytes of the file, and an array in Fortran
/// order its own bytes once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadLimits {
    /// Bytes of all tensors of a file as they are in memory, four for a number and one for a boolean, and what it takes to
    /// name each. By default 1 GiB, or four times the bytes of the file where that is more: so much a file of that size holds
    /// that is not packed.
    pub tensor_bytes: u64,
    /// Bytes of a file of JSON, and of the JSON at the head of a safetensors file. By default 256 MiB.
    pub json_bytes: u64,
}

impl ReadLimits {
    /// The limits for a file of `bytes` bytes.
    pub(super) fn of_file(bytes: u64) -> ReadLimits {
        let usual = ReadLimits::default();
        ReadLimits { tensor_bytes: usual.tensor_bytes.max(bytes.saturating_mul(4)), ..usual }
    }
}

setters!(ReadLimits { tensor_bytes: u64, json_bytes: u64 });

impl Default for ReadLimits {
    fn default() -> Self {
        ReadLimits { tensor_bytes: 1 << 30, json_bytes: 256 << 20 }
    }
}

/// Bytes that a tensor takes besides its elements and its name: itself, its shape and its place in lists.
const BYTES_BESIDE: u64 = 256;

/// What may still be read of one file.
#[derive(Debug)]
pub(super) struct Budget {
    limits: ReadLimits,
    left: u64,
}

impl Budget {
    pub(super) fn new(limits: ReadLimits) -> Budget {
        Budget { limits, left: limits.tensor_bytes }
    }

    /// Takes the bytes of a tensor with this name and shape; an error if there are fewer.
    pub(super) fn take(&mut self, name: &str, shape: &[usize], element_bytes: u64) -> Result<()> {
        self.take_name(name)?;
        self.take_bytes((element_count(shape)? as u64).saturating_mul(element_bytes))
    }

    /// Takes what it takes to name a tensor.
    pub(super) fn take_name(&mut self, name: &str) -> Result<()> {
        self.take_bytes(BYTES_BESIDE + 2 * name.len() as u64)
    }

    pub(super) fn take_bytes(&mut self, bytes: u64) -> Result<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                Err(too_much(format!("the tensors take more than {} bytes", self.limits.tensor_bytes), "tensor_bytes"))
            }
        }
    }

    /// An error if there is more JSON than is read.
    pub(super) fn expect_json(&self, bytes: u64) -> Result<()> {
        if bytes > self.limits.json_bytes {
            let limit = self.limits.json_bytes;
            return Err(too_much(
                format!("{bytes} bytes of JSON are more than the {limit} that are read"),
                "json_bytes",
            ));
        }
        Ok(())
    }

    /// An error if a binary file is larger than any whose tensors are read: none of its numbers takes more than twice as much
    /// there as in memory.
    pub(super) fn expect_binary(&self, bytes: u64) -> Result<()> {
        let most = self.limits.tensor_bytes.saturating_mul(2).saturating_add(self.limits.json_bytes);
        if bytes > most {
            return Err(too_much(format!("{bytes} bytes are more than the {most} that are read"), "tensor_bytes"));
        }
        Ok(())
    }
}

fn too_much(what: String, limit: &str) -> Error {
    Error::limit(what)
        .cause("a file may ask for any amount of memory in a few bytes")
        .hint(format!("if this file is meant to be so large, read it with larger `ReadLimits::{limit}`"))
}
