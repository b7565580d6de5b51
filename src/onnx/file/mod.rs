//! ONNX files as messages: the protocol buffers of `onnx.proto`, read without copying and checked against limits.
//!
//! A file need not be trusted. Everything read borrows from its bytes; nothing is allocated for a length that the file only
//! states; and what the messages take is bounded by the size of the file (`budget`). [`read()`] reads the messages,
//! [`read_checked`] also replaces calls of functions by their bodies, checks that every value is defined once, and puts
//! nodes in an order in which they can run. What an operator means is not known here.
//!
//! Inside, `wire` reads the encoding and `reader` the fields of a message with the place they are at; `scalars` leaves
//! repeated numbers in the file; `model`, `graph`, `tensor_proto` and `value_info` are the messages; `check`, `order` and
//! `functions` (with `copies` and `names`) work on graphs; `values`, `decode` and `external` turn stored tensors into
//! values; `tensor_file` reads a file of one tensor; `foreign` names files that are something else.

mod budget;
mod check;
mod copies;
mod decode;
mod element_type;
mod external;
mod foreign;
mod functions;
mod graph;
mod model;
mod names;
mod order;
mod reader;
mod scalars;
mod tensor_file;
mod tensor_proto;
mod value_info;
mod values;
mod wire;

pub use element_type::ElementType;
pub use external::TensorFiles;
pub use graph::{AttributeProto, AttributeValue, GraphProto, NodeProto};
pub use model::{FunctionProto, ModelProto, OperatorSetId, read};
pub use names::Names;
pub use scalars::Scalars;
pub use tensor_file::read_tensor;
pub use tensor_proto::{External, Storage, TensorProto};
pub use value_info::{DimProto, ValueInfoProto, ValueType};

use crate::error::Result;

/// Like [`read()`], with functions replaced by their bodies, every graph checked, and its nodes in an order in which each
/// reads only what earlier ones made. Names made on the way are kept in `names`.
///
/// # Errors
///
/// Those of [`read()`], and errors about the structure of the graphs.
pub fn read_checked<'f>(bytes: &'f [u8], names: &'f Names) -> Result<ModelProto<'f>> {
    let mut model = read(bytes)?;
    check::check_functions(&mut model)?;
    functions::inline(&mut model, names)?;
    check::check_model(&mut model)?;
    Ok(model)
}
