//! The work of TF.js 4.22's WebGL backend for `predict()`: a description, and a graph with the same operations in the
//! same order.
//!
//! [`describe`] follows the calls of tfjs-layers for every operator of an unoptimised graph, and the work of the
//! backend for them: the kernels that run on the CPU; the programs that upload, pack, unpack, rearrange and compute;
//! and the programs that share a key. Tests compare it with the recordings in `tests/data/webgl`. [`as_tfjs`] returns a
//! graph of the same work. It has an operator for every program, and a copy where data only moves. Unused results are
//! computed too, as in TF.js.
//!
//! Not included are kernels that return their input, such as `Identity` of Dropout, which leave no trace in a graph.
//! Also not included are the slices of 32 rows (`ROWS_OF_A_PREDICT`): a session makes them, and TF.js reads back only
//! the concatenation of their outputs. WebGL 1 and 2 run the same programs, so [`WEBGL1`](super::WEBGL1) and
//! [`WEBGL2`](super::WEBGL2) have the same graph. In TF.js a Concat is one program that binds up to 16 textures; here
//! it is one dispatch per input.

mod backend;
mod description;
mod kernels;
mod layers;
mod predict;
mod textures;

pub use description::{Description, Kernel, Program};
pub(crate) use predict::ROWS_OF_A_PREDICT;

use crate::error::Result;
use crate::graph::Graph;
use crate::model::Model;
use predict::Predict;

/// Describes what TF.js runs for a warm predict of `batch` samples.
///
/// # Errors
///
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if a size of the model exceeds what a graph can hold.
pub fn describe(model: &Model, batch: usize) -> Result<Description> {
    let mut predict = Predict::new(model.graph());
    predict.run(batch)?;
    predict.run(batch)?;
    Ok(std::mem::take(&mut predict.backend.description))
}

/// Describes the first predict after the model was loaded, which also uploads weights.
///
/// # Errors
///
/// Those of [`describe`].
pub fn describe_first(model: &Model, batch: usize) -> Result<Description> {
    let mut predict = Predict::new(model.graph());
    predict.run(batch)?;
    Ok(std::mem::take(&mut predict.backend.description))
}

/// A graph with an operator for every program that TF.js runs for a warm predict of `rows` samples, at most 32. `rows`
/// determines what runs on the CPU and which layouts differ. The graph supports batches of any size.
#[doc(hidden)]
pub fn as_tfjs(graph: &Graph, rows: usize) -> Result<Graph> {
    let mut predict = Predict::new(graph);
    predict.run(rows)?;
    let outputs = predict.run(rows)?;
    let backend = std::mem::take(&mut predict.backend);
    backend.builder.finish_with(outputs, &backend.ran)
}
