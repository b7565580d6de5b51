//! Layers with a value of their configuration changed at random: what still loads answers, and the CPU's engine, which shares
//! no loop with the reference, agrees; everything else is refused in words. Nothing panics.

use crate::cases::{Case, all};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use tfjs_wgpu::Passes;
use tfjs_wgpu::Semantics;
use tfjs_wgpu::study::{CheckDevice, check};

/// Elements of a sample, all values together, beyond which a changed layer is not computed.
const MOST_ELEMENTS: usize = 1 << 14;

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(all)
}

/// The configurations in a topology that are not those of its inputs, nested ones too.
fn configs<'j>(json: &'j mut Value, found: &mut Vec<&'j mut Map<String, Value>>) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(|item| configs(item, found)),
        Value::Object(members) => {
            let is_input = members.get("class_name").is_some_and(|class| class == "InputLayer");
            if is_input {
                return;
            }
            if members.contains_key("trainable") && !members.contains_key("layer") {
                found.push(members);
            } else {
                members.values_mut().for_each(|member| configs(member, found));
            }
        }
        _ => {}
    }
}

/// Values that some key somewhere means something by.
fn replacement() -> impl Strategy<Value = Value> {
    let words = ["same", "valid", "causal", "channels_first", "linear", "softmax", "bilinear", "int", "count", "sum"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..9).prop_map(Value::from),
        prop::sample::select(vec![1i64 << 20, 1 << 31, 1 << 40, i64::MAX, i64::MIN]).prop_map(Value::from),
        prop::sample::select(vec![0.0, -0.5, 0.3, 1e-30, 1e30]).prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        prop::collection::vec(-1i64..4, 0..4).prop_map(Value::from),
        Just(json!([[1, 0], [0, 1]])),
        Just(json!({"class_name": "Dense", "config": {"units": 3}})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_layer_answers_or_is_refused(
        case in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), replacement()), 1..3),
        keras in any::<bool>(),
    ) {
        let case = &cases()[case.index(cases().len())];
        let mut topology = case.topology().clone();
        let mut changed = Vec::new();
        for (config, key, with) in &changes {
            let mut found = Vec::new();
            configs(&mut topology, &mut found);
            if found.is_empty() {
                continue;
            }
            let config = config.index(found.len());
            let key = key.index(found[config].len());
            if let Some((key, value)) = found[config].iter_mut().nth(key) {
                changed.push(format!("{key} = {with}"));
                *value = with.clone();
            }
        }
        let semantics = if keras { Semantics::Keras } else { Semantics::TfJs };
        let Ok(model) = case.load_as(&topology, semantics) else { return Ok(()) };
        let size: usize = model.graph().values().iter().map(|value| value.ty.shape.sample_len()).sum();
        if size < MOST_ELEMENTS
            && let Ok(report) = check(&model, &case.inputs, None, CheckDevice::Cpu, Passes::FUSED)
        {
            prop_assert!(report.is_right(), "{}/{} with {changed:?}: {report:?}", case.class, case.name);
        }
    }
}
