//! `inspect`: every view of a model.

use crate::{Folder, command, model, transcript, transcript_in};
use insta::assert_snapshot;

#[test]
fn summary_of_nested_models() {
    assert_snapshot!(transcript(&["inspect", &model("two_tower")]));
}

#[test]
fn summary_with_a_skew() {
    assert_snapshot!(transcript(&["inspect", &model("youtube_dnn")]));
}

#[test]
fn graph() {
    assert_snapshot!(transcript(&["inspect", &model("youtube_dnn"), "--graph"]));
}

#[test]
fn graph_by_keras() {
    assert_snapshot!(transcript(&["inspect", &model("youtube_dnn"), "--graph", "--semantics", "keras"]));
}

#[test]
fn plan() {
    let one = transcript(&["inspect", &model("ncf"), "--plan"]);
    let many = transcript(&["inspect", &model("ncf"), "--plan", "--batch", "1000"]);
    assert_snapshot!([one, many].join("\n\n"));
}

#[test]
fn kernels_of_tfjs() {
    let described = transcript(&["inspect", &model("ncf"), "--kernels", "--batch", "7"]);
    let assumed = transcript(&["inspect", &model("text_cnn"), "--kernels"]);
    let assumed = assumed.lines().skip_while(|line| !line.starts_with("kernels")).collect::<Vec<_>>().join("\n");
    assert_snapshot!([described, assumed].join("\n\n"));
}

#[test]
fn plan_of_tfjs() {
    let plan = transcript(&["inspect", &model("ncf"), "--plan", "--batch", "32", "--passes", "tfjs-webgl2"]);
    let shared = ["inspect", &model("ncf"), "--plan", "--passes", "tfjs-webgl1", "--shared", "user_id"];
    assert_snapshot!([plan, transcript(&shared)].join("\n\n"));
}

#[test]
fn weights() {
    assert_snapshot!(transcript(&["inspect", &model("wide_deep_mixed"), "--weights"]));
}

#[test]
fn topology_without_weights() {
    let folder = Folder::with_model("ncf");
    let text = std::fs::read_to_string(folder.join("model.json")).expect("model.json");
    let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let topology = folder.write("topology.json", &file["modelTopology"].to_string());
    let calls: [&[&str]; 3] = [
        &["inspect", &topology],
        &["inspect", &topology, "--random-weights"],
        &["inspect", &topology, "--random-weights=5", "--weights"],
    ];
    assert_snapshot!(calls.map(|call| transcript_in(&folder, call)).join("\n\n"));
}

#[test]
fn shader_that_is_not_known() {
    let output = command(&["inspect", &model("ncf"), "--shader", "dens"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.starts_with("error: no shader is called `dens`\n  hint: the shaders are: "), "{stderr}");
    let named = |shader: &tfjs_wgpu::internals::kernel::Shader| stderr.contains(shader.name);
    assert!(tfjs_wgpu::internals::ops::shaders().all(named), "{stderr}");
}

#[test]
fn shader() {
    let output = command(&["inspect", &model("ncf"), "--shader", "dense"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(0));
    let own = include_str!("../../shaders/dense.wgsl");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with(own));
}

#[test]
fn json() {
    let output = command(&["inspect", &model("youtube_dnn"), "--json"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(0));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let fields: Vec<&str> = object.as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "schema",
            "name",
            "format",
            "identity",
            "semantics",
            "inputs",
            "outputs",
            "open_dimensions",
            "layers",
            "weights",
            "operators",
            "plan",
            "totals",
            "differences_between_tfjs_and_keras",
            "warnings",
            "notes"
        ]
    );
    assert_eq!(object["inputs"][0]["shape"], serde_json::json!([null, 9]));
    assert_eq!(object["totals"]["operators"].as_u64(), Some(11));
}

#[test]
fn json_for_a_batch() {
    let plan = |more: &[&str]| {
        let ncf = model("ncf");
        let output = command(&[&["inspect", &ncf, "--json"], more].concat()).output().expect("starts");
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        object["plan"].clone()
    };
    let (one, many) = (plan(&[]), plan(&["--batch", "1000"]));
    assert_eq!((one["batch"].as_u64(), many["batch"].as_u64()), (Some(1), Some(1000)));
    let bytes = |plan: &serde_json::Value| plan["upload_bytes"].as_u64().expect("bytes");
    assert!(bytes(&many) > bytes(&one));
}
