//! Arithmetic on indices of values that are known: transposing, broadcasting, and walking over elements.

use super::size::Size;
use super::value::{Integers, format_sizes};
use crate::error::{Error, Result};
use crate::tensor::{Shape, Tensor};

/// A tensor with its dimensions in another order.
pub(super) fn transposed(tensor: &Tensor, order: &[usize]) -> Result<Tensor> {
    if order.iter().copied().eq(0..order.len()) {
        return Ok(tensor.clone());
    }
    let strides = crate::tensor::row_major_strides(tensor.shape());
    let shape: Vec<usize> = order.iter().map(|&axis| tensor.shape()[axis]).collect();
    let words = tensor.to_words();
    let moved = indices(&shape).map(|index| {
        let place: usize = index.iter().zip(order).map(|(&index, &axis)| index * strides[axis]).sum();
        words[place]
    });
    Tensor::from_words(&shape, tensor.dtype(), &moved.collect::<Vec<_>>())
}

/// All indices of a tensor of this shape in order.
pub(super) fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let count: usize = shape.iter().product();
    let mut index = vec![0; shape.len()];
    let mut first = true;
    (0..count).map(move |_| {
        if !std::mem::take(&mut first) {
            for (position, size) in index.iter_mut().zip(shape).rev() {
                *position += 1;
                if *position < *size {
                    break;
                }
                *position = 0;
            }
        }
        index.clone()
    })
}

/// What two lists of known sizes broadcast to.
pub(super) fn broadcast_sizes(left: &[Size], right: &[Size]) -> Result<Vec<Size>> {
    let rank = left.len().max(right.len());
    let at =
        |sizes: &[Size], axis: usize| (axis + sizes.len()).checked_sub(rank).map_or(Size::fixed(1), |axis| sizes[axis]);
    (0..rank)
        .map(|axis| match (at(left, axis), at(right, axis)) {
            (one, other) if one == other || other == Size::fixed(1) => Ok(one),
            (one, other) if one == Size::fixed(1) => Ok(other),
            _ => Err(Error::shape(format!("{} and {} do not broadcast", format_sizes(left), format_sizes(right)))),
        })
        .collect()
}

/// What shapes of integers broadcast to.
pub(super) fn broadcast_shapes(left: &[usize], right: &[usize]) -> Result<Vec<usize>> {
    Ok(crate::tensor::broadcast(&Shape::fixed(left), &Shape::fixed(right))?.sample())
}

/// The elements of two lists of integers that broadcast to this shape.
pub(super) fn pairs<'i>(
    left: &'i Integers,
    right: &'i Integers,
    shape: &'i [usize],
) -> impl Iterator<Item = (Size, Size)> + 'i {
    let place = |integers: &Integers, index: &[usize]| {
        let own = &index[index.len() - integers.shape.len()..];
        own.iter()
            .zip(&integers.shape)
            .fold(0, |place, (&index, &size)| place * size + if size == 1 { 0 } else { index })
    };
    indices(shape).map(move |index| (left.elements[place(left, &index)], right.elements[place(right, &index)]))
}
