//! Limits on the memory that reading a file of tensors may take. A small file can declare tensors of any size, and
//! compressed data expand.

use crate::error::{Error, Result};
use crate::setters::setters;
use crate::tensor::element_count;

/// Limits for reading a file of tensors ([`read_within`](super::read_within)). Reading fails as soon as a limit is
/// exceeded.
///
/// While a file is read it takes more memory than its tensors: a JSON file up to six times its size, a binary file its
/// size, and an array in Fortran order its own size once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadLimits {
    /// The maximum size of all tensors of a file in memory, in bytes: 4 per number, 1 per boolean, and some for each
    /// name. Default: 1 GiB; [`read`](super::read) and [`from_bytes`](super::from_bytes) allow four times the size of
    /// the file if that is more, which is enough for any file that is not compressed.
    pub tensor_bytes: u64,
    /// The maximum size of a JSON file, and of the JSON header of a safetensors file, in bytes. Default: 256 MiB.
    pub json_bytes: u64,
}

impl ReadLimits {
    /// The default limits for a file of `bytes` bytes. Four bytes of memory per byte of the file fit any tensor that is
    /// not compressed: int8 becomes int32.
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

/// Bytes that a tensor takes besides its elements and its name: the struct, its shape, and its entries in lists.
const BYTES_BESIDE: u64 = 256;

/// The bytes that may still be read from one file.
#[derive(Debug)]
pub(super) struct Budget {
    limits: ReadLimits,
    left: u64,
}

impl Budget {
    pub(super) fn new(limits: ReadLimits) -> Budget {
        Budget { limits, left: limits.tensor_bytes }
    }

    /// Charges a tensor of this name and shape. Fails if the limit is exceeded.
    pub(super) fn take(&mut self, name: &str, shape: &[usize], element_bytes: u64) -> Result<()> {
        self.take_name(name)?;
        self.take_bytes((element_count(shape)? as u64).saturating_mul(element_bytes))
    }

    /// Charges the name of a tensor and the overhead of its entry.
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

    /// Fails if `bytes` of JSON exceed the limit.
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

    /// Fails if a binary file is too large for any tensors within the limit: an element takes at most twice as many
    /// bytes in the file as in memory.
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
