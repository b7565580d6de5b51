//! A profile names every step of a plan, adds up, and changes no answer.

use crate::harness::gpu;
use crate::{model, open};
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::emulation;
use tfjs_wgpu::emulation::{Emulation, Execution, Programs, ReadBacks, Submits};
use tfjs_wgpu::internals::gpu::Gpu;
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::{Device, Model, Session, SessionOptions};
use tfjs_wgpu::{Profile, ProfileOptions, StepClock};

fn three_runs() -> ProfileOptions {
    ProfileOptions::default().warmup_runs(1).runs(3)
}

fn profile(session: &Session, batch: usize) -> Profile {
    let inputs = random_inputs(session.model(), batch, 1).expect("inputs");
    let before = session.predict(&inputs).expect("a prediction").outputs;
    let profile = session.profile(&inputs, three_runs()).expect("a profile");
    assert_eq!(session.predict(&inputs).expect("a prediction").outputs, before, "a profile changes no answer");
    assert_eq!(profile.batch, batch);
    assert_eq!((profile.usual_ns.len(), profile.timed_ns.len(), profile.elapsed_ns.len()), (3, 3, 3));
    assert!(profile.steps.iter().all(|step| step.times_ns.len() == 3));
    assert!(profile.steps.iter().flat_map(|step| &step.times_ns).sum::<u64>() > 0, "steps take time");
    assert_eq!(profile.recording.steps.len(), profile.steps.len());
    let names = |spans: &[tfjs_wgpu::RecordedSpan]| spans.last().map(|span| span.name.clone());
    assert_eq!(names(&profile.recording.opening).as_deref(), Some("open"));
    for spans in [&profile.recording.first, &profile.recording.usual, &profile.recording.timed] {
        assert_eq!(names(spans).as_deref(), Some("predict"));
    }
    profile
}

fn stages(profile: &Profile) -> Vec<&str> {
    profile.stages.iter().map(|stage| stage.name.as_str()).collect()
}

/// The plan of a model as a session makes it.
fn plan(model: &Model, limits: LimitsPreset, passes: Passes) -> Plan {
    let gpu = Gpu::open(limits).expect("the GPU opens");
    let graph = passes.run(model.graph(), gpu.facts()).expect("a graph");
    Plan::new(graph, gpu.facts(), Retain::Outputs).expect("a plan")
}

fn expect_all_steps(profile: &Profile, plan: &Plan) {
    let dispatches = plan.dispatches(profile.batch).expect("dispatches");
    let planned: Vec<(String, String)> = dispatches
        .iter()
        .map(|dispatch| (plan.graph().node(dispatch.node).name.clone(), dispatch.kernel.to_string()))
        .collect();
    let steps: Vec<(String, String)> =
        profile.steps.iter().map(|step| (step.name.clone(), step.kernel.clone())).collect();
    assert_eq!(steps, planned);
    // What costs nothing runs no kernel, so the kernels have all the work.
    let work = plan.counts(profile.batch).expect("counts").work;
    assert_eq!(profile.steps.iter().map(|step| step.flops).sum::<u64>(), work.flops);
}

#[test]
fn every_kernel_of_a_plan_is_timed_by_the_device() {
    gpu::require(LimitsPreset::Full);
    for name in ["wide_deep", "gru4rec"] {
        let model = model(name);
        for passes in emulation::PASSES {
            let options = SessionOptions::default().device(Device::Gpu).passes(passes);
            let profile = profile(&Session::open_with(&model, options).expect("the GPU opens"), 5);
            expect_all_steps(&profile, &plan(&model, LimitsPreset::Full, passes));
            if profile.clock == StepClock::Device {
                assert!(profile.tick_ns.is_some_and(|tick_ns| tick_ns > 0.0));
                let stages = stages(&profile);
                for stage in ["check inputs", "write inputs", "encode", "submit", "wait", "read back"] {
                    assert!(stages.contains(&stage), "{stage} is missing in {stages:?}");
                }
            }
        }
    }
}

/// The preset stands for phones that have no timestamps.
#[test]
fn the_host_takes_the_time_where_the_device_has_no_timestamps() {
    let model = model("wide_deep");
    let profile = profile(&open(&model, LimitsPreset::Floor), 5);
    assert_eq!((profile.clock, profile.tick_ns), (StepClock::HostPerSubmit, None));
    expect_all_steps(&profile, &plan(&model, LimitsPreset::Floor, Passes::FUSED));
    let ends: Vec<[u64; 2]> =
        profile.recording.steps.iter().map(|span| [span.start_ns, span.start_ns + span.duration_ns]).collect();
    assert!(ends.windows(2).all(|pair| pair[0][1] <= pair[1][0]), "one is waited for before the next: {ends:?}");
}

#[test]
fn every_way_of_execution_is_profiled() {
    gpu::require(LimitsPreset::Full);
    gpu::require(LimitsPreset::Floor);
    let model = model("multi_io");
    for (programs, submits, read_back) in [
        (Programs::PerShape, Submits::PerKernel, ReadBacks::Together),
        (Programs::Shared, Submits::One, ReadBacks::PerOutput),
        (Programs::Shared, Submits::PerKernel, ReadBacks::PerOutput),
    ] {
        for limits in [LimitsPreset::Full, LimitsPreset::Floor] {
            let execution = Execution { programs, submits, read_back };
            let device = Device::Gpu;
            let options = SessionOptions::default()
                .device(device)
                .limits(limits)
                .emulate(Emulation::default().execution(execution));
            let profile = profile(&Session::open_with(&model, options).expect("the GPU opens"), 3);
            expect_all_steps(&profile, &plan(&model, limits, Passes::FUSED));
        }
    }
}

#[test]
fn a_profile_without_runs_or_rows_is_refused() {
    let model = model("wide_deep");
    let session = Session::open(&model, Device::Cpu).expect("a session");
    let refuse = |batch: usize, runs: usize| {
        let inputs = random_inputs(&model, batch, 1).expect("inputs");
        session.profile(&inputs, ProfileOptions::default().warmup_runs(0).runs(runs)).expect_err("refused").to_string()
    };
    assert!(refuse(1, 0).contains("the number of runs of a profile must be at least 1"), "{}", refuse(1, 0));
    assert!(refuse(0, 1).contains("nothing to profile in a batch of 0"), "{}", refuse(0, 1));
}

#[test]
fn engines_without_a_gpu_are_timed_by_the_host() {
    let model = model("wide_deep");
    // Several blocks of rows, whose times are added up.
    let batch = 300;
    for device in [Device::Cpu, Device::Reference] {
        let profile = profile(&Session::open(&model, device).expect("a session"), batch);
        assert_eq!((profile.clock, profile.tick_ns), (StepClock::Host, None));
        assert!(stages(&profile).contains(&"compute"), "{:?}", stages(&profile));
        let plain = device == Device::Reference;
        let passes = if plain { Passes::PLAIN } else { Passes::FUSED };
        let graph = passes.run(model.graph(), &tfjs_wgpu::internals::kernel::DeviceFacts::HOST).expect("a graph");
        let flops: u64 = graph.ids().map(|id| graph.cost(id, batch).flops).sum();
        assert_eq!(profile.steps.iter().map(|step| step.flops).sum::<u64>(), flops, "{device:?}");
        for (name, _) in graph.outputs() {
            assert!(profile.steps.iter().any(|step| step.name == *name), "{name} is computed on {device:?}");
        }
    }
}
