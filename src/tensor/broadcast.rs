//! NumPy broadcasting: trailing dimensions are aligned, and a dimension of 1 stretches.

use super::{Dim, Shape};
use crate::error::{Error, Result};

/// The shape to which both shapes broadcast. N broadcasts with N, S and 1; S with S and 1.
pub fn broadcast(left: &Shape, right: &Shape) -> Result<Shape> {
    let rank = left.rank().max(right.rank());
    let aligned = |shape: &Shape, index: usize| match (index + shape.rank()).checked_sub(rank) {
        Some(own) => shape.dims()[own],
        None => Dim::Fixed(1),
    };
    let dims = (0..rank).map(|index| match (aligned(left, index), aligned(right, index)) {
        (a, b) if a == b => Ok(a),
        (Dim::Shared, Dim::Batch) | (Dim::Batch, Dim::Shared) => Ok(Dim::Batch),
        (Dim::Fixed(1), other) | (other, Dim::Fixed(1)) => Ok(other),
        _ => Err(Error::shape(format!("{left} and {right} do not broadcast"))),
    });
    let dims: Vec<Dim> = dims.collect::<Result<_>>()?;
    Shape::new(dims).map_err(|_| {
        Error::shape(format!("{left} and {right} do not broadcast: the batch would not be the first dimension"))
    })
}

/// Row-major strides in elements.
pub(crate) fn row_major_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for index in (1..shape.len()).rev() {
        // Saturates only if the array has no elements; its strides are then never used.
        strides[index - 1] = strides[index].saturating_mul(shape[index]);
    }
    strides
}

/// The strides for reading an array of shape `from` as if it had shape `to`: 0 in broadcast dimensions.
pub(crate) fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<usize> {
    let strides = row_major_strides(from);
    let missing = to.len() - from.len();
    (0..to.len())
        .map(|index| match index.checked_sub(missing) {
            Some(own) if from[own] == to[index] => strides[own],
            _ => 0,
        })
        .collect()
}

/// The shape to which arrays of these compatible shapes broadcast. For each array, also the index of the element at
/// each position of that shape.
pub(crate) fn broadcast_positions<const COUNT: usize>(shapes: [&[usize]; COUNT]) -> (Vec<usize>, [Vec<usize>; COUNT]) {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let at = |shape: &[usize], dim: usize| (dim + shape.len()).checked_sub(rank).map_or(1, |own| shape[own]);
    let size = |dim| shapes.iter().map(|shape| at(shape, dim)).find(|&size| size != 1).unwrap_or(1);
    let shape: Vec<usize> = (0..rank).map(size).collect();
    let count: usize = shape.iter().product();
    let positions = shapes.map(|own| {
        let strides = broadcast_strides(own, &shape);
        let position = |index: usize| {
            let (mut rest, mut offset) = (index, 0);
            for (size, stride) in shape.iter().zip(&strides).rev() {
                offset += rest % size * stride;
                rest /= size;
            }
            offset
        };
        (0..count).map(position).collect()
    });
    (shape, positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_from_the_back() {
        let cases = [
            (Shape::batched(&[5, 8]), Shape::fixed(&[8]), Some("[N, 5, 8]")),
            (Shape::batched(&[1, 8]), Shape::batched(&[5, 1]), Some("[N, 5, 8]")),
            (Shape::fixed(&[1, 8]), Shape::batched(&[8]), Some("[N, 8]")),
            (Shape::batched(&[3]), Shape::batched(&[4]), None),
            (Shape::batched(&[3]), Shape::shared(&[1]), Some("[N, 3]")),
            (Shape::fixed(&[1, 3]), Shape::shared(&[1]), Some("[S, 3]")),
            (Shape::fixed(&[2, 3]), Shape::shared(&[3]), None),
            (Shape::batched(&[3]), Shape::fixed(&[2, 1, 3]), None),
        ];
        for (left, right, expected) in cases {
            let shape = broadcast(&left, &right).ok().map(|shape| shape.to_string());
            assert_eq!(shape.as_deref(), expected, "{left} with {right}");
        }
    }

    #[test]
    fn stretched_dimensions_have_stride_zero() {
        assert_eq!(broadcast_strides(&[3, 1], &[2, 3, 4]), [0, 1, 0]);
        assert_eq!(broadcast_strides(&[2, 3, 4], &[2, 3, 4]), [12, 4, 1]);
        assert_eq!(broadcast_strides(&[], &[2]), [0]);
    }
}
