//! The table of operators in docs/onnx.md is generated from the operators. `UPDATE_DOCS=1` writes it.

use crate::sources::root;
use std::collections::BTreeMap;
use tfjs_wgpu::internals::onnx::operators;

const START: &str = "<!-- operators -->\n";
const END: &str = "<!-- end of operators -->";

/// One row for each family: its operators by name, each with the versions after the first in which it changed.
fn table() -> String {
    let mut families: BTreeMap<&str, Vec<(&str, &[i64])>> = BTreeMap::new();
    for (family, name, versions) in operators() {
        families.entry(family).or_default().push((name, versions));
    }
    let mut rows = String::from("| family | operators, with the versions that are told apart |\n|---|---|\n");
    for (family, mut operators) in families {
        operators.sort_unstable();
        let operators: Vec<String> = operators.into_iter().map(operator).collect();
        rows.push_str(&format!("| {family} | {} |\n", operators.join(", ")));
    }
    rows
}

fn operator((name, versions): (&str, &[i64])) -> String {
    let versions: Vec<String> = versions.iter().map(i64::to_string).collect();
    format!("{name} ({})", versions.join(", "))
}

#[test]
fn the_table_of_operators_is_current() {
    let path = root().join("docs/onnx.md");
    let text = std::fs::read_to_string(&path).expect("docs/onnx.md");
    let (before, rest) = text.split_once(START).expect("the start marker of the table");
    let (_, after) = rest.split_once(END).expect("the end marker of the table");
    let current = format!("{before}{START}{}{END}{after}", table());
    if std::env::var("UPDATE_DOCS").as_deref() == Ok("1") {
        std::fs::write(&path, current).expect("docs/onnx.md is written");
        return;
    }
    assert!(text == current, "run `UPDATE_DOCS=1 cargo test --test structure` and review the difference");
}
