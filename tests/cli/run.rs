//! `run`: outputs, rankings, and inputs that do not fit. On the CPU, whose answers are the same everywhere.

use crate::harness::gpu;
use crate::{Folder, command, model, transcript, transcript_in};
use insta::assert_snapshot;
use tfjs_wgpu::{Tensor, tensor_file};

/// Inputs of ncf for three rows.
const NCF_INPUT: &str = r#"{"user_id": [[1], [2], [3]], "item_id": [[4], [5], [6]]}"#;

#[test]
fn outputs() {
    assert_snapshot!(transcript(&["run", &model("ncf"), "--device", "cpu"]));
}

#[test]
fn outputs_of_several_ranks_are_elided() {
    assert_snapshot!(transcript(&["run", &model("multi_io"), "--device", "reference"]));
}

#[test]
fn outputs_as_json() {
    assert_snapshot!(transcript(&["run", &model("wide_deep"), "--device", "cpu", "--json"]));
}

#[test]
fn skew() {
    let tfjs = transcript(&["run", &model("youtube_dnn"), "--device", "cpu"]);
    let keras = transcript(&["run", &model("youtube_dnn"), "--device", "cpu", "--semantics", "keras"]);
    assert_snapshot!([tfjs, keras].join("\n\n"));
}

#[test]
fn shop_rank() {
    assert_snapshot!(transcript(&["run", "examples/shop_rank", "--top", "5", "--device", "cpu"]));
}

#[test]
fn ranking() {
    let folder = Folder::new();
    let input = folder.write("input.json", NCF_INPUT);
    let labels = folder.write("names.txt", "\u{feff}tea\ncöffee\r\nrain jacket\n\n");
    let ncf = model("ncf");
    let call =
        |more: &[&str]| transcript_in(&folder, &[&["run", &ncf, "--device", "cpu", "--input", &input], more].concat());
    let transcripts = [
        call(&["--top", "2"]),
        call(&["--top", "2", "--labels", &labels]),
        call(&["--top", "9", "--labels", &labels]),
        call(&["--top", "1", "--labels", &labels, "--json"]),
    ];
    assert_snapshot!(transcripts.join("\n\n"));
}

#[test]
fn rankings_that_cannot_be() {
    let folder = Folder::new();
    let labels = folder.write("labels.txt", "tea\ncoffee\n");
    let latin1 = folder.argument("latin1.txt");
    std::fs::write(&latin1, b"tea\ncaf\xe9\n").expect("write");
    let missing = folder.argument("missing.txt");
    let (ncf, youtube) = (model("ncf"), model("youtube_dnn"));
    let transcripts = [
        transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--top", "2", "--labels", &labels]),
        transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--top", "2", "--labels", &missing]),
        transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--top", "2", "--labels", &latin1]),
        transcript(&["run", &youtube, "--device", "cpu", "--top", "2"]),
    ];
    assert_snapshot!(transcripts.join("\n\n"));
}

#[test]
fn inputs_that_do_not_fit() {
    let folder = Folder::new();
    let ncf = model("ncf");
    let inputs = [
        ("unknown.json", r#"{"user": [[1]], "item_id": [[4]]}"#),
        ("missing.json", r#"{"user_id": [[1]]}"#),
        ("dtype.json", r#"{"user_id": [[0.5]], "item_id": [[4]]}"#),
        ("shape.json", r#"{"user_id": [[1, 2]], "item_id": [[4, 5]]}"#),
        ("batches.json", r#"{"user_id": [[1], [2], [3]], "item_id": [[4], [5]]}"#),
        ("ragged.json", r#"{"user_id": [[1], [2, 3]], "item_id": [[4]]}"#),
        ("wrapped.json", r#"{"inputs": {"user_id": [[1]], "item_id": [[4]]}}"#),
        ("list.json", r#"[{"user_id": [1], "item_id": [4]}]"#),
        ("empty.json", r#"{"user_id": [], "item_id": []}"#),
        ("nan.json", r#"{"user_id": [[1]], "item_id": [[NaN]]}"#),
        ("cut.json", r#"{"user_id": [[1], "#),
        ("cut.safetensors", "short"),
        ("cut.npz", "short"),
        ("table.csv", "1,2"),
    ];
    let call = |(name, text): (&str, &str)| {
        let input = folder.write(name, text);
        transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--input", &input])
    };
    assert_snapshot!(inputs.map(call).join("\n\n"));
}

#[test]
fn ids_outside_their_tables() {
    let folder = Folder::new();
    let input = folder.write("input.json", r#"{"user_id": [[1], [41], [-1]], "item_id": [[4], [5], [600]]}"#);
    let ncf = model("ncf");
    let call = |policy: &str| {
        transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--input", &input, "--on-bad-id", policy])
    };
    assert_snapshot!(["zero", "clamp", "error"].map(call).join("\n\n"));
}

#[test]
fn random_inputs() {
    let folder = Folder::with_model("wide_deep");
    let path = folder.path().to_str().expect("UTF-8");
    let plain = transcript_in(&folder, &["run", path, "--device", "cpu"]);
    let ranked = transcript_in(&folder, &["run", path, "--device", "cpu", "--top", "2"]);
    assert_snapshot!([plain, ranked].join("\n\n"));
}

/// The folder's input is found from the model.json in it too; JSON comes after NumPy.
#[test]
fn inputs_beside_the_model() {
    let folder = Folder::with_model("ncf");
    folder.write("input.json", NCF_INPUT);
    folder.write("labels.txt", "a\nb\nc\n");
    let path = folder.argument("model.json");
    let from_json = transcript_in(&folder, &["run", &path, "--device", "cpu", "--top", "1"]);
    let tensors = tensor_file::read(folder.join("input.json")).expect("read");
    tensor_file::write(folder.join("input.npz"), &tensors).expect("write");
    let from_npz = transcript_in(&folder, &["run", &path, "--device", "cpu"]);
    assert_snapshot!([from_json, from_npz].join("\n\n"));
}

#[test]
fn outputs_in_files() {
    let folder = Folder::new();
    let recorded = tensor_file::read(format!("{}/tfjs.safetensors", model("ncf"))).expect("recorded");
    for name in ["y.safetensors", "y.npz", "y.json"] {
        let path = folder.argument(name);
        let output = command(&["run", &model("ncf"), "--device", "cpu", "--output", &path]).output().expect("starts");
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout.is_empty(), "the file is the answer");
        let written = tensor_file::read(&path).expect("read");
        let (expected, actual) = (recorded.get("prediction"), written.get("prediction"));
        let (expected, actual) = (expected.expect("recorded"), actual.expect("written"));
        for (expected, actual) in expected.to_f64().iter().zip(actual.to_f64()) {
            assert!((expected - actual).abs() < 1e-6, "{name}: {expected} and {actual}");
        }
    }
    let (ncf, nowhere) = (model("ncf"), folder.argument("missing/y.npz"));
    let csv = folder.argument("y.csv");
    let file = folder.argument("y.npz/z.npz");
    let transcripts =
        [&nowhere, &csv, &file].map(|path| transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--output", path]));
    assert_snapshot!(transcripts.join("\n\n"));
}

/// Under every name that leads to it, what is read stays as it is.
#[test]
fn what_is_read_is_not_written() {
    let folder = Folder::with_model("ncf");
    let input = folder.write("input.json", NCF_INPUT);
    folder.write("labels.json", "a\nb\nc\n");
    std::fs::create_dir(folder.join("sub")).expect("folder");
    std::fs::copy(folder.join("model.json"), folder.join("other.json")).expect("copy");
    let bytes = |name: &str| std::fs::read(folder.join(name)).expect("read");
    let kept = ["model.json", "input.json", "labels.json", "other.json"];
    let before = kept.map(bytes);
    let whole = folder.path().to_str().expect("UTF-8").to_string();
    let (other, labels) = (folder.argument("other.json"), folder.argument("labels.json"));
    let call = |model: &str, output: &str| {
        let output = folder.argument(output);
        let arguments = ["run", model, "--device", "cpu", "--input", &input, "--top", "1", "--labels", &labels];
        transcript_in(&folder, &[&arguments[..], &["--output", &output]].concat())
    };
    let transcripts = [
        call(&whole, "model.json"),
        call(&whole, "sub/../model.json"),
        call(&other, "other.json"),
        call(&other, "model.json"),
        call(&whole, "input.json"),
        call(&whole, "labels.json"),
    ];
    assert_snapshot!(transcripts.join("\n\n"));
    assert_eq!(kept.map(bytes), before);
    let names = std::fs::read_dir(folder.path()).expect("folder").count();
    assert!(call(&whole, "answers.json").contains("exit code 0"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), names + 1);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_weight_file_is_not_written() {
    let folder = Folder::with_model("ncf");
    let weights = std::fs::read_dir(folder.path()).expect("folder").map(|entry| entry.expect("entry").path());
    let weights = weights.into_iter().find(|path| path.extension().is_some_and(|it| it == "bin")).expect("weights");
    std::os::unix::fs::symlink(weights, folder.join("link.npz")).expect("link");
    let (path, link) = (folder.argument("model.json"), folder.argument("link.npz"));
    let call = transcript_in(&folder, &["run", &path, "--device", "cpu", "--output", &link]);
    assert!(call.contains("error: <folder>/link.npz: is a file of the model\n"), "{call}");
}

#[test]
fn outputs_that_are_not_finite() {
    let folder = Folder::new();
    let youtube = model("youtube_dnn");
    let mut inputs = tensor_file::read(format!("{youtube}/input.safetensors")).expect("inputs");
    let mut numeric = vec![0.5; 28];
    (numeric[4], numeric[5]) = (f32::NAN, f32::INFINITY);
    inputs.insert("numeric", Tensor::f32(&[7, 4], numeric).expect("tensor"));
    tensor_file::write(folder.join("input.npz"), &inputs).expect("write");
    let input = folder.argument("input.npz");
    let call = |more: &[&str]| {
        transcript_in(&folder, &[&["run", &youtube, "--device", "cpu", "--input", &input], more].concat())
    };
    assert_snapshot!(call(&[]));
    let object = call(&["--json"]);
    assert!(object.contains(r#""warnings":["output `next_video`: 53 of 371 values are NaN"#), "{object}");
}

#[test]
fn an_empty_batch() {
    let folder = Folder::new();
    let empty = Tensor::i32(&[0, 1], Vec::new()).expect("tensor");
    let inputs = [("user_id", empty.clone()), ("item_id", empty)].into_iter().collect();
    tensor_file::write(folder.join("input.npz"), &inputs).expect("write");
    let (ncf, input) = (model("ncf"), folder.argument("input.npz"));
    assert_snapshot!(transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--input", &input, "--top", "2"]));
}

#[test]
fn models_that_cannot_be_loaded() {
    let folder = Folder::new();
    let text = folder.write("text.json", "not JSON at all");
    let object = folder.write("object.json", "{}");
    let empty = folder.path().to_str().expect("UTF-8").to_string();
    let missing = folder.argument("missing");
    let transcripts = [&missing, &empty, &text, &object].map(|path| transcript_in(&folder, &["run", path]));
    assert_snapshot!(transcripts.join("\n\n"));
}

#[test]
fn values_stored_as_half_floats() {
    let call = |storage: &str| {
        transcript(&[
            "run",
            &model("wide_deep"),
            "--device",
            "cpu",
            "--passes",
            "plain",
            "--activation-precision",
            storage,
        ])
    };
    let (full, half) = (call("f32"), call("f16"));
    // Not as a snapshot: where an engine adds in another order, a half may be the next one.
    assert!(half.contains("exit code 0") && half.contains("score: float32[7, 1]"), "{half}");
    assert_ne!(full.replace("--storage f32", "--storage f16"), half, "other answers");
}

#[test]
fn options_without_effect() {
    let call = |option: &str, value: &str| {
        transcript(&["run", &model("ncf"), "--device", "cpu", &format!("--{option}"), value])
    };
    let calls = [("programs", "per-shape"), ("submits", "per-kernel"), ("read-back", "per-output"), ("threads", "0")];
    assert_snapshot!(calls.map(|(option, value)| call(option, value)).join("\n\n"));
}

/// Whoever ranks, the device or the host; with `--output` the host has all scores.
#[test]
fn rankings_of_scores_that_are_not_finite() {
    let folder = Folder::new();
    let wide_deep = model("wide_deep");
    let mut inputs = tensor_file::read(format!("{wide_deep}/input.safetensors")).expect("inputs");
    let (name, floats) = inputs.iter().find(|(_, tensor)| tensor.as_f32().is_ok()).expect("an input of floats");
    let (name, shape, mut values) = (name.to_string(), floats.shape().to_vec(), floats.as_f32().expect("f32").to_vec());
    values[2 * shape[1]] = f32::NAN;
    inputs.insert(name.as_str(), Tensor::f32(&shape, values).expect("tensor"));
    tensor_file::write(folder.join("input.npz"), &inputs).expect("write");
    let (input, output) = (folder.argument("input.npz"), folder.argument("output.npz"));
    let ranked = |device: &str, more: &[&str]| {
        let arguments = ["run", &wide_deep, "--device", device, "--input", &input, "--top", "9"];
        let output = command(&[&arguments[..], more].concat()).output().expect("starts");
        assert_eq!(output.status.code(), Some(0), "{device}");
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        let rows: Vec<String> = stdout.lines().map(|line| line.split("  ").nth(1).expect("a label").into()).collect();
        let warning = stderr.lines().find(|line| line.starts_with("warning: output")).expect("a warning").to_string();
        (rows, warning)
    };
    let (rows, warning) = ranked("reference", &[]);
    assert_eq!((rows.len(), rows[6].as_str()), (7, "2"), "NaN is last");
    assert!(warning.contains("`score`: 1 of 7 values is NaN or infinite, in row 2 (input `"), "{warning}");
    for device in ["cpu"].into_iter().chain(gpu::is_there().then_some("gpu")) {
        assert_eq!(ranked(device, &[]), (rows.clone(), warning.clone()), "{device}");
        assert_eq!(ranked(device, &["--output", &output]), (rows.clone(), warning.clone()), "{device}");
    }
}
