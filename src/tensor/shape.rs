//! Symbolic shapes: a dimension is a number or the batch N.

use super::DType;
use std::fmt;

/// One dimension of a [`Shape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dim {
    /// The batch size, known only when a prediction is made.
    Batch,
    /// A number known when the model is loaded.
    Fixed(usize),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Batch => f.write_str("N"),
            Dim::Fixed(size) => write!(f, "{size}"),
        }
    }
}

/// The dimensions of a value inside a model. Values that depend on an input have N as their first dimension;
/// weights have none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape(Vec<Dim>);

impl Shape {
    /// A shape of the given dimensions. N may stand only in front: layers never touch the batch dimension.
    pub fn new(dims: Vec<Dim>) -> Self {
        debug_assert!(dims.iter().skip(1).all(|dim| *dim != Dim::Batch), "N stands in front");
        Shape(dims)
    }

    /// The shape `[N, sample…]`.
    pub fn batched(sample: &[usize]) -> Self {
        Shape(std::iter::once(Dim::Batch).chain(sample.iter().map(|&size| Dim::Fixed(size))).collect())
    }

    /// A shape without N.
    pub fn fixed(dims: &[usize]) -> Self {
        Shape(dims.iter().map(|&size| Dim::Fixed(size)).collect())
    }

    /// The dimensions.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// The number of dimensions, N included.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Whether the first dimension is N.
    pub fn is_batched(&self) -> bool {
        self.0.first() == Some(&Dim::Batch)
    }

    /// The numbers after N; all of them for a shape without N.
    pub fn sample(&self) -> Vec<usize> {
        self.0.iter().filter_map(|dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None }).collect()
    }

    /// The number of elements in one sample (all of them for a shape without N).
    pub fn sample_len(&self) -> usize {
        self.sample().iter().product()
    }

    /// The concrete dimensions at a batch of `batch`.
    pub fn resolve(&self, batch: usize) -> Vec<usize> {
        self.0.iter().map(|dim| if let Dim::Fixed(size) = dim { *size } else { batch }).collect()
    }

    /// A negative `axis` counted from the end; `None` when it is outside the rank.
    pub fn axis(&self, axis: i64) -> Option<usize> {
        let rank = i64::try_from(self.rank()).ok()?;
        let axis = if axis < 0 { axis + rank } else { axis };
        (0..rank).contains(&axis).then_some(axis as usize)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, dim) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str("]")
    }
}

/// The shape and dtype of a value inside a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// The dimensions.
    pub shape: Shape,
    /// The element type.
    pub dtype: DType,
}

impl TensorType {
    /// A type from its two parts.
    pub fn new(shape: Shape, dtype: DType) -> Self {
        TensorType { shape, dtype }
    }

    /// A float32 type.
    pub fn f32(shape: Shape) -> Self {
        TensorType { shape, dtype: DType::F32 }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

/// Concrete dimensions as `[2, 3]`.
pub(crate) fn format_dims(dims: &[usize]) -> String {
    format!("{dims:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_resolve_and_print() {
        let shape = Shape::batched(&[20, 8]);
        assert_eq!(shape.to_string(), "[N, 20, 8]");
        assert_eq!(shape.resolve(3), [3, 20, 8]);
        assert_eq!(shape.sample_len(), 160);
        assert_eq!(shape.axis(-1), Some(2));
        assert_eq!(shape.axis(3), None);
        assert_eq!(TensorType::f32(Shape::fixed(&[])).to_string(), "float32[]");
    }
}
