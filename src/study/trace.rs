//! A profile as Chrome trace events, for Perfetto and `chrome://tracing`.
//!
//! The trace has two processes: the host with the stages of a session, and the device with its kernels. Times are
//! microseconds from the start of opening. Spans that overlap without nesting, such as those of parallel threads, have
//! separate tracks.

use crate::session::{Profile, RecordedSpan, StepClock};
use serde_json::{Value, json};

const HOST: u32 = 1;
const DEVICE: u32 = 2;

/// The trace of a profile as a JSON value, for a model called `model`: opening, the first prediction, and the last
/// prediction of each kind.
pub fn chrome_trace(profile: &Profile, model: &str) -> Value {
    let recording = &profile.recording;
    let predictions = [
        (&recording.opening, "open"),
        (&recording.first, "first prediction"),
        (&recording.usual, "prediction as usual"),
        (&recording.timed, "prediction with timed steps"),
    ];
    let host: Vec<(&RecordedSpan, &str)> =
        predictions.iter().flat_map(|(spans, what)| spans.iter().map(|span| (span, *what))).collect();
    let (device, how) = match profile.clock {
        StepClock::Device => (
            "GPU",
            "by the GPU's timestamps, put where the submit ends or as much earlier as they must be to end with the wait",
        ),
        StepClock::HostPerSubmit => ("GPU", "by the host, from the submit of each kernel alone to the end of the wait"),
        StepClock::Host => ("steps", "by the host, summed over blocks of rows and threads, put end to end"),
    };
    let mut events = vec![
        name("process_name", HOST, 0, "host"),
        name("thread_name", HOST, 1, "session"),
        name("thread_name", HOST, 2, "beside it"),
        name("process_name", DEVICE, 0, device),
        name("thread_name", DEVICE, 1, "steps"),
    ];
    let spans: Vec<&RecordedSpan> = host.iter().map(|(span, _)| *span).collect();
    for (track, (span, what)) in tracks(&spans).into_iter().zip(&host) {
        events.push(event(HOST, track, span, "host", json!({ "in": what })));
    }
    let steps: Vec<&RecordedSpan> = recording.steps.iter().collect();
    for ((track, span), step) in tracks(&steps).into_iter().zip(&steps).zip(&profile.steps) {
        let arguments = json!({
            "operator": step.operator,
            "kernel": step.kernel,
            "shape": step.shape,
            "flops": step.flops,
            "bytes": step.bytes,
        });
        events.push(event(DEVICE, track, span, &step.operator, arguments));
    }
    json!({
        "displayTimeUnit": "ms",
        "otherData": {
            "model": model,
            "device": profile.device,
            "batch": profile.batch,
            "clock_of_steps": how,
        },
        "traceEvents": events,
    })
}

fn name(what: &str, process: u32, track: usize, name: &str) -> Value {
    json!({ "ph": "M", "name": what, "pid": process, "tid": track, "args": { "name": name } })
}

fn event(process: u32, track: usize, span: &RecordedSpan, category: &str, arguments: Value) -> Value {
    json!({
        "ph": "X",
        "name": span.name,
        "cat": category,
        "pid": process,
        "tid": track,
        "ts": span.start_ns as f64 / 1e3,
        "dur": span.duration_ns as f64 / 1e3,
        "args": arguments,
    })
}

/// For each span the first track, counted from 1, on which it is nested in or disjoint from every other span.
fn tracks(spans: &[&RecordedSpan]) -> Vec<usize> {
    let end = |span: &RecordedSpan| span.start_ns + span.duration_ns;
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&index| (spans[index].start_ns, std::cmp::Reverse(end(spans[index]))));
    // By track, the ends of the spans that are open when the next one starts.
    let mut open: Vec<Vec<u64>> = Vec::new();
    let mut tracks = vec![0; spans.len()];
    for index in order {
        let span = spans[index];
        for ends in &mut open {
            ends.retain(|&open_end| open_end > span.start_ns);
        }
        let fits = |ends: &Vec<u64>| ends.iter().all(|&open_end| end(span) <= open_end);
        let track = open.iter().position(fits).unwrap_or_else(|| {
            open.push(Vec::new());
            open.len() - 1
        });
        open[track].push(end(span));
        tracks[index] = track + 1;
    }
    tracks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_cross_take_a_track_each() {
        let span = |start_ns, end_ns: u64| RecordedSpan { name: "x".into(), start_ns, duration_ns: end_ns - start_ns };
        let spans = [span(0, 10), span(2, 5), span(5, 10), span(4, 12), span(10, 20), span(11, 13)];
        assert_eq!(tracks(&spans.iter().collect::<Vec<_>>()), [1, 1, 1, 2, 1, 1]);
        assert!(tracks(&[]).is_empty());
    }
}
