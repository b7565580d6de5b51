//! Values on the host: tensors, shapes, dtypes, and comparison.
//!
//! A [`Tensor`] is concrete (every dimension is a number) and row-major. A [`Shape`] is symbolic: its leading dimension
//! may be the batch N. Nothing here computes a layer.

mod broadcast;
mod bytes;
mod compare;
mod count;
mod dtype;
mod named;
mod packed;
mod recycled;
mod shape;

pub use broadcast::broadcast;
pub(crate) use broadcast::{broadcast_positions, broadcast_strides, row_major_strides};
pub use bytes::SharedBytes;
pub(crate) use compare::perturb;
pub use compare::{Difference, Tolerance, compare, ulp_distance};
pub(crate) use count::element_count;
pub use dtype::{DType, Data};
pub use named::NamedTensors;
pub use packed::{Encoding, Packed};
pub(crate) use recycled::RecycledOutputs;
pub(crate) use shape::format_dims;
pub use shape::{Dim, Shape, TensorType};

use crate::error::{Error, Result};
use std::borrow::Cow;

/// A concrete, dense, row-major array.
///
/// ```
/// use tfjs_wgpu::Tensor;
/// let ids = Tensor::i32(&[2, 1], vec![3, 7])?;
/// assert_eq!(ids.shape(), [2, 1]);
/// # Ok::<(), tfjs_wgpu::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    elements: Elements,
}

/// Decoded elements, or float32 elements as a file stores them.
#[derive(Debug, Clone)]
enum Elements {
    Plain(Data),
    Packed(Packed),
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data() == other.data()
    }
}

impl Tensor {
    /// A tensor of `shape` over `data`. Returns an error if the product of the shape is not the number of elements.
    #[doc(hidden)]
    pub fn new(shape: &[usize], data: Data) -> Result<Self> {
        let expected = element_count(shape)?;
        let actual = match &data {
            Data::F32(values) => values.len(),
            Data::I32(values) => values.len(),
            Data::Bool(values) => values.len(),
        };
        if expected != actual {
            let dims = format_dims(shape);
            return Err(Error::shape(format!("shape {dims} holds {expected} elements, but {actual} were given")));
        }
        Ok(Tensor { shape: shape.to_vec(), elements: Elements::Plain(data) })
    }

    /// A float tensor that keeps its stored encoding. Returns an error if the number of bytes does not match the shape.
    #[doc(hidden)]
    pub fn packed(shape: &[usize], encoding: Encoding, bytes: Vec<u8>) -> Result<Self> {
        Self::packed_in(shape, encoding, bytes.into())
    }

    /// Like [`Tensor::packed`], over shared bytes that are not copied.
    pub(crate) fn packed_in(shape: &[usize], encoding: Encoding, bytes: SharedBytes) -> Result<Self> {
        let length = bytes.len();
        let packed = Packed::new(encoding, bytes);
        if packed.len() != Some(element_count(shape)?) {
            let dims = format_dims(shape);
            return Err(Error::shape(format!("shape {dims} does not hold what {length} packed bytes do")));
        }
        Ok(Tensor { shape: shape.to_vec(), elements: Elements::Packed(packed) })
    }

    /// A float32 tensor over `values`, in row-major order. `shape` is empty for a scalar.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape) if the number of values is not the product of `shape`;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if that product exceeds 2^42.
    pub fn f32(shape: &[usize], values: Vec<f32>) -> Result<Self> {
        Self::new(shape, Data::F32(values))
    }

    /// An int32 tensor over `values`, in row-major order.
    ///
    /// # Errors
    ///
    /// Those of [`Tensor::f32`].
    pub fn i32(shape: &[usize], values: Vec<i32>) -> Result<Self> {
        Self::new(shape, Data::I32(values))
    }

    /// A boolean tensor over `values`, in row-major order.
    ///
    /// # Errors
    ///
    /// Those of [`Tensor::f32`].
    pub fn bool(shape: &[usize], values: Vec<bool>) -> Result<Self> {
        Self::new(shape, Data::Bool(values))
    }

    /// The dimensions, outermost first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match &self.elements {
            Elements::Packed(_) => DType::F32,
            Elements::Plain(data) => data.dtype(),
        }
    }

    /// The elements. Packed elements are decoded on the first call, and the decoded copy is kept.
    #[doc(hidden)]
    pub fn data(&self) -> &Data {
        match &self.elements {
            Elements::Plain(data) => data,
            Elements::Packed(packed) => packed.data(),
        }
    }

    /// The elements, unless they are packed.
    pub(crate) fn into_data(self) -> Option<Data> {
        match self.elements {
            Elements::Plain(data) => Some(data),
            Elements::Packed(_) => None,
        }
    }

    /// The elements in the form in which they are stored, if they are packed.
    #[doc(hidden)]
    pub fn as_packed(&self) -> Option<&Packed> {
        match &self.elements {
            Elements::Plain(_) => None,
            Elements::Packed(packed) => Some(packed),
        }
    }

    /// The number of floats for which `wanted` is true; 0 for other dtypes. Keeps no decoded copy of packed floats.
    pub(crate) fn count_floats(&self, wanted: impl Fn(f32) -> bool) -> usize {
        match &self.elements {
            Elements::Plain(Data::F32(values)) => values.iter().filter(|value| wanted(**value)).count(),
            Elements::Plain(_) => 0,
            Elements::Packed(packed) => packed.count(wanted),
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of a float32 tensor, in row-major order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape) for any other dtype.
    pub fn as_f32(&self) -> Result<&[f32]> {
        if let Some(values) = self.as_packed().and_then(Packed::in_place) {
            return Ok(values);
        }
        match self.data() {
            Data::F32(values) => Ok(values),
            _ => Err(Error::shape(format!("expected a float32 tensor, found {}", self.dtype()))),
        }
    }

    /// The elements of an int32 tensor, in row-major order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape) for any other dtype.
    pub fn as_i32(&self) -> Result<&[i32]> {
        match self.data() {
            Data::I32(values) => Ok(values),
            _ => Err(Error::shape(format!("expected an int32 tensor, found {}", self.dtype()))),
        }
    }

    /// The elements of a boolean tensor, in row-major order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape) for any other dtype.
    pub fn as_bool(&self) -> Result<&[bool]> {
        match self.data() {
            Data::Bool(values) => Ok(values),
            _ => Err(Error::shape(format!("expected a bool tensor, found {}", self.dtype()))),
        }
    }

    /// The same elements in another shape of the same size.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape) if the number of elements differs;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if the product of `shape` exceeds 2^42.
    pub fn reshaped(mut self, shape: &[usize]) -> Result<Self> {
        if element_count(shape)? != self.len() {
            let (from, to) = (format_dims(&self.shape), format_dims(shape));
            return Err(Error::shape(format!("{from} cannot be reshaped to {to}")));
        }
        self.shape = shape.to_vec();
        Ok(self)
    }

    /// Every element converted to f64; booleans become 0 and 1.
    pub fn to_f64(&self) -> Vec<f64> {
        match self.data() {
            Data::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Data::I32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Data::Bool(values) => values.iter().map(|&value| f64::from(u8::from(value))).collect(),
        }
    }

    /// Converts to another dtype as TF.js does: floats are truncated toward zero to integers (saturating, NaN to 0),
    /// and any value other than zero is true.
    pub fn cast(&self, dtype: DType) -> Tensor {
        let data = match (self.data(), dtype) {
            (Data::F32(values), DType::I32) => Data::I32(values.iter().map(|&value| value as i32).collect()),
            (Data::F32(values), DType::Bool) => Data::Bool(values.iter().map(|&value| value != 0.0).collect()),
            (Data::I32(values), DType::F32) => Data::F32(values.iter().map(|&value| value as f32).collect()),
            (Data::I32(values), DType::Bool) => Data::Bool(values.iter().map(|&value| value != 0).collect()),
            (Data::Bool(values), DType::F32) => Data::F32(values.iter().map(|&value| f32::from(value)).collect()),
            (Data::Bool(values), DType::I32) => Data::I32(values.iter().map(|&value| i32::from(value)).collect()),
            (same, _) => same.clone(),
        };
        Tensor { shape: self.shape.clone(), elements: Elements::Plain(data) }
    }

    /// The elements as the GPU stores them: one 32-bit word each.
    #[doc(hidden)]
    pub fn to_words(&self) -> Vec<u32> {
        self.words().into_owned()
    }

    /// Like [`Tensor::to_words`], but without a copy if the elements are already 32-bit words.
    pub(crate) fn words(&self) -> Cow<'_, [u32]> {
        match self.data() {
            Data::F32(values) => Cow::Borrowed(bytemuck::cast_slice(values)),
            Data::I32(values) => Cow::Borrowed(bytemuck::cast_slice(values)),
            Data::Bool(values) => values.iter().map(|&value| f32::from(value).to_bits()).collect(),
        }
    }

    /// The inverse of [`Tensor::to_words`].
    pub(crate) fn from_words(shape: &[usize], dtype: DType, words: &[u32]) -> Result<Self> {
        Self::new(shape, RecycledOutputs::default().decode(dtype, words))
    }

    /// Rows `start..end` of the leading dimension, as a copy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape) if the tensor is a scalar or the range is not within its rows.
    pub fn rows(&self, start: usize, end: usize) -> Result<Tensor> {
        let Some((&rows, rest)) = self.shape.split_first() else {
            return Err(Error::shape("a scalar has no rows"));
        };
        if start > end || end > rows {
            return Err(Error::shape(format!("rows {start}..{end} are outside a tensor of {rows} rows")));
        }
        let row: usize = rest.iter().product();
        let range = start * row..end * row;
        let data = match self.data() {
            Data::F32(values) => Data::F32(values[range].to_vec()),
            Data::I32(values) => Data::I32(values[range].to_vec()),
            Data::Bool(values) => Data::Bool(values[range].to_vec()),
        };
        let mut shape = self.shape.clone();
        shape[0] = end - start;
        Tensor::new(&shape, data)
    }

    /// A tensor with batch 1, repeated to a batch of `rows`.
    pub(crate) fn repeat_rows(&self, rows: usize) -> Result<Tensor> {
        if self.shape.first() != Some(&1) {
            return Err(Error::shape(format!("only a batch of 1 can be repeated, not {}", format_dims(&self.shape))));
        }
        let data = match self.data() {
            Data::F32(values) => Data::F32(values.repeat(rows)),
            Data::I32(values) => Data::I32(values.repeat(rows)),
            Data::Bool(values) => Data::Bool(values.repeat(rows)),
        };
        let mut shape = self.shape.clone();
        shape[0] = rows;
        Tensor::new(&shape, data)
    }

    /// Concatenates tensors that differ only in their number of rows.
    pub(crate) fn join_rows(parts: &[&Tensor]) -> Result<Tensor> {
        let Some(first) = parts.first() else {
            return Err(Error::shape("there is nothing to join"));
        };
        let mut shape = first.shape.clone();
        let Some(rows) = shape.first_mut() else {
            return Err(Error::shape("a scalar has no rows"));
        };
        *rows = parts.iter().map(|part| part.shape.first().copied().unwrap_or(0)).sum();
        let words: Vec<u32> = parts.iter().flat_map(|part| part.to_words()).collect();
        Tensor::from_words(&shape, first.dtype(), &words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_truncate_saturate_and_take_nan_to_zero() {
        let floats = Tensor::f32(&[5], vec![2.7, -2.7, f32::NAN, 1e20, -0.0]).expect("tensor");
        assert_eq!(floats.cast(DType::I32).as_i32().expect("ints"), [2, -2, 0, i32::MAX, 0]);
        assert_eq!(floats.cast(DType::Bool).as_bool().expect("bools"), [true, true, true, true, false]);
    }

    #[test]
    fn words_round_trip() {
        for tensor in [
            Tensor::f32(&[2], vec![-0.0, f32::INFINITY]).expect("tensor"),
            Tensor::i32(&[2], vec![-1, i32::MIN]).expect("tensor"),
            Tensor::bool(&[2], vec![true, false]).expect("tensor"),
        ] {
            let words = tensor.to_words();
            assert_eq!(Tensor::from_words(tensor.shape(), tensor.dtype(), &words).expect("tensor"), tensor);
        }
    }

    #[test]
    fn rows_and_repeats() {
        let tensor = Tensor::i32(&[3, 2], vec![1, 2, 3, 4, 5, 6]).expect("tensor");
        assert_eq!(tensor.rows(1, 3).expect("rows").as_i32().expect("ints"), [3, 4, 5, 6]);
        assert!(tensor.rows(2, 4).is_err());
        let row = tensor.rows(0, 1).expect("row");
        assert_eq!(row.repeat_rows(2).expect("repeat").as_i32().expect("ints"), [1, 2, 1, 2]);
        assert!(tensor.repeat_rows(2).is_err());
    }
}
