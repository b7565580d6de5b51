//! `run`: outputs, rankings, and inputs that do not fit. On the CPU, whose answers are the same everywhere.

use crate::{Folder, command, model, transcript, transcript_in};
use insta::assert_snapshot;
use tfjs_wgpu::tensor_file;

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
    let labels = folder.write("names.txt", "tea\ncöffee\r\nrain jacket\n");
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
    let missing = folder.argument("missing.txt");
    let (ncf, youtube) = (model("ncf"), model("youtube_dnn"));
    let transcripts = [
        transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--top", "2", "--labels", &labels]),
        transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--top", "2", "--labels", &missing]),
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
    let transcripts =
        [&nowhere, &csv].map(|path| transcript_in(&folder, &["run", &ncf, "--device", "cpu", "--output", path]));
    assert_snapshot!(transcripts.join("\n\n"));
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
