//! Memory grows with the batch without new pipelines, stays as it is while it is used, and shrinks when it is not.

use crate::{model, open};
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::Counter;

#[test]
fn memory_grows_with_the_batch_and_is_given_back() {
    let model = model("dlrm_26");
    let session = open(&model, LimitsPreset::Floor);
    let inputs = |batch| random_inputs(&model, batch, 1).expect("inputs");
    let (small, large) = (inputs(1), inputs(20_000));
    let predict = |inputs| session.predict(inputs).expect("a prediction");
    let answer = predict(&small).outputs;
    let first = predict(&large);
    let held = first.timeline.counter(Counter::AllocatedBytes);
    assert!(held > 1 << 20, "{held} bytes are too few to be given back");
    // Its bind groups held smaller buffers.
    assert!(predict(&small).timeline.counter(Counter::BindGroups) > 0);

    // One large batch now and then keeps the memory.
    for round in 0..140 {
        let prediction = predict(if round % 50 == 0 { &large } else { &small });
        assert_eq!(prediction.timeline.counter(Counter::ReleasedBytes), 0, "in round {round}");
        assert_eq!(prediction.timeline.counter(Counter::AllocatedBytes), 0, "in round {round}");
    }
    // None gives it back.
    let mut released = 0;
    for _ in 0..128 {
        let prediction = predict(&small);
        released += prediction.timeline.counter(Counter::ReleasedBytes);
        assert_eq!(prediction.outputs, answer);
    }
    assert!(released > held / 2, "{released} of {held} bytes were given back");
    let again = predict(&small).timeline;
    assert_eq!((again.counter(Counter::Allocations), again.counter(Counter::BindGroups)), (0, 0));

    let grown = predict(&large);
    assert!(grown.timeline.counter(Counter::AllocatedBytes) > 1 << 20);
    assert_eq!(grown.timeline.counter(Counter::Pipelines), 0, "pipelines do not belong to the memory");
    assert_eq!(grown.outputs, first.outputs);
}
