//! `bench` and `study`, on the CPU, by schema and files.

use crate::{Folder, command, model, transcript};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// No adapter is ever of this backend, which is not compiled in.
const NO_BACKEND: (&str, &str) = ("WGPU_BACKEND", "gl");

fn report(arguments: &[&str]) -> Value {
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
    let report = report(&[&["bench", &ncf, "--plan", "plain,fused", "--batch", "1,3", "--json"], &few[..]].concat());
    assert_eq!(report["schema"], 1);
    let results = report["results"].as_array().expect("results");
    let key = |result: &Value| format!("{} {} {}", result["device"], result["plan"], result["batch"]).replace('"', "");
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
    let report = report(&["bench", &model("ncf"), "--runs", "0", "--batch", "2", "--csv", &csv, "--json"]);
    assert!(report["results"][0]["warm_ms"].is_null() && report["results"][0]["first_ms"].is_number());
    let rows = std::fs::read_to_string(folder.join("rows.csv")).expect("rows");
    assert!(rows.starts_with("section,device,plan") && rows.contains("warm,cpu,fused,,2,first,ms,1,"));
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
    assert_eq!(report["study"]["cold"][0]["plan"], "fused");
    let same = command(&["compare", written[1], written[1]]).output().expect("starts");
    assert_eq!(same.status.code(), Some(0));
}

/// What only the report needs comes after what is measured: a driver that is asked for its adapters, and weights that are
/// decoded for the hash, each take more than a prediction on the CPU does.
#[test]
fn the_report_is_no_part_of_what_is_measured() {
    let (rows, width) = (1 << 19, 64);
    let folder = Folder::new();
    let table = std::fs::File::create(folder.join("w")).expect("a file");
    table.set_len(2 * rows * width).expect("zeros");
    let config = json!({"name": "e", "input_dim": rows, "output_dim": width, "batch_input_shape": [null, 1]});
    let layers = [json!({"class_name": "Embedding", "config": config})];
    let spec = json!({
        "name": "e/embeddings", "shape": [rows, width], "dtype": "float32", "quantization": {"dtype": "float16"},
    });
    let model = json!({
        "modelTopology": {"class_name": "Sequential", "config": layers},
        "weightsManifest": [{"paths": ["w"], "weights": [spec]}],
    });
    let path = folder.write("model.json", &model.to_string());
    let arguments = ["bench", &path, "--device", "cpu", "--batch", "1", "--runs", "1", "--min-secs", "0", "--json"];
    let output = command(&arguments).output().expect("starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    if let Some(peak) = report["results"][0]["peak_resident_bytes"].as_u64() {
        assert!(peak < rows * width, "{peak} bytes, of a table of {} bytes", 2 * rows * width);
    }
}
