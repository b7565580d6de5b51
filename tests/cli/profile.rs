//! `profile`: the object and the trace by their fields, because their numbers differ from run to run.

use crate::harness::gpu;
use crate::{Folder, command, model, transcript, transcript_in};
use insta::assert_snapshot;
use serde_json::Value;

fn object(arguments: &[&str]) -> Value {
    let output = command(arguments).output().expect("starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn fields(object: &Value) -> Vec<&str> {
    object.as_object().expect("object").keys().map(String::as_str).collect()
}

#[test]
fn json() {
    let wide_deep = model("wide_deep");
    let profile = object(&["profile", &wide_deep, "--device", "cpu", "--runs", "2", "--batch", "5", "--json"]);
    let expected = [
        "schema",
        "model",
        "device",
        "input",
        "passes",
        "activation_precision",
        "execution",
        "batch",
        "runs",
        "clock",
        "tick_ns",
        "usual_ns",
        "timed_ns",
        "distortion",
        "steps_ns",
        "elapsed_ns",
        "ceilings",
        "steps",
        "operators",
        "stages",
    ];
    assert_eq!(fields(&profile), expected);
    assert_eq!((profile["schema"].as_u64(), profile["batch"].as_u64()), (Some(1), Some(5)));
    assert_eq!((profile["runs"].as_u64(), profile["clock"].as_str()), (Some(2), Some("host")));
    assert_eq!(profile["input"].as_str(), Some("random, batch 5, seed 1"));
    assert_eq!(fields(&profile["execution"]), ["programs", "submits", "read_back"]);
    assert_eq!(fields(&profile["ceilings"]), ["gflop_per_s", "gb_per_s"]);
    let share = ["median_ns", "min_ns", "share", "gflop_per_s", "gb_per_s", "flops_per_byte", "bound", "reached"];
    let own = ["name", "operator", "kernel", "shape", "flops", "bytes"];
    let steps = profile["steps"].as_array().expect("array");
    assert!(!steps.is_empty() && steps.iter().all(|step| fields(step) == [&own[..], &share[..]].concat()));
    let operators = profile["operators"].as_array().expect("array");
    assert!(operators.iter().all(|all| fields(all) == [&["operator", "steps"][..], &share[..]].concat()));
    let counted: u64 = operators.iter().map(|all| all["steps"].as_u64().expect("a count")).sum();
    assert_eq!(counted, steps.len() as u64, "each step belongs to one operator");
    let shares: f64 = steps.iter().map(|step| step["share"].as_f64().expect("a number")).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    let stages = profile["stages"].as_array().expect("array");
    assert!(stages.iter().all(|stage| fields(stage) == ["name", "usual_ns", "timed_ns"]));
    let reference = object(&["profile", &wide_deep, "--device", "reference", "--runs", "1", "--json"]);
    assert_eq!(reference["ceilings"], Value::Null, "the reference is not meant to be fast");
    assert_eq!(reference["steps"][0]["reached"], Value::Null);
}

#[test]
fn text() {
    let wide_deep = model("wide_deep");
    let call = |more: &[&str]| {
        let arguments = [&["profile", &wide_deep, "--device", "cpu", "--runs", "2"], more].concat();
        let output = command(&arguments).output().expect("starts");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let header = |text: &str| text.lines().next().expect("a header").split_whitespace().collect::<Vec<_>>().join(" ");
    let rates = "median µs min µs share GFLOP/s GB/s flop/byte bound reached";
    assert_eq!(header(&call(&[])), format!("step name kernel shape {rates}"));
    let operators = call(&["--by", "operator", "--sort", "time"]);
    assert_eq!(header(&operators), format!("operator steps {rates}"));
    assert!(operators.contains(" times as long\nthe device reached "), "{operators}");
    assert!(operators.lines().any(|line| line.starts_with("check inputs ")), "{operators}");
}

/// The events of a trace that last, as (process, track, start, end) in nanoseconds.
fn spans(trace: &Value) -> Vec<(u64, u64, u64, u64)> {
    let nanoseconds = |event: &Value, field: &str| (event[field].as_f64().expect("microseconds") * 1e3).round() as u64;
    let whole = |event: &Value, field: &str| event[field].as_u64().expect("a whole number");
    let events = trace["traceEvents"].as_array().expect("events").iter();
    events
        .filter(|event| event["ph"] == "X")
        .map(|event| {
            let start = nanoseconds(event, "ts");
            (whole(event, "pid"), whole(event, "tid"), start, start + nanoseconds(event, "dur"))
        })
        .collect()
}

#[test]
fn traces_of_the_cpu_open_in_viewers() {
    expect_a_trace_for_viewers("cpu", &["open", "predict", "compute"]);
}

#[test]
fn traces_of_the_gpu_open_in_viewers() {
    gpu::require_adapter();
    let spans = ["open", "compile pipelines", "upload weights", "predict", "submit", "wait", "read back"];
    expect_a_trace_for_viewers("gpu", &spans);
}

fn expect_a_trace_for_viewers(device: &str, expected: &[&str]) {
    let folder = Folder::new();
    let file = folder.argument("trace.json");
    let wide_deep = model("wide_deep");
    let call = ["profile", &wide_deep, "--device", device, "--runs", "1", "--json", "--trace", &file];
    let profile = object(&call);
    let trace: Value = serde_json::from_slice(&std::fs::read(&file).expect("a trace")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    assert!(events.iter().all(|event| event["ph"] == "X" || event["ph"] == "M"), "complete events and names");
    assert!(events.iter().all(|event| event["name"].is_string()));
    let spans = spans(&trace);
    let steps = spans.iter().filter(|(process, ..)| *process == 2).count();
    assert_eq!(steps, profile["steps"].as_array().expect("array").len(), "the second process has the steps");
    for (index, a) in spans.iter().enumerate() {
        for b in &spans[index + 1..] {
            let apart = a.3 <= b.2 || b.3 <= a.2;
            let nested = (a.2 <= b.2 && b.3 <= a.3) || (b.2 <= a.2 && a.3 <= b.3);
            assert!((a.0, a.1) != (b.0, b.1) || apart || nested, "{a:?} and {b:?} cross on one track of {device}");
        }
    }
    let host: Vec<&str> =
        events.iter().filter(|event| event["pid"] == 1).filter_map(|event| event["name"].as_str()).collect();
    assert!(expected.iter().all(|name| host.contains(name)), "{host:?}");
}

#[test]
fn calls_that_cannot_be() {
    let folder = Folder::with_model("ncf");
    let (ncf, weights) = (folder.argument("model.json"), folder.argument("group1-shard1of1.bin"));
    let nowhere = folder.argument("no/such/folder/trace.json");
    let calls: [&[&str]; 6] = [
        &["--trace", &weights],
        &["--trace", &nowhere],
        &["--runs", "0"],
        &["--json", "--sort", "time"],
        &["--batch", "3", "--input", "input.json"],
        &["--submits", "per-kernel"],
    ];
    let call = |more: &[&str]| transcript_in(&folder, &[&["profile", &ncf, "--device", "cpu"], more].concat());
    assert_snapshot!(calls.map(call).join("\n\n"));
}

#[test]
fn help() {
    assert_snapshot!(transcript(&["profile", "--help"]));
}
