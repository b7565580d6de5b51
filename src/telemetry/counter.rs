//! The counters of a call. Their names are stable: reports and exports use them.

use crate::names::names;
use std::fmt;

/// A quantity that is summed over a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Counter {
    /// Compute dispatches recorded.
    Dispatches,
    /// Command buffers submitted.
    Submits,
    /// Waits for the device.
    Waits,
    /// Bytes of inputs written to the device.
    UploadBytes,
    /// Bytes of outputs read back.
    DownloadBytes,
    /// Pipelines compiled.
    Pipelines,
    /// Bind groups created.
    BindGroups,
    /// Buffers allocated.
    Allocations,
    /// Bytes of the allocated buffers.
    AllocatedBytes,
    /// Bytes of buffers that were freed.
    ReleasedBytes,
    /// Bytes of constants uploaded.
    WeightBytesUploaded,
    /// Bytes of constants copied on the device from another plan.
    WeightBytesCopied,
    /// Bytes of compiled pipelines read from disk.
    PipelineCacheBytesRead,
    /// Bytes of compiled pipelines written to disk.
    PipelineCacheBytesWritten,
    /// Files or folders of compiled pipelines that were refused: damaged, of another build or device, or writable by
    /// other users.
    PipelineCacheFilesRefused,
    /// Files of compiled pipelines that could not be written.
    PipelineCacheWritesFailed,
    /// Devices reopened after a loss.
    Recoveries,
    /// Calls into the driver that were abandoned when the deadline passed.
    AbandonedCalls,
}

names!(Counter, "counter", {
    Dispatches = "dispatches",
    Submits = "submits",
    Waits = "waits",
    UploadBytes = "upload_bytes",
    DownloadBytes = "download_bytes",
    Pipelines = "pipelines",
    BindGroups = "bind_groups",
    Allocations = "allocations",
    AllocatedBytes = "allocated_bytes",
    ReleasedBytes = "released_bytes",
    WeightBytesUploaded = "weight_bytes_uploaded",
    WeightBytesCopied = "weight_bytes_copied",
    PipelineCacheBytesRead = "pipeline_cache_bytes_read",
    PipelineCacheBytesWritten = "pipeline_cache_bytes_written",
    PipelineCacheFilesRefused = "pipeline_cache_files_refused",
    PipelineCacheWritesFailed = "pipeline_cache_writes_failed",
    Recoveries = "recoveries",
    AbandonedCalls = "abandoned_calls",
});

/// The value of every counter. Copying it allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    values: [u64; Counter::ALL.len()],
}

impl Counters {
    /// The value of one counter; 0 if nothing was counted.
    pub fn get(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    /// The counters that are not zero, in the order of [`Counter::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> {
        let all = Counter::ALL.into_iter().zip(self.values);
        all.filter(|(_, value)| *value > 0)
    }

    pub(super) fn add(&mut self, counter: Counter, amount: u64) {
        let value = &mut self.values[counter as usize];
        *value = value.saturating_add(amount);
    }

    pub(super) fn add_all(&mut self, others: &Counters) {
        others.iter().for_each(|(counter, amount)| self.add(counter, amount));
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(counter, value)| (counter.name(), value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_all_is_that_of_the_enum() {
        for (index, counter) in Counter::ALL.into_iter().enumerate() {
            assert_eq!(counter as usize, index, "{counter}");
        }
    }

    #[test]
    fn sums_saturate_and_zeros_are_left_out() {
        let mut counters = Counters::default();
        counters.add(Counter::Waits, u64::MAX);
        counters.add(Counter::Waits, 1);
        let copy = counters;
        counters.add_all(&copy);
        assert_eq!(format!("{counters:?}"), format!("{{\"waits\": {}}}", u64::MAX));
    }
}
