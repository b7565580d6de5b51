//! Ways of execution differ in what is compiled, submitted and waited for, and never in answers.

use crate::harness::gpu;
use crate::model;
use std::collections::BTreeSet;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::MemoryUsage;
use tfjs_wgpu::Passes;
use tfjs_wgpu::emulation;
use tfjs_wgpu::emulation::{Emulation, Execution, Programs, ReadBacks, Submits};
use tfjs_wgpu::internals::gpu::Gpu;
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::Counter;
use tfjs_wgpu::{Device, Model, Session, SessionOptions};

fn open(model: &Model, passes: Passes, execution: Execution) -> Session {
    gpu::require(LimitsPreset::Full);
    let options =
        SessionOptions::default().device(Device::Gpu).passes(passes).emulate(Emulation::default().execution(execution));
    Session::open_with(model, options).expect("the GPU opens")
}

fn all() -> impl Iterator<Item = Execution> {
    let pairs = Programs::ALL.into_iter().flat_map(|programs| Submits::ALL.map(|submits| (programs, submits)));
    pairs.flat_map(|(programs, submits)| ReadBacks::ALL.map(|read_back| Execution { programs, submits, read_back }))
}

#[test]
fn counts_follow_from_the_plan_and_answers_are_the_same() {
    let model = model("multi_io");
    let inputs = random_inputs(&model, 5, 1).expect("inputs");
    let outputs = model.graph().outputs().len() as u64;
    assert!(outputs > 1, "one output is always by itself");
    for passes in emulation::PASSES {
        let expected = open(&model, passes, Execution::default()).predict(&inputs).expect("a prediction");
        let dispatches = expected.timeline.counter(Counter::Dispatches);
        for execution in all() {
            let session = open(&model, passes, execution);
            // The second prediction finds everything as the first left it, mapped memory among it.
            for _ in 0..2 {
                let prediction = session.predict(&inputs).expect("a prediction");
                assert_eq!(prediction.outputs, expected.outputs, "{execution:?}");
                let count = |name| prediction.timeline.counter(name);
                let (submits, waits) = match (execution.submits, execution.read_back) {
                    (Submits::One, ReadBacks::Together) => (1, 1),
                    (Submits::PerKernel, ReadBacks::Together) => (dispatches + 1, 1),
                    (Submits::One, ReadBacks::PerOutput) => (1 + outputs, outputs),
                    (Submits::PerKernel, ReadBacks::PerOutput) => (dispatches + outputs, outputs),
                };
                assert_eq!(
                    (count(Counter::Dispatches), count(Counter::Submits), count(Counter::Waits)),
                    (dispatches, submits, waits)
                );
            }
        }
    }
}

/// The kernels of one batch that differ in anything.
fn distinct_kernels(model: &Model, passes: Passes, batch: usize) -> u64 {
    let gpu = Gpu::open(LimitsPreset::Full).expect("the GPU opens");
    let graph = passes.run(model.graph(), gpu.facts()).expect("a graph");
    let dispatches = Plan::new(graph, gpu.facts(), Retain::Outputs).expect("a plan").dispatches(batch);
    let key = |kernel: &tfjs_wgpu::internals::kernel::Kernel| {
        let constants: Vec<u64> = kernel.constants.iter().map(|(_, value)| value.to_bits()).collect();
        (kernel.shader, kernel.entry_point, constants, kernel.params.clone(), kernel.workgroups)
    };
    let keys: BTreeSet<_> = dispatches.expect("dispatches").iter().map(|dispatch| key(&dispatch.kernel)).collect();
    keys.len() as u64
}

#[test]
fn programs_of_a_shape_are_compiled_for_every_batch_and_session() {
    let model = model("wide_deep");
    let passes = Passes::PLAIN;
    let execution = Execution { programs: Programs::PerShape, ..Execution::default() };
    for _ in 0..2 {
        let session = open(&model, passes, execution);
        assert_eq!(session.timeline().counter(Counter::Pipelines), 0, "TF.js compiles when a kernel first runs");
        let made = |batch: usize| {
            let inputs = random_inputs(&model, batch, 1).expect("inputs");
            session.predict(&inputs).expect("a prediction").timeline.counter(Counter::Pipelines)
        };
        let (first, again, other) = (made(3), made(3), made(4));
        assert_eq!(first, distinct_kernels(&model, passes, 3));
        assert_eq!(again, 0);
        assert!(other > 0 && other <= distinct_kernels(&model, passes, 4), "{other}: some depend on no batch");
        assert_eq!(made(3), 0, "both batches are kept");
    }
}

#[test]
fn execution_is_refused_where_no_gpu_is_asked_for() {
    let model = model("ncf");
    for device in [Device::Auto, Device::Cpu, Device::Reference] {
        for execution in all().filter(|execution| *execution != Execution::default()) {
            let error = Session::open_with(
                &model,
                SessionOptions::default().device(device).emulate(Emulation::default().execution(execution)),
            );
            let error = error.expect_err("an option without effect");
            assert!(error.to_string().contains("applies to a GPU only"), "{error}");
        }
    }
}

#[test]
fn a_session_on_the_gpu_says_what_it_holds() {
    let model = model("wide_deep");
    let gpu = open(&model, Passes::FUSED, Execution::default());
    let plan = {
        let facts = Gpu::open(LimitsPreset::Full).expect("the GPU opens").facts().clone();
        Plan::new(Passes::FUSED.run(model.graph(), &facts).expect("a graph"), &facts, Retain::Outputs).expect("a plan")
    };
    let opened = gpu.memory();
    assert_eq!(opened.weight_bytes, plan.weight_bytes() + plan.table_bytes());
    assert_eq!((opened.activation_bytes, opened.parameter_bytes), (0, 0), "nothing is made before the first batch");
    let (small, large) = (held_after(&gpu, 1), held_after(&gpu, 64));
    let slots: u64 = plan.slots().iter().map(|slot| slot.bytes(64)).sum();
    assert!(large.activation_bytes >= slots + plan.model_input_bytes(64), "{large:?}");
    assert!(small.activation_bytes < large.activation_bytes && small.parameter_bytes > 0);
    assert_eq!(small.weight_bytes, opened.weight_bytes);
    assert_eq!(
        large.total_bytes(),
        large.weight_bytes + large.activation_bytes + large.parameter_bytes,
        "the total is of all"
    );
}

/// What a session holds after a batch.
fn held_after(session: &Session, batch: usize) -> MemoryUsage {
    session.predict(&random_inputs(session.model(), batch, 1).expect("inputs")).expect("a prediction");
    session.memory()
}

#[test]
fn a_session_without_a_gpu_says_what_it_holds() {
    let model = model("wide_deep");
    let held = |device| held_after(&Session::open(&model, device).expect("a session"), 64);
    let cpu = held(Device::Cpu);
    assert!(cpu.weight_bytes > 0 && cpu.activation_bytes > 0, "{cpu:?}");
    let reference = held(Device::Reference);
    assert!(reference.weight_bytes > 0 && reference.activation_bytes == 0, "{reference:?}");
}
