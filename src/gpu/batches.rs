//! The batch that a prediction is prepared for: its own, or a somewhat larger one that many sizes share.
//!
//! What is prepared for a batch is parameters, bind groups and a read-back, which take about as long to make as a prediction. Most
//! callers use a few sizes, and each of those is prepared for itself. Where sizes vary more than that, a prediction is computed in
//! the next larger of a few sizes, at most an eighth more rows. The rows at the end hold whatever stood there, and nobody reads
//! what becomes of them: operators never mix rows, unless they say so, and then every batch is prepared for itself.

use std::collections::VecDeque;

/// Sizes that are prepared for themselves.
const MOST_OWN: usize = 8;

/// Sizes that are remembered.
const RECENT: usize = 64;

/// A size is prepared for itself if this many of the recent predictions had it, though others are already.
const OFTEN: usize = 8;

/// Up to this batch every size is prepared for itself; above, each doubling has half as many sizes.
const SMALL: usize = 16;

/// The sizes of late.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// Those prepared for themselves, the one used last at the end.
    own: Vec<usize>,
    recent: VecDeque<usize>,
}

impl Batches {
    /// The batch to prepare for a prediction of `batch` rows; at most `most`, which is no less.
    pub(super) fn choose(&mut self, batch: usize, most: usize) -> usize {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(batch);
        if let Some(position) = self.own.iter().position(|known| *known == batch) {
            self.own[position..].rotate_left(1);
            return batch;
        }
        let is_frequent = || self.recent.iter().filter(|known| **known == batch).count() >= OFTEN;
        if self.own.len() == MOST_OWN && !is_frequent() {
            return shared(batch).min(most);
        }
        if self.own.len() == MOST_OWN {
            self.own.remove(0);
        }
        self.own.push(batch);
        batch
    }
}

/// The smallest size that several share and that has room for `batch`.
fn shared(batch: usize) -> usize {
    if batch <= SMALL {
        return batch;
    }
    let step = batch.checked_next_power_of_two().map_or(1, |power| power / SMALL);
    batch.checked_next_multiple_of(step).unwrap_or(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sizes_are_prepared_for_themselves_and_many_share() {
        let mut batches = Batches::default();
        for batch in (0..8).map(|index| 33 + index) {
            assert_eq!(batches.choose(batch, 999), batch);
        }
        assert_eq!(batches.choose(130, 999), 144);
        assert_eq!(batches.choose(130, 135), 135);
        assert_eq!(batches.choose(33, 999), 33, "it is one of the eight");
        let times: Vec<usize> = (0..8).map(|_| batches.choose(130, 999)).collect();
        assert_eq!((times[0], times[7]), (144, 130), "it is used often");
        assert_eq!(batches.choose(34, 999), 36, "it went for 130");
    }

    #[test]
    fn sizes_that_are_shared_are_few_and_little_larger() {
        let mut sizes: Vec<usize> = (1..=4096).map(shared).collect();
        assert!((1..=4096).zip(&sizes).all(|(batch, size)| *size >= batch && 8 * (size - batch) <= batch));
        sizes.dedup();
        assert_eq!(sizes.len(), 16 + 8 * 8);
        assert_eq!(shared(usize::MAX), usize::MAX);
    }
}
