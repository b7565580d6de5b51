//! The values of an ONNX graph while it is lowered: known when the model is loaded, or computed.
//!
//! A graph of the library has the batch in front of every value. ONNX has it anywhere, or merged with a dimension beside
//! it. So a computed value has its dimensions as the file sees them, and the position of the batch among them; in memory
//! the batch is in front, followed by what is merged with it and by the other dimensions in order.

use super::size::Size;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::tensor::{DType, Tensor};
use std::fmt;
use std::sync::Arc;

/// A dimension of a computed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogicalDim {
    /// The batch, each sample of which has this many rows, one after the other.
    Batch(usize),
    /// The batch, each sample of which has this many rows: all first ones come before all second ones.
    Interleaved(usize),
    /// A number.
    Fixed(usize),
}

/// A value of the graph that is built.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Computed {
    pub(super) id: ValueId,
    /// The dimensions in the file, at most one of which is the batch. A value of a model without a batch has none.
    pub(super) dims: Vec<LogicalDim>,
}

/// Integers, each known but for the batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Integers {
    pub(super) shape: Vec<usize>,
    pub(super) elements: Vec<Size>,
}

/// A value of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Floats or booleans.
    Constant(Arc<Tensor>),
    /// Integers that the file knows or computes from shapes.
    Integers(Integers),
    /// A constant that is the same along the batch, which is this dimension. There the tensor has a size of 1, and the
    /// dimension is this many times the batch.
    Repeated { tensor: Arc<Tensor>, axis: usize, times: usize },
    /// Computed from inputs.
    Computed(Computed),
    /// A list of values.
    Sequence(Vec<Value>),
    /// A list of one value for each sample, whose dimensions are those of one of them.
    EachSample(Computed),
    /// Integers that count, as many as depends on the batch.
    Counted(Counted),
}

/// `start`, `start + step`, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) start: Size,
    pub(super) step: i64,
    pub(super) count: Size,
}

impl Integers {
    pub(super) fn scalar(size: Size) -> Self {
        Integers { shape: Vec::new(), elements: vec![size] }
    }

    pub(super) fn list(elements: Vec<Size>) -> Self {
        Integers { shape: vec![elements.len()], elements }
    }

    /// The only one.
    pub(super) fn single(&self) -> Result<Size> {
        match self.elements[..] {
            [element] => Ok(element),
            _ => Err(Error::shape(format!("takes one integer, not {}", self.elements.len()))),
        }
    }

    /// As a tensor; an error if one depends on the batch or is no int32.
    pub(super) fn tensor(&self) -> Result<Tensor> {
        let number = |size: &Size| {
            let number = size.expect_known()?;
            i32::try_from(number).map_err(|_| {
                Error::unsupported(format!("has the integer {number}, which does not fit int32"))
                    .cause("int64 is computed as int32")
                    .hint("export the model with smaller ids or numbers")
            })
        };
        Tensor::i32(&self.shape, self.elements.iter().map(number).collect::<Result<_>>()?)
    }
}

impl Value {
    pub(super) fn constant(tensor: Tensor) -> Result<Value> {
        if tensor.dtype() != DType::I32 {
            return Ok(Value::Constant(Arc::new(tensor)));
        }
        let elements = tensor.as_i32()?.iter().map(|&number| Size::fixed(number.into())).collect();
        Ok(Value::Integers(Integers { shape: tensor.shape().to_vec(), elements }))
    }

    /// The sizes of its dimensions.
    pub(super) fn sizes(&self) -> Result<Vec<Size>> {
        let fixed = |&size: &usize| Size::fixed(size as i64);
        Ok(match self {
            Value::Constant(tensor) => tensor.shape().iter().map(fixed).collect(),
            Value::Integers(integers) => integers.shape.iter().map(fixed).collect(),
            Value::Repeated { tensor, axis, times } => {
                let mut sizes: Vec<Size> = tensor.shape().iter().map(fixed).collect();
                sizes[*axis] = Size::batch(*times);
                sizes
            }
            Value::Computed(computed) => computed.dims.iter().map(|dim| dim.size()).collect(),
            Value::Counted(counted) => vec![counted.count],
            Value::Sequence(_) | Value::EachSample(_) => {
                return Err(Error::unsupported("takes a list of tensors, which is not supported"));
            }
        })
    }

    pub(super) fn rank(&self) -> Result<usize> {
        self.sizes().map(|sizes| sizes.len())
    }

    /// The value as a tensor, if it is known and no dimension is the batch.
    pub(super) fn known(&self) -> Result<Option<Arc<Tensor>>> {
        match self {
            Value::Constant(tensor) => Ok(Some(Arc::clone(tensor))),
            Value::Integers(integers) if integers.elements.iter().all(|size| size.known().is_some()) => {
                integers.tensor().map(|tensor| Some(Arc::new(tensor)))
            }
            _ => Ok(None),
        }
    }
}

impl Counted {
    /// The integer at a position that may be that of a sample; `None` if it may be outside.
    pub(super) fn at(self, position: Size) -> Option<Size> {
        let is_inside = position.compare(self.count)?.is_lt() && position.compare(Size::fixed(-1))?.is_gt();
        is_inside.then_some(())?;
        self.start.add(position.multiply(Size::fixed(self.step))?)
    }

    /// With one more integer behind, if that continues it.
    pub(super) fn followed_by(self, next: Size) -> Option<Self> {
        let own = self.start.add(self.count.multiply(Size::fixed(self.step))?)?;
        (own == next).then_some(Counted { count: self.count.add(Size::fixed(1))?, ..self })
    }

    /// The integers from a position to the end, or from one position to the next.
    pub(super) fn sliced(self, [start, end]: [Size; 2]) -> Option<Value> {
        if start.add(Size::fixed(1)) == Some(end) {
            return self.at(start).map(|element| Value::Integers(Integers::list(vec![element])));
        }
        let first = start.known().filter(|start| *start >= 0)?;
        let is_to_end = end == self.count || end.known().is_some_and(|end| end >= i64::from(i32::MAX));
        is_to_end.then_some(())?;
        let skipped = Size::fixed(first.checked_mul(self.step)?);
        let count = self.count.add(Size::fixed(-first))?;
        Some(Value::Counted(Counted { start: self.start.add(skipped)?, count, ..self }))
    }
}

impl LogicalDim {
    pub(super) fn size(self) -> Size {
        match self {
            LogicalDim::Batch(times) | LogicalDim::Interleaved(times) => Size::batch(times),
            LogicalDim::Fixed(size) => Size::fixed(size as i64),
        }
    }

    /// The rows of a sample, if it is the batch.
    pub(super) fn rows(self) -> Option<usize> {
        match self {
            LogicalDim::Batch(rows) | LogicalDim::Interleaved(rows) => Some(rows),
            LogicalDim::Fixed(_) => None,
        }
    }
}

impl Computed {
    /// The position of the batch among the dimensions.
    pub(super) fn batch_axis(&self) -> Option<usize> {
        self.dims.iter().position(|dim| dim.rows().is_some())
    }

    /// How many rows of the batch dimension belong to a sample; 1 without such a dimension.
    pub(super) fn rows(&self) -> usize {
        self.dims.iter().find_map(|dim| dim.rows()).unwrap_or(1)
    }

    /// The dimensions other than the batch.
    pub(super) fn fixed(&self) -> Vec<usize> {
        self.dims.iter().filter_map(|dim| if let LogicalDim::Fixed(size) = dim { Some(*size) } else { None }).collect()
    }

    /// The number of dimensions in memory before those of [`Computed::fixed`].
    pub(super) fn leading(&self) -> usize {
        if self.rows() == 1 { 1 } else { 2 }
    }

    /// The dimension in memory of one in the file, unless that is the batch.
    pub(super) fn stored_axis(&self, axis: usize) -> Option<usize> {
        match self.dims.get(axis)? {
            LogicalDim::Batch(_) | LogicalDim::Interleaved(_) => None,
            LogicalDim::Fixed(_) => {
                let before = self.dims[..axis].iter().filter(|dim| matches!(dim, LogicalDim::Fixed(_))).count();
                Some(self.leading() + before)
            }
        }
    }
}

impl fmt::Display for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_sizes(&self.dims.iter().map(|dim| dim.size()).collect::<Vec<_>>()))
    }
}

/// As in `[N, 4]`.
pub(super) fn format_sizes(sizes: &[Size]) -> String {
    format!("[{}]", sizes.iter().map(Size::to_string).collect::<Vec<_>>().join(", "))
}
