//! Named spans of time and counters, as plain data.
//!
//! Every floor above may record into a [`Timeline`]; none of them interprets it. Reports are made of it elsewhere.

use std::time::Instant;

/// One named stretch of time. Spans nest, and overlap where threads work beside each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What was being done, for example `upload weights`.
    pub name: &'static str,
    /// Nanoseconds from the timeline's origin to the start.
    pub start_ns: u64,
    /// Length in nanoseconds.
    pub duration_ns: u64,
}

/// Spans and counters recorded while opening a session or answering a prediction.
#[derive(Debug, Clone)]
pub struct Timeline {
    origin: Instant,
    spans: Vec<Span>,
    counters: Vec<(&'static str, u64)>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::start()
    }
}

impl Timeline {
    /// An empty timeline whose origin is now.
    pub fn start() -> Self {
        Timeline { origin: Instant::now(), spans: Vec::new(), counters: Vec::new() }
    }

    /// An empty timeline with the origin of this one, for another thread to record into.
    pub(crate) fn apart(&self) -> Self {
        Timeline { origin: self.origin, spans: Vec::new(), counters: Vec::new() }
    }

    /// Adds what another thread recorded apart.
    pub(crate) fn absorb(&mut self, apart: Timeline) {
        self.spans.extend(apart.spans);
        for (name, amount) in apart.counters {
            self.count(name, amount);
        }
    }

    /// Runs `work` and records how long it took under `name`.
    pub fn span<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        self.span_with(name, |_| work())
    }

    /// Like [`Timeline::span`], for work that records into the timeline itself.
    pub fn span_with<T>(&mut self, name: &'static str, work: impl FnOnce(&mut Timeline) -> T) -> T {
        let start = Instant::now();
        let value = work(self);
        self.record(name, start, Instant::now());
        value
    }

    /// Records what other threads did from `start` to `end`.
    pub fn record(&mut self, name: &'static str, start: Instant, end: Instant) {
        self.spans.push(Span {
            name,
            start_ns: nanoseconds(start.duration_since(self.origin)),
            duration_ns: nanoseconds(end.duration_since(start)),
        });
    }

    /// Adds `amount` to the counter `name`.
    pub fn count(&mut self, name: &'static str, amount: u64) {
        match self.counters.iter_mut().find(|(known, _)| *known == name) {
            Some((_, total)) => *total += amount,
            None => self.counters.push((name, amount)),
        }
    }

    /// The recorded spans in the order they ended.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The counters in the order they were first counted.
    pub fn counters(&self) -> &[(&'static str, u64)] {
        &self.counters
    }

    /// The value of a counter; zero if it was never counted.
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.iter().find(|(known, _)| *known == name).map_or(0, |(_, total)| *total)
    }

    /// The sum of all spans called `name`, in nanoseconds.
    pub fn total_ns(&self, name: &str) -> u64 {
        self.spans.iter().filter(|span| span.name == name).map(|span| span.duration_ns).sum()
    }

    /// When it was started.
    pub fn origin(&self) -> Instant {
        self.origin
    }

    /// Nanoseconds since the origin.
    pub fn elapsed_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_and_spans_are_kept_in_order() {
        let mut timeline = Timeline::start();
        timeline.count("dispatches", 2);
        timeline.count("dispatches", 3);
        assert_eq!(timeline.span("encode", || 7), 7);
        timeline.span("submit", || ());
        assert_eq!(timeline.counter("dispatches"), 5);
        assert_eq!(timeline.counter("never counted"), 0);
        let names: Vec<_> = timeline.spans().iter().map(|span| span.name).collect();
        assert_eq!(names, ["encode", "submit"]);
        assert!(timeline.spans()[1].start_ns >= timeline.spans()[0].start_ns);
    }
}
