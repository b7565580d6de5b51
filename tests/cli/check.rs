//! `check`: answers that are right, wrong, and not to be had.

use crate::{Folder, model, transcript, transcript_in};
use insta::assert_snapshot;

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
