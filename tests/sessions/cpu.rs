//! The CPU: answers that depend neither on the threads that compute nor on who else predicts, threads that sessions share,
//! and memory that is given back.

use crate::harness::gpu;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};
use tfjs_wgpu::internals::graph::Builder;
use tfjs_wgpu::internals::ops::{Activation, Dense, Function};
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::{Device, LoadOptions, Model, NamedTensors, Session, SessionOptions, Tensor};
use tfjs_wgpu::{Shape, TensorType};

/// Towers, lookups, factorisation machines, attention, recurrent layers, convolutions over images and texts, what is nested.
const MODELS: [&str; 12] = [
    "examples/shop_rank",
    "tests/data/models/wide_deep",
    "tests/data/models/deepfm",
    "tests/data/models/dlrm_26",
    "tests/data/models/din",
    "tests/data/models/sasrec",
    "tests/data/models/gru_ranker",
    "tests/data/models/gru4rec",
    "tests/data/models/bilstm_text",
    "tests/data/models/image_tower",
    "tests/data/models/text_cnn",
    "tests/data/models/nested_shared",
];

fn load(folder: &str) -> Model {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    Model::load(folder, LoadOptions::default()).expect("the model loads")
}

fn open(model: &Model, cpu_threads: Option<usize>) -> Session {
    let options = SessionOptions::default().device(Device::Cpu).cpu_threads(cpu_threads);
    Session::open_with(model, options).expect("a session")
}

fn answer(session: &Session, inputs: &NamedTensors) -> NamedTensors {
    session.predict(inputs).expect("a prediction").outputs
}

/// The bits of all answers: one NaN is another's equal, and 0 is not −0.
fn bits(outputs: &NamedTensors) -> Vec<Vec<u64>> {
    outputs.iter().map(|(_, tensor)| tensor.to_f64().into_iter().map(f64::to_bits).collect()).collect()
}

/// Batches within a block, around the most rows of one, and of several that leave single rows over.
#[test]
fn the_number_of_threads_changes_no_bit() {
    for folder in MODELS {
        let model = load(folder);
        let (one, others) = (open(&model, Some(1)), [2, 3, 5].map(|threads| open(&model, Some(threads))));
        for batch in [1, 2, 7, 96, 97, 193, 400] {
            let inputs = random_inputs(&model, batch, batch as u64).expect("inputs");
            let expected = bits(&answer(&one, &inputs));
            for (threads, session) in [2, 3, 5].into_iter().zip(&others) {
                assert!(bits(&answer(session, &inputs)) == expected, "{folder}: {batch} rows by {threads} threads");
            }
        }
    }
}

#[test]
fn threads_that_share_a_cpu_session_get_the_answers_that_each_gets_alone() {
    const THREADS: usize = 8;
    for (folder, cpu_threads) in MODELS.iter().zip([None, Some(1), Some(3)].into_iter().cycle()) {
        let model = load(folder);
        let session = open(&model, cpu_threads);
        let batches = [1, 2, 3, 50, 97, 101, 200, 300];
        let inputs = batches.map(|batch| random_inputs(&model, batch, batch as u64).expect("inputs"));
        let alone = inputs.each_ref().map(|inputs| bits(&answer(&session, inputs)));
        let together = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for (inputs, alone) in inputs.iter().zip(&alone) {
                let (session, together) = (&session, &together);
                scope.spawn(move || {
                    together.wait();
                    for _ in 0..5 {
                        assert!(bits(&answer(session, inputs)) == *alone, "{folder}");
                    }
                });
            }
        });
    }
}

/// A layer after an activation of rows of `width` floats, which needs memory of its own.
fn wide(width: usize, units: usize) -> Model {
    let mut builder = Builder::new();
    let weights = |count: usize| (0..count).map(|index| (index % 13) as f32 / 8.0 - 0.75).collect();
    let tensor = |shape: &[usize]| Arc::new(Tensor::f32(shape, weights(shape.iter().product())).expect("weights"));
    let x = builder.input("x", TensorType::f32(Shape::batched(&[width]))).expect("a new name");
    let kernel = builder.constant("kernel", tensor(&[width, units])).expect("a constant");
    let bias = builder.constant("bias", tensor(&[units])).expect("a constant");
    let active = builder.op("active", Activation { function: Function::Tanh }, &[x]).expect("an operator");
    let dense = builder.op("dense", Dense::with(None), &[active, kernel, bias]).expect("an operator");
    Model::from_graph("wide", builder.finish(vec![("dense".into(), dense)]).expect("a graph"))
}

fn held(session: &Session) -> u64 {
    session.memory().activation_bytes
}

/// Rows of 32 KiB, of which a block has many, because there are four megabytes of weights.
fn wide_with_many_weights() -> Model {
    wide(8192, 128)
}

#[test]
fn images_are_computed_one_by_one() {
    const PIXELS: usize = 300_000;
    let model = wide(PIXELS, 1);
    let session = open(&model, Some(1));
    answer(&session, &random_inputs(&model, 7, 1).expect("inputs"));
    // A buffer starts at a cache line of 64 bytes, wherever the system puts it.
    assert_eq!(held(&session), 4 * PIXELS as u64 + 64);
}

#[test]
fn memory_of_large_batches_is_given_back_when_they_no_longer_come() {
    let model = wide_with_many_weights();
    let session = open(&model, Some(1));
    let (small, large) = (random_inputs(&model, 1, 1).expect("inputs"), random_inputs(&model, 90, 1).expect("inputs"));
    let answers = [answer(&session, &small), answer(&session, &large)];
    let most = held(&session);
    assert!(most >= 90 * (32 << 10), "{most} bytes");
    // One large batch now and then keeps the memory.
    for round in 0..140 {
        answer(&session, if round % 50 == 0 { &large } else { &small });
        assert_eq!(held(&session), most, "in round {round}");
    }
    for _ in 0..128 {
        assert_eq!(answer(&session, &small), answers[0]);
    }
    let least = held(&session);
    assert!(least < 64 << 10, "{least} bytes for a row of 32 KiB");
    assert_eq!(answer(&session, &large), answers[1]);
    assert_eq!(held(&session), most, "it grows again");
}

#[test]
fn memory_of_threads_that_no_longer_get_work_is_given_back() {
    let model = wide_with_many_weights();
    let (alone, session) = (open(&model, Some(1)), open(&model, Some(3)));
    let (small, large) = (random_inputs(&model, 2, 1).expect("inputs"), random_inputs(&model, 300, 1).expect("inputs"));
    answer(&session, &large);
    for _ in 0..128 {
        answer(&alone, &small);
        answer(&session, &small);
    }
    assert_eq!(held(&session), held(&alone), "one thread's memory is left");
}

/// The threads of the CPU engine by name. The harness starts and ends threads of its own.
fn threads() -> BTreeMap<String, usize> {
    let mut threads = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.starts_with("tfjs-wgpu") {
            *threads.entry(name.trim().to_string()).or_default() += 1;
        }
    }
    threads
}

/// Runs one test of this file in a process of its own, in which no other test starts threads.
fn alone(test: &str) -> bool {
    const ALONE: &str = "TFJS_WGPU_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.args(["--exact", test]).env(ALONE, "1").output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    false
}

/// Sessions share the threads: one for each core, and as many as are asked for besides.
#[test]
fn sessions_share_threads() {
    if !Path::new("/proc/self/task").exists() || !alone("cpu::sessions_share_threads") {
        return;
    }
    let model = load("examples/shop_rank");
    let inputs = random_inputs(&model, 1000, 1).expect("inputs");
    let one = random_inputs(&model, 1, 1).expect("inputs");
    let before = threads();
    let pool = |count: usize| (0..count).map(move |index| (format!("tfjs-wgpu {index}/{count}"), 1));
    let sessions: Vec<Session> = (0..8).map(|_| open(&model, None)).collect();
    sessions.iter().for_each(|session| drop(answer(session, &one)));
    assert_eq!(threads(), before, "one row is no work for several threads");
    sessions.iter().for_each(|session| drop(answer(session, &inputs)));
    let cores = std::thread::available_parallelism().expect("a number").get();
    let mut expected = before;
    if cores > 1 {
        expected.extend(pool(cores));
    }
    assert_eq!(threads(), expected);
    let given: Vec<Session> = (0..3).map(|_| open(&model, Some(cores + 3))).collect();
    given.iter().for_each(|session| drop(answer(session, &inputs)));
    expected.extend(pool(cores + 3));
    assert_eq!(threads(), expected);
}

/// A call of the command that may start no thread. Where this system has no way to say so the test is ignored.
#[cfg(target_os = "linux")]
fn without_threads(folder: &Path) -> Command {
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").expect("this process").uid() == 0;
    let mut command = Command::new("prlimit");
    command.arg("--nproc=1:1").current_dir(folder);
    if is_root {
        // Root has as many processes as it likes.
        command.args(["setpriv", "--reuid=65534", "--clear-groups"]);
    }
    let mut probe = Command::new(command.get_program());
    let found = probe.args(command.get_args()).arg("true").output().is_ok_and(|output| output.status.success());
    if !found {
        gpu::ignore("it needs prlimit and setpriv");
    }
    command.arg("./tfjs-wgpu");
    command
}

/// Where the system gives no threads, the one that asks computes.
#[cfg(target_os = "linux")]
#[test]
fn no_threads_are_no_error() {
    use std::os::unix::fs::PermissionsExt;
    // Whoever runs it reads copies: the checkout may be closed to others.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("open to all");
    std::fs::copy(env!("CARGO_BIN_EXE_tfjs-wgpu"), folder.path().join("tfjs-wgpu")).expect("a copy");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop_rank");
    for file in ["model.json", "group1-shard1of1.bin", "input.safetensors"] {
        std::fs::copy(model.join(file), folder.path().join(file)).expect("a copy");
    }
    // A driver that gets no threads either may answer or not.
    for device in [&["--device", "gpu"][..], &["--device", "gpu", "--timeout", "60s"], &["--adapter", "llvmpipe"]] {
        let output = without_threads(folder.path()).args(["run", "."]).args(device).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 2)) && !said.contains("panicked"), "{device:?}: {said}");
    }
    let mut command = without_threads(folder.path());
    let output = command.args(["run", ".", "--device", "cpu", "--threads", "5", "--json"]).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let model = load("examples/shop_rank");
    let inputs = tfjs_wgpu::tensor_file::read(folder.path().join("input.safetensors")).expect("inputs");
    let expected = answer(&open(&model, Some(1)), &inputs);
    let scores: Vec<f64> = expected.iter().next().expect("an output").1.to_f64();
    let values = printed["outputs"]["score"]["values"].as_array().expect("rows").iter();
    let answered: Vec<f64> = values.map(|row| row[0].as_f64().expect("a number")).collect();
    assert!(scores.len() > 96, "several blocks");
    assert!(scores.iter().zip(&answered).all(|(score, answer)| (score - answer).abs() < 1e-6), "{answered:?}");
    assert_eq!(scores.len(), answered.len());
}
