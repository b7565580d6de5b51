//! Inputs in the form that `check` needs.

use super::ids::{self, BadIdCount};
use super::inputs::InputSignature;
use crate::error::Result;
use crate::model::Model;
use crate::tensor::NamedTensors;

/// Inputs of a model's dtypes and shapes.
#[derive(Debug)]
pub(crate) struct CheckedInputs {
    /// By name, with one row for each sample.
    pub(crate) repeated: NamedTensors,
    /// By name, as they were given: shared inputs have one row.
    pub(crate) given: NamedTensors,
    /// The names of the shared inputs.
    pub(crate) shared: Vec<String>,
    pub(crate) batch: usize,
    pub(crate) bad_ids: Vec<BadIdCount>,
}

/// Binds the inputs as a session does. `model` must not have a dimension without a size. Ids outside their tables are
/// an error if the model was loaded to refuse them.
pub(crate) fn checked_inputs(model: &Model, inputs: &NamedTensors) -> Result<CheckedInputs> {
    let signature = InputSignature::of(model);
    let bound = signature.bind(model.graph(), model, inputs)?;
    let bad_ids = ids::check(model, &ids::id_checks(model.graph()), &bound.tensors)?;
    let shared = signature.names(&bound.shared).into_iter().map(str::to_string).collect();
    let repeated = signature.bind(model.graph(), model, inputs)?.repeated()?;
    let batch = bound.batch;
    let (repeated, given) = (repeated.into_named(&signature), bound.into_named(&signature));
    Ok(CheckedInputs { repeated, given, shared, batch, bad_ids })
}
