//! The report as text: a table of outputs, and the first operator outside its tolerance.

use crate::message;
use crate::table::{Align, Table};
use std::io::{self, Write};
use tfjs_wgpu::internals::tensor::Difference;
use tfjs_wgpu::study::{CheckReport, NodeCheck};

/// Writes the report as text.
pub(crate) fn write(report: &CheckReport, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::with_header(&[
        ("output", Align::Left),
        ("against", Align::Left),
        ("max abs", Align::Right),
        ("max rel", Align::Right),
        ("ulp", Align::Right),
        ("allowed", Align::Right),
        ("verdict", Align::Left),
    ]);
    for output in &report.outputs {
        let difference = &output.difference;
        table.row([
            output.name.clone(),
            output.against.into(),
            scientific(difference.max_absolute),
            scientific(difference.max_relative),
            ulps(difference.max_ulps),
            scientific(difference.allowed),
            if difference.is_within() { "ok".into() } else { "WRONG".into() },
        ]);
    }
    table.write(out, "")?;
    for output in report.outputs.iter().filter(|output| !output.difference.is_within()) {
        writeln!(out, "output `{}` against {}:", message::printable(&output.name), output.against)?;
        write_worst(&output.difference, out)?;
    }
    write_verdict(report, out)
}

fn write_verdict(report: &CheckReport, out: &mut impl Write) -> io::Result<()> {
    let checked = format!("{} operators checked on a batch of {}", report.nodes.len(), report.batch);
    if let Some(first) = report.first_wrong_node() {
        let wrong = report.nodes.iter().filter(|node| !node.difference.is_within()).count();
        writeln!(out, "{checked}, {wrong} outside tolerance; the first:")?;
        return write_operator(first, out);
    }
    match wrong_outputs(report) {
        None => writeln!(out, "{checked}, all within tolerance"),
        Some(wrong) => writeln!(out, "{checked}: each is right for its own inputs, but {wrong}"),
    }
}

/// A sentence about the wrong outputs: those that differ from the reference, otherwise those that differ from the
/// expected outputs.
fn wrong_outputs(report: &CheckReport) -> Option<String> {
    let wrong = |against: &str| -> Vec<String> {
        let outputs = report.outputs.iter().filter(|output| output.against == against);
        let wrong = outputs.filter(|output| !output.difference.is_within());
        wrong.map(|output| format!("`{}`", message::printable(&output.name))).collect()
    };
    let sentence = |names: &[String], one: &str, several: &str| match names {
        [] => None,
        [name] => Some(format!("output {name} is not {one}")),
        _ => Some(format!("outputs {} are not {several}", names.join(", "))),
    };
    let computed = "what the reference computes";
    sentence(&wrong("reference"), computed, computed)
        .or_else(|| sentence(&wrong("expected"), "the expected one", "the expected ones"))
}

fn write_operator(node: &NodeCheck, out: &mut impl Write) -> io::Result<()> {
    let name = message::printable(&node.name);
    writeln!(out, "  {}  \"{name}\", tolerance {}", node.operator, node.tolerance)?;
    write_worst(&node.difference, out)
}

fn write_worst(difference: &Difference, out: &mut impl Write) -> io::Result<()> {
    let (expected, actual) = difference.worst_values;
    writeln!(
        out,
        "  worst at {:?}: expected {:?}, found {:?}, allowed {}; wrong elements: {}",
        difference.worst_index,
        expected as f32,
        actual as f32,
        scientific(difference.allowed),
        difference.wrong_elements
    )
}

fn scientific(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.1e}") }
}

fn ulps(ulps: u64) -> String {
    // The distance to a NaN is the largest value.
    if ulps == u64::MAX { "nan".into() } else { ulps.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfjs_wgpu::Passes;
    use tfjs_wgpu::study::OutputCheck;

    fn difference(wrong_elements: usize) -> Difference {
        Difference {
            max_absolute: 0.25,
            max_relative: 0.5,
            max_ulps: u64::MAX,
            worst_share: 4.0,
            worst_index: vec![3, 1],
            worst_values: (0.5, 0.25),
            allowed: 0.0625,
            wrong_elements,
        }
    }

    fn node(name: &str, wrong_elements: usize) -> NodeCheck {
        let difference = difference(wrong_elements);
        NodeCheck { name: name.into(), operator: "dense".into(), tolerance: "sum(8)".into(), difference }
    }

    fn output(name: &str, against: &'static str, wrong_elements: usize) -> OutputCheck {
        OutputCheck { name: name.into(), against, difference: difference(wrong_elements) }
    }

    fn text(nodes: Vec<NodeCheck>, outputs: Vec<OutputCheck>) -> String {
        let report =
            CheckReport { device: "gpu".into(), passes: Passes::FUSED, batch: 4, bad_ids: Vec::new(), nodes, outputs };
        let mut out = Vec::new();
        write(&report, &mut out).expect("write");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_first_wrong_operator_is_named_with_its_worst_element() {
        let nodes = vec![node("fc1", 0), node("fc2", 5), node("fc3", 7)];
        let expected = "\
output  against    max abs  max rel  ulp  allowed  verdict
score   reference   2.5e-1   5.0e-1  nan   6.2e-2  WRONG
output `score` against reference:
  worst at [3, 1]: expected 0.5, found 0.25, allowed 6.2e-2; wrong elements: 2
3 operators checked on a batch of 4, 2 outside tolerance; the first:
  dense  \"fc2\", tolerance sum(8)
  worst at [3, 1]: expected 0.5, found 0.25, allowed 6.2e-2; wrong elements: 5
";
        assert_eq!(text(nodes, vec![output("score", "reference", 2)]), expected);
    }

    #[test]
    fn the_last_line_says_what_is_wrong_where_every_operator_is_right() {
        let verdict = |reference: [usize; 2], expected: [usize; 2]| {
            let against = |against, wrong: [usize; 2]| [output("a", against, wrong[0]), output("b", against, wrong[1])];
            let outputs = [against("reference", reference), against("expected", expected)].concat();
            text(vec![node("fc", 0)], outputs).lines().last().map(str::to_string).expect("a last line")
        };
        let checked = "1 operators checked on a batch of 4";
        let right = format!("{checked}: each is right for its own inputs, but");
        assert_eq!(verdict([0, 0], [0, 0]), format!("{checked}, all within tolerance"));
        assert_eq!(verdict([0, 0], [0, 1]), format!("{right} output `b` is not the expected one"));
        assert_eq!(verdict([0, 0], [1, 1]), format!("{right} outputs `a`, `b` are not the expected ones"));
        assert_eq!(verdict([1, 0], [1, 1]), format!("{right} output `a` is not what the reference computes"));
    }
}
