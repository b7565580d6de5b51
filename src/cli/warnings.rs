//! Warnings about numbers: ids outside their tables, and values that are not finite.

use serde_json::{Value, json};
use tfjs_wgpu::internals::tensor::Data;
use tfjs_wgpu::{BadIdCount, Ranking};
use tfjs_wgpu::{NamedTensors, OnBadId, Tensor};

/// A line for each input with ids outside its tables. Lookups that refuse the same ids share one line.
pub(crate) fn bad_ids(bad_ids: &[BadIdCount], on_bad_id: OnBadId) -> Vec<String> {
    let mut groups: Vec<Vec<&BadIdCount>> = Vec::new();
    let key = |bad: &BadIdCount| (bad.input.clone(), bad.count, bad.first, bad.table_rows);
    for bad in bad_ids {
        match groups.iter_mut().find(|group| key(group[0]) == key(bad)) {
            Some(group) => group.push(bad),
            None => groups.push(vec![bad]),
        }
    }
    groups.iter().map(|group| bad_id_line(group, on_bad_id)).collect()
}

fn bad_id_line(group: &[&BadIdCount], on_bad_id: OnBadId) -> String {
    let bad = group[0];
    let layers: Vec<String> = group.iter().map(|bad| format!("`{}`", bad.layer)).collect();
    let done = match on_bad_id {
        OnBadId::Clamp => "looked up as the nearest row",
        _ => "looked up as zeros",
    };
    format!(
        "{} of input `{}` {} outside the {} {} (0..{}), first {}: {done}",
        if bad.count == 1 { "1 id".into() } else { format!("{} ids", bad.count) },
        bad.input,
        if bad.count == 1 { "is" } else { "are" },
        if layers.len() == 1 { "table of layer" } else { "tables of layers" },
        layers.join(", "),
        bad.table_rows.saturating_sub(1),
        bad.first
    )
}

/// The counts in the form that `--json` prints.
pub(crate) fn bad_ids_json(bad_ids: &[BadIdCount]) -> Value {
    let object = |bad: &BadIdCount| {
        json!({
            "input": bad.input,
            "layer": bad.layer,
            "table_rows": bad.table_rows,
            "count": bad.count,
            "first": bad.first,
        })
    };
    bad_ids.iter().map(object).collect()
}

/// The values of one tensor that are NaN or infinite.
struct NotFinite {
    count: usize,
    of: usize,
    first_row: usize,
}

impl NotFinite {
    fn among(tensor: &Tensor) -> Option<NotFinite> {
        let Data::F32(values) = tensor.data() else { return None };
        let first = values.iter().position(|value| !value.is_finite())?;
        let count = values[first..].iter().filter(|value| !value.is_finite()).count();
        let row_length: usize = tensor.shape().iter().skip(1).product();
        Some(NotFinite { count, of: values.len(), first_row: first / row_length.max(1) })
    }

    fn row(&self) -> String {
        if self.count == 1 {
            format!("in row {}", self.first_row)
        } else {
            format!("the first in row {}", self.first_row)
        }
    }

    fn line(&self, what: &str, name: &str) -> String {
        let are = if self.count == 1 { "is" } else { "are" };
        format!("{what} `{name}`: {} of {} values {are} NaN or infinite, {}", self.count, self.of, self.row())
    }
}

fn not_finite(tensors: &NamedTensors) -> impl Iterator<Item = (&str, NotFinite)> {
    tensors.iter().filter_map(|(name, tensor)| Some((name, NotFinite::among(tensor)?)))
}

/// A line for each input that holds NaN or infinities.
pub(crate) fn not_finite_inputs(inputs: &NamedTensors) -> Vec<String> {
    not_finite(inputs).map(|(name, found)| found.line("input", name)).collect()
}

/// A line for each output that holds NaN or infinities. It names the inputs that do as well, which may be the cause.
pub(crate) fn not_finite_outputs(outputs: &NamedTensors, inputs: &NamedTensors) -> Vec<String> {
    let because = because_of(inputs);
    not_finite(outputs).map(|(name, found)| found.line("output", name) + &because).collect()
}

/// The same for the output called `name`, of which only the ranking is known.
pub(crate) fn not_finite_scores(name: &str, ranking: &Ranking, inputs: &NamedTensors) -> Option<String> {
    let first_row = ranking.first_not_finite?;
    let found = NotFinite { count: ranking.not_finite, of: ranking.batch, first_row };
    Some(found.line("output", name) + &because_of(inputs))
}

/// The inputs that hold NaN or infinities, in parentheses.
fn because_of(inputs: &NamedTensors) -> String {
    let held = |(name, found): (&str, NotFinite)| {
        let values = if found.count == 1 { "value" } else { "values" };
        format!("input `{name}` holds {} such {values}, {}", found.count, found.row())
    };
    let inputs: Vec<String> = not_finite(inputs).map(held).collect();
    if inputs.is_empty() { String::new() } else { format!(" ({})", inputs.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(layer: &str, table_rows: usize, count: usize) -> BadIdCount {
        BadIdCount { input: "user".into(), layer: layer.into(), table_rows, count, first: 100 }
    }

    #[test]
    fn the_same_ids_are_reported_once() {
        let lines = bad_ids(&[bad("a", 100, 3), bad("b", 50, 3), bad("c", 100, 3)], OnBadId::Clamp);
        let expected = [
            "3 ids of input `user` are outside the tables of layers `a`, `c` (0..99), first 100: looked up as the \
             nearest row",
            "3 ids of input `user` are outside the table of layer `b` (0..49), first 100: looked up as the nearest row",
        ];
        assert_eq!(lines, expected);
        let lines = bad_ids(&[bad("a", 100, 1)], OnBadId::Zero);
        assert_eq!(
            lines,
            ["1 id of input `user` is outside the table of layer `a` (0..99), first 100: looked up as zeros"]
        );
    }

    #[test]
    fn values_that_are_not_finite_are_counted_and_placed() {
        let of = |name: &str, values: Vec<f32>| -> NamedTensors {
            [(name, Tensor::f32(&[2, 2], values).expect("tensor"))].into_iter().collect()
        };
        let one = of("price", vec![0.0, 1.0, f32::NAN, 2.0]);
        let two = of("score", vec![0.0, f32::INFINITY, f32::NAN, 2.0]);
        let finite = of("score", vec![0.0; 4]);
        assert_eq!(not_finite_inputs(&one), ["input `price`: 1 of 4 values is NaN or infinite, in row 1"]);
        assert_eq!(not_finite_inputs(&finite), [""; 0]);
        let line = "output `score`: 2 of 4 values are NaN or infinite, the first in row 0";
        assert_eq!(not_finite_outputs(&two, &finite), [line]);
        let because = " (input `price` holds 1 such value, in row 1)";
        assert_eq!(not_finite_outputs(&two, &one), [format!("{line}{because}")]);
        assert_eq!(not_finite_outputs(&finite, &one), [""; 0]);
        let [ranking, finite] = [&two, &finite].map(|outputs| {
            let scores = outputs.get("score").expect("the output").clone().reshaped(&[4]).expect("four scores");
            Ranking::of(&scores, 1).expect("a ranking")
        });
        let line = "output `score`: 2 of 4 values are NaN or infinite, the first in row 1";
        assert_eq!(not_finite_scores("score", &ranking, &one), Some(format!("{line}{because}")));
        assert_eq!(not_finite_scores("score", &finite, &one), None);
    }
}
