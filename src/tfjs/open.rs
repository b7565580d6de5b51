//! Models with dimensions that the file leaves open besides the batch: lowered at the sizes that are given, and at examples
//! where there are none.
//!
//! Which sizes a model works at, its layers alone know: pools and strides want some, weights behind a Flatten a certain one. So
//! some are tried. What differs between two models of different sizes follows from a size, and is open itself.

use super::artifact::Artifact;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{EXAMPLE_SIZES, Model, OpenDimension, Resize, Sizes, sizes_hint};
use std::sync::Arc;

/// The model that the file holds, of these sizes.
pub(super) fn model(artifact: Artifact, sizes: &Sizes) -> Result<Model> {
    let mut dimensions = artifact.open_dimensions();
    sizes.resolve(&artifact.input_names(), &mut dimensions)?;
    if dimensions.is_empty() {
        return artifact.model(&[]);
    }
    Arc::new(artifact).resized(dimensions)
}

impl Resize for Artifact {
    fn resized(self: Arc<Self>, mut dimensions: Vec<OpenDimension>) -> Result<Model> {
        dimensions.iter_mut().for_each(|dimension| dimension.graph_size = dimension.size.unwrap_or(0));
        if dimensions.iter().any(|dimension| dimension.size.is_none()) {
            return example(&self, dimensions);
        }
        let model = self.model(&dimensions).map_err(|error| blame(error, &self, &dimensions))?;
        Ok(model.opened(self, dimensions))
    }
}

/// The model at sizes of which it is only known that it works at them.
fn example(artifact: &Arc<Artifact>, mut dimensions: Vec<OpenDimension>) -> Result<Model> {
    let declared = artifact.declared_sizes().into_iter().filter(|size| !EXAMPLE_SIZES.contains(size));
    let mut sizes = EXAMPLE_SIZES.into_iter().chain(declared);
    let mut lower = |size: usize| {
        let open = dimensions.iter_mut().filter(|dimension| dimension.size.is_none());
        open.for_each(|dimension| dimension.graph_size = size);
        artifact.model(&dimensions).map(|model| (model, dimensions.clone()))
    };
    let mut failed: Vec<Error> = Vec::new();
    let found = loop {
        let Some(size) = sizes.next() else { break None };
        match (lower(size), failed.first()) {
            (Ok(found), _) => break Some(found),
            // What is not supported at any size is not the size's fault.
            (Err(error), Some(first)) if error.kind() == ErrorKind::Unsupported && is_same(&error, first) => {
                return Err(error);
            }
            (Err(error), _) => failed.push(error),
        }
    };
    let Some((model, at)) = found else { return Err(no_example(failed, &dimensions)) };
    let other = sizes.find_map(|size| lower(size).ok());
    let source: Arc<dyn Resize> = Arc::<Artifact>::clone(artifact);
    let mut model = model.opened(source, at);
    if let Some((other, _)) = other {
        model.open_where_not(&other);
    }
    Ok(model)
}

/// The error of a model that works at none of the sizes that were tried: the first, with what to do if sizes are its cause.
fn no_example(mut failed: Vec<Error>, dimensions: &[OpenDimension]) -> Error {
    let others = failed.split_off(1.min(failed.len()));
    let Some(first) = failed.pop() else { return Error::format("has dimensions of no size") };
    if others.iter().all(|other| is_same(other, &first)) {
        return first;
    }
    let open = dimensions.iter().filter(|dimension| dimension.size.is_none());
    first.hint(format!("the sizes that were tried do not work: {}", sizes_hint(open)))
}

fn is_same(error: &Error, other: &Error) -> bool {
    error.to_string() == other.to_string() && error.cause_text() == other.cause_text()
}

/// The error for sizes that were chosen: that they do not fit, if others do.
fn blame(error: Error, artifact: &Arc<Artifact>, dimensions: &[OpenDimension]) -> Error {
    let open = dimensions.iter().map(|dimension| OpenDimension { size: None, ..dimension.clone() }).collect();
    if example(artifact, open).is_err() && !differs(&error, artifact, dimensions) {
        return error;
    }
    let sizes: Vec<String> = dimensions.iter().map(|open| format!("{open} is {}", open.graph_size)).collect();
    let cause = error.cause_text().map_or(String::new(), |cause| format!(" ({cause})"));
    Error::input(format!("the model does not work at these sizes: {}", sizes.join(", ")))
        .cause(format!("{error}{cause}"))
        .hint("give inputs of sizes that fit each other and the model's layers")
}

/// Whether the error is another one at other sizes.
fn differs(error: &Error, artifact: &Artifact, dimensions: &[OpenDimension]) -> bool {
    let other = dimensions.iter().map(|open| OpenDimension { graph_size: open.graph_size + 1, ..open.clone() });
    artifact.model(&other.collect::<Vec<_>>()).map_or_else(|other| !is_same(error, &other), |_| true)
}
