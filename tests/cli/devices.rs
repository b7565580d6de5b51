//! `devices`, with and without a GPU.

use crate::{command, model, transcript_of};
use insta::assert_snapshot;

/// No adapter is ever of this backend, which is not compiled in.
const NO_BACKEND: (&str, &str) = ("WGPU_BACKEND", "gl");

#[test]
fn the_list_is_an_object_on_any_machine() {
    let output = command(&["devices", "--json"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(0));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(object["schema"], 1);
    assert!(object["adapters"].is_array());
}

#[test]
fn no_adapter() {
    let arguments = ["devices"];
    let list = transcript_of(&arguments, command(&arguments).env(NO_BACKEND.0, NO_BACKEND.1), None);
    let arguments = ["devices", "--json"];
    let json = transcript_of(&arguments, command(&arguments).env(NO_BACKEND.0, NO_BACKEND.1), None);
    assert_snapshot!([list, json].join("\n\n"));
}

#[test]
fn no_adapter_and_a_model() {
    let ncf = model("ncf");
    let run = |arguments: &[&str]| transcript_of(arguments, command(arguments).env(NO_BACKEND.0, NO_BACKEND.1), None);
    let transcripts =
        [run(&["run", &ncf, "--top", "1"]), run(&["run", &ncf, "--device", "gpu"]), run(&["check", &ncf])];
    assert_snapshot!(transcripts.join("\n\n"));
}

/// Its cause lists the adapters of this machine, where it has any.
#[test]
fn an_adapter_that_is_not_there_is_a_note() {
    let output = command(&["devices"]).env("TFJS_WGPU_ADAPTER", "abacus").output().expect("starts");
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.starts_with("note: no GPU adapter is called `abacus`\n  cause: this machine has: "), "{stderr}");
    assert!(stderr.contains("hint: unset TFJS_WGPU_ADAPTER"), "{stderr}");
}
