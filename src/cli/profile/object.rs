//! The profile as one JSON object.

use super::Profiled;
use serde_json::{Map, Value, json};
use tfjs_wgpu::ProfileStage;
use tfjs_wgpu::internals::study::statistics::median;
use tfjs_wgpu::study::Share;

/// The description of the fields for `--help`.
pub(super) const HELP: &str = "\
The object that --json prints. Times are in nanoseconds, medians of all runs:
  schema    1; incremented when the meaning of a field changes
  model, device, input, passes, activation_precision, batch, runs
            what was profiled
  execution {programs, submits, read_back}
  clock     how the times of steps were taken: \"device\" by timestamps of the device;
            \"host-per-submit\" by submitting each kernel alone and waiting for it; \"host\" around each
            step, summed over threads
  tick_ns   the tick of the device's clock, or null
  usual_ns, timed_ns, distortion
            a usual prediction, a prediction with timed steps, and their ratio
  steps_ns, elapsed_ns
            the sum of all steps, and the time from the start of the first to the end of the last
  ceilings  null, or {gflop_per_s, gb_per_s}: the throughput of a large Dense and of a large copy
  steps     [{name, operator, kernel, shape, flops, bytes, median_ns, min_ns, share, gflop_per_s,
            gb_per_s, flops_per_byte, bound, reached}] in execution order; bound is \"memory\" or
            \"compute\"; reached is the fraction of the roofline
  operators [{operator, steps, median_ns, …}], longest first
  stages    [{name, usual_ns, timed_ns}] on the host";

/// The profile as JSON.
pub(super) fn object(profiled: &Profiled<'_>) -> Value {
    let Profiled { arguments, file, origin, profile, breakdown, ceilings } = profiled;
    let session = arguments.session.options(Vec::new());
    let emulation = session.emulation();
    let steps = profile.steps.iter().zip(&breakdown.steps).map(|(step, share)| {
        let mut object = Map::new();
        object.insert("name".into(), step.name.as_str().into());
        object.insert("operator".into(), step.operator.as_str().into());
        object.insert("kernel".into(), step.kernel.as_str().into());
        object.insert("shape".into(), step.shape.as_slice().into());
        object.insert("flops".into(), step.flops.into());
        object.insert("bytes".into(), step.bytes.into());
        insert_share(&mut object, share);
        Value::from(object)
    });
    let operators = breakdown.operators.iter().map(|all| {
        let mut object = Map::new();
        object.insert("operator".into(), all.operator.as_str().into());
        object.insert("steps".into(), all.steps.into());
        insert_share(&mut object, &all.share);
        Value::from(object)
    });
    json!({
        "schema": 1,
        "model": file.model.name(),
        "device": profile.device,
        "input": origin.to_string(),
        "passes": session.passes.name(),
        "activation_precision": emulation.activation_precision.name(),
        "execution": {
            "programs": emulation.execution.programs.name(),
            "submits": emulation.execution.submits.name(),
            "read_back": emulation.execution.read_back.name(),
        },
        "batch": profile.batch,
        "runs": profile.usual_ns.len(),
        "clock": profile.clock.name(),
        "tick_ns": profile.tick_ns,
        "usual_ns": breakdown.usual_ns,
        "timed_ns": breakdown.timed_ns,
        "distortion": breakdown.distortion,
        "steps_ns": breakdown.steps_ns,
        "elapsed_ns": breakdown.elapsed_ns,
        "ceilings": ceilings.map(|ceilings| {
            json!({ "gflop_per_s": ceilings.gflop_per_s, "gb_per_s": ceilings.gb_per_s })
        }),
        "steps": steps.collect::<Value>(),
        "operators": operators.collect::<Value>(),
        "stages": profile.stages.iter().map(stage).collect::<Value>(),
    })
}

fn insert_share(object: &mut Map<String, Value>, share: &Share) {
    object.insert("median_ns".into(), share.median_ns.into());
    object.insert("min_ns".into(), share.min_ns.into());
    object.insert("share".into(), share.share.into());
    object.insert("gflop_per_s".into(), share.gflop_per_s.into());
    object.insert("gb_per_s".into(), share.gb_per_s.into());
    object.insert("flops_per_byte".into(), share.flops_per_byte.into());
    object.insert("bound".into(), share.bound.map(|bound| bound.name()).into());
    object.insert("reached".into(), share.reached.into());
}

/// The medians of a stage.
pub(super) fn medians(stage: &ProfileStage) -> [f64; 2] {
    [&stage.usual_ns, &stage.timed_ns].map(|ns| median(&ns.iter().map(|&ns| ns as f64).collect::<Vec<_>>()))
}

fn stage(stage: &ProfileStage) -> Value {
    let [usual, timed] = medians(stage);
    json!({ "name": stage.name, "usual_ns": usual, "timed_ns": timed })
}
