//! The recording of one call: spans of stages, and counters.

use super::{Counter, Counters, Stage};
use std::time::{Duration, Instant};

/// A span of time. Spans nest, and overlap if threads work in parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// The activity.
    pub stage: Stage,
    /// Nanoseconds from the timeline's origin to the start.
    pub start_ns: u64,
    /// The duration in nanoseconds.
    pub duration_ns: u64,
}

/// The spans and counters recorded while a session opened or predicted.
#[derive(Debug, Clone)]
pub struct Timeline {
    origin: Instant,
    spans: Vec<Span>,
    counters: Counters,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::start()
    }
}

impl Timeline {
    /// An empty timeline with its origin now.
    pub(crate) fn start() -> Self {
        Self::since(Instant::now())
    }

    fn since(origin: Instant) -> Self {
        Timeline { origin, spans: Vec::new(), counters: Counters::default() }
    }

    /// An empty timeline with the origin of this one, for another thread to record into.
    pub(crate) fn apart(&self) -> Self {
        Self::since(self.origin)
    }

    /// Adds the spans and counters that another thread recorded apart.
    pub(crate) fn absorb(&mut self, apart: Timeline) {
        self.spans.extend(apart.spans);
        self.counters.add_all(&apart.counters);
    }

    /// Runs `work` and records its duration.
    pub(crate) fn span<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        self.span_with(stage, |_| work())
    }

    /// Like [`Timeline::span`], for work that records into the timeline itself.
    pub(crate) fn span_with<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Timeline) -> T) -> T {
        let start = Instant::now();
        let value = work(self);
        self.record(stage, start, Instant::now());
        value
    }

    /// Records a span of other threads, from `start` to `end`.
    pub(crate) fn record(&mut self, stage: Stage, start: Instant, end: Instant) {
        let start_ns = nanoseconds(start.duration_since(self.origin));
        self.spans.push(Span { stage, start_ns, duration_ns: nanoseconds(end.duration_since(start)) });
    }

    /// Adds `amount` to a counter.
    pub(crate) fn count(&mut self, counter: Counter, amount: u64) {
        self.counters.add(counter, amount);
    }

    /// The recorded spans in the order in which they ended.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// All counters, as a copy.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The value of one counter; 0 if nothing was counted.
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }

    /// The total duration of all spans of a stage in nanoseconds.
    pub fn total_ns(&self, stage: Stage) -> u64 {
        self.spans.iter().filter(|span| span.stage == stage).map(|span| span.duration_ns).sum()
    }

    /// The time of the origin.
    pub fn origin(&self) -> Instant {
        self.origin
    }

    /// Nanoseconds since the origin.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_and_spans_are_kept_in_order() {
        let mut timeline = Timeline::start();
        timeline.count(Counter::Dispatches, 2);
        timeline.count(Counter::Dispatches, 3);
        assert_eq!(timeline.span(Stage::Encode, || 7), 7);
        timeline.span(Stage::Submit, || ());
        assert_eq!((timeline.counter(Counter::Dispatches), timeline.counter(Counter::Waits)), (5, 0));
        let stages: Vec<Stage> = timeline.spans().iter().map(|span| span.stage).collect();
        assert_eq!(stages, [Stage::Encode, Stage::Submit]);
        assert!(timeline.spans()[1].start_ns >= timeline.spans()[0].start_ns);
    }

    #[test]
    fn what_a_thread_recorded_apart_is_added() {
        let mut timeline = Timeline::start();
        let mut apart = timeline.apart();
        apart.count(Counter::Waits, 1);
        apart.span(Stage::Wait, || ());
        timeline.absorb(apart);
        assert_eq!((timeline.counter(Counter::Waits), timeline.spans().len()), (1, 1));
    }
}
