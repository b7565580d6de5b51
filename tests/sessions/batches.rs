//! Batches of many sizes: what is prepared for one serves those near to it, and the answers are those of the batch alone.

use crate::harness::gpu;
use crate::{model, open};
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::Counter;
use tfjs_wgpu::{Device, NamedTensors, Prediction, Session};

/// Sizes in 1..=1000 in no order, the same on every machine.
fn sizes() -> impl Iterator<Item = usize> {
    let mut state = 7u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + (state >> 33) as usize % 1000
    })
}

#[test]
fn after_warm_up_a_thousand_random_sizes_allocate_nothing() {
    gpu::require(LimitsPreset::Full);
    let model = model("wide_deep");
    let session = open(&model, LimitsPreset::Full);
    let all = random_inputs(&model, 1000, 7).expect("inputs");
    let rows = |count: usize| -> NamedTensors {
        all.iter().map(|(name, tensor)| (name, tensor.rows(0, count).expect("rows"))).collect()
    };
    let mut prediction = Prediction::default();
    // From the largest down, and that again and again, so that memory grows once and is not given back.
    for index in 0..2000 {
        let size = if index % 32 == 1 { 999 } else { 1000 - index % 1000 };
        session.predict_into(&rows(size), &mut prediction).expect("an answer");
    }
    for size in sizes().take(1000) {
        session.predict_into(&rows(size), &mut prediction).expect("an answer");
        for counter in [Counter::Allocations, Counter::BindGroups, Counter::Pipelines] {
            assert_eq!(prediction.timeline.counter(counter), 0, "{counter} at {size} rows");
        }
    }
}

#[test]
fn a_row_has_its_answer_whatever_the_batch_was_prepared_for() {
    gpu::require(LimitsPreset::Full);
    for name in ["wide_deep", "din", "gru_ranker", "multi_io"] {
        let model = model(name);
        let reference = Session::open(&model, Device::Cpu).expect("the CPU opens");
        let session = open(&model, LimitsPreset::Full);
        // Ids of an earlier prediction stand behind the last row.
        for size in [200, 150, 149, 101, 99, 67, 66, 65, 41, 40, 39, 38, 37, 36, 35, 34, 33, 19, 18, 17, 131, 7] {
            let inputs = random_inputs(&model, size, size as u64).expect("inputs");
            let expected = reference.predict(&inputs).expect("an answer").outputs;
            let outputs = session.predict(&inputs).expect("an answer").outputs;
            for ((output, expected), (_, actual)) in expected.iter().zip(outputs.iter()) {
                assert_eq!(actual.shape(), expected.shape(), "{name} {output}");
                for (expected, actual) in expected.to_f64().into_iter().zip(actual.to_f64()) {
                    let allowed = 1e-4 * expected.abs().max(1.0);
                    assert!(
                        (expected - actual).abs() <= allowed,
                        "{name} {output} at {size} rows: {actual}, {expected}"
                    );
                }
            }
        }
    }
}
