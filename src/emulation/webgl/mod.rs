//! The work of TF.js 4.22's WebGL backend for `predict()`: described, and as a graph that does the same in the same order.
//!
//! [`describe`] follows what tfjs-layers calls for every operator of a plain graph, and what the backend makes of that:
//! which kernels run on the CPU, which programs upload, pack, unpack, lay out anew and compute, and which of them share a
//! key. Recordings in `tests/data/webgl` say whether that is so. [`as_tfjs`] gives the graph of the same walk: an operator
//! for every program, where data is only moved a copy; results that nothing reads are computed too, as TF.js does.
//!
//! Not there: kernels that only hand on a tensor (`Identity`, of Dropout for example), which leave no trace in a graph;
//! the slices of 32 rows, which a session makes (`ROWS_OF_A_PREDICT`) and of which TF.js reads only the whole back.
//! WebGL 1 and 2 run the same programs, so [`WEBGL1`](super::WEBGL1) and [`WEBGL2`](super::WEBGL2) have one graph. A Concat is one program in TF.js, which binds
//! 16 textures, and a dispatch for each of its inputs here.

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

/// What TF.js runs for a warm predict of `batch` samples.
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

/// The same for the first predict after the model was loaded, which also uploads weights.
///
/// # Errors
///
/// Those of [`describe`].
pub fn describe_first(model: &Model, batch: usize) -> Result<Description> {
    let mut predict = Predict::new(model.graph());
    predict.run(batch)?;
    Ok(std::mem::take(&mut predict.backend.description))
}

/// A graph with an operator for every program that TF.js runs for a warm predict of up to 32 samples: of `rows`, which
/// decides what runs on the CPU and which layouts differ. It answers batches of any size.
#[doc(hidden)]
pub fn as_tfjs(graph: &Graph, rows: usize) -> Result<Graph> {
    let mut predict = Predict::new(graph);
    predict.run(rows)?;
    let outputs = predict.run(rows)?;
    let backend = std::mem::take(&mut predict.backend);
    backend.builder.finish_with(outputs, &backend.ran)
}
