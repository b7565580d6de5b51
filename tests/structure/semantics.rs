//! docs/semantics.md has a row for every difference that a layer reports, and for nothing else.

use crate::sources::{assert_none, files, root};

/// The sentences given to `differ`, in the order of the files.
fn reported() -> Vec<String> {
    let mut sentences = Vec::new();
    for source in files("src/tfjs", "rs") {
        for call in source.text.split(".differ(").skip(1) {
            if let Some(sentence) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                sentences.push(sentence.0.to_string());
            }
        }
    }
    sentences
}

#[test]
fn every_difference_has_its_row() {
    let text = std::fs::read_to_string(root().join("docs/semantics.md")).expect("docs/semantics.md");
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    let rows: Vec<&str> = rows.filter_map(|row| row.split(" | ").nth(1)).collect();
    let reported = reported();
    assert!(reported.len() > 5, "the sentences are not found any more: {reported:?}");
    let missing: Vec<String> = reported.iter().filter(|sentence| !rows.contains(&sentence.as_str())).cloned().collect();
    assert_none(&missing, "differences without a row in docs/semantics.md");
    let idle = rows.iter().filter(|row| !reported.iter().any(|sentence| sentence == *row));
    assert_none(&idle.map(|row| row.to_string()).collect::<Vec<_>>(), "rows of docs/semantics.md that nothing reports");
}
