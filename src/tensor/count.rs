//! The number of elements of a shape, with overflow checks.

use super::format_dims;
use crate::error::{Error, Result};

/// Elements of one tensor, at most: 16 TiB of float32. The bytes of as many values as a graph may have
/// ([`Builder`](crate::graph::Builder)) can be summed in 64 bits then.
const MOST_ELEMENTS: usize = 1 << 42;

/// The product of `shape`; an error if there are more than memory holds, or would be with 1 in place of each size of 0:
/// parts of a shape are multiplied too.
pub(crate) fn element_count(shape: &[usize]) -> Result<usize> {
    let most = shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim.max(1)));
    if most.is_none_or(|most| most > MOST_ELEMENTS) {
        return Err(Error::limit(format!("shape {} has more elements than memory can hold", format_dims(shape))));
    }
    Ok(shape.iter().product())
}

#[cfg(test)]
mod tests {
    use crate::Tensor;

    #[test]
    fn a_shape_that_overflows_is_an_error() {
        for shape in [[usize::MAX, 3, 1], [1 << 40, 1 << 3, 1], [0, 1 << 60, 1 << 60]] {
            let error = Tensor::f32(&shape, Vec::new()).expect_err("overflow");
            assert_eq!(error.kind(), crate::ErrorKind::Limit);
        }
    }
}
