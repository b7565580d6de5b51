//! `compare`: reports made by hand, so that nothing is measured.

use crate::{Folder, command, transcript_in};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// Forty times about `middle` in an order that is no order.
fn times(middle: f64) -> Vec<f64> {
    (0..40).map(|index| middle * (0.95 + 0.1 * f64::from(index * 37 % 101) / 101.0)).collect()
}

fn result(device: &str, batch: usize, middle: f64) -> Value {
    json!({
        "device": device, "engine": "an engine", "passes": "fused", "settings": [], "batch": batch, "shared": [],
        "open_ms": 20.5, "open_stages": [], "first_ms": 3.25, "first_stages": [], "warm_ms": null, "warm_stages": [],
        "samples_ms": times(middle), "dispatches": 4, "submits": 1, "waits": 1, "pipelines": 4, "allocations": 0,
        "upload_bytes": 8, "download_bytes": 4, "weight_bytes": 100, "activation_bytes": 64,
        "peak_resident_bytes": null, "flops": 50, "traffic_bytes": 200, "gflop_per_s": null, "gb_per_s": null,
    })
}

fn report(results: Vec<Value>) -> Value {
    json!({
        "schema": 2, "created": "2026-01-31T12:00:00Z", "seed": 1, "results": results,
        "model": {"name": "m", "format": "f", "identity": "00c0ffee", "layers": 1, "operators": 1, "weight_bytes": 100},
        "machine": {
            "cpu": "a processor", "cores": 2, "os": "linux", "architecture": "x86_64", "version": "0.1.0",
            "build": "release", "adapter": null,
        },
    })
}

/// A folder with reports, and what `compare` says of the first two of them with these options.
fn compared(reports: [&Value; 2], options: &[&str]) -> String {
    let folder = Folder::new();
    let [before, after] = ["before.json", "after.json"].map(|name| folder.argument(name));
    for (path, report) in [&before, &after].into_iter().zip(reports) {
        std::fs::write(path, report.to_string()).expect("written");
    }
    transcript_in(&folder, &[&["compare", &before, &after], options].concat())
}

#[test]
fn slower_and_faster() {
    let before =
        report(vec![result("gpu", 1, 2.0), result("gpu", 32, 4.0), result("cpu", 1, 0.5), result("cpu", 8, 1.0)]);
    let mut after = report(vec![result("gpu", 1, 2.5), result("gpu", 32, 2.0), result("cpu", 1, 0.5)]);
    after["results"][1]["dispatches"] = json!(3);
    after["machine"]["version"] = json!("0.2.0");
    assert_snapshot!(compared([&before, &after], &[]));
}

/// A difference that is real may be small enough to live with.
#[test]
fn within_the_threshold() {
    let (before, after) = (report(vec![result("gpu", 1, 2.0)]), report(vec![result("gpu", 1, 2.5)]));
    assert_snapshot!(compared([&before, &after], &["--threshold", "30"]));
}

#[test]
fn what_cannot_be_compared() {
    let gpu = report(vec![result("gpu", 1, 2.0)]);
    let cpu = report(vec![result("cpu", 1, 2.0)]);
    let mut other_model = gpu.clone();
    other_model["model"]["identity"] = json!("deadbeef");
    let mut other_schema = gpu.clone();
    other_schema["schema"] = json!(1);
    let texts = [
        compared([&gpu, &cpu], &[]),
        compared([&gpu, &other_model], &[]),
        compared([&gpu, &other_model], &["--any-model"]),
        compared([&gpu, &other_schema], &[]),
        compared([&json!({"bench": 1}), &gpu], &[]),
        compared([&gpu, &gpu], &["--alpha", "0"]),
        compared([&gpu, &gpu], &["--threshold=-1"]),
        transcript_in(&Folder::new(), &["compare", "no/before.json", "no/after.json"]),
    ];
    assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn json() {
    let folder = Folder::new();
    let before = folder.write("before.json", &report(vec![result("gpu", 1, 2.0)]).to_string());
    let after = folder.write("after.json", &report(vec![result("gpu", 1, 3.0)]).to_string());
    let output = command(&["compare", &before, &after, "--json"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(1));
    let object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let fields = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let all = ["schema", "created", "threshold_percent", "alpha", "rows", "only_before", "only_after", "warnings"];
    assert_eq!(fields(&object), all);
    let help = command(&["compare", "--help"]).output().expect("starts").stdout;
    let help = String::from_utf8(help).expect("UTF-8");
    let row = &object["rows"][0];
    for field in [fields(&object), fields(row), fields(&row["warm"])].concat() {
        assert!(help.contains(&field), "--help does not tell of `{field}`");
    }
    assert_eq!((&row["warm"]["verdict"], &row["warm"]["is_regression"]), (&json!("slower"), &json!(true)));
}
