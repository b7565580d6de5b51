//! The layout of tensors in TF.js' WebGL textures.
//!
//! A texel of a packed texture holds 2 × 2 adjacent elements of the last two dimensions. The programs that run and
//! their keys depend on the size of a texture, and on which shapes can share it.

/// Maximum number of texels along the longer edge of a texture. It depends on the device; this is the limit of the
/// recordings. It only affects tensors with a longer dimension.
const MAX_TEXTURE_SIZE: usize = 8192;

/// Merges all dimensions before the last two into one.
pub(super) fn as_3d(shape: &[usize]) -> Vec<usize> {
    match shape {
        [] | [1] => vec![1, 1, 1],
        [columns] => vec![1, 1, *columns],
        [outer @ .., rows, columns] => vec![outer.iter().product(), *rows, *columns],
    }
}

/// Whether a packed texture can be reinterpreted from one shape to the other without rearranging it.
pub(super) fn is_reshape_free(one: &[usize], other: &[usize]) -> bool {
    let last_two = |shape: &[usize]| shape[shape.len().saturating_sub(2)..].to_vec();
    let (one, other) = (last_two(one), last_two(other));
    match (one.as_slice(), other.as_slice()) {
        (one, other) if one == other => true,
        ([], _) | (_, []) => true,
        ([a], [rows, b]) | ([rows, b], [a]) => a == b || (a % 2 == 0 && b % 2 == 0 && *rows == 1),
        ([rows, a], [other_rows, b]) => a == b && rows % 2 == 0 && other_rows % 2 == 0,
        _ => false,
    }
}

/// The height and width of a tensor's texture, in elements.
pub(super) fn size(shape: &[usize], is_packed: bool) -> [usize; 2] {
    let mut shape = shape.to_vec();
    let mut most = MAX_TEXTURE_SIZE;
    if is_packed {
        most *= 2;
        let rank = shape.len();
        for dim in &mut shape[rank.saturating_sub(2)..] {
            *dim += *dim % 2;
        }
        if let [columns] = shape[..] {
            shape = vec![2, columns];
        }
    }
    if shape.len() != 2 {
        shape.retain(|&dim| dim != 1);
    }
    let count: usize = shape.iter().product();
    let fits = |height: usize, width: usize| (height <= most && width <= most).then_some([height, width]);
    let straight = match shape[..] {
        [] | [_] => fits(1, count),
        [rows, columns] => fits(rows, columns),
        [a, b, c] => fits(a * b, c).or_else(|| fits(a, b * c)),
        [a, b, c, d] => fits(a * b * c, d).or_else(|| fits(a, b * c * d)),
        _ => None,
    };
    straight.unwrap_or_else(|| if is_packed { squarish(count / 4).map(|edge| 2 * edge) } else { squarish(count) })
}

/// The size of a texture with four consecutive elements per texel, used for transfers.
pub(super) fn dense_size(shape: &[usize]) -> [usize; 2] {
    squarish(shape.iter().product::<usize>().div_ceil(4)).map(|edge| 2 * edge)
}

fn squarish(count: usize) -> [usize; 2] {
    let mut edge = count.isqrt();
    edge += usize::from(edge * edge < count);
    let edge = edge.max(1);
    [edge, count.div_ceil(edge)]
}

/// The number of elements that one invocation of a reduction program sums, given `length` elements in all.
pub(super) fn window(length: usize) -> usize {
    if length <= 30 {
        return length;
    }
    (length.isqrt()..length).find(|&divisor| length.is_multiple_of(divisor)).unwrap_or(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_textures_are_shared_where_texels_hold_the_same_elements() {
        assert!(is_reshape_free(&[7, 12], &[1, 7, 12]) && is_reshape_free(&[4, 6], &[2, 2, 6]));
        assert!(is_reshape_free(&[12], &[1, 12]) && is_reshape_free(&[], &[3, 5]));
        assert!(!is_reshape_free(&[7, 1, 5], &[7, 5]) && !is_reshape_free(&[7, 6], &[6, 7]));
    }

    #[test]
    fn textures_are_as_wide_as_the_last_dimension_where_that_fits() {
        assert_eq!((size(&[7, 5], false), size(&[7, 5], true)), ([7, 5], [8, 6]));
        assert_eq!((size(&[1, 7, 12], false), size(&[7, 3, 4], true)), ([7, 12], [28, 4]));
        assert_eq!((size(&[], false), size(&[10_000], false)), ([1, 1], [100, 100]));
        assert_eq!((dense_size(&[1, 7, 1]), dense_size(&[1, 1, 1])), ([4, 2], [2, 2]));
    }

    #[test]
    fn reductions_take_about_as_many_steps_as_a_step_takes_elements() {
        assert_eq!([window(20), window(53), window(100), window(36)], [20, 53, 10, 6]);
    }
}
