//! Loading holds the weights, as they are stored or decoded, and little beside them, and nothing of what can stay in its
//! file; a lie in the manifest claims nothing; warm predictions on the CPU allocate what they answer with.

// An allocator that counts is an unsafe trait to implement; it only counts and passes on.
#![allow(unsafe_code)]

#[path = "../harness/mod.rs"]
mod harness;
#[macro_use(test)]
extern crate collected_test;

#[cfg(feature = "onnx")]
mod onnx;

use harness::gpu;
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::Counter;
use tfjs_wgpu::weights::Memory;
use tfjs_wgpu::{Device, LoadOptions, Model, NamedTensors, Session, SessionOptions, WeightFormat};

fn main() -> std::process::ExitCode {
    harness::run()
}

/// Counts what is allocated, the most there ever was, and everything that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How often this thread allocated, and how many bytes: the harness reports other tests meanwhile, on its own thread.
    static CLAIMED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        CLAIMED.with(|claimed| {
            let (claims, bytes) = claimed.get();
            claimed.set((claims + 1, bytes + layout.size()));
        });
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Its pipelines go with it, so that whoever opens it again makes them anew.
#[test]
fn a_device_is_shared_by_sessions_and_closed_with_the_last_of_them() {
    gpu::require_adapter();
    // Opening a device allocates, which the other tests would count. Nothing in this binary keeps a device of this preset open.
    let _one = ONE.lock().expect("no test panicked");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/ncf");
    let model = Model::load(path, LoadOptions::default()).expect("the model loads");
    let (device, limits) = (Device::Gpu, LimitsPreset::Adreno);
    let open = || {
        let options = SessionOptions::default().device(device).limits(limits);
        Session::open_with(&model, options).expect("the GPU opens")
    };
    let pipelines = |session: &Session| session.timeline().counter(Counter::Pipelines);
    let (first, second) = (open(), open());
    assert!(pipelines(&first) > 0);
    assert_eq!(pipelines(&second), 0, "the device is shared");
    drop(first);
    assert_eq!(pipelines(&open()), 0, "it is still used");
    let made = pipelines(&second);
    drop(second);
    assert!(pipelines(&open()) > made, "it was closed");
}

/// One test at a time counts.
static ONE: Mutex<()> = Mutex::new(());

/// Runs `work` and returns its result and the most bytes it held at once.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let value = work();
    (value, PEAK.load(Ordering::Relaxed) - before)
}

const ROWS: usize = 1 << 20;
const WIDTH: usize = 16;
const MIB: usize = 1 << 20;

/// A form in which a file holds floats: the bytes of each, and its quantization in the manifest.
type Stored = (usize, serde_json::Value);

fn stored_forms() -> [Stored; 3] {
    [(4, json!(null)), (2, json!({"dtype": "float16"})), (1, json!({"dtype": "uint8", "scale": 0.1, "min": -1.0}))]
}

/// The model.json of one embedding table of 16 Mi floats, in files of these names.
fn model_json(paths: &[&str], quantization: &serde_json::Value, rows: u64) -> String {
    let mut spec = json!({"name": "e/embeddings", "shape": [rows, WIDTH], "dtype": "float32"});
    if !quantization.is_null() {
        spec["quantization"] = quantization.clone();
    }
    let model = json!({
        "modelTopology": {"class_name": "Sequential", "config": [
            {"class_name": "Embedding", "config": {
                "name": "e", "input_dim": rows, "output_dim": WIDTH, "batch_input_shape": [null, 4],
            }},
        ]},
        "weightsManifest": [{"paths": paths, "weights": [spec]}],
    });
    model.to_string()
}

/// Writes that model with files of these sizes, all zeros.
fn write_model(folder: &Path, files: &[(&str, usize)], quantization: &serde_json::Value, rows: u64) {
    for (name, bytes) in files {
        std::fs::write(folder.join(name), vec![0u8; *bytes]).expect("written");
    }
    let paths: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    std::fs::write(folder.join("model.json"), model_json(&paths, quantization, rows)).expect("written");
}

/// Loads once for each format and compares the most bytes held with those of the weights in that form.
fn assert_holds_the_weights(element_bytes: usize, load: impl Fn(LoadOptions) -> Model) {
    for (format, bytes) in [(WeightFormat::F32, 4), (WeightFormat::Keep, element_bytes)] {
        let expected = ROWS * WIDTH * bytes;
        let (model, held) = peak(|| load(LoadOptions::default().weight_format(format)));
        assert!(held >= expected, "{held} bytes were counted for {expected}");
        assert!(held <= expected + expected / 8 + 4 * MIB, "{held} bytes were held for {expected}");
        drop(model);
    }
}

/// Loads with the weight files left where they are.
#[cfg(feature = "mmap")]
fn load_mapped(folder: &Path, options: LoadOptions) -> Model {
    // SAFETY: nothing writes these files before the test that made them ends.
    unsafe { Model::load_mapped(folder, options) }.expect("the model loads")
}

#[test]
fn loading_holds_little_beside_the_weights() {
    let _one = ONE.lock().expect("no test panicked");
    let folder = tempfile::tempdir().expect("a folder");
    for (element_bytes, quantization) in stored_forms() {
        let bytes = ROWS * WIDTH * element_bytes;
        // The table straddles two files, or lies in one.
        let straddling = [("a.bin", bytes / 2 + 1), ("b.bin", bytes / 2 - 1)];
        for files in [&straddling[..], &[("a.bin", bytes)]] {
            write_model(folder.path(), files, &quantization, ROWS as u64);
            assert_holds_the_weights(element_bytes, |options| {
                Model::load(folder.path(), options).expect("the model loads")
            });
            #[cfg(feature = "mmap")]
            if files.len() == 2 {
                assert_holds_the_weights(element_bytes, |options| load_mapped(folder.path(), options));
            }
        }
        let json = model_json(&["a.bin"], &quantization, ROWS as u64);
        let shard = vec![0u8; bytes];
        assert_holds_the_weights(element_bytes, |options| {
            Model::from_bytes(json.as_bytes(), &[("a.bin", &shard)], options).expect("the model loads")
        });
    }
}

/// A table in one file, loaded by `load` in both formats, takes no memory unless it is decoded.
fn assert_table_stays(quantization: &serde_json::Value, load: impl Fn(LoadOptions) -> Model) {
    for format in [WeightFormat::Keep, WeightFormat::F32] {
        let (model, held) = peak(|| load(LoadOptions::default().weight_format(format)));
        let decoded = format == WeightFormat::F32 && !quantization.is_null();
        assert_eq!(held > MIB, decoded, "{held} bytes were held of {quantization} as {format:?}");
        let (identity, held) = peak(|| model.identity().map(ToString::to_string));
        assert!(identity.is_some() && held < MIB, "{held} bytes were held to tell {identity:?}");
        if quantization.is_null() {
            assert_predicts_on_the_cpu_in_place(&model);
        }
    }
}

#[test]
#[cfg(feature = "mmap")]
fn a_table_that_lies_in_one_file_stays_there() {
    let _one = ONE.lock().expect("no test panicked");
    let folder = tempfile::tempdir().expect("a folder");
    for (element_bytes, quantization) in stored_forms() {
        write_model(folder.path(), &[("a.bin", ROWS * WIDTH * element_bytes)], &quantization, ROWS as u64);
        assert_table_stays(&quantization, |options| load_mapped(folder.path(), options));
    }
}

#[test]
fn a_table_in_shared_memory_stays_there() {
    let _one = ONE.lock().expect("no test panicked");
    for (element_bytes, quantization) in stored_forms() {
        let shard: Arc<[u8]> = vec![0u8; ROWS * WIDTH * element_bytes].into();
        let (json, source) = (model_json(&["a.bin"], &quantization, ROWS as u64), Memory::new().shared("a.bin", shard));
        assert_table_stays(&quantization, |options| {
            Model::from_parts(json.as_bytes(), &source, options).expect("the model loads")
        });
    }
}

/// Once it is loaded from a folder, a model depends on no file.
#[test]
fn a_table_that_was_read_answers_without_its_file() {
    let _one = ONE.lock().expect("no test panicked");
    let folder = tempfile::tempdir().expect("a folder");
    write_model(folder.path(), &[("a.bin", ROWS * WIDTH * 4)], &json!(null), ROWS as u64);
    let model = Model::load(folder.path(), LoadOptions::default()).expect("the model loads");
    std::fs::File::create(folder.path().join("a.bin")).expect("shortened to nothing");
    assert_predicts_on_the_cpu_in_place(&model);
}

/// What the device holds is not counted here. A phone keeps packed what a software GPU is given decoded.
#[test]
#[cfg(feature = "mmap")]
fn a_table_that_stays_in_its_file_is_uploaded_from_there() {
    let limits = LimitsPreset::Mali;
    gpu::require(limits);
    let _one = ONE.lock().expect("no test panicked");
    let folder = tempfile::tempdir().expect("a folder");
    for (element_bytes, quantization) in stored_forms() {
        write_model(folder.path(), &[("a.bin", ROWS * WIDTH * element_bytes)], &quantization, ROWS as u64);
        let model = load_mapped(folder.path(), LoadOptions::default());
        let options = SessionOptions::default().device(Device::Gpu).limits(limits);
        let (session, held) = peak(|| Session::open_with(&model, options).expect("a session"));
        assert!(held < 8 * MIB, "{held} bytes were held to upload {quantization}");
        drop(session);
    }
}

fn assert_predicts_on_the_cpu_in_place(model: &Model) {
    let inputs = random_inputs(model, 5, 1).expect("inputs");
    for device in [Device::Cpu, Device::Reference] {
        let options = SessionOptions::default().device(device);
        let session = Session::open_with(model, options).expect("a session");
        let (_, held) = peak(|| session.predict(&inputs).expect("a prediction"));
        assert!(held < MIB, "{held} bytes were held to predict on {device:?}");
    }
}

#[test]
fn a_manifest_that_lies_claims_no_memory() {
    let _one = ONE.lock().expect("no test panicked");
    let folder = tempfile::tempdir().expect("a folder");
    let [.., (_, quantization)] = stored_forms();
    write_model(folder.path(), &[("a.bin", ROWS * WIDTH)], &quantization, 1 << 31);
    let (outcome, held) = peak(|| Model::load(folder.path(), LoadOptions::default()).map(|_| ()));
    let error = outcome.expect_err("the files are shorter than the manifest says");
    assert!(error.to_string().contains("truncated"), "{error}");
    assert!(held < MIB, "{held} bytes were held");
}

/// The allocations of one warm prediction, and their bytes without those of the outputs' elements.
fn warm(session: &Session, inputs: &NamedTensors) -> (usize, usize) {
    session.predict(inputs).expect("a prediction");
    let (claims_before, bytes_before) = CLAIMED.get();
    let prediction = session.predict(inputs).expect("a prediction");
    let (claims, bytes) = CLAIMED.get();
    let outputs: usize = prediction.outputs.iter().map(|(_, tensor)| 4 * tensor.len()).sum();
    (claims - claims_before, bytes - bytes_before - outputs)
}

/// The engine's memory is kept between predictions, and does not grow with the batch beyond a block of rows. What a
/// session allocates around it (names, spans) depends on neither.
#[test]
fn warm_predictions_on_the_cpu_allocate_their_outputs_alone() {
    let _one = ONE.lock().expect("no test panicked");
    for model in
        ["examples/shop_rank", "tests/data/models/dlrm_26", "tests/data/models/din", "tests/data/models/gru_ranker"]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(model);
        let model = Model::load(folder, LoadOptions::default()).expect("the model loads");
        let options = SessionOptions::default().device(Device::Cpu).cpu_threads(1);
        let session = Session::open_with(&model, options).expect("a session");
        let small = warm(&session, &random_inputs(&model, 2, 1).expect("inputs"));
        let large = warm(&session, &random_inputs(&model, 997, 1).expect("inputs"));
        assert_eq!(small, large, "{}", model.name());
    }
}
