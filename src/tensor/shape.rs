//! Symbolic shapes: a dimension is a number, the batch N, or S, the single row that all samples of a batch share.

use super::DType;
use crate::error::{Error, Result};
use std::fmt;

/// One dimension of a [`Shape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dim {
    /// The batch size, known only when a prediction is made.
    Batch,
    /// One row that all samples of the batch share, such as values that depend only on the one user of many candidates.
    Shared,
    /// A number known when the model is loaded.
    Fixed(usize),
    /// A size that a model leaves open. It appears only in descriptions of models, never in values.
    Open,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Batch => f.write_str("N"),
            Dim::Shared => f.write_str("S"),
            Dim::Fixed(size) => write!(f, "{size}"),
            Dim::Open => f.write_str("?"),
        }
    }
}

/// The dimensions of a value inside a model. A value that depends on an input has N as its first dimension, or S if it
/// depends only on shared inputs. Weights have neither.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape(Vec<Dim>);

impl Shape {
    /// A shape of the given dimensions.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape) if N or S is not the first dimension: operators do not move the
    /// batch.
    pub fn new(dims: Vec<Dim>) -> Result<Self> {
        let shape = Shape(dims);
        match shape.0.iter().skip(1).any(|dim| matches!(dim, Dim::Batch | Dim::Shared)) {
            true => Err(Error::shape(format!("the batch would not be the first dimension of {shape}"))),
            false => Ok(shape),
        }
    }

    /// The shape `[N, sample…]`.
    pub fn batched(sample: &[usize]) -> Self {
        Shape(std::iter::once(Dim::Batch).chain(sample.iter().map(|&size| Dim::Fixed(size))).collect())
    }

    /// The shape `[S, sample…]`.
    pub fn shared(sample: &[usize]) -> Self {
        Shape(std::iter::once(Dim::Shared).chain(sample.iter().map(|&size| Dim::Fixed(size))).collect())
    }

    /// A shape with the batch dimension of this one, if it has one, and another sample.
    pub fn with_sample(&self, sample: &[usize]) -> Self {
        let batch = self.0.first().filter(|dim| matches!(dim, Dim::Batch | Dim::Shared)).copied();
        Shape(batch.into_iter().chain(sample.iter().map(|&size| Dim::Fixed(size))).collect())
    }

    /// A shape without N or S.
    pub fn fixed(dims: &[usize]) -> Self {
        Shape(dims.iter().map(|&size| Dim::Fixed(size)).collect())
    }

    /// The dimensions.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// The number of dimensions, including N or S.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Whether the first dimension is N or S.
    pub fn is_batched(&self) -> bool {
        matches!(self.0.first(), Some(Dim::Batch | Dim::Shared))
    }

    /// Whether the first dimension is S.
    pub fn is_shared(&self) -> bool {
        self.0.first() == Some(&Dim::Shared)
    }

    /// Whether the first dimension is N, so that there is a row for each sample of the batch.
    pub fn is_per_sample(&self) -> bool {
        self.0.first() == Some(&Dim::Batch)
    }

    /// The sizes after N or S; all sizes of a shape without either.
    pub fn sample(&self) -> Vec<usize> {
        self.0.iter().filter_map(|dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None }).collect()
    }

    /// The number of elements in one sample (all of them for a shape without N or S).
    pub fn sample_len(&self) -> usize {
        self.sample().iter().product()
    }

    /// The same shape with dimension `axis` open.
    pub(crate) fn open_at(mut self, axis: usize) -> Self {
        if let Some(dim) = self.0.get_mut(axis) {
            *dim = Dim::Open;
        }
        self
    }

    /// The same shape with [`Dim::Open`] wherever the size differs from `other`; unchanged if the ranks differ.
    pub(crate) fn open_where_not(&self, other: &Shape) -> Self {
        if self.rank() != other.rank() {
            return self.clone();
        }
        let dims = self.0.iter().zip(&other.0);
        Shape(dims.map(|(dim, other)| if dim == other { *dim } else { Dim::Open }).collect())
    }

    /// The concrete dimensions at a batch size of `batch`; 0 for open dimensions.
    pub fn resolve(&self, batch: usize) -> Vec<usize> {
        let resolve = |dim: &Dim| match dim {
            Dim::Batch => batch,
            Dim::Shared => 1,
            Dim::Fixed(size) => *size,
            Dim::Open => 0,
        };
        self.0.iter().map(resolve).collect()
    }

    /// Resolves an `axis` that may be negative, counted from the end; `None` if it is out of range.
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
    /// A type with this shape and dtype.
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

/// Formats concrete dimensions as `[2, 3]`.
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
        let shared = Shape::shared(&[8]);
        assert_eq!((shared.to_string().as_str(), shared.resolve(3)), ("[S, 8]", vec![1, 8]));
        assert_eq!(shared.with_sample(&[2, 2]), Shape::shared(&[2, 2]));
        assert_eq!(Shape::fixed(&[8]).with_sample(&[3]), Shape::fixed(&[3]));
        let open = Shape::batched(&[20, 8]).open_where_not(&Shape::batched(&[30, 8]));
        assert_eq!((open.to_string().as_str(), open.rank()), ("[N, ?, 8]", 3));
        for dims in [vec![Dim::Fixed(3), Dim::Batch], vec![Dim::Batch, Dim::Batch], vec![Dim::Batch, Dim::Shared]] {
            assert!(Shape::new(dims).is_err());
        }
        assert_eq!(Shape::new(vec![Dim::Shared, Dim::Open]).expect("S is in front").to_string(), "[S, ?]");
    }
}
