//! Loading holds the weights, as they are stored or decoded, and little beside them; a lie in the manifest claims nothing;
//! warm predictions on the CPU allocate what they answer with.

// An allocator that counts is an unsafe trait to implement; it only counts and passes on.
#![allow(unsafe_code)]

use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tfjs_wgpu::session::random_inputs;
use tfjs_wgpu::{Device, LoadOptions, Model, NamedTensors, Session, SessionOptions, WeightStorage};

/// Counts what is allocated, the most there ever was, and everything that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CLAIMED: AtomicUsize = AtomicUsize::new(0);
static CLAIMS: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        CLAIMED.fetch_add(layout.size(), Ordering::Relaxed);
        CLAIMS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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

/// A model that is one embedding table of 64 MiB, its shards in `folder`.
fn write_model(folder: &std::path::Path, element_bytes: usize, quantization: serde_json::Value, rows: u64) {
    let bytes = ROWS * WIDTH * element_bytes;
    std::fs::write(folder.join("a.bin"), vec![0u8; bytes / 2 + 1]).expect("written");
    std::fs::write(folder.join("b.bin"), vec![0u8; bytes / 2 - 1]).expect("written");
    let mut spec = json!({"name": "e/embeddings", "shape": [rows, WIDTH], "dtype": "float32"});
    if !quantization.is_null() {
        spec["quantization"] = quantization;
    }
    let model = json!({
        "modelTopology": {"class_name": "Sequential", "config": [
            {"class_name": "Embedding", "config": {
                "name": "e", "input_dim": rows, "output_dim": WIDTH, "batch_input_shape": [null, 4],
            }},
        ]},
        "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": [spec]}],
    });
    std::fs::write(folder.join("model.json"), model.to_string()).expect("written");
}

#[test]
fn loading_holds_little_beside_the_weights() {
    let _one = ONE.lock().expect("no test panicked");
    let folder = tempfile::tempdir().expect("a folder");
    for (element_bytes, quantization) in
        [(4, json!(null)), (2, json!({"dtype": "float16"})), (1, json!({"dtype": "uint8", "scale": 0.1, "min": -1.0}))]
    {
        write_model(folder.path(), element_bytes, quantization, ROWS as u64);
        for (weights, bytes) in [(WeightStorage::F32, 4), (WeightStorage::Keep, element_bytes)] {
            let expected = ROWS * WIDTH * bytes;
            let options = LoadOptions { weights, ..LoadOptions::default() };
            let (model, held) = peak(|| Model::load(folder.path(), options).expect("the model loads"));
            assert!(held >= expected, "{held} bytes were counted for {expected}");
            assert!(held <= expected + expected / 8 + 4 * MIB, "{held} bytes were held for {expected}");
            drop(model);
        }
    }
}

#[test]
fn a_manifest_that_lies_claims_no_memory() {
    let _one = ONE.lock().expect("no test panicked");
    let folder = tempfile::tempdir().expect("a folder");
    write_model(folder.path(), 1, json!({"dtype": "uint8", "scale": 0.1, "min": -1.0}), 1 << 31);
    let (outcome, held) = peak(|| Model::load(folder.path(), LoadOptions::default()).map(|_| ()));
    let error = outcome.expect_err("the files are shorter than the manifest says");
    assert!(error.to_string().contains("truncated"), "{error}");
    assert!(held < MIB, "{held} bytes were held");
}

/// The allocations of one warm prediction, and their bytes without those of the outputs' elements.
fn warm(session: &Session, inputs: &NamedTensors) -> (usize, usize) {
    session.predict(inputs).expect("a prediction");
    let (claims, claimed) = (CLAIMS.load(Ordering::Relaxed), CLAIMED.load(Ordering::Relaxed));
    let prediction = session.predict(inputs).expect("a prediction");
    let (claims, claimed) = (CLAIMS.load(Ordering::Relaxed) - claims, CLAIMED.load(Ordering::Relaxed) - claimed);
    let outputs: usize = prediction.outputs.iter().map(|(_, tensor)| 4 * tensor.len()).sum();
    (claims, claimed - outputs)
}

/// The engine's memory is kept between predictions, and does not grow with the batch beyond a block of rows. What a
/// session allocates around it (names, spans) depends on neither.
#[test]
fn warm_predictions_on_the_cpu_allocate_their_outputs_alone() {
    let _one = ONE.lock().expect("no test panicked");
    for model in ["examples/shop_rank", "tests/data/models/dlrm_26", "tests/data/models/din"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(model);
        let model = Model::load(folder, LoadOptions::default()).expect("the model loads");
        let options = SessionOptions { device: Device::Cpu, cpu_threads: Some(1), ..SessionOptions::default() };
        let session = Session::open_with(&model, options).expect("a session");
        let small = warm(&session, &random_inputs(&model, 2, 1).expect("inputs"));
        let large = warm(&session, &random_inputs(&model, 997, 1).expect("inputs"));
        assert_eq!(small, large, "{}", model.name());
    }
}
