//! The memory of a step for one block of rows: operands to read, and one output to write.

use crate::error::{Error, Result};
use crate::tensor::{DType, Data, Tensor};
use std::sync::Arc;

/// An element type of buffers.
pub(super) trait Element: Copy + Default + Send + Sync + 'static {
    /// The elements, if they have this type.
    fn of(data: &Data) -> Option<&[Self]>;
    /// The elements of a tensor without a copy, if they have this type.
    fn of_tensor(tensor: &Tensor) -> Option<&[Self]>;
    /// The vector that holds the elements, if they have this type.
    fn vec(data: &mut Data) -> Option<&mut Vec<Self>>;
    /// The elements of a part, read-only, if they have this type.
    fn of_part<'p>(part: &'p Part<'_>) -> Option<&'p [Self]>;
    /// The elements of a part, mutable, if they have this type.
    fn slice<'p, 'r>(part: &'p mut Part<'r>) -> Option<&'p mut &'r mut [Self]>;
}

macro_rules! element {
    ($($ty:ty => $variant:ident, $as_slice:ident);+) => {$(
        impl Element for $ty {
            fn of(data: &Data) -> Option<&[Self]> {
                if let Data::$variant(values) = data { Some(values) } else { None }
            }

            fn of_tensor(tensor: &Tensor) -> Option<&[Self]> {
                tensor.$as_slice().ok()
            }

            fn vec(data: &mut Data) -> Option<&mut Vec<Self>> {
                if let Data::$variant(values) = data { Some(values) } else { None }
            }

            fn of_part<'p>(part: &'p Part<'_>) -> Option<&'p [Self]> {
                if let Part::$variant(values) = part { Some(values) } else { None }
            }

            fn slice<'p, 'r>(part: &'p mut Part<'r>) -> Option<&'p mut &'r mut [Self]> {
                if let Part::$variant(values) = part { Some(values) } else { None }
            }
        }
    )+};
}

element!(f32 => F32, as_f32; i32 => I32, as_i32; bool => Bool, as_bool);

/// The buffers of one block, or of shared values. They grow as needed and are kept for later predictions.
#[derive(Debug, Default)]
pub(super) struct Arena {
    pub(super) buffers: Vec<Data>,
}

/// A block's rows of a result, in the caller's memory.
#[derive(Debug)]
pub(super) enum Part<'r> {
    F32(&'r mut [f32]),
    I32(&'r mut [i32]),
    Bool(&'r mut [bool]),
}

impl<'r> Part<'r> {
    /// An entire result.
    pub(super) fn whole(data: &'r mut Data) -> Self {
        match data {
            Data::F32(values) => Part::F32(values),
            Data::I32(values) => Part::I32(values),
            Data::Bool(values) => Part::Bool(values),
        }
    }

    /// Splits off the first `count` elements, or all if there are fewer.
    pub(super) fn split_off(&mut self, count: usize) -> Self {
        fn first<'r, T>(values: &mut &'r mut [T], count: usize) -> &'r mut [T] {
            let count = count.min(values.len());
            let (first, rest) = std::mem::take(values).split_at_mut(count);
            *values = rest;
            first
        }
        match self {
            Part::F32(values) => Part::F32(first(values, count)),
            Part::I32(values) => Part::I32(first(values, count)),
            Part::Bool(values) => Part::Bool(first(values, count)),
        }
    }
}

/// Where an operand is read from.
#[derive(Debug, Clone)]
pub(super) enum Region {
    /// The model input at this position.
    Input(usize),
    /// A weight, or a value that is computed only from weights.
    Constant(Arc<Tensor>),
    /// A buffer for a block.
    Slot(usize),
    /// A buffer for shared values.
    Once(usize),
    /// The result at this position, which a step has written.
    Result(usize),
}

/// A value as steps read it: its rows are contiguous.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) region: Region,
    pub(super) dtype: DType,
    /// The number of elements in a row; the number of all elements for a constant.
    pub(super) width: usize,
    /// Whether there is one row for the whole batch.
    pub(super) once: bool,
}

/// Where a step writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A buffer for a block, or for shared values.
    Slot(usize),
    /// The result at this position.
    Result(usize),
}

/// The place where a step writes: some columns of a buffer whose rows are `stride` elements apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) target: Target,
    pub(super) dtype: DType,
    pub(super) once: bool,
    pub(super) offset: usize,
    pub(super) stride: usize,
    pub(super) width: usize,
}

/// The rows that a step writes.
pub(super) struct Rows<'v, T> {
    /// Starts at the first element of the first row.
    data: &'v mut [T],
    stride: usize,
    width: usize,
    count: usize,
}

impl<T> Rows<'_, T> {
    /// The rows in order.
    pub(super) fn iter(&mut self) -> impl Iterator<Item = &mut [T]> {
        let width = self.width;
        // A row without elements is still a row.
        let stride = self.stride.max(1);
        let missing = if self.width == 0 { self.count } else { 0 };
        let rows = self.data.chunks_mut(stride).take(self.count - missing).map(move |row| &mut row[..width]);
        rows.chain((0..missing).map(|_| Default::default()))
    }

    /// All elements, if the rows are contiguous.
    pub(super) fn flat(&mut self) -> Option<&mut [T]> {
        (self.stride == self.width).then(|| &mut self.data[..self.count * self.width])
    }

    /// The elements from the start of the first row on, and the distance between rows.
    pub(super) fn strided(&mut self) -> (&mut [T], usize) {
        (self.data, self.stride)
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The row at this position.
    #[inline(always)]
    pub(super) fn row(&mut self, index: usize) -> &mut [T] {
        &mut self.data[index * self.stride..][..self.width]
    }
}

impl Output {
    /// The rows of this output within a buffer.
    fn rows<'v, T>(&self, buffer: &'v mut [T], count: usize) -> Rows<'v, T> {
        let end = if count == 0 { 0 } else { (count - 1) * self.stride + self.offset + self.width };
        let start = self.offset.min(end);
        Rows { data: &mut buffer[start..end], stride: self.stride, width: self.width, count }
    }
}

/// The size of a cache line on most machines.
const LINE_BYTES: usize = 64;

/// The index of a buffer's first element that starts a cache line. Only speed depends on it: a vector that lies in two
/// lines takes twice as long to load.
fn aligned<T>(values: &[T]) -> usize {
    values.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES / size_of::<T>())
}

/// One run over a block of rows.
pub(super) struct Frame<'f, 'r> {
    /// The inputs in the order of the graph.
    pub(super) inputs: &'f [&'f Tensor],
    /// The first row of the block in the batch.
    pub(super) first: usize,
    /// The number of rows in the block.
    pub(super) rows: usize,
    /// Whether only one row is computed in all, so that no batch could be divided into other blocks.
    pub(super) is_alone: bool,
    pub(super) arena: &'f mut Arena,
    /// The shared values; `None` while they are being computed.
    pub(super) once: Option<&'f Arena>,
    /// The block's rows of the results.
    pub(super) results: Vec<Part<'r>>,
}

impl Frame<'_, '_> {
    /// The block's rows of `operand`.
    pub(super) fn read<'r, T: Element>(&'r self, operand: &'r Operand) -> Result<&'r [T]> {
        let rows = if operand.once { 1 } else { self.rows };
        let first = if operand.once { 0 } else { self.first };
        let held = |arena: &'r Arena, slot: usize| {
            let values = T::of(&arena.buffers[slot])?;
            values.get(aligned(values)..)?.get(..rows * operand.width)
        };
        let (data, start, end) = match &operand.region {
            Region::Constant(tensor) => return T::of_tensor(tensor).ok_or_else(misfit),
            Region::Slot(slot) => return held(self.arena, *slot).ok_or_else(misfit),
            Region::Once(slot) => return held(self.once.unwrap_or(self.arena), *slot).ok_or_else(misfit),
            Region::Result(position) => {
                let part = self.results.get(*position).and_then(T::of_part);
                return part.and_then(|values| values.get(..rows * operand.width)).ok_or_else(misfit);
            }
            Region::Input(position) => {
                let tensor = self.inputs.get(*position).ok_or_else(misfit)?;
                (tensor.data(), first * operand.width, (first + rows) * operand.width)
            }
        };
        T::of(data).and_then(|values| values.get(start..end)).ok_or_else(misfit)
    }

    /// Lets `compute` write the block's rows of `output`. Meanwhile it may use all buffers except this one.
    pub(super) fn write<T: Element>(
        &mut self,
        output: &Output,
        compute: impl FnOnce(&mut Self, Rows<'_, T>) -> Result<()>,
    ) -> Result<()> {
        let rows = if output.once { 1 } else { self.rows };
        match output.target {
            Target::Slot(slot) => {
                let mut values = std::mem::take(T::vec(&mut self.arena.buffers[slot]).ok_or_else(misfit)?);
                let needed = rows * output.stride + LINE_BYTES / size_of::<T>();
                if values.len() < needed {
                    values.reserve_exact(needed - values.len());
                    values.resize(needed, T::default());
                }
                let start = aligned(&values);
                let outcome = compute(self, output.rows(&mut values[start..], rows));
                *T::vec(&mut self.arena.buffers[slot]).ok_or_else(misfit)? = values;
                outcome
            }
            Target::Result(position) => {
                let values = std::mem::take(T::slice(&mut self.results[position]).ok_or_else(misfit)?);
                if values.len() < rows * output.stride {
                    return Err(misfit());
                }
                let outcome = compute(self, output.rows(values, rows));
                *T::slice(&mut self.results[position]).ok_or_else(misfit)? = values;
                outcome
            }
        }
    }
}

fn misfit() -> Error {
    Error::shape("a value is not of the type or size that the graph gives it")
}
