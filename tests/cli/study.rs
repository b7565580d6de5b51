//! `bench` and `study`, on the CPU, by schema and files.

use crate::harness::gpu;
use crate::{Folder, command, model, transcript};
use insta::assert_snapshot;
use serde_json::Value;

/// No adapter is ever of this backend, which is not compiled in.
const NO_BACKEND: (&str, &str) = ("WGPU_BACKEND", "gl");

fn json(arguments: &[&str]) -> Value {
    let output = command(arguments).env(NO_BACKEND.0, NO_BACKEND.1).output().expect("starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn help() {
    assert_snapshot!([transcript(&["bench", "--help"]), transcript(&["study", "--help"])].join("\n\n"));
}

#[test]
fn what_cannot_be_benched() {
    let ncf = model("ncf");
    let transcripts = [
        transcript(&["bench", &ncf, "--device", "cpu", "--batch", "1,2", "--shared", "nobody"]),
        transcript(&["bench", &ncf, "--device", "cpu", "--batch", "1", "--submits", "per-kernel"]),
        transcript(&["bench", &ncf, "--device", "reference", "--threads", "1"]),
        transcript(&["bench", &ncf, "--device", "cpu", "--run-delay", "-1"]),
        transcript(&["bench", &ncf, "--device", "cpu", "--run-frequency", "0"]),
        transcript(&["bench", &ncf, "--device", "cpu", "--min-secs", "2", "--max-secs", "1", "--batch", "1"]),
    ];
    assert_snapshot!(transcripts.join("\n\n"));
}

#[test]
fn a_row_for_each_plan_and_batch_in_order() {
    let ncf = model("ncf");
    let few = ["--runs", "3", "--min-secs", "0"];
    let report = json(&[&["bench", &ncf, "--passes", "plain,fused", "--batch", "1,3", "--json"], &few[..]].concat());
    assert_eq!(report["schema"], 2);
    let results = report["results"].as_array().expect("results");
    let key =
        |result: &Value| format!("{} {} {}", result["device"], result["passes"], result["batch"]).replace('"', "");
    let keys: Vec<String> = results.iter().map(key).collect();
    assert_eq!(keys, ["cpu plain 1", "cpu plain 3", "cpu fused 1", "cpu fused 3"]);
    for result in results {
        assert_eq!((&result["warm_ms"]["n"], &result["dispatches"]), (&3.into(), &0.into()));
        assert_eq!(result["samples_ms"].as_array().map(Vec::len), Some(3));
        assert!(result["load_ms"].is_number());
    }
}

#[test]
fn no_runs_are_the_first_prediction_alone() {
    let folder = Folder::new();
    let csv = folder.argument("rows.csv");
    let report = json(&["bench", &model("ncf"), "--runs", "0", "--batch", "2", "--csv", &csv, "--json"]);
    assert!(report["results"][0]["warm_ms"].is_null() && report["results"][0]["first_ms"].is_number());
    let rows = std::fs::read_to_string(folder.join("rows.csv")).expect("rows");
    assert!(rows.starts_with("section,device,passes") && rows.contains("warm,cpu,fused,,2,first,ms,1,"));
}

#[test]
fn a_study_writes_a_page_and_a_report_that_compares_with_itself() {
    let folder = Folder::new();
    let arguments = ["study", &model("ncf"), "--quick", "--report", &folder.argument("out")];
    let output = command(&arguments).env(NO_BACKEND.0, NO_BACKEND.1).output().expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("studying the CPU alone"), "{said}");
    let written: Vec<&str> = std::str::from_utf8(&output.stdout).expect("UTF-8").lines().collect();
    assert_eq!(written.len(), 3);
    assert!(written.iter().all(|path| std::fs::metadata(path).is_ok_and(|file| file.len() > 1000)));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(written[1]).expect("report")).expect("JSON");
    assert_eq!((&report["study"]["complete"], &report["study"]["notes"]), (&true.into(), &Value::Array(Vec::new())));
    assert_eq!(report["study"]["cold"][0]["passes"], "fused");
    let same = command(&["compare", written[1], written[1]]).output().expect("starts");
    assert_eq!(same.status.code(), Some(0));
}

/// A driver takes tens of megabytes, and where it is asked for its adapters before the first prediction, opening seems shorter
/// than it is. The report has the adapter all the same.
#[test]
fn the_driver_is_asked_for_the_report_after_what_is_measured() {
    gpu::require_adapter();
    let ncf = model("ncf");
    let measured = |variables: &[(&str, &str)]| -> Value {
        let arguments = ["bench", &ncf, "--device", "cpu", "--batch", "1", "--runs", "0", "--json"];
        let output = command(&arguments).envs(variables.iter().copied()).output().expect("starts");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let (with, without) = (measured(&[]), measured(&[NO_BACKEND]));
    assert!(with["machine"]["adapter"].is_object() && without["machine"]["adapter"].is_null());
    let peak = |report: &Value| report["results"][0]["peak_resident_bytes"].as_u64();
    if let (Some(with), Some(without)) = (peak(&with), peak(&without)) {
        assert!(with < without + (8 << 20), "{with} bytes with a driver, {without} without");
    }
}
