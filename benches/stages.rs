//! How long each stage takes by itself, from the bytes of a model to predictions on both devices:
//!
//! ```sh
//! cargo bench --bench stages -- [parse|plan|open|encode|predict] [--quick] [--save-baseline NAME] [--baseline NAME]
//! ```
//!
//! Without a GPU its groups are left out, which a line says.

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::kernel::DeviceFacts;
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::internals::{gpu, session};
use tfjs_wgpu::telemetry::Stage;
use tfjs_wgpu::{Device, LoadOptions, Model, Prediction, Session};

/// A model of many small operators, and one that is mostly a table.
const MODELS: [(&str, &str); 2] =
    [("shop_rank", "examples/shop_rank"), ("youtube_dnn_10k", "tests/data/models/youtube_dnn_10k")];

const BATCHES: [usize; 3] = [1, 32, 256];

fn models() -> impl Iterator<Item = (&'static str, Model)> {
    MODELS.into_iter().map(|(name, folder)| (name, load(folder)))
}

fn load(folder: &str) -> Model {
    Model::load(folder, LoadOptions::default()).expect("the model loads")
}

/// The CPU, and the GPU if there is one.
fn devices(stage: &str) -> Vec<(&'static str, Device)> {
    let mut devices = vec![("cpu", Device::Cpu)];
    if gpu::adapters().is_empty() {
        println!("{stage}: only the CPU is measured, for there is no GPU");
    } else {
        devices.push(("gpu", Device::Gpu));
    }
    devices
}

/// From bytes in memory, and from files, whose large weights are mapped.
fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (name, folder) in MODELS {
        let json = std::fs::read(Path::new(folder).join("model.json")).expect("model.json");
        let shards = shards(Path::new(folder), &json);
        let shards: Vec<(&str, &[u8])> = shards.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let parse = || Model::from_bytes(&json, &shards, LoadOptions::default()).expect("a model");
        group.bench_function(format!("{name}/bytes"), |bencher| bencher.iter_with_large_drop(parse));
        group.bench_function(format!("{name}/files"), |bencher| bencher.iter_with_large_drop(|| load(folder)));
    }
}

/// The files that the weights manifest of `model_json` names.
fn shards(folder: &Path, model_json: &[u8]) -> Vec<(String, Vec<u8>)> {
    let json: serde_json::Value = serde_json::from_slice(model_json).expect("JSON");
    let groups = json["weightsManifest"].as_array().expect("groups").iter();
    let paths = groups.flat_map(|group| group["paths"].as_array().expect("paths"));
    let paths = paths.map(|path| path.as_str().expect("a path").to_string());
    paths.map(|path| (path.clone(), std::fs::read(folder.join(path)).expect("a shard"))).collect()
}

/// Rewriting the graph, planning it, and its dispatches for one batch size: for the lowest class of devices.
fn plan(criterion: &mut Criterion) {
    let facts = &DeviceFacts::FLOOR;
    let mut group = criterion.benchmark_group("plan");
    for (name, model) in models() {
        let rewrite = || Passes::FUSED.run(model.graph(), facts).expect("a graph");
        group.bench_function(format!("{name}/passes"), |bencher| bencher.iter_with_large_drop(rewrite));
        let graph = rewrite();
        let plan = || Plan::new(Arc::clone(&graph), facts, Retain::Outputs).expect("a plan");
        group.bench_function(format!("{name}/plan"), |bencher| bencher.iter_with_large_drop(plan));
        let plan = plan();
        group.bench_function(format!("{name}/dispatches"), |bencher| bencher.iter(|| plan.dispatches(256)));
    }
}

/// A session after others of the same model: the device is open and its pipelines are compiled.
fn open(criterion: &mut Criterion) {
    let devices = devices("open");
    let mut group = criterion.benchmark_group("open");
    for (name, model) in models() {
        for &(device_name, device) in &devices {
            let open = || Session::open(&model, device).expect("a session");
            let _kept = open();
            group.bench_function(format!("{name}/{device_name}"), |bencher| bencher.iter_with_large_drop(open));
        }
    }
}

/// What the host does for a prediction on the GPU before it waits.
const HOST_STAGES: [Stage; 3] = [Stage::WriteInputs, Stage::Encode, Stage::Submit];

/// These spans of warm predictions, by the timeline: no public call does one of them alone.
fn encode(criterion: &mut Criterion) {
    if gpu::adapters().is_empty() {
        println!("encode: nothing is measured, for there is no GPU");
        return;
    }
    let mut group = criterion.benchmark_group("encode");
    for (name, model) in models() {
        let session = Session::open(&model, Device::Gpu).expect("a session");
        let inputs = session::random_inputs(&model, 32, 1).expect("inputs");
        let mut prediction = Prediction::default();
        for stage in HOST_STAGES {
            let time = |bencher: &mut Bencher<'_>| {
                bencher.iter_custom(|iterations| {
                    let nanoseconds = (0..iterations).map(|_| {
                        session.predict_into(&inputs, &mut prediction).expect("a prediction");
                        let ns = prediction.timeline.total_ns(stage);
                        assert!(ns > 0, "no span of a prediction is `{stage}`");
                        ns
                    });
                    Duration::from_nanos(nanoseconds.sum())
                });
            };
            group.bench_function(format!("{name}/{stage}"), time);
        }
    }
}

/// Warm predictions, from host to host.
fn predict(criterion: &mut Criterion) {
    let devices = devices("predict");
    for (name, model) in models() {
        let sessions: Vec<(&str, Session)> = devices
            .iter()
            .map(|&(device_name, device)| (device_name, Session::open(&model, device).expect("a session")))
            .collect();
        for batch in BATCHES {
            let inputs = session::random_inputs(&model, batch, 1).expect("inputs");
            let mut group = criterion.benchmark_group(format!("predict/{name}/batch {batch}"));
            for (device_name, session) in &sessions {
                let mut prediction = Prediction::default();
                let mut predict = || session.predict_into(&inputs, &mut prediction).expect("a prediction");
                group.bench_function(*device_name, |bencher| bencher.iter(&mut predict));
            }
        }
    }
}

/// Two minutes in all, rather than the six of the defaults.
fn config() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
}

criterion_group!(name = stages; config = config(); targets = parse, plan, open, encode, predict);
criterion_main!(stages);
