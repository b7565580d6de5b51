//! Time against the number of candidates, and against the pause between predictions.

use super::options::{StudyOptions, lists_of_passes, session};
use super::step::Step;
use crate::passes::Passes;
use crate::session::{Device, SessionOptions};
use crate::study::measurement::{Measurement, Pace, RunOptions};
use crate::study::report::{BreakEven, Curve, CurvePoint};
use std::time::Duration;

/// Numbers of candidates.
const CANDIDATES: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// Milliseconds from the start of one prediction to the start of the next; 0 for back to back.
const INTERVALS_MS: [u64; 4] = [0, 10, 100, 1000];

/// One curve for each device and list of passes, and one for the fused passes with a shared user.
pub(super) fn candidates(options: &StudyOptions) -> Vec<Step> {
    let mut sessions = Vec::new();
    for &device in &options.devices {
        sessions.extend(lists_of_passes(device).iter().map(|&passes| session(device, passes)));
        if !options.shared.is_empty() {
            sessions.push(SessionOptions { shared: options.shared.clone(), ..session(device, Passes::FUSED) });
        }
    }
    let points = sessions.into_iter().flat_map(|session| {
        // With one candidate, nothing is shared.
        let least = if session.shared.is_empty() { 1 } else { 2 };
        let candidates = CANDIDATES.into_iter().filter(move |&candidates| candidates >= least);
        candidates.map(move |candidates| Step::Candidates { session: session.clone(), candidates })
    });
    points.collect()
}

/// Predictions with pauses, on each device with the fused passes.
pub(super) fn sporadics(options: &StudyOptions) -> Vec<Step> {
    let sporadic = |device: &Device| {
        let session = session(*device, Passes::FUSED);
        INTERVALS_MS.map(|interval_ms| Step::Sporadic { session: session.clone(), interval_ms })
    };
    options.devices.iter().flat_map(sporadic).collect()
}

/// The runs for predictions with such pauses: fewer for long pauses.
pub(super) fn sporadic(options: &StudyOptions, interval_ms: u64) -> RunOptions {
    let pace = match interval_ms {
        0 => Pace::BackToBack,
        _ => Pace::Interval(Duration::from_millis(interval_ms)),
    };
    let runs = match (options.quick, interval_ms) {
        (true, _) => 2,
        (false, 1000..) => 12,
        (false, _) => 40,
    };
    // The duration of the pauses, and an allowance for the predictions.
    let max_seconds = 10.0 + runs as f64 * interval_ms as f64 / 1e3;
    RunOptions { runs, min_seconds: 0.0, max_seconds, pace, ..options.runs(1, 0.0) }
}

/// Adds a measurement to its curve.
pub(super) fn add(curves: &mut Vec<Curve>, found: Measurement) {
    let Some(ms) = found.warm_ms else { return };
    let point = CurvePoint { candidates: found.batch, ms, dispatches: found.dispatches };
    let (device, passes, shared) = (found.device, found.passes, found.shared);
    match curves.iter_mut().find(|curve| curve.device == device && curve.passes == passes && curve.shared == shared) {
        Some(curve) => curve.points.push(point),
        None => curves.push(Curve { device, passes, shared, points: vec![point] }),
    }
}

/// The number of candidates from which the GPU is faster than the CPU, for each pair of curves with the same shared
/// inputs.
pub(super) fn break_even(curves: &[Curve]) -> Vec<BreakEven> {
    let on = |device: &'static str| curves.iter().filter(move |curve| curve.device == device);
    let pairs = on("cpu").flat_map(|cpu| on("gpu").filter(|gpu| gpu.shared == cpu.shared).map(move |gpu| (cpu, gpu)));
    let break_even = |(cpu, gpu): (&Curve, &Curve)| BreakEven {
        for_few: cpu.label(),
        for_many: gpu.label(),
        from_candidates: faster_from(cpu, gpu),
    };
    pairs.map(break_even).collect()
}

/// The smallest number of candidates from which `second` is faster at every point that both curves have.
fn faster_from(first: &Curve, second: &Curve) -> Option<usize> {
    let at =
        |curve: &Curve, candidates| curve.points.iter().find(|point| point.candidates == candidates).map(|p| p.ms.p50);
    let both = second.points.iter().filter_map(|point| Some((point, at(first, point.candidates)?)));
    let faster: Vec<(usize, bool)> = both.map(|(point, other)| (point.candidates, point.ms.p50 < other)).collect();
    faster.iter().rev().take_while(|(_, is_faster)| *is_faster).last().map(|(candidates, _)| *candidates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::statistics::Summary;

    fn curve(device: &str, times: &[(usize, f64)]) -> Curve {
        let point = |&(candidates, ms): &(usize, f64)| CurvePoint {
            candidates,
            ms: Summary::of(&[ms]).expect("a sample"),
            dispatches: 0,
        };
        let points = times.iter().map(point).collect();
        Curve { device: device.into(), passes: "fused".into(), shared: Vec::new(), points }
    }

    #[test]
    fn the_break_even_is_where_the_gpu_stays_faster() {
        let cpu = curve("cpu", &[(1, 1.0), (2, 2.0), (4, 4.0), (8, 8.0)]);
        let cases = [
            (curve("gpu", &[(1, 3.0), (2, 3.0), (4, 3.0), (8, 3.0)]), Some(4)),
            (curve("gpu", &[(1, 0.5), (2, 3.0), (4, 5.0), (8, 7.0)]), Some(8)),
            (curve("gpu", &[(1, 0.5), (2, 0.5), (4, 0.5), (8, 0.5)]), Some(1)),
            (curve("gpu", &[(1, 9.0), (2, 9.0), (4, 9.0), (8, 9.0)]), None),
        ];
        for (gpu, expected) in cases {
            let found = break_even(&[cpu.clone(), gpu]);
            assert_eq!(found.iter().map(|pair| pair.from_candidates).collect::<Vec<_>>(), [expected]);
            assert_eq!((found[0].for_few.as_str(), found[0].for_many.as_str()), ("cpu fused", "gpu fused"));
        }
    }

    #[test]
    fn predictions_with_pauses_have_the_time_for_them() {
        let options = StudyOptions { devices: Vec::new(), ..StudyOptions::default() };
        for interval_ms in INTERVALS_MS {
            let run = sporadic(&options, interval_ms);
            assert!(run.max_seconds > run.runs as f64 * interval_ms as f64 / 1e3, "every {interval_ms} ms");
            assert!(run.runs >= 12);
        }
    }
}
