//! The counts and the pacing of a measurement. Times have lower bounds at most.

use crate::harness::gpu;
use crate::model;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::study::{Measurement, Pace, RunOptions, measure};
use tfjs_wgpu::{Device, SessionOptions};

fn runs(batch: usize, runs: usize) -> RunOptions {
    RunOptions::default().batch(batch).runs(runs).min_seconds(0.0)
}

fn cpu() -> SessionOptions {
    SessionOptions::default().device(Device::Cpu)
}

fn measured(session: &SessionOptions, run: &RunOptions) -> Measurement {
    measure(&model("ncf"), session, run, &mut |_| ControlFlow::Continue(())).expect("measured")
}

#[test]
fn runs_are_as_many_as_asked_for_and_seconds_as_long() {
    assert_eq!(measured(&cpu(), &runs(1, 7)).samples_ms.len(), 7);
    // So many that more are made than are handed out.
    let long = measured(&cpu(), &runs(1, 1).min_seconds(0.05));
    let all = long.warm_ms.expect("runs").n;
    assert!(all > 7 && long.samples_ms.len() <= 1000.min(all));
    // No more than one begins where there is no time.
    let short = measured(&cpu(), &runs(1, 50).max_seconds(0.0));
    assert_eq!(short.samples_ms.len(), 1);
    assert!(measured(&cpu(), &runs(1, 0)).warm_ms.is_none());
}

#[test]
fn pauses_are_kept() {
    for pace in [Pace::Delay(Duration::from_millis(4)), Pace::Interval(Duration::from_millis(4))] {
        let start = Instant::now();
        measured(&cpu(), &runs(1, 6).pace(pace).warmup_runs(0));
        // Five pauses lie between six predictions.
        assert!(start.elapsed() >= Duration::from_millis(20), "{pace:?}");
    }
}

#[test]
fn whoever_watches_may_end_it() {
    let mut seen = 0;
    let found = measure(&model("ncf"), &cpu(), &runs(1, 100), &mut |progress| {
        seen = progress.runs;
        if progress.runs < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!((seen, found.expect("measured").samples_ms.len()), (3, 3));
}

#[test]
fn what_is_shared_is_counted_once() {
    let apart = measured(&cpu(), &runs(8, 1));
    let shared = measured(&cpu().shared(["user_id"]), &runs(8, 1));
    // Seven ids of four bytes less.
    assert_eq!(shared.upload_bytes, apart.upload_bytes - 7 * 4);
    assert!(shared.flops < apart.flops && shared.flops > 0);
    assert_eq!(shared.shared, ["user_id"]);
}

#[test]
fn the_reference_has_no_passes_and_options_have_their_words() {
    let reference = SessionOptions::default().device(Device::Reference);
    let found = measured(&reference, &runs(2, 1));
    assert_eq!((found.device.as_str(), found.passes.as_str(), found.dispatches), ("reference", "plain", 0));
    let found = measured(&cpu().cpu_threads(1), &runs(2, 1));
    assert_eq!(found.settings, ["threads 1"]);
}

#[test]
fn a_gpu_that_is_warm_allocates_nothing() {
    gpu::require(LimitsPreset::Full);
    let gpu = SessionOptions::default().device(Device::Gpu);
    let found = measured(&gpu, &runs(3, 4));
    assert_eq!((found.submits, found.waits, found.allocations), (1, 1, 0));
    assert!(found.dispatches > 0 && found.weight_bytes > 0 && found.activation_bytes > 0);
}
