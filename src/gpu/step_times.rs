//! The time of each kernel of a prediction. The device takes timestamps around each kernel, in a pass of its own.
//! Without timestamps the host submits each kernel alone and waits for it.

use super::device::OpenedDevice;
use super::read_back::{MapResult, map};
use super::ready_dispatch::ReadyDispatch;
use crate::engine::ProfileStep;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::telemetry::{Span, Stage, Timeline};
use std::sync::mpsc::Sender;

/// Kernels per query set: each needs two queries.
const KERNELS_PER_SET: usize = wgpu::QUERY_SET_MAX_QUERIES as usize / 2;

/// The spans of kernels in running order, on the clock of the timeline.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct StepTimes {
    pub(super) spans: Vec<Span>,
    /// Nanoseconds per tick of the device's clock; `None` if the host took the times.
    pub(super) tick_ns: Option<f64>,
}

/// Whether the device has timestamps.
pub(super) fn has_timestamps(gpu: &OpenedDevice) -> bool {
    gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
}

/// Queries for the kernels of one batch size, and the buffers for reading them back.
#[derive(Debug)]
pub(super) struct Timestamps {
    sets: Vec<wgpu::QuerySet>,
    kernels: usize,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl Timestamps {
    pub(super) fn new(gpu: &OpenedDevice, kernels: usize) -> Self {
        let count = |first: usize| 2 * (kernels - first).min(KERNELS_PER_SET) as u32;
        let set = |first: usize| {
            gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: count(first),
            })
        };
        let buffer = |usage| {
            let (label, size) = (Some("timestamps"), (16 * kernels as u64).max(16));
            gpu.device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false })
        };
        Timestamps {
            sets: (0..kernels).step_by(KERNELS_PER_SET).map(set).collect(),
            kernels,
            resolved: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            staging: buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
        }
    }

    /// The timestamps of the pass of the kernel at `index`.
    fn writes(&self, index: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let query = 2 * (index % KERNELS_PER_SET) as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.sets[index / KERNELS_PER_SET],
            beginning_of_pass_write_index: Some(query),
            end_of_pass_write_index: Some(query + 1),
        }
    }

    /// Records the read-back of the timestamps. The mapping reports to `mapped`.
    pub(super) fn record(&self, encoder: &mut wgpu::CommandEncoder, mapped: &Sender<MapResult>) {
        for (index, set) in self.sets.iter().enumerate() {
            let first = index * KERNELS_PER_SET;
            let count = 2 * (self.kernels - first).min(KERNELS_PER_SET) as u32;
            encoder.resolve_query_set(set, 0..count, &self.resolved, 16 * first as u64);
        }
        let bytes = self.resolved.size();
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, Some(bytes));
        map(encoder, &self.staging, wgpu::MapMode::Read, bytes, mapped);
    }

    /// The first and the last tick of each kernel, from the mapped buffer.
    pub(super) fn ticks(&self) -> Result<Vec<[u64; 2]>> {
        let view = self
            .staging
            .get_mapped_range(0..self.staging.size())
            .map_err(|cause| Error::internal("the GPU's timestamps could not be read").because(cause))?;
        let ticks = view.chunks_exact(16).take(self.kernels).map(|pair| {
            let tick = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            [tick(&pair[..8]), tick(&pair[8..])]
        });
        let ticks = ticks.collect();
        drop(view);
        self.staging.unmap();
        Ok(ticks)
    }
}

/// Records kernels, of which the first is number `first`: all in one pass, or each in a pass with timestamps.
pub(super) fn record(
    encoder: &mut wgpu::CommandEncoder,
    dispatches: &[ReadyDispatch],
    first: usize,
    timestamps: Option<&Timestamps>,
) {
    let at_once = if timestamps.is_some() { 1 } else { dispatches.len().max(1) };
    for (group, dispatches) in dispatches.chunks(at_once).enumerate() {
        let timestamp_writes = timestamps.map(|timestamps| timestamps.writes(first + group));
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        for dispatch in dispatches {
            let [x, y, z] = dispatch.workgroups;
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.bind_group, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
}

/// The spans of kernels on the host's clock.
///
/// The clocks of host and device are not synchronised. The kernels ran between the start of the first submit and the
/// end of the last wait. The spans start where the submit ends; earlier if they would end after the wait, but not
/// before the submit starts.
pub(super) fn place(ticks: &[[u64; 2]], tick_ns: f64, timeline: &Timeline) -> Vec<Span> {
    let Some(first) = ticks.iter().map(|[start, _]| *start).min() else { return Vec::new() };
    let nanoseconds = |ticks: u64| (ticks as f64 * tick_ns) as u64;
    let last = ticks.iter().map(|[_, end]| *end).max().unwrap_or(first);
    let end_of = |span: &Span| span.start_ns + span.duration_ns;
    let submit = timeline.spans().iter().find(|span| span.stage == Stage::Submit);
    let waited = timeline.spans().iter().rfind(|span| span.stage == Stage::Wait).map_or(u64::MAX, end_of);
    let latest = waited.saturating_sub(nanoseconds(last.saturating_sub(first)));
    let origin_ns = submit.map_or(0, |submit| end_of(submit).min(latest).max(submit.start_ns));
    let span = |&[start, end]: &[u64; 2]| Span {
        stage: Stage::Kernel,
        start_ns: origin_ns + nanoseconds(start - first),
        // Some drivers report the end of a pass before its start.
        duration_ns: nanoseconds(end.saturating_sub(start)),
    };
    ticks.iter().map(span).collect()
}

/// The kernels of a plan. The cost of a node is divided among its kernels by the size of their grids.
pub(super) fn steps(plan: &Plan, batch: usize) -> Result<Vec<ProfileStep>> {
    let dispatches = plan.dispatches(batch)?;
    let mut steps: Vec<ProfileStep> = Vec::with_capacity(dispatches.len());
    for kernels in dispatches.chunk_by(|left, right| left.node == right.node) {
        let workgroups =
            kernels.iter().map(|dispatch| dispatch.kernel.workgroups.iter().map(|&n| u64::from(n)).product());
        let workgroups: Vec<u64> = workgroups.collect();
        let whole = ProfileStep::of_node(plan.graph(), kernels[0].node, batch, String::new());
        let (flops, bytes) = (divide(whole.flops, &workgroups), divide(whole.bytes, &workgroups));
        for ((dispatch, flops), bytes) in kernels.iter().zip(flops).zip(bytes) {
            steps.push(ProfileStep { kernel: dispatch.kernel.to_string(), flops, bytes, ..whole.clone() });
        }
    }
    Ok(steps)
}

/// Divides `total` in proportion to `weights`, equally if all are 0. The parts add up to `total`.
fn divide(total: u64, weights: &[u64]) -> Vec<u64> {
    let is_zero = weights.iter().all(|weight| *weight == 0);
    // Clamped so that no product overflows. No grid is so large.
    let weights = weights.iter().map(|weight| if is_zero { 1 } else { u128::from(*weight).min(1 << 48) });
    let sum: u128 = weights.clone().sum::<u128>().max(1);
    let (mut seen, mut given) = (0u128, 0u64);
    let part = |weight| {
        seen += weight;
        let until = (u128::from(total) * seen / sum) as u64;
        let part = until - given;
        given = until;
        part
    };
    weights.map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A submit from 1 to 2 microseconds and a wait until 10.
    fn timeline() -> Timeline {
        let mut timeline = Timeline::start();
        let [a, b, c] = [1, 2, 10].map(|microseconds| timeline.origin() + Duration::from_micros(microseconds));
        timeline.record(Stage::Submit, a, b);
        timeline.record(Stage::Wait, b, c);
        timeline
    }

    #[test]
    fn kernels_lie_between_submit_and_wait() {
        let spans = |ticks: &[[u64; 2]]| {
            let spans = place(ticks, 2.0, &timeline());
            spans.into_iter().map(|span| [span.start_ns, span.duration_ns]).collect::<Vec<_>>()
        };
        assert_eq!(spans(&[[500, 700], [800, 1500]]), [[2000, 400], [2600, 1400]]);
        assert_eq!(spans(&[[500, 5000]]), [[1000, 9000]], "it ends with the wait");
        assert_eq!(spans(&[[500, 9000]]), [[1000, 17_000]], "it does not start before the submit");
        assert_eq!(spans(&[[500, 400]]), [[2000, 0]]);
        assert!(spans(&[]).is_empty());
    }

    #[test]
    fn the_parts_add_up_to_the_total() {
        assert_eq!(divide(10, &[1, 1, 1]), [3, 3, 4]);
        assert_eq!(divide(7, &[0, 0]), [3, 4]);
        assert_eq!(divide(100, &[3, 1]), [75, 25]);
        assert_eq!(divide(u64::MAX, &[u64::MAX, 1 << 48]), [u64::MAX / 2, u64::MAX / 2 + 1]);
        assert!(divide(5, &[]).is_empty());
    }
}
