//! Sizes that are known when a model is loaded, except for the batch: `times · N + sample · n + plus`.
//!
//! `n` is the number of a sample inside a loop over the samples of a batch; outside of it there is none.
//!
//! Files compute shapes by operators on integers. Their values are such sizes, so that what a shape is computed from needs
//! no operator of the graph. What is no such size, such as `N²`, has no value here.

use crate::error::{Error, Result};
use std::fmt;

/// `times · N + sample · n + plus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Size {
    pub(super) times: i64,
    pub(super) sample: i64,
    pub(super) plus: i64,
}

impl Size {
    /// The number of a sample.
    pub(super) const SAMPLE: Size = Size { times: 0, sample: 1, plus: 0 };

    pub(super) const fn fixed(plus: i64) -> Size {
        Size { times: 0, sample: 0, plus }
    }

    /// This many rows of each sample.
    pub(super) const fn batch(times: usize) -> Size {
        Size { times: times as i64, sample: 0, plus: 0 }
    }

    /// The number, if it does not depend on the batch.
    pub(super) fn known(self) -> Option<i64> {
        (self.times == 0 && self.sample == 0).then_some(self.plus)
    }

    /// The size of which each part is this of the parts of two.
    fn with(self, part: impl Fn((i64, i64)) -> Option<i64>, other: Size) -> Option<Size> {
        let parts = [(self.times, other.times), (self.sample, other.sample), (self.plus, other.plus)].map(part);
        let [times, sample, plus] = parts;
        Some(Size { times: times?, sample: sample?, plus: plus? })
    }

    pub(super) fn add(self, other: Size) -> Option<Size> {
        self.with(|own| own.0.checked_add(own.1), other)
    }

    pub(super) fn negated(self) -> Option<Size> {
        self.with(|own| own.0.checked_neg(), self)
    }

    pub(super) fn multiply(self, other: Size) -> Option<Size> {
        let (factor, of) = match (self.known(), other.known()) {
            (Some(factor), _) => (factor, other),
            (_, Some(factor)) => (factor, self),
            _ => return None,
        };
        of.with(|own| own.0.checked_mul(factor), of)
    }

    /// The quotient, if the division leaves no remainder for any batch, or does not depend on the batch. Integers are
    /// truncated toward zero.
    pub(super) fn divide(self, other: Size) -> Option<Size> {
        match (self.known(), other.known()) {
            (Some(left), Some(right)) => left.checked_div(right).map(Size::fixed),
            (None, Some(right)) => {
                self.with(|(own, _)| own.checked_rem(right).filter(|rest| *rest == 0).map(|_| own / right), self)
            }
            (None, None) if other.times != 0 => {
                let quotient = self.times / other.times;
                (other.multiply(Size::fixed(quotient)) == Some(self)).then_some(Size::fixed(quotient))
            }
            _ => None,
        }
    }

    /// Which is the larger for every batch of at least one sample, and every sample, if one is.
    pub(super) fn compare(self, other: Size) -> Option<std::cmp::Ordering> {
        let Size { times, sample, plus } = self.add(other.negated()?)?;
        let of_first = sign(times, plus)?;
        // What is linear is between its values for the first sample and the last, N − 1.
        let of_last = sign(times.checked_add(sample)?, plus.checked_sub(sample)?)?;
        (of_first == of_last).then_some(of_first)
    }

    /// The number, or an error about the batch.
    pub(super) fn expect_known(self) -> Result<i64> {
        self.known().ok_or_else(computes_with_the_batch)
    }
}

/// The sign of `times · N + plus` for all N of at least 1.
fn sign(times: i64, plus: i64) -> Option<std::cmp::Ordering> {
    let of_one = times.checked_add(plus)?;
    match times.cmp(&0) {
        std::cmp::Ordering::Equal => Some(plus.cmp(&0)),
        order => (of_one.cmp(&0) == order).then_some(order),
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.times, self.plus) {
            _ if self.sample != 0 => write!(f, "{} N + {} n + {}", self.times, self.sample, self.plus),
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
        let (batch, five) = (Size::batch(1), Size::fixed(5));
        let five_batches = batch.multiply(five).expect("linear");
        assert_eq!(five_batches, Size::batch(5));
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

    #[test]
    fn numbers_of_samples_are_below_the_batch() {
        let (sample, batch, one) = (Size::SAMPLE, Size::batch(1), Size::fixed(1));
        assert_eq!(sample.compare(batch), Some(Ordering::Less));
        assert_eq!(sample.compare(Size::fixed(0)), None);
        assert_eq!(sample.add(one).expect("a sum").compare(Size::fixed(0)), Some(Ordering::Greater));
        assert_eq!(sample.add(one).expect("a sum").compare(batch), None);
        assert_eq!(sample.compare(sample), Some(Ordering::Equal));
        assert_eq!(sample.known(), None);
        let third = sample.multiply(Size::fixed(3)).expect("a product");
        assert_eq!(third.divide(Size::fixed(3)), Some(sample));
        assert_eq!(third.divide(Size::fixed(2)), None);
    }
}
