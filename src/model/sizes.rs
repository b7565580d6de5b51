//! Dimensions that a model leaves open besides the batch, and their sizes.

use super::Model;
use super::names::{InputNames, expected_inputs};
use crate::error::{Error, Result};
use crate::tensor::{Dim, NamedTensors, TensorType, format_dims};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Sizes that front ends try, in this order, for all open dimensions at once: lengths of histories, then of images, then
/// odd ones.
pub(crate) const EXAMPLE_SIZES: [usize; 20] =
    [8, 16, 32, 64, 128, 224, 256, 512, 7, 10, 20, 28, 50, 100, 299, 2, 3, 4, 5, 1];

/// A dimension of an input, other than the batch, whose size the model leaves open, such as the length of a history or
/// the height of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenDimension {
    /// The input.
    pub input: String,
    /// The index of the dimension in the input's shape; the batch is 0.
    pub axis: usize,
    /// The name of its size, if it has one. All dimensions with the same name have the same size.
    pub name: Option<String>,
    /// The chosen size. If there is none, the dimension takes its size from the inputs of each prediction.
    pub size: Option<usize>,
    /// The size in [`Model::graph`]: the chosen size, or an example.
    pub graph_size: usize,
    /// The rank of the input.
    pub(crate) rank: usize,
}

impl fmt::Display for OpenDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "axis {} of input `{}`", self.axis, self.input)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " (`{name}`)"))
    }
}

/// Sizes for the open dimensions of a model.
///
/// Each open dimension gets the size that the given inputs have there, or else the one given for it by name, or else
/// the one given for all others. Every size must be at least 1.
///
/// ```
/// use tfjs_wgpu::Sizes;
///
/// let sizes = Sizes::default().with("history", None, 20).with("image", Some(1), 224).others(64);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sizes {
    named: Vec<NamedSize>,
    others: Option<usize>,
    /// The shapes of given inputs.
    shapes: Vec<(String, Vec<usize>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedSize {
    input: String,
    axis: Option<usize>,
    size: usize,
}

impl Sizes {
    /// The sizes of these tensors, by input name.
    pub fn of(inputs: &NamedTensors) -> Sizes {
        Sizes::default().or_of(inputs)
    }

    /// Adds the size of a dimension of `input`. `axis` is its index in the shape, where the batch is 0; it may be
    /// omitted for an input with a single open dimension. The name of a size may be given instead of an input, if it
    /// has one ([`OpenDimension::name`]).
    #[must_use]
    pub fn with(mut self, input: impl Into<String>, axis: Option<usize>, size: usize) -> Sizes {
        self.named.push(NamedSize { input: input.into(), axis, size });
        self
    }

    /// Sets the size of all dimensions that get no other size.
    #[must_use]
    pub fn others(mut self, size: usize) -> Sizes {
        self.others = Some(size);
        self
    }

    /// Adds the sizes of these tensors, which take precedence over all others. A size that is also given by name must
    /// be the same.
    #[must_use]
    pub fn or_of(mut self, inputs: &NamedTensors) -> Sizes {
        self.shapes.extend(inputs.iter().map(|(name, tensor)| (name.to_string(), tensor.shape().to_vec())));
        self
    }

    /// Assigns sizes to the open dimensions of a model. Dimensions for which there is no size are unchanged.
    pub(crate) fn resolve(&self, names: &InputNames, dimensions: &mut [OpenDimension]) -> Result<()> {
        if dimensions.is_empty() && (self.others.is_some() || !self.named.is_empty()) {
            return Err(Error::input("a size was given, but the model leaves no dimension open besides the batch")
                .hint("load it without sizes (Sizes)"));
        }
        let mut named = vec![None; dimensions.len()];
        for size in &self.named {
            let position = size.position(names, dimensions)?;
            if let Some(before) = named[position].replace(size.size).filter(|before| *before != size.size) {
                let what = format!("{} is given two sizes, {before} and {}", dimensions[position], size.size);
                return Err(Error::input(what).hint("give it one"));
            }
        }
        let shapes = self.shapes_by_input(names);
        for (dimension, named) in dimensions.iter_mut().zip(named) {
            let given = given(&shapes, names, dimension);
            if let (Some(named), Some(given)) = (named, given)
                && named != given
            {
                return Err(Error::input(format!(
                    "{dimension} was said to be {named}, but the input has {given} there"
                ))
                .hint("leave the size out: the input says it, or give another input"));
            }
            dimension.size = given.or(named).or(dimension.size).or(self.others);
            if dimension.size == Some(0) {
                return Err(no_size(dimension));
            }
        }
        give_one_size(dimensions)
    }

    /// The shapes of the given inputs by input position; `None` for names that match no input.
    fn shapes_by_input(&self, names: &InputNames) -> HashMap<Option<usize>, Vec<&[usize]>> {
        let mut shapes: HashMap<Option<usize>, Vec<&[usize]>> = HashMap::new();
        for (name, shape) in &self.shapes {
            shapes.entry(names.position_among(name, self.shapes.len())).or_default().push(shape);
        }
        shapes
    }
}

/// The size of the dimension in the given inputs.
fn given(
    shapes: &HashMap<Option<usize>, Vec<&[usize]>>,
    names: &InputNames,
    dimension: &OpenDimension,
) -> Option<usize> {
    let shapes = shapes.get(&names.position(&dimension.input))?;
    let shape = shapes.iter().find(|shape| shape.len() == dimension.rank)?;
    shape.get(dimension.axis).copied()
}

impl NamedSize {
    /// The index in `dimensions` of the dimension that is meant.
    fn position(&self, names: &InputNames, dimensions: &[OpenDimension]) -> Result<usize> {
        let input = names.position(&self.input);
        let of_input = dimensions.iter().enumerate();
        let of_input = of_input.filter(|(_, known)| input.is_some() && names.position(&known.input) == input);
        let of_input: Vec<usize> = of_input.map(|(position, _)| position).collect();
        let called = |known: &OpenDimension| known.name.as_deref() == Some(&self.input);
        if let (None, None, Some(position)) = (input, self.axis, dimensions.iter().position(called)) {
            return Ok(position);
        }
        let axis = self.axis.map_or(String::new(), |axis| format!("axis {axis} of "));
        let error = |what: String, of: &mut dyn Iterator<Item = &OpenDimension>| {
            let open: Vec<String> = of.map(ToString::to_string).collect();
            Err(Error::input(what).hint(format!(
                "open {} {}",
                if open.len() == 1 { "is" } else { "are" },
                open.join(", ")
            )))
        };
        match (of_input.as_slice(), self.axis) {
            (&[position], None) => Ok(position),
            ([], _) if input.is_none() => error(
                format!("a size was given for {axis}input `{}`, which the model does not have", self.input),
                &mut dimensions.iter(),
            ),
            ([], _) => error(
                format!("a size was given for {axis}input `{}`, which leaves no dimension open", self.input),
                &mut dimensions.iter(),
            ),
            (of_input, None) => error(
                format!("input `{}` leaves {} dimensions open: the size must say which", self.input, of_input.len()),
                &mut of_input.iter().map(|&position| &dimensions[position]),
            ),
            (of_input, Some(axis)) => match of_input.iter().find(|&&position| dimensions[position].axis == axis) {
                Some(&position) => Ok(position),
                None => error(
                    format!("a size was given for axis {axis} of input `{}`, which is not open", self.input),
                    &mut of_input.iter().map(|&position| &dimensions[position]),
                ),
            },
        }
    }
}

/// Gives all dimensions with the same name the same size. Returns an error if two of them have different sizes.
fn give_one_size(dimensions: &mut [OpenDimension]) -> Result<()> {
    let mut first: HashMap<String, OpenDimension> = HashMap::new();
    for dimension in dimensions.iter().filter(|dimension| dimension.size.is_some()) {
        let Some(name) = &dimension.name else { continue };
        let known = first.entry(name.clone()).or_insert_with(|| dimension.clone());
        if known.size != dimension.size {
            return Err(two_sizes(known, dimension));
        }
    }
    for dimension in dimensions {
        if let Some(known) = dimension.name.as_ref().and_then(|name| first.get(name)) {
            dimension.size = known.size;
        }
    }
    Ok(())
}

fn two_sizes(first: &OpenDimension, other: &OpenDimension) -> Error {
    let [first_size, size] = [first, other].map(|dimension| dimension.size.unwrap_or_default());
    Error::input(format!("{first} is {first_size}, but {other} is {size}")).hint("dimensions of one name have one size")
}

fn no_size(dimension: &OpenDimension) -> Error {
    Error::input(format!("{dimension} cannot be of size 0"))
        .hint("give a size of at least 1; a short history is padded")
}

impl Model {
    /// The dimensions besides the batch that the model leaves open, ordered by input and axis.
    pub fn open_dimensions(&self) -> &[OpenDimension] {
        self.open.as_ref().map_or(&[], |open| &open.dimensions)
    }

    /// Whether a dimension has no chosen size. The graph, plans and counts are then those of an example.
    pub fn is_open(&self) -> bool {
        self.unsized_dimensions().next().is_some()
    }

    fn unsized_dimensions(&self) -> impl Iterator<Item = &OpenDimension> {
        self.open_dimensions().iter().filter(|dimension| dimension.size.is_none())
    }

    /// The same model with sizes for its open dimensions. A dimension that `sizes` does not name keeps its size, if it
    /// has one. The weights are shared.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if `sizes` names something that is not an open dimension, has a
    /// size of 0, or gives dimensions of one name different sizes. Other kinds if the model cannot be lowered at these
    /// sizes.
    pub fn with_sizes(&self, sizes: &Sizes) -> Result<Model> {
        let mut dimensions = self.open_dimensions().to_vec();
        sizes.resolve(&InputNames::of(self), &mut dimensions)?;
        self.with_dimensions(dimensions)
    }

    /// The same model with the sizes of `inputs` for all open dimensions without a size. If there are none, the model
    /// itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if `inputs` lacks a tensor for such a dimension or has one that
    /// does not fit, and those of [`Model::with_sizes`].
    pub fn with_sizes_of(&self, inputs: &NamedTensors) -> Result<Model> {
        if !self.is_open() {
            return Ok(self.clone());
        }
        self.with_open_sizes(&self.open_sizes(&InputNames::of(self), inputs)?)
    }

    /// The sizes that `inputs` have in the dimensions without one, in their order. Returns an error if an input with
    /// such a dimension does not fit for another reason.
    pub(crate) fn open_sizes(&self, names: &InputNames, inputs: &NamedTensors) -> Result<Vec<usize>> {
        let (mut sizes, mut by_input) = (Vec::new(), HashMap::<&str, Vec<&OpenDimension>>::new());
        self.unsized_dimensions().for_each(|open| by_input.entry(&open.input).or_default().push(open));
        for (position, (name, ty)) in self.inputs().enumerate() {
            let Some(open) = by_input.get(name) else { continue };
            let Some((tensor, _)) = names.find(inputs, position) else {
                names.expect_known(inputs, self)?;
                return Err(no_tensor(self, name));
            };
            let shape = tensor.shape();
            if !fits(ty.shape.dims(), shape) {
                return Err(other_shape(name, ty, shape));
            }
            for dimension in open {
                match shape[dimension.axis] {
                    0 => return Err(no_size(dimension)),
                    size => sizes.push(size),
                }
            }
        }
        let dimensions = self.unsized_dimensions().zip(&sizes);
        let mut sized: Vec<OpenDimension> =
            dimensions.map(|(open, size)| OpenDimension { size: Some(*size), ..open.clone() }).collect();
        give_one_size(&mut sized)?;
        Ok(sizes)
    }

    /// The same model with these sizes for the dimensions without one.
    pub(crate) fn with_open_sizes(&self, sizes: &[usize]) -> Result<Model> {
        let mut dimensions = self.open_dimensions().to_vec();
        let open = dimensions.iter_mut().filter(|dimension| dimension.size.is_none());
        open.zip(sizes).for_each(|(dimension, &size)| dimension.size = Some(size));
        self.with_dimensions(dimensions)
    }

    fn with_dimensions(&self, dimensions: Vec<OpenDimension>) -> Result<Model> {
        match &self.open {
            Some(open) if open.dimensions != dimensions => Arc::clone(&open.source).resized(dimensions),
            _ => Ok(self.clone()),
        }
    }

    /// Returns an error that names the dimensions without a size, if there are any, because example inputs cannot be
    /// generated for them.
    #[doc(hidden)]
    pub fn expect_sized(&self) -> Result<()> {
        let open: Vec<String> = self.unsized_dimensions().map(ToString::to_string).collect();
        if open.is_empty() {
            return Ok(());
        }
        let (are, what) = if open.len() == 1 { ("is", "its size") } else { ("are", "their sizes") };
        Err(Error::input(format!("{} {are} open: inputs cannot be made up without {what}", open.join(", ")))
            .hint(sizes_hint(self.unsized_dimensions())))
    }
}

/// How to give the sizes of these dimensions. Each is written as `INPUT=SIZE` or `INPUT:AXIS=SIZE` between backticks,
/// which the command replaces by its options.
pub(crate) fn sizes_hint<'d>(dimensions: impl Iterator<Item = &'d OpenDimension>) -> String {
    let dimensions: Vec<&OpenDimension> = dimensions.collect();
    let is_alone =
        |dimension: &OpenDimension| dimensions.iter().filter(|other| other.input == dimension.input).count() == 1;
    let option = |dimension: &&OpenDimension| match &dimension.name {
        Some(name) => format!("`{name}=SIZE`"),
        None if is_alone(dimension) => format!("`{}=SIZE`", dimension.input),
        None => format!("`{}:{}=SIZE`", dimension.input, dimension.axis),
    };
    let mut options: Vec<String> = dimensions.iter().map(option).collect();
    options.dedup();
    format!("give {} (Sizes), or inputs that have the size (Sizes::of)", options.join(" "))
}

/// The error for a missing input.
pub(crate) fn no_tensor(model: &Model, input: &str) -> Error {
    Error::input(format!("no tensor was given for input `{input}`")).hint(expected_inputs(model))
}

/// Whether a tensor of this shape fits the type; open dimensions accept any size.
fn fits(wanted: &[Dim], given: &[usize]) -> bool {
    let fits = |(dim, size): (&Dim, &usize)| !matches!(dim, Dim::Fixed(wanted) if wanted != size);
    wanted.len() == given.len() && wanted.iter().zip(given).all(fits)
}

/// The error for a tensor whose shape does not match its input.
pub(crate) fn other_shape(input: &str, wanted: &TensorType, given: &[usize]) -> Error {
    let dims = wanted.shape.dims();
    let hint = if !wanted.shape.is_batched() {
        "this input has no batch: its shape is always this one"
    } else if fits(&dims[1..], given) {
        "the batch comes first: one row is [[…]]"
    } else if dims.contains(&Dim::Open) {
        "N is the batch, any number; ? is any size"
    } else {
        "N is the batch, any number"
    };
    let given = format_dims(given);
    Error::input(format!("expects shape {} and was given {given}", wanted.shape))
        .at(format!("input `{input}`"))
        .hint(hint)
}
