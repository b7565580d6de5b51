//! Files with values changed at random: they load or are refused, and never bring the process down.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use std::path::PathBuf;
use tfjs_wgpu::internals::session;
use tfjs_wgpu::{LoadOptions, Model, Semantics, Sizes};

fn model_file(name: &str, file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name).join(file);
    std::fs::read(path).expect("a recorded model")
}

/// The value at `index` in document order, replaced.
fn replace(json: &mut Value, index: &Index, with: Value) {
    fn count(json: &Value) -> usize {
        1 + match json {
            Value::Array(items) => items.iter().map(count).sum(),
            Value::Object(members) => members.values().map(count).sum(),
            _ => 0,
        }
    }
    fn walk<'j>(json: &'j mut Value, left: &mut usize) -> Option<&'j mut Value> {
        if *left == 0 {
            return Some(json);
        }
        *left -= 1;
        match json {
            Value::Array(items) => items.iter_mut().find_map(|item| walk(item, left)),
            Value::Object(members) => members.values_mut().find_map(|member| walk(member, left)),
            _ => None,
        }
    }
    let mut left = index.index(count(json));
    if let Some(place) = walk(json, &mut left) {
        *place = with;
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i64..70_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_]{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([["x", 0, 0, {}]])),
        Just(json!({"class_name": "Dense", "config": {"units": 3}})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_topology_never_panics(
        name in prop::sample::select(vec!["din", "nested_shared", "seq_dict", "masking_td", "multi_io"]),
        changes in prop::collection::vec((any::<Index>(), replacement()), 1..4),
        keras in any::<bool>(),
    ) {
        let mut json: Value = serde_json::from_slice(&model_file(name, "model.json")).expect("JSON");
        let shard = model_file(name, "group1-shard1of1.bin");
        for (index, with) in &changes {
            replace(&mut json, index, with.clone());
        }
        let semantics = if keras { Semantics::Keras } else { Semantics::TfJs };
        let options = LoadOptions::default().semantics(semantics);
        let shards = [("group1-shard1of1.bin", shard.as_slice())];
        if let Ok(model) = Model::from_bytes(json.to_string().as_bytes(), &shards, options) {
            // A change may have opened a dimension; not every size works.
            let sized = if model.is_open() { model.with_sizes(&Sizes::default().others(3)) } else { Ok(model) };
            let Ok(model) = sized else { return Ok(()) };
            // What loads also runs, unless a change made it enormous.
            let size: usize = model.graph().values().iter().map(|value| value.ty.shape.sample_len()).sum();
            if size < 1 << 16 {
                let inputs = session::random_inputs(&model, 2, 1).expect("inputs");
                tfjs_wgpu::internals::reference::run(model.graph(), &inputs).expect("a loaded model runs");
            }
        }
    }

    #[test]
    fn a_changed_byte_never_panics(at in any::<Index>(), byte in any::<u8>(), cut in any::<Index>(), cuts in any::<bool>()) {
        let mut json = model_file("wide_deep", "model.json");
        let index = at.index(json.len());
        json[index] = byte;
        if cuts {
            json.truncate(cut.index(json.len()));
        }
        let shard = model_file("wide_deep", "group1-shard1of1.bin");
        let _ = Model::from_bytes(&json, &[("group1-shard1of1.bin", &shard)], LoadOptions::default());
    }
}
