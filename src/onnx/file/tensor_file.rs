//! Files of one tensor, as ONNX keeps the inputs and answers of its tests (`test_data_set_0/input_0.pb`).

use super::budget::Budget;
use super::external::TensorFiles;
use super::reader::Reader;
use super::tensor_proto::TensorProto;
use crate::error::Result;
use crate::tensor::{SharedBytes, Tensor};
use crate::weights::Memory;

/// The tensor of a file, and its name, which may be empty. Integers become int32.
///
/// # Errors
///
/// An error if the file is damaged, the type is not supported, or an integer does not fit int32.
pub fn read_tensor(bytes: &SharedBytes) -> Result<(String, Tensor)> {
    let budget = Budget::of_file(bytes.len());
    let stored = TensorProto::read(Reader::new(bytes, &budget))?;
    let nothing = Memory::new();
    let tensor = stored.tensor(&mut TensorFiles::new(bytes.clone(), &nothing))?;
    Ok((stored.name.to_string(), tensor))
}
