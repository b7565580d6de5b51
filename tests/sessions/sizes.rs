//! One session answers for several sizes of what its model leaves open, and keeps what it has prepared for those used last.

use crate::engines;
use crate::harness::gpu;
use serde_json::json;
use std::path::PathBuf;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::ProfileOptions;
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::{Counter, Stage};
use tfjs_wgpu::{
    Device, ErrorKind, LoadOptions, Model, NamedTensors, OnBadId, Prediction, Session, SessionOptions, Sizes, Tensor,
};

const ROWS: usize = 9;

/// Two histories of any length, looked up in one table and pooled, and a Dense layer over both; their sum besides if they must
/// have one length.
fn model(sum: bool, on_bad_id: OnBadId) -> Model {
    let input = |name: &str| {
        json!({
            "class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"name": name, "batch_input_shape": [null, null], "dtype": "int32"},
        })
    };
    let layer = |class: &str, name: &str, inputs: serde_json::Value, config: serde_json::Value| {
        let mut layer = json!({"class_name": class, "name": name, "inbound_nodes": inputs, "config": config});
        layer["config"]["name"] = json!(name);
        layer
    };
    let from = |name: &str| json!([[[name, 0, 0, {}]]]);
    let mut layers = vec![
        input("clicks"),
        input("buys"),
        layer(
            "Embedding",
            "e",
            json!([[["clicks", 0, 0, {}]], [["buys", 0, 0, {}]]]),
            json!({"input_dim": ROWS, "output_dim": 4}),
        ),
        layer("GlobalAveragePooling1D", "clicked", from("e"), json!({})),
        layer("GlobalMaxPooling1D", "bought", json!([[["e", 1, 0, {}]]]), json!({})),
        layer("Concatenate", "both", json!([[["clicked", 0, 0, {}], ["bought", 0, 0, {}]]]), json!({"axis": -1})),
        layer("Dense", "score", from("both"), json!({"units": 1, "use_bias": false})),
    ];
    let mut outputs = vec![json!(["score", 0, 0])];
    if sum {
        layers.push(layer("Add", "sum", json!([[["e", 0, 0, {}], ["e", 1, 0, {}]]]), json!({})));
        outputs.push(json!(["sum", 0, 0]));
    }
    let config = json!({
        "name": "histories", "layers": layers,
        "input_layers": [["clicks", 0, 0], ["buys", 0, 0]], "output_layers": outputs,
    });
    let weights = json!([
        {"name": "e/embeddings", "shape": [ROWS, 4], "dtype": "float32"},
        {"name": "score/kernel", "shape": [8, 1], "dtype": "float32"},
    ]);
    let json = json!({
        "modelTopology": {"keras_version": "2.17.0", "model_config": {"class_name": "Functional", "config": config}},
        "weightsManifest": [{"paths": ["w"], "weights": weights}],
    });
    let bytes: Vec<u8> = (0..ROWS * 4 + 8).flat_map(|index| (index as f32 / 16.0 - 1.0).to_le_bytes()).collect();
    let options = LoadOptions::default().on_bad_id(on_bad_id);
    Model::from_bytes(json.to_string().as_bytes(), &[("w", &bytes)], options).expect("the model loads")
}

fn histories() -> Model {
    model(false, OnBadId::Zero)
}

/// Ids inside the table: so many rows and steps of each.
fn inputs(clicks: [usize; 2], buys: [usize; 2]) -> NamedTensors {
    let ids = |shape: [usize; 2], step: usize| {
        let ids = (0..shape[0] * shape[1]).map(|index| (index * step % ROWS) as i32).collect();
        Tensor::i32(&shape, ids).expect("ids")
    };
    [("clicks", ids(clicks, 5)), ("buys", ids(buys, 7))].into_iter().collect()
}

/// Both of one length.
fn of_length(length: usize) -> NamedTensors {
    inputs([2, length], [2, length])
}

fn open(model: &Model, device: Device) -> Session {
    let options = SessionOptions::default().device(device);
    Session::open_with(model, options).expect("a session")
}

/// Whether a prediction prepared the session for its sizes.
fn prepares(session: &Session, inputs: &NamedTensors) -> bool {
    let timeline = session.predict(inputs).expect("a prediction").timeline;
    timeline.spans().iter().any(|span| span.stage == Stage::OpenSizes)
}

#[test]
fn a_session_prepares_once_for_each_set_of_sizes() {
    for device in engines() {
        let session = open(&histories(), device);
        let lengths = [5, 7, 5, 7, 7, 5];
        let prepared = lengths.map(|length| prepares(&session, &of_length(length)));
        assert_eq!(prepared, [true, true, false, false, false, false], "{device:?}");
        assert!(prepares(&session, &inputs([2, 5], [2, 7])), "a set is both of them: {device:?}");
        assert!(!prepares(&session, &inputs([3, 5], [1, 7])), "the batch has no part in it: {device:?}");
        let known = histories().with_sizes(&Sizes::default().others(5)).expect("sizes");
        assert!(!prepares(&open(&known, device), &of_length(5)), "{device:?}");
    }
}

#[test]
fn the_set_that_was_not_used_for_longest_goes() {
    let session = open(&histories(), Device::Cpu);
    for length in 11..=17 {
        assert!(prepares(&session, &of_length(length)), "length {length}");
    }
    assert!(!prepares(&session, &of_length(11)), "eight are kept, with the one that the session was opened at");
    assert!(prepares(&session, &of_length(18)), "the one that it was opened at goes for it");
    assert!(prepares(&session, &of_length(19)));
    assert!(!prepares(&session, &of_length(11)), "it was used again");
    assert!(prepares(&session, &of_length(12)), "it went for 19");
}

/// To the bit on one device; a model that was loaded at that size knows of no other.
#[test]
fn answers_are_those_of_a_model_of_that_size() {
    for device in engines() {
        let session = open(&histories(), device);
        let mut prediction = Prediction::default();
        let rows = [
            [[3, 5], [3, 2]],
            [[3, 5], [1, 2]],
            [[1, 6], [4, 1]],
            [[0, 5], [0, 2]],
            [[3, 5], [3, 2]],
            [[2, 1], [2, 1]],
        ];
        for [clicks, buys] in rows {
            let given = inputs(clicks, buys);
            session.predict_into(&given, &mut prediction).expect("a prediction");
            let model = histories().with_sizes(&Sizes::of(&given)).expect("sizes");
            let alone = open(&model, device).predict(&given).expect("a prediction");
            assert_eq!(prediction.outputs, alone.outputs, "{device:?} {clicks:?} {buys:?}");
        }
    }
}

#[test]
fn a_profile_is_that_of_the_sizes_it_is_given() {
    for device in engines() {
        let session = open(&histories(), device);
        for length in [5, 7] {
            let runs = ProfileOptions::default().warmup_runs(0).runs(1);
            let profile = session.profile(&of_length(length), runs).expect("a profile");
            let alone = histories().with_sizes(&Sizes::default().others(length)).expect("sizes");
            let alone = open(&alone, device).profile(&of_length(length), runs).expect("a profile");
            let costs = |profile: &tfjs_wgpu::Profile| {
                profile.steps.iter().map(|step| (step.name.clone(), step.flops, step.bytes)).collect::<Vec<_>>()
            };
            assert_eq!(costs(&profile), costs(&alone), "{device:?} {length}");
        }
    }
}

/// Each engine has its own weights; tables are uploaded once.
#[test]
fn memory_and_counts_are_of_all_sizes_and_of_each() {
    for device in engines() {
        let session = open(&histories(), device);
        let before = session.memory();
        let table_bytes = 4 * 4 * ROWS as u64;
        for length in [5, 7, 5] {
            session.predict(&of_length(length)).expect("a prediction");
        }
        let grown = session.memory().weight_bytes - before.weight_bytes;
        assert!(grown < 2 * table_bytes, "{device:?}: {grown} bytes more");
        let model = histories().with_sizes(&Sizes::default().others(7)).expect("sizes");
        let alone = open(&model, device);
        assert_eq!(session.counts_of(&of_length(7)).expect("counts"), alone.counts(2).expect("counts"), "{device:?}");
        assert_ne!(session.counts_of(&of_length(5)).expect("counts"), alone.counts(2).expect("counts"), "{device:?}");
    }
}

#[test]
fn pipelines_are_shared_by_all_sizes() {
    gpu::require(LimitsPreset::Full);
    let session = open(&histories(), Device::Gpu);
    session.predict(&of_length(5)).expect("a prediction");
    let timeline = session.predict(&of_length(7)).expect("a prediction").timeline;
    assert_eq!(timeline.counter(Counter::Pipelines), 0);
}

#[test]
fn threads_that_ask_for_several_sizes_get_their_own_answers() {
    let session = open(&histories(), Device::Cpu);
    let lengths = [3, 4, 5, 6];
    let alone = lengths.map(|length| open(&histories(), Device::Cpu).predict(&of_length(length)).expect("one").outputs);
    std::thread::scope(|scope| {
        for (length, alone) in lengths.into_iter().zip(&alone) {
            let session = &session;
            scope.spawn(move || {
                for _ in 0..10 {
                    assert_eq!(session.predict(&of_length(length)).expect("a prediction").outputs, *alone);
                }
            });
        }
    });
}

#[test]
fn ids_are_looked_at_at_every_size() {
    let outside = |length: usize| -> NamedTensors {
        let ids = |id: i32| Tensor::i32(&[1, length], vec![id; length]).expect("ids");
        [("clicks", ids(ROWS as i32)), ("buys", ids(0))].into_iter().collect()
    };
    for length in [5, 7, 5] {
        let found = open(&histories(), Device::Cpu).predict(&outside(length)).expect("a prediction").bad_ids;
        assert_eq!(found.iter().map(|bad| (bad.input.as_str(), bad.count)).collect::<Vec<_>>(), [("clicks", length)]);
    }
    let strict = open(&model(false, OnBadId::Error), Device::Cpu);
    let error = strict.predict(&outside(5)).expect_err("it refuses them");
    assert!(error.to_string().contains("input `clicks`: 5 of its ids are outside"), "{error}");
}

#[test]
fn what_does_not_fit_is_said_with_what_is_open() {
    let session = open(&model(true, OnBadId::Zero), Device::Cpu);
    let flat = |length: usize| Tensor::i32(&[length], vec![0; length]).expect("ids");
    let ids = |shape: &[usize]| Tensor::i32(shape, vec![0; shape.iter().product()]).expect("ids");
    let cases: [(NamedTensors, &str); 5] = [
        (inputs([2, 5], [2, 7]), "axis 1 of input `clicks` is 5, axis 1 of input `buys` is 7"),
        ([("clicks", flat(5)), ("buys", flat(5))].into_iter().collect(), "expects shape [N, ?] and was given [5]"),
        ([("clicks", ids(&[1, 0])), ("buys", ids(&[1, 0]))].into_iter().collect(), "cannot be of size 0"),
        ([("clicks", ids(&[1, 5]))].into_iter().collect(), "`clicks` int32[N, ?], `buys` int32[N, ?]"),
        ([("clicks", ids(&[1, 5])), ("sells", ids(&[1, 5]))].into_iter().collect(), "no input called `sells`"),
    ];
    for (given, expected) in cases {
        let error = session.predict(&given).expect_err(expected);
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        let text = format!("{error:?}");
        assert!(text.contains(expected) && !text.contains("damaged"), "{text}");
    }
    session.predict(&of_length(5)).expect("it still answers");
}

#[test]
fn inputs_are_not_made_up_without_sizes() {
    let error = random_inputs(&histories(), 2, 1).expect_err("no sizes");
    let text = format!("{error:?}");
    assert!(text.contains("axis 1 of input `clicks`, axis 1 of input `buys` are open"), "{text}");
    assert!(text.contains("`clicks=SIZE` `buys=SIZE` (Sizes)"), "{text}");
}

#[test]
fn a_single_tensor_is_taken_for_the_only_input_and_said_to_be() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/gru_ranker");
    let several = Model::load(folder, LoadOptions::default()).expect("the model loads");
    let mut builder = tfjs_wgpu::internals::graph::Builder::new();
    let ty = tfjs_wgpu::internals::tensor::TensorType::f32(tfjs_wgpu::internals::tensor::Shape::batched(&[2]));
    let x = builder.input("x", ty).expect("an input");
    let doubled =
        builder.op("y", tfjs_wgpu::internals::ops::Softmax { axis: 1, log: false }, &[x]).expect("an operator");
    let single = Model::from_graph("single", builder.finish(vec![("y".into(), doubled)]).expect("a graph"));
    let session = open(&single, Device::Cpu);
    let ones = || Tensor::f32(&[1, 2], vec![1.0; 2]).expect("a tensor");
    let given: NamedTensors = [("input_1", ones())].into_iter().collect();
    let prediction = session.predict(&given).expect("a prediction");
    assert_eq!(prediction.notes, ["the tensor `input_1` is taken for input `x`, the only one"]);
    let given: NamedTensors = [("x", ones())].into_iter().collect();
    assert!(session.predict(&given).expect("a prediction").notes.is_empty());
    let given: NamedTensors = [("x", ones()), ("input_1", ones())].into_iter().collect();
    let error = session.predict(&given).expect_err("two tensors");
    assert!(error.to_string().contains("no input called `input_1`"), "{error}");
    let given: NamedTensors = [("odd", ones())].into_iter().collect();
    assert!(open(&several, Device::Cpu).predict(&given).is_err(), "one of several inputs has to be named");
}
