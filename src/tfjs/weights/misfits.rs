//! The errors for weights and layers that do not find each other.

use super::rules::expect_shape;
use super::table::WeightTable;
use super::want::Want;
use crate::error::{Context, Error, Result};
use crate::tensor::format_dims;
use std::collections::HashMap;

/// What to do where names do not tell layers apart.
pub(super) const RENAME: &str = "give each weight the name MODEL/LAYER/WEIGHT in the `weightsManifest` of model.json, or save \
    the model again with different layer names and convert it";

/// What to do about weights too few or too many.
const OTHER_WEIGHTS: &str = "take topology and weights from one conversion of one model; if they are, Keras or the converter left \
    weights out, as they do for some shared layers and for layers with `/` in their names: rename the layers and convert again";

/// The error for two layers whose names are on each other's weights, as the order of the file has it.
pub(super) fn contradicting_order(layers: &[String; 2]) -> Error {
    let [one, other] = layers;
    Error::weights(format!("nothing tells which weights belong to `{one}`, `{other}`"))
        .cause("weights of the same shapes have names that say otherwise than the order in which Keras saves layers")
        .hint(RENAME)
}

/// The error for layers that lack weights.
pub(super) fn missing_weights(wants: &[Want], unused: &[String]) -> Error {
    let shown = |want: &Want| match &want.position {
        Some(position) => format!("`{}` (`{position}`)", want.name()),
        None => format!("`{}`", want.name()),
    };
    let missing: Vec<String> = wants.iter().filter(|want| want.found.is_none()).map(shown).collect();
    if missing.is_empty() {
        return twice(wants);
    }
    let error = Error::weights(format!("{} of {} weights are missing: {}", missing.len(), wants.len(), join(&missing)));
    let error = error.hint(OTHER_WEIGHTS);
    if unused.is_empty() {
        return error;
    }
    let shapes = wants.iter().filter(|want| want.found.is_none()).map(|want| format_dims(&want.shape));
    let shapes: Vec<String> = shapes.take(SHOWN).collect();
    error.cause(format!("no layer takes {} of the file; wanted shapes are {}", listed(unused), shapes.join(", ")))
}

/// The error for weights that no layer takes.
pub(super) fn unused_weights(unused: &[String]) -> Error {
    Error::weights(format!("no layer of the model takes the weight {}", listed(unused))).hint(OTHER_WEIGHTS)
}

/// The error for a weight that two layers take.
fn twice(wants: &[Want]) -> Error {
    let mut takers: HashMap<&str, &Want> = HashMap::new();
    for want in wants {
        let Some(name) = want.found.as_deref() else { continue };
        if let Some(first) = takers.insert(name, want) {
            return Error::weights(format!(
                "`{}` and `{}` would both take the weight `{name}`",
                first.name(),
                want.name()
            ))
            .hint(RENAME);
        }
    }
    Error::weights("a weight would be taken twice").hint(RENAME)
}

const SHOWN: usize = 5;

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    join(&names)
}

/// The first names, and how many more there are.
pub(super) fn join(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// An error if a weight of the file that is not `used` has the name of `want`, but another shape.
pub(super) fn expect_fit(want: &Want, table: &WeightTable, used: impl Fn(&str) -> bool) -> Result<()> {
    for name in want.names.iter().filter(|name| !used(name)) {
        if let Some(shape) = table.shape(name).filter(|shape| *shape != want.shape) {
            expect_shape(name, shape, &want.shape).at(|| format!("layer `{}`", want.scope()))?;
        }
    }
    Ok(())
}
