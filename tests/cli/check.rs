//! `check`: answers that are right, wrong, and not to be had.

use crate::{Folder, command, model, transcript, transcript_in};
use insta::assert_snapshot;
use serde_json::Value;
use tfjs_wgpu::{Tensor, tensor_file};

#[test]
fn right() {
    let recorded = format!("{}/tfjs.safetensors", model("wide_deep"));
    assert_snapshot!(transcript(&["check", &model("wide_deep"), "--device", "cpu", "--expected", &recorded]));
}

/// Keras leaves the padding out of the mean and TF.js does not: each is right by its own semantics alone.
#[test]
fn skewed() {
    let recorded = format!("{}/keras.safetensors", model("youtube_dnn"));
    let call = |semantics: &str| {
        let model = model("youtube_dnn");
        let expected = ["--expected", &recorded, "--semantics", semantics];
        transcript(&[&["check", &model, "--device", "cpu"], &expected[..]].concat())
    };
    assert_snapshot!([call("tfjs"), call("keras")].join("\n\n"));
}

#[test]
fn random_inputs() {
    let folder = Folder::with_model("ncf");
    assert_snapshot!(transcript_in(&folder, &["check", &folder.argument("model.json"), "--device", "cpu"]));
}

#[test]
fn expectations_that_do_not_fit() {
    let folder = Folder::with_model("ncf");
    let other = folder.write("other.json", r#"{"score": [[0.5]]}"#);
    let empty = folder.write("empty.json", "{}");
    let short = folder.write("short.json", r#"{"prediction": [[0.5]]}"#);
    let ncf = model("ncf");
    let call = |model: &str, expected: &str| {
        transcript_in(&folder, &["check", model, "--device", "cpu", "--expected", expected])
    };
    let without_input = folder.argument("model.json");
    let transcripts = [call(&ncf, &other), call(&ncf, &empty), call(&ncf, &short), call(&without_input, &short)];
    assert_snapshot!(transcripts.join("\n\n"));
}

#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::new();
    let missing = folder.argument("missing.npz");
    let ncf = model("ncf");
    let call = |option: &str| transcript_in(&folder, &["check", &ncf, "--device", "cpu", option, &missing]);
    assert_snapshot!(["--input", "--expected"].map(call).join("\n\n"));
}

#[test]
fn ids_outside_their_tables() {
    let folder = Folder::new();
    let input = folder.write("input.json", r#"{"user_id": [[1], [41], [-1]], "item_id": [[4], [5], [600]]}"#);
    let ncf = model("ncf");
    let call = |policy: &str| {
        transcript_in(&folder, &["check", &ncf, "--device", "cpu", "--input", &input, "--on-bad-id", policy])
    };
    assert_snapshot!(["zero", "clamp", "error"].map(call).join("\n\n"));
}

#[test]
fn inputs_that_are_not_finite() {
    let folder = Folder::new();
    let mut inputs = tensor_file::read(format!("{}/input.safetensors", model("youtube_dnn"))).expect("inputs");
    let mut numeric = vec![0.5; 28];
    numeric[4] = f32::NAN;
    inputs.insert("numeric", Tensor::f32(&[7, 4], numeric).expect("tensor"));
    tensor_file::write(folder.join("input.npz"), &inputs).expect("write");
    let input = folder.argument("input.npz");
    let call = transcript_in(&folder, &["check", &model("youtube_dnn"), "--device", "cpu", "--input", &input]);
    assert!(call.contains("warning: input `numeric`: 1 of 28 values is NaN or infinite, in row 1"), "{call}");
}

fn object(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = command(arguments).output().expect("starts");
    (output.status.code(), serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn fields(object: &Value) -> Vec<&str> {
    object.as_object().expect("object").keys().map(String::as_str).collect()
}

#[test]
fn json() {
    let youtube = model("youtube_dnn");
    let recorded = format!("{youtube}/keras.safetensors");
    let (code, report) = object(&["check", &youtube, "--device", "cpu", "--expected", &recorded, "--json"]);
    assert_eq!(code, Some(1));
    let expected = [
        "schema",
        "model",
        "device",
        "input",
        "passes",
        "batch",
        "right",
        "outputs",
        "operators",
        "first_wrong_operator",
        "bad_ids",
        "differences_between_tfjs_and_keras",
        "warnings",
    ];
    assert_eq!(fields(&report), expected);
    assert_eq!((&report["right"], &report["first_wrong_operator"]), (&Value::Bool(false), &Value::Null));
    assert_eq!((report["batch"].as_u64(), report["operators"].as_u64()), (Some(7), Some(5)));
    let outputs = report["outputs"].as_array().expect("array");
    let expected =
        ["name", "against", "max_absolute", "max_relative", "max_ulps", "allowed", "wrong_elements", "right"];
    assert!(outputs.iter().all(|output| fields(output) == expected));
    let verdicts: Vec<String> =
        outputs.iter().map(|output| format!("{}: {}", output["against"], output["right"])).collect();
    assert_eq!(verdicts, [r#""reference": true"#, r#""expected": false"#]);
    assert_eq!(outputs[1]["wrong_elements"].as_u64(), Some(318));
}

#[test]
fn json_of_a_right_answer() {
    let (code, report) = object(&["check", &model("ncf"), "--device", "cpu", "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(report["right"], Value::Bool(true));
}
