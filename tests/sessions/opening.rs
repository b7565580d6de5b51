//! A device is opened once and a pipeline is made once, whoever asks and however many ask at once.

use crate::harness::gpu;
use crate::{model, open};
use std::collections::BTreeSet;
use std::sync::Barrier;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Model;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::gpu::Gpu;
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::{Counter, Stage};

/// The pipelines that are made when a model is opened on this device: of one row, and of many where it is hardware, as
/// what stands for a phone is.
fn distinct_pipelines(model: &Model, limits: LimitsPreset) -> u64 {
    let gpu = Gpu::open(limits).expect("the GPU opens");
    let graph = Passes::default().run(model.graph(), gpu.facts()).expect("a graph");
    let plan = Plan::new(graph, gpu.facts(), Retain::Outputs).expect("a plan");
    let batches: &[usize] = if gpu.facts().software { &[1] } else { &[1, 64] };
    let dispatches = batches.iter().flat_map(|batch| plan.dispatches(*batch).expect("dispatches"));
    let key = |kernel: &tfjs_wgpu::internals::kernel::Kernel| {
        format!("{} {} {:?}", kernel.shader, kernel.entry_point, kernel.constants)
    };
    dispatches.map(|dispatch| key(&dispatch.kernel)).collect::<BTreeSet<_>>().len() as u64
}

#[test]
fn a_second_session_makes_no_pipelines() {
    let model = model("wide_deep");
    let limits = LimitsPreset::Mali;
    let (first, second) = (open(&model, limits), open(&model, limits));
    assert_eq!(first.timeline().counter(Counter::Pipelines), distinct_pipelines(&model, limits));
    assert_eq!(second.timeline().counter(Counter::Pipelines), 0);
    assert_eq!(
        first.timeline().counter(Counter::WeightBytesUploaded),
        second.timeline().counter(Counter::WeightBytesUploaded),
        "weights belong to a session"
    );
    drop((first, second));
    assert_eq!(open(&model, limits).timeline().counter(Counter::Pipelines), 0, "pipelines outlive the sessions");
}

#[test]
fn sessions_that_open_at_once_make_each_pipeline_once() {
    let model = model("wide_deep");
    let limits = LimitsPreset::Adreno;
    gpu::require(limits);
    let together = Barrier::new(3);
    let made: u64 = std::thread::scope(|scope| {
        let open = || {
            together.wait();
            open(&model, limits).timeline().counter(Counter::Pipelines)
        };
        let threads = [scope.spawn(open), scope.spawn(open), scope.spawn(open)];
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(made, distinct_pipelines(&model, limits));
}

/// One user for many candidates is another plan of the same model.
#[test]
fn another_plan_of_a_model_uploads_no_weight_again() {
    let model = model("wide_deep");
    let session = open(&model, LimitsPreset::Full);
    let uploaded = session.timeline().counter(Counter::WeightBytesUploaded);
    let mut inputs = random_inputs(&model, 4, 7).expect("inputs");
    let name = inputs.names().next().expect("an input").to_string();
    let shared = inputs.get(&name).expect("an input").rows(0, 1).expect("a row");
    inputs.insert(name, shared);
    let prediction = session.predict(&inputs).expect("an answer");
    let again = prediction.timeline.counter(Counter::WeightBytesUploaded);
    assert!(2 * again < uploaded, "{again} of {uploaded} bytes, which passes made anew");
    assert!(prediction.timeline.counter(Counter::WeightBytesCopied) > 0);
    assert!(prediction.timeline.spans().iter().any(|span| span.stage == Stage::OpenGraph));
}
