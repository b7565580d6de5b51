//! Dimensions that a model leaves open: from the inputs, by `--dim`, or shown as `?`.

use crate::{Folder, transcript_in};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn layer(class: &str, name: &str, inputs: &[&str], config: Value) -> Value {
    let inputs: Vec<Value> = inputs.iter().map(|input| json!([input, 0, 0, {}])).collect();
    let nodes = if inputs.is_empty() { json!([]) } else { json!([inputs]) };
    let mut layer = json!({"class_name": class, "name": name, "inbound_nodes": nodes, "config": config});
    layer["config"]["name"] = json!(name);
    layer
}

fn input(name: &str, shape: Value) -> Value {
    layer("InputLayer", name, &[], json!({"batch_input_shape": shape, "dtype": "float32"}))
}

fn write(folder: &Folder, layers: Vec<Value>, inputs: &[&str], output: &str) -> String {
    let inputs: Vec<Value> = inputs.iter().map(|input| json!([input, 0, 0])).collect();
    let config = json!({
        "name": "open", "layers": layers, "input_layers": inputs, "output_layers": [[output, 0, 0]],
    });
    let json = json!({
        "modelTopology": {"keras_version": "2.17.0", "model_config": {"class_name": "Functional", "config": config}},
        "weightsManifest": [{"paths": [], "weights": []}],
    });
    folder.write("model.json", &json.to_string())
}

/// The averages of two histories, each of any length, side by side.
fn histories(folder: &Folder) -> String {
    let layers = vec![
        input("clicks", json!([null, null, 2])),
        input("buys", json!([null, null, 1])),
        layer("GlobalAveragePooling1D", "clicked", &["clicks"], json!({})),
        layer("GlobalMaxPooling1D", "bought", &["buys"], json!({})),
        layer("Concatenate", "both", &["clicked", "bought"], json!({"axis": -1})),
    ];
    write(folder, layers, &["clicks", "buys"], "both")
}

/// An image of any size, twice as large.
fn image(folder: &Folder) -> String {
    let layers = vec![
        input("image", json!([null, null, null, 1])),
        layer("UpSampling2D", "larger", &["image"], json!({"size": [2, 2]})),
    ];
    write(folder, layers, &["image"], "larger")
}

const INPUT: &str = r#"{"clicks": [[[1, 2], [3, 4], [5, 0]]], "buys": [[[0.5]], [[2]]]}"#;

#[test]
fn sizes_come_from_the_input() {
    let folder = Folder::new();
    let model = histories(&folder);
    let input = folder.write("mine.json", INPUT);
    let named = transcript_in(&folder, &["run", &model, "--device", "cpu", "--input", &input]);
    let agrees = transcript_in(&folder, &["run", &model, "--device", "cpu", "--input", &input, "--dim", "clicks=3"]);
    let contradicts = transcript_in(&folder, &["run", &model, "--device", "cpu", "--input", &input, "--dim", "buys=3"]);
    folder.write("input.json", INPUT);
    let beside = transcript_in(&folder, &["run", &model, "--device", "cpu"]);
    let check = transcript_in(&folder, &["check", &model, "--device", "cpu"]);
    assert_snapshot!([named, agrees, contradicts, beside, check].join("\n\n"));
}

#[test]
fn sizes_are_given_by_name_or_for_all() {
    let folder = Folder::new();
    let (model, image) = (histories(&folder), Folder::new());
    let larger = self::image(&image);
    let calls = [
        transcript_in(&folder, &["run", &model, "--device", "cpu"]),
        transcript_in(&folder, &["run", &model, "--device", "cpu", "--dim", "clicks=3"]),
        transcript_in(&folder, &["run", &model, "--device", "cpu", "--dim", "clicks=3", "--dim", "2"]),
        transcript_in(&folder, &["run", &model, "--device", "cpu", "--open-size", "2"]),
        transcript_in(&folder, &["run", &model, "--device", "cpu", "--dim", "views=2"]),
        transcript_in(&folder, &["run", &model, "--device", "cpu", "--dim", "clicks:2=2"]),
        transcript_in(&folder, &["run", &model, "--device", "cpu", "--dim", "0"]),
        transcript_in(&image, &["run", &larger, "--device", "cpu"]),
        transcript_in(&image, &["run", &larger, "--device", "cpu", "--dim", "image=2"]),
        transcript_in(&image, &["run", &larger, "--device", "cpu", "--dim", "image:1=1", "--dim", "image:2=2"]),
        transcript_in(&folder, &["bench", &model, "--device", "cpu"]),
        transcript_in(&folder, &["run", "tests/data/models/ncf", "--device", "cpu", "--dim", "5"]),
    ];
    assert_snapshot!(calls.join("\n\n"));
}

#[test]
fn what_is_open_is_shown_so() {
    let folder = Folder::new();
    let model = image(&folder);
    let calls = [
        transcript_in(&folder, &["inspect", &model]),
        transcript_in(&folder, &["inspect", &model, "--dim", "image:2=5"]),
        transcript_in(&folder, &["inspect", &model, "--graph"]),
        transcript_in(&folder, &["inspect", &model, "--graph", "--dim", "5"]),
        transcript_in(&folder, &["inspect", &model, "--json"]),
    ];
    assert_snapshot!(calls.join("\n\n"));
}

#[test]
fn a_single_tensor_is_taken_under_any_name() {
    let folder = Folder::new();
    let model = image(&folder);
    let input = folder.write("mine.json", r#"{"input_1": [[[[1], [2]]]]}"#);
    assert_snapshot!(transcript_in(&folder, &["run", &model, "--device", "cpu", "--input", &input]));
}

/// Random inputs have the sizes of those that are given or lie beside the model, in processes of their own too.
#[test]
fn bench_takes_sizes_from_inputs() {
    let folder = Folder::new();
    let model = histories(&folder);
    let input = folder.write("mine.json", INPUT);
    let bench = |batches, more: &[&str]| {
        let arguments = ["bench", &model, "--device", "cpu", "--batch", batches, "--runs", "1", "--min-secs", "0"];
        transcript_in(&folder, &[&arguments, more].concat())
    };
    let named = bench("1,2", &["--input", &input]);
    folder.write("input.json", INPUT);
    for transcript in [named, bench("1", &[])] {
        assert!(transcript.contains("exit code 0"), "{transcript}");
        assert!(transcript.contains("axis 1 of input `clicks` is 3, axis 1 of input `buys` is 1"), "{transcript}");
    }
    let fixed = transcript_in(&folder, &["bench", "tests/data/models/ncf", "--device", "cpu", "--input", &input]);
    assert!(fixed.contains("exit code 2") && fixed.contains("leaves no dimension open"), "{fixed}");
}
