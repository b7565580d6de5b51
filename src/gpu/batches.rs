//! Chooses the batch size to bind for a prediction: its own, or a larger one that many sizes share.
//!
//! Creating bindings (parameters, bind groups, read-back) takes about as long as a prediction. Most callers use a few
//! sizes, each of which has bindings of its own. If sizes vary more, a prediction is padded to the next of a few sizes,
//! with at most an eighth more rows. The contents of the extra rows are undefined, and their results are not read. If
//! an operator mixes rows, every batch has bindings of its own.

use std::collections::VecDeque;

/// Sizes with bindings of their own.
const MOST_OWN: usize = 8;

/// Recent predictions whose sizes are remembered.
const RECENT: usize = 64;

/// A further size gets bindings of its own if this many of the recent predictions had it.
const OFTEN: usize = 8;

/// Sizes up to this are not padded. Above, each doubling has half as many shared sizes.
const SMALL: usize = 16;

/// The sizes of recent predictions.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// Sizes with bindings of their own, most recently used last.
    own: Vec<usize>,
    recent: VecDeque<usize>,
}

impl Batches {
    /// The batch size to bind for a prediction of `batch` rows; at most `most`, which is at least `batch`.
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

/// The smallest shared size that is at least `batch`.
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
    fn few_sizes_have_their_own_bindings_and_many_share() {
        let mut batches = Batches::default();
        for batch in (0..8).map(|index| 33 + index) {
            assert_eq!(batches.choose(batch, 999), batch);
        }
        assert_eq!(batches.choose(130, 999), 144);
        assert_eq!(batches.choose(130, 135), 135);
        assert_eq!(batches.choose(33, 999), 33, "one of the eight");
        let times: Vec<usize> = (0..8).map(|_| batches.choose(130, 999)).collect();
        assert_eq!((times[0], times[7]), (144, 130), "it is frequent now");
        assert_eq!(batches.choose(34, 999), 36, "130 took its place");
    }

    #[test]
    fn shared_sizes_are_few_and_at_most_an_eighth_larger() {
        let mut sizes: Vec<usize> = (1..=4096).map(shared).collect();
        assert!((1..=4096).zip(&sizes).all(|(batch, size)| *size >= batch && 8 * (size - batch) <= batch));
        sizes.dedup();
        assert_eq!(sizes.len(), 16 + 8 * 8);
        assert_eq!(shared(usize::MAX), usize::MAX);
    }
}
