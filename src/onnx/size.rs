//! Sizes that are known when a model is loaded, except for the batch: `times · N + plus`.
//!
//! Files compute shapes by operators on integers. Their values are such sizes, so that what a shape is computed from needs
//! no operator of the graph. What is no such size, such as `N²`, has no value here.

use crate::error::{Error, Result};
use std::fmt;

/// `times · N + plus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Size {
    pub(super) times: i64,
    pub(super) plus: i64,
}

impl Size {
    pub(super) const fn fixed(plus: i64) -> Size {
        Size { times: 0, plus }
    }

    /// The number, if it does not depend on the batch.
    pub(super) fn known(self) -> Option<i64> {
        (self.times == 0).then_some(self.plus)
    }

    pub(super) fn add(self, other: Size) -> Option<Size> {
        Some(Size { times: self.times.checked_add(other.times)?, plus: self.plus.checked_add(other.plus)? })
    }

    pub(super) fn negated(self) -> Option<Size> {
        Some(Size { times: self.times.checked_neg()?, plus: self.plus.checked_neg()? })
    }

    pub(super) fn multiply(self, other: Size) -> Option<Size> {
        let (factor, of) = match (self.known(), other.known()) {
            (Some(factor), _) => (factor, other),
            (_, Some(factor)) => (factor, self),
            _ => return None,
        };
        Some(Size { times: of.times.checked_mul(factor)?, plus: of.plus.checked_mul(factor)? })
    }

    /// The quotient, if the division leaves no remainder for any batch, or does not depend on the batch. Integers are
    /// truncated toward zero.
    pub(super) fn divide(self, other: Size) -> Option<Size> {
        match (self.known(), other.known()) {
            (Some(left), Some(right)) => left.checked_div(right).map(Size::fixed),
            (None, Some(right)) if right != 0 && self.times % right == 0 && self.plus % right == 0 => {
                Some(Size { times: self.times / right, plus: self.plus / right })
            }
            (None, None) if other.times != 0 => {
                let quotient = self.times / other.times;
                (other.multiply(Size::fixed(quotient)) == Some(self)).then_some(Size::fixed(quotient))
            }
            _ => None,
        }
    }

    /// Which is the larger for every batch of at least one sample, if one is.
    pub(super) fn compare(self, other: Size) -> Option<std::cmp::Ordering> {
        let difference = self.add(other.negated()?)?;
        match (difference.times, difference.plus) {
            (0, plus) => Some(plus.cmp(&0)),
            (times, plus) if times > 0 && times.checked_add(plus)? > 0 => Some(std::cmp::Ordering::Greater),
            (times, plus) if times < 0 && times.checked_add(plus)? < 0 => Some(std::cmp::Ordering::Less),
            _ => None,
        }
    }

    /// The number, or an error about the batch.
    pub(super) fn expect_known(self) -> Result<i64> {
        self.known().ok_or_else(computes_with_the_batch)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.times, self.plus) {
            (0, plus) => write!(f, "{plus}"),
            (1, 0) => f.write_str("N"),
            (times, 0) => write!(f, "{times} N"),
            (times, plus) => write!(f, "{times} N + {plus}"),
        }
    }
}

/// The error for what would make the answer for a sample depend on the number of samples.
pub(super) fn computes_with_the_batch() -> Error {
    Error::unsupported("computes with the number of samples in the batch, which is not supported")
        .cause("every sample is answered by itself, whatever stands beside it in the batch")
        .hint("take it out of the model and export the model again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn sizes_compute_as_long_as_they_are_linear_in_the_batch() {
        let (batch, five) = (Size { times: 1, plus: 0 }, Size::fixed(5));
        let five_batches = batch.multiply(five).expect("linear");
        assert_eq!(five_batches, Size { times: 5, plus: 0 });
        assert_eq!(batch.multiply(batch), None);
        assert_eq!(five_batches.divide(five), Some(batch));
        assert_eq!(five_batches.divide(batch), Some(five));
        assert_eq!(batch.divide(five), None);
        assert_eq!(Size::fixed(7).divide(Size::fixed(0)), None);
        assert_eq!(five_batches.compare(batch), Some(Ordering::Greater));
        assert_eq!(batch.compare(five), None);
        assert_eq!(batch.compare(Size::fixed(0)), Some(Ordering::Greater));
        assert_eq!(five_batches.add(Size::fixed(2)).expect("a sum").to_string(), "5 N + 2");
        assert_eq!(Size::fixed(i64::MAX).add(Size::fixed(1)), None);
    }
}
