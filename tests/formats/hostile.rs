//! Model files that are wrong: each is refused with a message that says where, what, why and what to do.

use crate::artifact::{Artifact, dense_model, functional, input_layer};
use serde_json::json;
use tfjs_wgpu::LoadOptions;

/// A way to break a good artifact.
type Damage = fn(&mut Artifact);

const DAMAGES: &[(&str, Damage)] = &[
    ("not JSON", |artifact| artifact.raw_json = Some(b"\x89PNG\r\n".to_vec())),
    ("not an object", |artifact| artifact.json = json!([1, 2, 3])),
    ("some other JSON", |artifact| artifact.json = json!({"name": "package", "version": "1.0.0"})),
    ("nested 100 000 deep", |artifact| {
        artifact.raw_json = Some([vec![b'['; 100_000], vec![b']'; 100_000]].concat());
    }),
    ("a graph model", |artifact| {
        artifact.json = json!({"format": "graph-model", "modelTopology": {"node": []}, "weightsManifest": []});
    }),
    ("a topology without weights", |artifact| artifact.json = artifact.json["modelTopology"]["model_config"].clone()),
    ("no weights manifest", |artifact| {
        artifact.json.as_object_mut().expect("an object").remove("weightsManifest");
    }),
    ("shard missing", |artifact| artifact.shards.clear()),
    ("shard truncated", |artifact| artifact.shards[0].1.truncate(10)),
    ("a surplus shard before other weights", |artifact| {
        artifact.json["weightsManifest"][0]["paths"] = json!(["weights.bin", "more.bin"]);
        artifact.json["weightsManifest"].as_array_mut().expect("groups").push(json!({"paths": [], "weights": []}));
        artifact.shards.push(("more.bin".into(), vec![0; 4]));
    }),
    ("absolute shard path", |artifact| artifact.json["weightsManifest"][0]["paths"][0] = json!("/etc/passwd")),
    ("shard path with ..", |artifact| artifact.json["weightsManifest"][0]["paths"][0] = json!("a/../../b.bin")),
    ("shard at a URL", |artifact| artifact.json["weightsManifest"][0]["paths"][0] = json!("https://x.test/w.bin")),
    ("weight of the wrong shape", |artifact| artifact.spec(0)["shape"] = json!([3, 2])),
    ("weight missing", |artifact| {
        artifact.specs().pop();
        let shard = &mut artifact.shards[0].1;
        shard.truncate(shard.len() - 12);
    }),
    ("weight unknown", |artifact| {
        artifact.specs().push(json!({"name": "ghost/kernel", "shape": [1], "dtype": "float32"}));
        artifact.shards[0].1.extend([0; 4]);
    }),
    ("weight listed twice", |artifact| {
        let spec = artifact.spec(0).clone();
        artifact.specs().push(spec);
    }),
    ("sizes that overflow", |artifact| artifact.spec(0)["shape"] = json!([4_294_967_295u64, 4_294_967_295u64, 16])),
    ("negative size", |artifact| artifact.spec(0)["shape"] = json!([-2, 3])),
    ("unknown dtype", |artifact| artifact.spec(0)["dtype"] = json!("float8")),
    ("string weights", |artifact| artifact.spec(0)["dtype"] = json!("string")),
    ("quantization without min", |artifact| artifact.spec(0)["quantization"] = json!({"dtype": "uint8", "scale": 1})),
    ("unknown quantization", |artifact| artifact.spec(0)["quantization"] = json!({"dtype": "int4", "scale": 1})),
    ("unknown model class", |artifact| artifact.json["modelTopology"]["model_config"]["class_name"] = json!("Magic")),
    ("no layers", |artifact| artifact.config()["layers"] = json!([])),
    ("unknown layer class", |artifact| artifact.layer(1)["class_name"] = json!("CapsuleLayer")),
    ("layer left out", |artifact| artifact.layer(1)["class_name"] = json!("Lambda")),
    ("layer without a name", |artifact| {
        artifact.layer(1).as_object_mut().expect("an object").remove("name");
        artifact.layer_config(1).remove("name");
    }),
    ("two layers of one name", |artifact| {
        let layer = artifact.layer(1).clone();
        artifact.config()["layers"].as_array_mut().expect("layers").push(layer);
    }),
    ("option missing", |artifact| {
        artifact.layer_config(1).remove("units");
    }),
    ("option of the wrong type", |artifact| artifact.layer(1)["config"]["units"] = json!("three")),
    ("option that is not supported", |artifact| artifact.layer(1)["config"]["lora_rank"] = json!(4)),
    ("unknown activation", |artifact| artifact.layer(1)["config"]["activation"] = json!("snake")),
    ("input without a shape", |artifact| {
        artifact.layer_config(0).remove("batch_input_shape");
    }),
    ("input of strings", |artifact| artifact.layer(0)["config"]["dtype"] = json!("string")),
    ("dangling layer", |artifact| artifact.layer(1)["inbound_nodes"] = json!([[["ghost", 0, 0, {}]]])),
    ("dangling call", |artifact| artifact.layer(1)["inbound_nodes"] = json!([[["x", 7, 0, {}]]])),
    ("dangling output", |artifact| artifact.layer(1)["inbound_nodes"] = json!([[["x", 0, 3, {}]]])),
    ("a circle", |artifact| artifact.layer(1)["inbound_nodes"] = json!([[["y", 0, 0, {}]]])),
    ("a tensor that is none", |artifact| artifact.layer(1)["inbound_nodes"] = json!([[["x"]]])),
    ("a call without arguments", |artifact| artifact.layer(1)["inbound_nodes"] = json!([[]])),
    ("a call argument that is not supported", |artifact| {
        artifact.layer(1)["inbound_nodes"] = json!([[["x", 0, 0, {"initial_state": ["x", 0, 0]}]]]);
    }),
    ("units beyond reason", |artifact| artifact.layer(1)["config"]["units"] = json!(1_000_000_000_000_000u64)),
    ("an input beyond reason", |artifact| {
        artifact.layer(0)["config"]["batch_input_shape"] = json!([null, 1_000_000_000_000_000u64, 1_000_000]);
    }),
    ("a normalisation beyond reason", |artifact| {
        artifact.layer(0)["config"]["batch_input_shape"] = json!([null, 1_000_000_000_000u64]);
        artifact.layer(1)["class_name"] = json!("LayerNormalization");
        artifact.layer(1)["config"] = json!({"name": "y", "center": false, "scale": false});
    }),
    ("an axis named twice", |artifact| {
        artifact.layer(1)["class_name"] = json!("Softmax");
        artifact.layer(1)["config"] = json!({"name": "y", "axis": [1, 1]});
    }),
    ("a hash of floats", |artifact| hashing(artifact, "float32", json!({"num_bins": 7}))),
    ("a hash without bins", |artifact| hashing(artifact, "int32", json!({"num_bins": 0}))),
    ("a hash of more bins than ids", |artifact| hashing(artifact, "int32", json!({"num_bins": 2_147_483_648u64}))),
    ("a hash with a mask beyond ids", |artifact| {
        hashing(artifact, "int32", json!({"num_bins": 7, "mask_value": 2_147_483_648u64}));
    }),
    ("a hash with three salts", |artifact| hashing(artifact, "int32", json!({"num_bins": 7, "salt": [1, 2, 3]}))),
    ("a hash with a salt of text", |artifact| hashing(artifact, "int32", json!({"num_bins": 7, "salt": "sea"}))),
    ("inputs of nothing", |artifact| artifact.config()["input_layers"] = json!({"x": 3})),
    ("arithmetic on integers", |artifact| {
        artifact.layer(0)["config"]["dtype"] = json!("int32");
        artifact.layer(1)["class_name"] = json!("Activation");
        artifact.layer(1)["config"] = json!({"name": "y", "activation": "relu"});
    }),
    ("one weight for two layers", |artifact| {
        let mut second = artifact.layer(1).clone();
        second["name"] = json!("y/x");
        second["config"]["name"] = json!("y/x");
        artifact.config()["layers"].as_array_mut().expect("layers").push(second);
        artifact.config()["output_layers"] = json!([["y", 0, 0], ["y/x", 0, 0]]);
        artifact.spec(0)["name"] = json!("y/x/kernel");
        artifact.spec(1)["name"] = json!("y/x/bias");
    }),
    ("shapes that do not fit", |artifact| artifact.layer(0)["config"]["batch_input_shape"] = json!([null, 5])),
];

/// Makes the model one layer that hashes.
fn hashing(artifact: &mut Artifact, input: &str, config: serde_json::Value) {
    artifact.layer(0)["config"]["dtype"] = json!(input);
    artifact.layer(1)["class_name"] = json!("Hashing");
    artifact.layer(1)["config"] = config;
    artifact.layer(1)["config"]["name"] = json!("y");
}

#[test]
fn every_damage_is_refused_in_words() {
    let mut text = String::new();
    for (name, damage) in DAMAGES {
        let mut artifact = dense_model();
        damage(&mut artifact);
        let error = artifact.load(LoadOptions::default()).map(|_| ()).expect_err(name);
        assert!(error.hint_text().is_some(), "{name}: {error} gives no hint");
        text.push_str(&format!("# {name}\nerror: {error}\n"));
        for (label, part) in [("cause", error.cause_text()), ("hint", error.hint_text())] {
            if let Some(part) = part {
                text.push_str(&format!("  {label}: {part}\n"));
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn files_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = tfjs_wgpu::Model::load(folder.path(), LoadOptions::default()).map(|_| ()).expect_err("no model.json");
    assert!(error.to_string().contains("model.json"), "{error}");
    assert!(error.hint_text().is_some());
    let artifact = dense_model();
    std::fs::write(folder.path().join("model.json"), artifact.json.to_string()).expect("written");
    let error = tfjs_wgpu::Model::load(folder.path(), LoadOptions::default()).map(|_| ()).expect_err("no shard");
    assert!(error.to_string().contains("`weights.bin`"), "{error}");
}

/// Thirty models, each calling the next twice, are a billion calls in a few kilobytes.
#[test]
fn models_that_multiply_are_refused() {
    let identity = json!({"class_name": "Dropout", "name": "d", "config": {"name": "d", "rate": 0.5}});
    let mut inner = identity;
    for depth in 0..20 {
        let name = format!("m{depth}");
        inner["inbound_nodes"] = json!([[["x", 0, 0, {}]], [[inner["name"], 1, 0, {}]]]);
        let first_call = usize::from(inner["config"].get("layers").is_some());
        inner["inbound_nodes"][1][0][1] = json!(first_call);
        let config = json!({
            "name": name, "layers": [input_layer("x", &[2]), inner],
            "input_layers": [["x", 0, 0]], "output_layers": [[inner["name"], first_call + 1, 0]],
        });
        inner = json!({"class_name": "Functional", "name": name, "config": config});
    }
    let json = json!({"modelTopology": inner, "weightsManifest": []});
    let artifact = crate::artifact::Artifact { json, raw_json: None, shards: Vec::new() };
    let error = artifact.load(LoadOptions::default()).map(|_| ()).expect_err("2^20 calls");
    assert!(error.to_string().contains("calls of layers"), "{error}");
}

/// So are operators without number, and constants that layers make up for weights they do without.
#[test]
fn what_multiplies_in_few_bytes_is_refused() {
    let output = |index: usize| format!("n{index}");
    let normalisation = |index: usize| {
        json!({
            "class_name": "LayerNormalization", "name": output(index), "inbound_nodes": [[["x", 0, 0, {}]]],
            "config": {"name": output(index), "center": false, "scale": false},
        })
    };
    let layers = std::iter::once(input_layer("x", &[1 << 23])).chain((0..3).map(normalisation)).collect();
    let names: Vec<String> = (0..3).map(output).collect();
    let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let error =
        functional(layers, &["x"], &outputs, &[]).load(LoadOptions::default()).map(|_| ()).expect_err("6 × 32 MiB");
    assert_eq!(error.kind(), tfjs_wgpu::ErrorKind::Limit);

    let calls: Vec<_> = (0..200).map(|_| json!(vec![json!(["x", 0, 0, {}]); 2_000])).collect();
    let add = json!({"class_name": "Add", "name": "y", "config": {"name": "y"}, "inbound_nodes": calls});
    let every = (0..200).map(|call| json!(["y", call, 0])).collect::<Vec<_>>();
    let mut artifact = functional(vec![input_layer("x", &[2]), add], &["x"], &["y"], &[]);
    artifact.config()["output_layers"] = json!(every);
    let error = artifact.load(LoadOptions::default()).map(|_| ()).expect_err("400 000 additions");
    assert_eq!(error.kind(), tfjs_wgpu::ErrorKind::Limit);
}

/// What loads may still be too large to compute.
#[test]
fn values_beyond_reason_are_refused_before_they_are_computed() {
    let repeat = json!({
        "class_name": "RepeatVector", "name": "y", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {"name": "y", "n": 1_000_000_000_000u64},
    });
    let artifact = functional(vec![input_layer("x", &[2]), repeat], &["x"], &["y"], &[]);
    let model = artifact.load(LoadOptions::default()).expect("it is well formed");
    let session = tfjs_wgpu::Session::open(&model, tfjs_wgpu::Device::Cpu).expect("the CPU opens");
    let inputs = [("x", tfjs_wgpu::Tensor::f32(&[1, 2], vec![0.0; 2]).expect("a tensor"))].into_iter().collect();
    let error = session.predict(&inputs).map(|_| ()).expect_err("8 TB");
    assert_eq!(error.kind(), tfjs_wgpu::ErrorKind::Limit);
}
