//! Configuration keys as TF.js spells them: `batchInputShape` for `batch_input_shape`.
//!
//! TF.js reads either spelling of every key, and of the words that options choose from (`channelsLast`). Files of Keras 3
//! are repaired for it by hand in its own spelling. Everything else here knows Keras' spelling alone. Names that users give,
//! of layers, inputs and outputs, are left as they are.

use serde_json::{Map, Value};

/// Members that hold names or calls, and no configuration.
const LEFT_ALONE: &[&str] = &["inbound_nodes", "input_layers", "output_layers", "name", "vocabulary"];

/// Keys whose values are words of Keras.
const WORDS: &[&str] =
    &["activation", "data_format", "interpolation", "merge_mode", "output_mode", "padding", "recurrent_activation"];

/// The same topology in Keras' spelling. Of a key in both spellings the later counts, as in TF.js.
pub(super) fn keras_spelling(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(keras_spelling),
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                let key = spelled(key);
                if WORDS.contains(&key.as_str())
                    && let Some(word) = member.as_str().filter(|word| is_camel_case(word))
                {
                    *member = spelled(word).into();
                } else if !LEFT_ALONE.contains(&key.as_str()) {
                    keras_spelling(member);
                }
            }
            if members.keys().any(|key| is_camel_case(key)) {
                let respelled = std::mem::take(members).into_iter();
                *members = respelled.map(|(key, member)| (spelled(&key), member)).collect::<Map<_, _>>();
            }
        }
        _ => {}
    }
}

/// Whether a word begins with a small letter and has capitals and no underscores.
fn is_camel_case(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.contains(|letter: char| letter.is_ascii_uppercase())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric())
}

/// A word in Keras' spelling: an underscore and a small letter for each capital.
fn spelled(word: &str) -> String {
    if !is_camel_case(word) {
        return word.into();
    }
    let mut spelled = String::with_capacity(word.len() + 4);
    for letter in word.chars() {
        if letter.is_ascii_uppercase() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::keras_spelling;
    use serde_json::json;

    #[test]
    fn keys_and_words_are_respelled_and_names_are_not() {
        let mut topology = json!({
            "className": "Functional",
            "config": {
                "layers": [{
                    "className": "Conv1D",
                    "config": {"name": "myConv", "dataFormat": "channelsFirst", "useBias": true, "activation": "hardSigmoid"},
                    "inboundNodes": [[["userId", 0, 0, {"initialState": null}]]],
                }],
                "inputLayers": {"userId": ["userId", 0, 0]},
            },
        });
        keras_spelling(&mut topology);
        let expected = json!({
            "class_name": "Functional",
            "config": {
                "layers": [{
                    "class_name": "Conv1D",
                    "config":
                        {"name": "myConv", "data_format": "channels_first", "use_bias": true, "activation": "hard_sigmoid"},
                    "inbound_nodes": [[["userId", 0, 0, {"initialState": null}]]],
                }],
                "input_layers": {"userId": ["userId", 0, 0]},
            },
        });
        assert_eq!(topology, expected);
    }

    #[test]
    fn the_later_spelling_counts() {
        let mut config = json!({"use_bias": true, "units": 3, "useBias": false});
        keras_spelling(&mut config);
        assert_eq!(config, json!({"use_bias": false, "units": 3}));
    }
}
