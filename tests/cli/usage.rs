//! Help, and calls that are wrong before any model is read.

use crate::{command, model, transcript};
use insta::assert_snapshot;
use std::process::Stdio;

#[test]
fn help() {
    assert_snapshot!(transcript(&["--help"]));
}

#[test]
fn help_run() {
    assert_snapshot!(transcript(&["run", "--help"]));
}

#[test]
fn help_check() {
    assert_snapshot!(transcript(&["check", "--help"]));
}

#[test]
fn help_inspect() {
    assert_snapshot!(transcript(&["inspect", "--help"]));
}

#[test]
fn help_devices() {
    assert_snapshot!(transcript(&["devices", "--help"]));
}

#[test]
fn help_compare() {
    assert_snapshot!(transcript(&["compare", "--help"]));
}

#[test]
fn wrong_calls() {
    let ncf = model("ncf");
    let calls: [&[&str]; 11] = [
        &["dance"],
        &["run"],
        &["run", &ncf, "--fast"],
        &["run", &ncf, "--labels", "labels.txt"],
        &["run", &ncf, "--top", "0"],
        &["run", &ncf, "--device", "tpu"],
        &["check", &ncf, "--device", "reference"],
        &["inspect", &ncf, "--batch", "7"],
        &["inspect", &ncf, "--batch", "7", "--graph"],
        &["inspect", &ncf, "--batch", "0", "--plan"],
        &["inspect", &ncf, "--graph", "--plan"],
    ];
    assert_snapshot!(calls.map(transcript).join("\n\n"));
}

/// The reader of `tfjs-wgpu … | head` goes away early.
#[test]
fn a_closed_pipe_is_success() {
    let mut child =
        command(&["inspect", &model("wide_deep"), "--json"]).stdout(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_not() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = command(&["inspect", &model("ncf")]).stdout(full).output().expect("starts");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: the answer cannot be written to stdout\n  cause: No space left"), "{stderr}");
}
