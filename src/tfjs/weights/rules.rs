//! What is known of the names of a file's weights, and how a layer asks for a weight.

use crate::error::{Error, Result};
use crate::tensor::format_dims;
use crate::tfjs::topology::LayerIdentity;

/// Whose rules for the names of weights a file follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tfjs) enum NameForm {
    /// Names are exact: that of the layer, or of the wrapper around it.
    TfJs,
    /// Names tell where a layer was built first, which may be in another model; no name is exact by itself.
    Keras3,
}

/// What is known of the names of the weights of a file.
#[derive(Debug, Clone, Copy)]
pub(in crate::tfjs) struct NameRules {
    pub(in crate::tfjs) form: NameForm,
    /// Whether the outermost model is Sequential.
    pub(in crate::tfjs) is_sequential: bool,
    /// What to do where they stand as Keras saved them, and their order says otherwise than their names. Keras goes by the order.
    pub(in crate::tfjs) contradiction: Contradiction,
}

/// What to do about names that the order of the file contradicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tfjs) enum Contradiction {
    /// The order says nothing.
    Ignored,
    /// Names are what TF.js goes by, and the reader is told.
    Noted,
    /// Nothing is guessed.
    Refused,
}

/// Tells a wanted weight from all others of a topology, however often it is lowered: where its layer is in an archive, and
/// its name.
pub(in crate::tfjs) type WantKey = (String, String);

/// A weight as a layer asks for it.
#[derive(Debug, Clone, Copy)]
pub(in crate::tfjs) struct Wanted<'w> {
    pub(in crate::tfjs) layer: LayerIdentity,
    /// `layer/weight`
    pub(in crate::tfjs) name: &'w str,
    /// The names of the models around the layer, outermost first.
    pub(in crate::tfjs) models: &'w [String],
    /// Whether the file writes them before the names of weights.
    pub(in crate::tfjs) names_models: bool,
    /// Where the layer is in an archive.
    pub(in crate::tfjs) archive: &'w str,
}

/// An error if the weight `name` has another shape than the layer needs.
pub(super) fn expect_shape(name: &str, found: &[usize], wanted: &[usize]) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    let (wanted, found) = (format_dims(wanted), format_dims(found));
    Err(Error::weights(format!("weight `{name}` has shape {found}, the layer needs {wanted}"))
        .cause("TF.js and Keras refuse it too: the topology is not that of these weights")
        .hint("take topology and weights from one conversion"))
}

/// Whether a weight is the state of random numbers, which files keep and which has no say at inference.
pub(super) fn is_seed(name: &str) -> bool {
    name.contains("seed_generator")
}
