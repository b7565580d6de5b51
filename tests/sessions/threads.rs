//! Several threads on one session get the answers that each would get alone, and only a few of them hold memory.

use crate::{model, open};
use std::sync::Barrier;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::NamedTensors;
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::Counter;

const THREADS: u64 = 6;

#[test]
fn threads_that_share_a_session_get_their_own_answers() {
    let model = model("wide_deep");
    let session = open(&model, LimitsPreset::Full);
    let batch = |thread: u64| 1 + 2 * thread as usize;
    let inputs: Vec<NamedTensors> =
        (0..THREADS).map(|thread| random_inputs(&model, batch(thread), thread).expect("inputs")).collect();
    let alone: Vec<NamedTensors> =
        inputs.iter().map(|inputs| session.predict(inputs).expect("a prediction").outputs).collect();
    let together = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for (inputs, alone) in inputs.iter().zip(&alone) {
            let (session, together) = (&session, &together);
            scope.spawn(move || {
                together.wait();
                for _ in 0..20 {
                    let prediction = session.predict(inputs).expect("a prediction");
                    assert_eq!(prediction.outputs, *alone);
                    assert_eq!(prediction.timeline.counter(Counter::Submits), 1);
                    assert_eq!(prediction.timeline.counter(Counter::Waits), 1);
                }
            });
        }
    });
}

#[test]
fn at_most_three_predictions_hold_memory() {
    let model = model("wide_deep");
    let session = open(&model, LimitsPreset::Full);
    let inputs = random_inputs(&model, 4, 1).expect("inputs");
    let first = session.predict(&inputs).expect("a prediction").timeline.counter(Counter::AllocatedBytes);
    assert!(first > 0);
    let together = Barrier::new(THREADS as usize);
    let more: u64 = std::thread::scope(|scope| {
        let predict = || {
            together.wait();
            let predictions = (0..10).map(|_| session.predict(&inputs).expect("a prediction"));
            predictions.map(|prediction| prediction.timeline.counter(Counter::AllocatedBytes)).sum::<u64>()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(predict)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert!(more <= 2 * first, "{more} bytes were allocated after {first}");
    // One thread needs the memory of one prediction. The memory of the others is freed.
    let alone: Vec<_> = (0..200).map(|_| session.predict(&inputs).expect("a prediction").timeline).collect();
    let sum = |counter| alone.iter().map(|timeline| timeline.counter(counter)).sum::<u64>();
    assert_eq!(sum(Counter::AllocatedBytes), 0);
    assert_eq!(sum(Counter::ReleasedBytes) > 0, more > 0);
}

#[test]
fn a_prediction_that_fails_takes_nothing_from_the_others() {
    let model = model("wide_deep");
    let session = open(&model, LimitsPreset::Full);
    let inputs = random_inputs(&model, 2, 1).expect("inputs");
    let right = session.predict(&inputs).expect("a prediction").outputs;
    for _ in 0..5 {
        let wrong = NamedTensors::new();
        assert!(session.predict(&wrong).is_err());
        assert_eq!(session.predict(&inputs).expect("a prediction").outputs, right);
    }
}
