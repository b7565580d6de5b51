//! The report as one JSON object.

use crate::input::Origin;
use crate::model_file::skew_lines;
use crate::values;
use crate::warnings;
use serde_json::{Map, Value, json};
use tfjs_wgpu::Model;
use tfjs_wgpu::internals::tensor::Difference;
use tfjs_wgpu::study::{CheckReport, NodeCheck, OutputCheck};

/// The description of the fields for `--help`, followed by `more`.
pub(crate) fn help(more: &str) -> String {
    format!(
        "\
The object that --json prints:
  schema    1; incremented when the meaning of a field changes
  model, device, input
            the model, the device that was checked, and the source of the inputs
  passes    the list of passes that rewrote the graph
  batch     the batch size
  right     whether everything is within its tolerance
  outputs   [{{name, against, max_absolute, max_relative, max_ulps, allowed, wrong_elements, right}}];
            against is \"reference\" or \"expected\"
  operators the number of operators that were checked, each on its own inputs
  first_wrong_operator
            null, or {{name, operator, tolerance, max_absolute, max_relative, max_ulps, allowed,
            wrong_elements, worst_index, expected, found}}
  bad_ids   [{{input, layer, table_rows, count, first}}]
  differences_between_tfjs_and_keras, warnings
            lines of text
NaN and infinities are the strings \"NaN\", \"Infinity\" and \"-Infinity\". max_ulps is null if one of the
two values is NaN.

{more}"
    )
}

/// The report on `model` for inputs from `origin`.
pub(crate) fn object(report: &CheckReport, model: &Model, origin: &Origin, not_finite: &[String]) -> Value {
    json!({
        "schema": 1,
        "model": model.name(),
        "device": report.device,
        "input": origin.to_string(),
        "passes": report.passes.name(),
        "batch": report.batch,
        "right": report.is_right(),
        "outputs": report.outputs.iter().map(output).collect::<Value>(),
        "operators": report.nodes.len(),
        "first_wrong_operator": report.first_wrong_node().map(operator),
        "bad_ids": warnings::bad_ids_json(&report.bad_ids),
        "differences_between_tfjs_and_keras": skew_lines(model),
        "warnings": ([model.warnings(), not_finite].concat()),
    })
}

fn output(output: &OutputCheck) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), output.name.as_str().into());
    object.insert("against".into(), output.against.into());
    insert_difference(&mut object, &output.difference);
    object.insert("right".into(), output.difference.is_within().into());
    object.into()
}

fn operator(node: &NodeCheck) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), node.name.as_str().into());
    object.insert("operator".into(), node.operator.as_str().into());
    object.insert("tolerance".into(), node.tolerance.as_str().into());
    insert_difference(&mut object, &node.difference);
    let (expected, found) = node.difference.worst_values;
    object.insert("worst_index".into(), node.difference.worst_index.as_slice().into());
    object.insert("expected".into(), values::float_json(expected as f32));
    object.insert("found".into(), values::float_json(found as f32));
    object.into()
}

fn insert_difference(object: &mut Map<String, Value>, difference: &Difference) {
    object.insert("max_absolute".into(), values::double_json(difference.max_absolute));
    object.insert("max_relative".into(), values::double_json(difference.max_relative));
    // The distance to a NaN is the largest value.
    let max_ulps = Some(difference.max_ulps).filter(|&ulps| ulps != u64::MAX);
    object.insert("max_ulps".into(), max_ulps.into());
    object.insert("allowed".into(), values::double_json(difference.allowed));
    object.insert("wrong_elements".into(), difference.wrong_elements.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_operator_is_an_object_without_numbers_that_json_lacks() {
        let difference = Difference {
            max_absolute: f64::INFINITY,
            max_relative: 0.5,
            max_ulps: u64::MAX,
            worst_share: 4.0,
            worst_index: vec![3, 1],
            worst_values: (f64::from(0.1f32), f64::NAN),
            allowed: 0.0625,
            wrong_elements: 2,
        };
        let node = NodeCheck { name: "fc".into(), operator: "dense".into(), tolerance: "sum(8)".into(), difference };
        let expected = concat!(
            r#"{"name":"fc","operator":"dense","tolerance":"sum(8)","max_absolute":"Infinity","max_relative":0.5,"#,
            r#""max_ulps":null,"allowed":0.0625,"wrong_elements":2,"worst_index":[3,1],"expected":0.1,"found":"NaN"}"#,
        );
        assert_eq!(operator(&node).to_string(), expected);
    }
}
