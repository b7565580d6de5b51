//! What layers are called in a `.keras` archive: not by their names, but by their classes, numbered in each model.
//!
//! `saving_lib` of Keras 2 and 3 writes the second Dense of a model under `layers/dense_1`, whatever its name.

use std::collections::HashMap;

/// Counts the objects of each class.
#[derive(Debug, Default)]
pub(super) struct Positions {
    counts: HashMap<String, usize>,
}

impl Positions {
    /// The position of the next object of this class.
    pub(super) fn next(&mut self, class: &str) -> String {
        let class = if class == "Model" { "functional".into() } else { snake_case(class) };
        let count = self.counts.entry(class.clone()).or_default();
        let position = if *count == 0 { class } else { format!("{class}_{count}") };
        *count += 1;
        position
    }
}

/// Keras' `to_snake_case`: an underscore before a capital that small letters follow, then between a small letter and a
/// capital; what a match took is not looked at again. `PReLU` becomes `p_re_lu`, `Conv1D` `conv1d`.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let mut words = Vec::new();
    let mut rest = letters.as_slice();
    while let [first, after @ ..] = rest {
        words.push(*first);
        rest = after;
        if let [capital, small, ..] = after
            && capital.is_ascii_uppercase()
            && small.is_ascii_lowercase()
        {
            words.extend(['_', *capital]);
            let end =
                after[1..].iter().position(|letter| !letter.is_ascii_lowercase()).map_or(after.len(), |end| end + 1);
            words.extend(&after[1..end]);
            rest = &after[end..];
        }
    }
    let mut name = String::new();
    let mut rest = words.as_slice();
    while let [first, after @ ..] = rest {
        name.push(*first);
        rest = after;
        if let [capital, after @ ..] = after
            && first.is_ascii_lowercase()
            && capital.is_ascii_uppercase()
        {
            name.extend(['_', *capital]);
            rest = after;
        }
    }
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    /// As Keras answers.
    #[test]
    fn classes_are_written_as_keras_writes_them() {
        let classes = [
            ("Dense", "dense"),
            ("PReLU", "p_re_lu"),
            ("LSTM", "lstm"),
            ("Conv1D", "conv1d"),
            ("SeparableConv1D", "separable_conv1d"),
            ("MultiHeadAttention", "multi_head_attention"),
            ("BatchNormalization", "batch_normalization"),
            ("StackedRNNCells", "stacked_rnn_cells"),
            ("EinsumDense", "einsum_dense"),
        ];
        for (class, name) in classes {
            assert_eq!(snake_case(class), name);
        }
    }
}
