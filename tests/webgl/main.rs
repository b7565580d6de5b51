//! What is said of TF.js' WebGL backend against what it was seen to do (`tests/data/record_webgl.mjs`).

mod recording;

use recording::{Recording, recordings};
use tfjs_wgpu::emulation;
use tfjs_wgpu::emulation::webgl;
use tfjs_wgpu::internals::kernel::DeviceFacts;
use tfjs_wgpu::internals::plan::{Plan, Retain};

/// Recorded models with kernels that are not described, and which these are.
const NOT_DESCRIBED: &[(&str, &str)] = &[
    ("computed_mask", "Masking"),
    ("gru4rec_reset_before", "recurrent layers, step by step"),
    ("image_tower", "convolutions and pooling"),
    ("joined_ids", "casts of ids that a Concatenate made float"),
    ("masking_td", "Masking"),
    ("seq_dict", "ThresholdedReLU"),
    ("text_cnn", "convolutions and pooling"),
];

fn is_described(recording: &Recording) -> bool {
    NOT_DESCRIBED.iter().all(|(name, _)| *name != recording.name)
}

/// What the description and the recording of a predict do not agree on.
fn differences(recording: &Recording) -> Vec<String> {
    let described = webgl::describe(&recording.model, recording.batch).expect("a description");
    let text = described.to_string();
    let lines: Vec<&str> = text.lines().collect();
    // A kernel that hands on a tensor as it is leaves no trace in a graph.
    let steps: Vec<&str> = recording.steps().filter(|line| !line.starts_with("Identity")).collect();
    let mut differences = Vec::new();
    if lines != steps {
        let at = lines.iter().zip(&steps).take_while(|(line, step)| line == step).count();
        differences.push(format!("step {at} is {:?} and was recorded as {:?}", lines.get(at), steps.get(at)));
    }
    let first = webgl::describe_first(&recording.model, recording.batch).expect("a description");
    let counts = [
        ("first programs", first.programs().count(), recording.first.programs),
        ("first uploads", first.uploads, recording.first.uploads),
        ("first downloads", first.downloads, recording.first.downloads),
        ("programs", described.programs().count(), recording.warm.programs),
        ("uploads", described.uploads, recording.warm.uploads),
        ("downloads", described.downloads, recording.warm.downloads),
        ("distinct programs", described.distinct_programs, recording.distinct_programs),
    ];
    let wrong = counts.into_iter().filter(|(_, described, recorded)| described != recorded);
    differences.extend(wrong.map(|(what, described, recorded)| format!("{described} {what}, {recorded} recorded")));
    differences
}

#[test]
fn kernels_and_programs_are_those_that_were_recorded() {
    for recording in recordings() {
        let differences = differences(&recording);
        let agrees = differences.is_empty();
        assert_eq!(agrees, is_described(&recording), "{}: {}", recording.name, differences.join("\n"));
    }
}

#[test]
fn a_plan_has_an_operator_for_every_program_and_every_step_on_the_cpu() {
    for recording in recordings().iter().filter(|recording| recording.batch <= 32 && is_described(recording)) {
        let graph = webgl::as_tfjs(recording.model.graph(), recording.batch).expect("a graph");
        let plan = Plan::new(graph.into(), &DeviceFacts::FLOOR, Retain::Outputs).expect("a plan");
        let mut nodes: Vec<_> = plan.dispatches(recording.batch).expect("dispatches").iter().map(|d| d.node).collect();
        nodes.dedup();
        let described = webgl::describe(&recording.model, recording.batch).expect("a description");
        assert_eq!(nodes.len(), recording.warm.programs + described.host_steps, "{}", recording.name);
    }
}

#[test]
fn a_graph_for_32_rows_is_that_of_the_pipelines() {
    let recordings = recordings();
    let shop_rank = recordings.iter().find(|recording| recording.name == "shop_rank_32").expect("a recording");
    let graph = webgl::as_tfjs(shop_rank.model.graph(), 32).expect("a graph");
    for passes in [emulation::WEBGL2, emulation::WEBGL1] {
        assert_eq!(*passes.run(shop_rank.model.graph(), &DeviceFacts::FLOOR).expect("a graph"), graph);
    }
}
